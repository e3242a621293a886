package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture"
)

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

	metrics string

	viewed bool // on a terminal, unless a format was asked for
}

func newLiveCommand() *cobra.Command {
	f := liveFlags{readFlags: readFlags{follows: true}}
	cmd := &cobra.Command{
		Use:   "live -i DEVICE... [flags] [FILTER]",
		Short: "Follow TCP connections on a device while they happen",
		Long: `Captures on a device and reports every TCP connection as it ends, until a signal, --duration,
--count or --until ends it; then the final report follows.

It takes CAP_NET_RAW to open a device, so root, or once

  sudo setcap cap_net_raw+ep "$(command -v tcplife)"

The filter, with -f or as the last words, is run by the kernel. Without one it takes every
packet, and looks for TCP in VLANs, tunnels, fragments and behind extension headers; "tcp"
would lose all of these.`,
		Example: `  tcplife live -i eth0
  tcplife live -i eth0 -i eth1 port 443
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
	flags.StringSliceVarP(&f.devices, "interface", "i", nil, "capture on `DEVICE`, as \"tcplife devices\" lists them, or any; several are one capture")
	f.addPacketFlags(flags)
	flags.IntVarP(&f.snaplen, "snapshot-length", "s", capture.DefaultSnaplen, "capture the first `BYTES` of a packet, the default has room for headers")
	flags.IntVarP(&f.buffer, "buffer-size", "B", capture.DefaultBuffer>>10, "buffer `KIB` of packets in the kernel for each device")
	flags.BoolVarP(&f.noPromiscuous, "no-promiscuous-mode", "p", false, "leave the device as it is: only packets from and to this host")
	flags.BoolVar(&f.immediate, "immediate-mode", false, "get each packet at once and not by blocks, so within milliseconds; costs more")
	flags.DurationVar(&f.duration, "duration", 0, "stop after this `DURATION`")
	flags.StringVar(&f.until, "until", "", "stop once a connection was reported for which `EXPRESSION` holds, as for --where")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the report: "+list(formatNames))
	flags.StringVar(&f.where, "where", "", "report only connections for which `EXPRESSION` holds, see tcplife read --help")
	flags.StringVar(&f.metrics, "metrics", "", "serve metrics to Prometheus at `ADDRESS`, as 127.0.0.1:9464")
	f.addTrackingFlags(flags)
	givenOnce(flags)
	complete(cmd, "output", formatNames)
	complete(cmd, "msl", mslNames())
	complete(cmd, "key", keyLayers)
	cmd.RegisterFlagCompletionFunc("interface", completeDevices)
	return cmd
}

// prepare looks for everything that can be wrong with the flags before a device is opened.
func (f *liveFlags) prepare(cmd *cobra.Command, args []string) (*live, error) {
	given := cmd.Flags().Changed
	if len(f.devices) == 0 {
		return nil, &usageError{"no device is given", "tcplife live -i DEVICE; tcplife devices lists them"}
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
	if err := oneOf("--output", f.output, formatNames); err != nil {
		return nil, err
	}
	if f.snaplen < 64 || f.snaplen > 262144 {
		return nil, &usageError{"--snapshot-length must be from 64 to 262144", fmt.Sprintf("%d bytes have room for all headers", capture.DefaultSnaplen)}
	}
	if f.buffer < 64 || f.buffer > 1<<21-1 {
		return nil, &usageError{"--buffer-size must be from 64 to 2097151 KiB", ""}
	}
	if given("duration") && f.duration <= 0 {
		return nil, &usageError{"--duration must be above 0", "without it a signal ends the capture"}
	}
	f.viewed = !given("output") && r.watchable()
	l := &live{reading: r, flags: f}
	if given("until") {
		if l.until, err = newCondition(f.until); err != nil {
			return nil, &usageError{"--until: " + err.Error(), "tcplife schema lists the fields of a connection"}
		}
	}
	if l.report, err = f.newReporter(r.stdout); err != nil {
		return nil, err
	}
	return l, nil
}
