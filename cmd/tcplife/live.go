package main

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/flows"
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

	metrics       string
	metricsConfig string

	events onFlags

	viewed bool // show the view: on a terminal, without -o
}

func newLiveCommand() *cobra.Command {
	var f liveFlags
	cmd := &cobra.Command{
		Use:   "live -i DEVICE... [flags] [FILTER]",
		Short: "Follow TCP connections on a device while they happen",
		Long: `Captures on devices and reports every TCP connection as it ends; a final report follows. On a
terminal it shows a live view (? lists its keys). Capturing needs root or CAP_NET_RAW; grant
it once with: sudo setcap cap_net_raw+ep "$(command -v tcplife)". "tcplife man" has the rest.`,
		Example: `  tcplife live -i eth0
  tcplife live -i eth0 -i eth1 port 443
  tcplife live -i eth0 --metrics 127.0.0.1:9464 -o jsonl >/dev/null
  tcplife live -i eth0 --on 'teardown.reset.by == "server"' --dump /var/lib/tcplife`,
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
		"capture on `DEVICE` (tcplife devices lists them), or any")
	f.addPacketFlags(flags)
	flags.IntVarP(&f.snaplen, "snapshot-length", "s", live.DefaultSnaplen,
		"capture the first `BYTES` of each packet")
	flags.IntVarP(&f.buffer, "buffer-size", "B", live.DefaultBuffer>>10,
		"buffer `KIB` of packets in the kernel, for each device")
	flags.BoolVarP(&f.noPromiscuous, "no-promiscuous-mode", "p", false,
		"capture only packets from and to this host")
	flags.BoolVar(&f.immediate, "immediate-mode", false,
		"get each packet at once, not in blocks; costs more processor time")
	flags.DurationVar(&f.duration, "duration", 0, "stop after this `DURATION`")
	flags.StringVar(&f.until, "until", "",
		"stop at the first connection for which `EXPRESSION` holds")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: "+withDefault(liveFormats, "table"))
	flags.DurationVar(&f.interval, "interval", 0, "report the state every `DURATION`")
	flags.BoolVar(&f.open, "open", false, "with --interval: report open connections too")
	flags.StringVar(&f.emit, "emit", "close",
		"report at `WHEN`: "+withDefault(emitNames, "close")+" (nothing more can happen)")
	flags.StringVar(&f.where, "where", "",
		"report only connections for which `EXPRESSION` holds")
	flags.StringSliceVar(&f.columns, "columns", nil, "show these `COLUMNS`, such as client,server,rtt,states")
	flags.StringVar(&f.color, "color", "auto", colorUsage)
	f.addSuggestFlag(flags)
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 4 if `EXPRESSION` holds for the summary")
	flags.StringVarP(&f.ring.Path, "write", "w", "", "write the packets to `FILE`, without comments on them")
	flags.IntVarP(&f.ringSize, "file-size", "C", 0, "begin the next file after `MILLIONS` of bytes")
	flags.IntVarP(&f.ringTime, "rotate-seconds", "G", 0,
		"begin the next file after `SECONDS`; FILE may contain %H and so on")
	flags.IntVarP(&f.ring.Files, "file-count", "W", 0, "keep the last `N` files, with -C or -G")
	flags.StringVarP(&f.user, "user", "Z", "",
		"become `USER` once the devices are open (root: default nobody)")
	flags.StringVar(&f.metrics, "metrics", "", "serve metrics to Prometheus at `ADDRESS`, such as 127.0.0.1:9464")
	flags.StringVar(&f.metricsConfig, "metrics-config", "",
		"with --metrics: TLS and passwords, see docs/METRICS.md")
	f.events.add(flags)
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

// prepare checks the flags before a device is opened.
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
			return nil, &usageError{fmt.Sprintf("%s is given twice: each packet would be captured twice", device),
				"leave one of the two out"}
		}
	}
	if len(f.devices) > 1 && slices.Contains(f.devices, live.AnyDevice) {
		return nil, &usageError{"any already captures on all devices", "leave out any, or the others"}
	}
	if len(args) > 0 {
		if given("filter") {
			return nil, &usageError{"the filter is given twice: by -f and as the last words",
				"leave one of the two out"}
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
			fmt.Sprintf("%d bytes suffice for all headers", live.DefaultSnaplen)}
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
		return nil, &usageError{"--duration must be above 0", "without it the capture lasts until a signal"}
	}
	if given("metrics") {
		if _, port, err := net.SplitHostPort(f.metrics); err != nil || port == "" {
			return nil, &usageError{fmt.Sprintf("--metrics %q: it must be an address and a port", f.metrics),
				"for example --metrics 127.0.0.1:9464"}
		}
	}
	if given("metrics-config") && !given("metrics") {
		return nil, &usageError{"--metrics-config works only with --metrics",
			"--metrics ADDRESS serves metrics"}
	}
	if err := f.checkSuggest(r, given); err != nil {
		return nil, err
	}
	f.viewed = !given("output") && f.suggest == "" && r.watchable()
	r.options.AtClose = f.emit == "close"
	l := &following{reading: r, flags: f, out: newOutlet(r.stdout, outletRoom(r.memory))}
	r.stderr = lossyOutlet{newOutlet(r.stderr, outletBlock)}
	if f.suggest != "" {
		l.suggested = map[floodID]bool{}
	}
	if l.occasions, err = f.events.prepare(given); err != nil {
		return nil, err
	}
	if given("until") {
		if l.until, err = query.NewWhere(f.until); err != nil {
			return nil, &usageError{"--until: " + err.Error(), "tcplife fields lists the names"}
		}
	}
	if given("fail-on") {
		if l.failOn, err = query.NewFailOn(f.failOn); err != nil {
			return nil, &usageError{"--fail-on: " + err.Error(), "tcplife fields --summary lists the names"}
		}
	}
	f.follows, f.top = !f.viewed, report.DefaultTop
	if f.begins() {
		return l, nil
	}
	if l.report, err = f.newReporter(l.out); err != nil {
		return nil, err
	}
	return l, nil
}

// decoding is how packets are decoded.
func (f *readFlags) decoding() flows.DecoderOptions {
	return flows.DecoderOptions{KeyIDs: f.key, DropBadChecksums: f.dropBadChecksums}
}

// prepareRing checks the flags about capture files.
func (f *liveFlags) prepareRing(given func(string) bool) error {
	for _, flag := range []string{"file-size", "rotate-seconds", "file-count"} {
		if given(flag) && !given("write") {
			return &usageError{fmt.Sprintf("--%s works only with -w", flag),
				"-w FILE writes packets"}
		}
	}
	switch {
	case given("write") && (f.ring.Path == "" || f.ring.Path == "-"):
		return &usageError{"-w needs the name of a file", "tcpdump -w - writes packets to standard output"}
	case given("file-size") && f.ringSize < 1 || given("rotate-seconds") && f.ringTime < 1 || given("file-count") &&
		f.ring.Files < 1:
		return &usageError{"-C, -G and -W must be at least 1", ""}
	case given("file-count") && !given("file-size") && !given("rotate-seconds"):
		return &usageError{"-W works only with -C or -G", "without them there is one file"}
	}
	f.ring.Size, f.ring.Every = int64(f.ringSize)*1_000_000, time.Duration(f.ringTime)*time.Second
	return nil
}
