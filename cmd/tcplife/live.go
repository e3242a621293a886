package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
)

// emitNames are the values of --emit.
var emitNames = []string{"close", "final"}

// liveFlags is the command line of `tcplife live`: some of the flags of read, and its own.
type liveFlags struct {
	readFlags
	devices []string

	snaplen       int
	buffer        int // KiB
	noPromiscuous bool
	immediate     bool

	duration time.Duration
	until    string
	interval time.Duration
	open     bool
	emit     string

	ring     capture.RingOptions
	ringSize int // millions of bytes
	ringTime int // seconds
	user     string

	metrics string

	viewed bool // on a terminal, unless a format was asked for
}

func newLiveCommand() *cobra.Command {
	var f liveFlags
	cmd := &cobra.Command{
		Use:   "live -i DEVICE... [flags] [FILTER]",
		Short: "Follow TCP connections on a device while they happen",
		Long: `Captures on a device and reports every TCP connection as it ends, until a signal, --duration,
--count or --until ends it; then the final report follows. SIGUSR1 asks for a report in
between. A record is written as soon as its connection is closed, or was refused; what becomes
of it in TIME_WAIT is told only with --emit final, which waits for the end of that.

On a terminal, and unless -o asks for a format, it shows a view that moves: rates, states, floods
and a list of connections to sort, to filter and to look into; ? in it tells the keys. The
report follows when it ends.

It takes CAP_NET_RAW to open a device, so root, or once

  sudo setcap cap_net_raw+ep "$(command -v tcplife)"

The filter, with -f or as the last words, is run by the kernel. Without one it takes every
packet, and looks for TCP in VLANs, tunnels, fragments and behind extension headers; "tcp"
would lose all of these. Of each packet it takes what has room for all headers; a segment's
checksum can be checked only if all of it is there, with -s 262144.

-w keeps the packets, as much of each as is captured, in pcapng files that "tcplife read"
turns into the same records. As with tcpdump, -C and -G begin a new file from time to time,
with a number or by strftime(3) conversions in the name, and SIGHUP does so at once; -W keeps
only so many. The last block of a file says what was dropped. The packets have no comments as
"tcplife read -w" writes them: what happened at a packet is known only later.

Once the devices are open, live gives up what it does not need any more: root, for --user;
all capabilities; files but those it writes. With -v it says so.

Where packets come faster than they can be worked off, attempts to connect that came to
nothing are counted and not written any more; if that is not enough, the kernel drops packets.
The report counts both, and then the exit code is 3.`,
		Example: `  tcplife live -i eth0
  tcplife live -i eth0 -i eth1 port 443
  tcplife live -i eth0 --metrics 127.0.0.1:9464 -o jsonl >/dev/null
  tcplife live -i any -o jsonl | jq -c 'select(.teardown.kind == "reset")'
  tcplife live -i eth0 --until 'client.ip == "192.0.2.7" and teardown.kind == "reset"'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := f.prepare(cmd, args)
			if err != nil {
				return err
			}
			return l.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVarP(&f.devices, "interface", "i", nil,
		"capture on `DEVICE`, as \"tcplife devices\" lists them, or any; several are one capture")
	f.addPacketFlags(flags)
	flags.IntVarP(&f.snaplen, "snapshot-length", "s", live.DefaultSnaplen,
		"capture the first `BYTES` of a packet, the default has room for headers")
	flags.IntVarP(&f.buffer, "buffer-size", "B", live.DefaultBuffer>>10,
		"buffer `KIB` of packets in the kernel for each device")
	flags.BoolVarP(&f.noPromiscuous, "no-promiscuous-mode", "p", false,
		"leave the device as it is: only packets from and to this host")
	flags.BoolVar(&f.immediate, "immediate-mode", false,
		"get each packet at once and not by blocks, so within milliseconds; costs more")
	flags.DurationVar(&f.duration, "duration", 0, "stop after this `DURATION`")
	flags.StringVar(&f.until, "until", "",
		"stop once a connection was reported for which `EXPRESSION` holds, as for --where")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the report: "+list(liveFormats))
	flags.DurationVar(&f.interval, "interval", 0, "report each `DURATION` how things stand")
	flags.BoolVar(&f.open, "open", false, "report with it the connections that are open for as long as --interval")
	flags.StringVar(&f.emit, "emit", "close",
		"report a connection when it closes, or with `WHEN` final when nothing more can happen to it")
	flags.StringVar(&f.where, "where", "",
		"report only connections for which `EXPRESSION` holds, see tcplife read --help")
	flags.StringSliceVar(&f.columns, "columns", nil, "show these `COLUMNS`: "+list(names(report.TableColumns())))
	flags.StringVar(&f.color, "color", "auto",
		"colour the rows; `WHEN` is always, never, or auto: on a terminal, unless NO_COLOR is set")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 4 if `EXPRESSION` holds for the summary at the end")
	flags.StringVarP(&f.ring.Path, "write", "w", "", "write the packets to `FILE`")
	flags.IntVarP(&f.ringSize, "file-size", "C", 0, "begin the next file when one has so many `MILLIONS` of bytes")
	flags.IntVarP(&f.ringTime, "rotate-seconds", "G", 0,
		"begin the next file after so many `SECONDS`; FILE may hold strftime conversions, as %H")
	flags.IntVarP(&f.ring.Files, "file-count", "W", 0, "keep the last `N` files, with -C or -G")
	flags.StringVarP(&f.user, "user", "Z", "",
		"become this `USER` once the devices are open (default nobody, when started as root)")
	flags.StringVar(&f.metrics, "metrics", "", "serve metrics to Prometheus at `ADDRESS`, as 127.0.0.1:9464")
	f.addFormatFlags(flags)
	f.addTrackingFlags(flags)
	givenOnce(flags)
	complete(cmd, "output", liveFormats)
	complete(cmd, "emit", emitNames)
	complete(cmd, "color", colorModes)
	complete(cmd, "columns", names(report.TableColumns()))
	complete(cmd, "msl", mslNames())
	complete(cmd, "key", keyLayers)
	cmd.RegisterFlagCompletionFunc("interface", completeDevices)
	return cmd
}

// prepare looks for everything that can be wrong with the flags before a device is opened.
func (f *liveFlags) prepare(cmd *cobra.Command, args []string) (*following, error) {
	if err := needLibpcap("live"); err != nil {
		return nil, err
	}
	given := cmd.Flags().Changed
	if len(f.devices) == 0 {
		return nil, &usageError{"no device is given", "tcplife live -i DEVICE; tcplife devices lists them"}
	}
	for i, device := range f.devices {
		if slices.Contains(f.devices[:i], device) {
			return nil, &usageError{fmt.Sprintf("%s is given twice, and each of its packets would be", device),
				"leave one of the two out"}
		}
	}
	if len(f.devices) > 1 && slices.Contains(f.devices, live.AnyDevice) {
		return nil, &usageError{"any has the packets of all devices already", "leave it or the others out"}
	}
	if len(args) > 0 {
		if given("filter") {
			return nil, &usageError{"a filter is given by -f and as the last words", "leave one of the two out"}
		}
		f.filter = strings.Join(args, " ")
	}
	r, err := f.prepareInput(cmd)
	if err != nil {
		return nil, err
	}
	if err := oneOf("--output", f.output, liveFormats); err != nil {
		return nil, err
	}
	if f.snaplen < 64 || f.snaplen > 262144 {
		return nil, &usageError{"--snapshot-length must be from 64 to 262144",
			fmt.Sprintf("%d bytes have room for all headers", live.DefaultSnaplen)}
	}
	if f.buffer < 64 || f.buffer > 1<<21-1 {
		return nil, &usageError{"--buffer-size must be from 64 to 2097151 KiB", ""}
	}
	if err := oneOf("--emit", f.emit, emitNames); err != nil {
		return nil, err
	}
	if err := oneOf("--color", f.color, colorModes); err != nil {
		return nil, err
	}
	if err := f.checkParquet(r.stdout, given); err != nil {
		return nil, err
	}
	if err := f.checkLocal(given("local")); err != nil {
		return nil, err
	}
	if err := f.prepareRing(given); err != nil {
		return nil, err
	}
	if given("interval") && f.interval < time.Second {
		return nil, &usageError{"--interval must be at least 1s", "10s, for example"}
	}
	if given("duration") && f.duration <= 0 {
		return nil, &usageError{"--duration must be above 0", "without it a signal ends the capture"}
	}
	f.viewed = !given("output") && r.watchable()
	r.options.AtClose = f.emit == "close"
	l := &following{reading: r, flags: f}
	if given("until") {
		if l.until, err = query.NewWhere(f.until); err != nil {
			return nil, &usageError{"--until: " + err.Error(), "tcplife fields lists what it can name"}
		}
	}
	if given("fail-on") {
		if l.failOn, err = query.NewFailOn(f.failOn); err != nil {
			return nil, &usageError{"--fail-on: " + err.Error(), "tcplife fields --summary lists what it can name"}
		}
	}
	f.follows, f.top = !f.viewed, report.DefaultTop
	if f.begins() {
		return l, nil
	}
	if l.report, err = f.newReporter(r.stdout); err != nil {
		return nil, err
	}
	return l, nil
}

// prepareRing looks for what can be wrong with the flags about capture files.
func (f *liveFlags) prepareRing(given func(string) bool) error {
	for _, flag := range []string{"file-size", "rotate-seconds", "file-count"} {
		if given(flag) && !given("write") {
			return &usageError{fmt.Sprintf("--%s is about capture files, and none is asked for", flag),
				"-w FILE writes them"}
		}
	}
	switch {
	case given("write") && (f.ring.Path == "" || f.ring.Path == "-"):
		return &usageError{"-w needs the name of a file", "tcpdump -w - writes packets to standard output"}
	case given("file-size") && f.ringSize < 1 || given("rotate-seconds") && f.ringTime < 1 || given("file-count") &&
		f.ring.Files < 1:
		return &usageError{"-C, -G and -W must be at least 1", ""}
	case given("file-count") && !given("file-size") && !given("rotate-seconds"):
		return &usageError{"-W says how many files to keep, and there is one only", "-C or -G begins new ones"}
	}
	f.ring.Size, f.ring.Every = int64(f.ringSize)*1_000_000, time.Duration(f.ringTime)*time.Second
	return nil
}
