package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/report"
)

// readFlags is the command line of `tcplife read`.
type readFlags struct {
	files   []string
	follows bool // writes rows of live as connections end, without a view

	filter  string
	count   uint64
	numeric bool // no effect: names are never resolved

	output  string
	where   string
	failOn  string
	ports   string
	top     int
	sort    string
	by      string
	columns []string
	color   string
	local   []string // networks, for Zeek's conn.log

	to        string // a Parquet file,
	partition string // or a directory of them

	suggest string // rules of a packet filter, in place of the report

	writeTo     string
	noComments  bool
	headersOnly bool
	anonymize   string

	msl              string
	embryonicLimit   time.Duration
	idleLimit        time.Duration
	maxConnections   uint64
	memory           string
	maxUnpacked      string
	key              []string
	dropBadChecksums bool

	verbose bool
}

func newReadCommand() *cobra.Command {
	var f readFlags
	cmd := &cobra.Command{
		Use:   "read FILE... [flags]",
		Short: "Read capture files and report their TCP connections",
		Long: `Reads pcap and pcapng files, compressed or not, as one capture in order of time, and reports every
TCP connection. "-" is standard input. Tables begin with what is wrong, worst first.

--where chooses connections by the fields and columns that "tcplife fields" lists:
  start > "2023-11-14 22:13:20"   duration > 1m30s   client.ip in "10.0.0.0/8"
  outcome in ["refused", "unanswered"] and not ("reset" in findings)
"tcplife man" has the rest: formats, -w, --anonymize, --fail-on.`,
		Example: `  tcplife read web.pcap
  tcplife read ring_*.pcapng.gz -f 'host 10.0.0.7 and port 443'
  tcplife read web.pcap --where 'outcome == "unanswered" and client.ip in "10.0.0.0/8"'
  tcplife read web.pcap --where 'teardown.reset.by == "server"' -w resets.pcap
  tcplife read web.pcap --by server --sort rtt --top 10
  tcplife read web.pcap --fail-on 'syn_floods > 0 || resets > 10' > report.txt
  tcplife read web.pcap -o html > report.html
  ssh host tcpdump -i eth0 -U -w - tcp | tcplife read - -o jsonl`,
		Args: needFiles(`tcplife read FILE; "-" is the standard input`),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args
			r, err := f.prepare(cmd)
			if err != nil {
				return err
			}
			return r.read(cmd.Context())
		},
	}

	flags := cmd.Flags()
	flags.SortFlags = false
	f.addPacketFlags(flags)
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: "+withDefault(readFormats, "table"))
	flags.StringVar(&f.where, "where", "", "report only connections for which `EXPRESSION` holds")
	f.addSuggestFlag(flags)
	flags.StringVar(&f.ports, "port-range", "",
		"ports that clients choose from, `LOW-HIGH` (default 32768-60999)")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 4 if `EXPRESSION` holds for the summary")
	flags.StringVarP(&f.writeTo, "write", "w", "", "write the packets of the reported connections to `FILE`")
	flags.BoolVar(&f.noComments, "no-comments", false, "with -w: write no comments, and read the files once")
	flags.BoolVar(&f.headersOnly, "headers-only", false, "with -w: leave out the payload of TCP segments")
	flags.StringVar(&f.anonymize, "anonymize", "", "with -w: replace IP and MAC addresses, with the key in `KEYFILE`")
	flags.IntVar(&f.top, "top", report.DefaultTop, "show the first `N` rows of every table; 0 shows all")
	flags.StringVar(&f.by, "by", "", "group the connections by `WHAT`: "+list(names(report.TableGroups())))
	flags.StringVar(&f.sort, "sort", "severity",
		"order the tables by `KEY`: severity, start, duration, rtt, bytes, ...")
	flags.StringSliceVar(&f.columns, "columns", nil, "show these `COLUMNS`, such as client,server,rtt,states")
	flags.StringVar(&f.color, "color", "auto",
		colorUsage)
	f.addFormatFlags(flags)
	f.addTrackingFlags(flags)
	f.addFileFlags(flags)
	givenOnce(flags)
	complete(cmd, "output", readFormats)
	complete(cmd, "sort", names(report.TableSorts()))
	complete(cmd, "by", names(report.TableGroups()))
	complete(cmd, "columns", names(report.TableColumns()))
	complete(cmd, "color", colorModes)
	complete(cmd, "msl", mslNames())
	complete(cmd, "key", keyLayers)
	return cmd
}

// needFiles requires a capture file on the command line; hint shows how to give it.
func needFiles(hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{"no capture file is given", hint}
		}
		return nil
	}
}

// addPacketFlags adds the flags that choose packets.
func (f *readFlags) addPacketFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&f.filter, "filter", "f", "",
		"read only packets that match `EXPRESSION`, see pcap-filter(7)")
	flags.Uint64VarP(&f.count, "count", "c", 0, "stop after `N` packets that match the filter")
	flags.BoolVarP(&f.numeric, "numeric", "n", false, "no-op, for tcpdump compatibility; names are never resolved")
}

// addFormatFlags adds the flags of single formats.
func (f *readFlags) addFormatFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.to, "to", "", "with -o parquet: write to `FILE`, and other records beside it")
	flags.StringVar(&f.partition, "partition", "",
		"with -o parquet: write files by date and hour in `DIR`")
	flags.StringSliceVar(&f.local, "local", []string{privateNets},
		"with -o zeek: addresses in these `NETS` are local")
}

// addTrackingFlags adds the flags that change how connections are tracked.
func (f *readFlags) addTrackingFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.msl, "msl", "rfc",
		"half of TIME_WAIT: `DURATION`, "+withDefault(mslNames(), "rfc"))
	flags.DurationVar(&f.embryonicLimit, "embryonic-limit", 0,
		"end an attempt that is silent for this `DURATION` (default 4m)")
	flags.DurationVar(&f.idleLimit, "idle-limit", 0,
		"end a connection that is silent for this `DURATION` (default 120h)")
	flags.Uint64Var(&f.maxConnections, "max-connections", 0,
		"track at most `N` connections and attempts; evict others")
	flags.StringVar(&f.memory, "memory", "",
		"use at most about `SIZE` of memory; evict the rest (default half)")
	flags.StringSliceVar(&f.key, "key", nil,
		"distinguish equal addresses by ids of `LAYERS`: "+list(keyLayers))
	flags.BoolVar(&f.dropBadChecksums, "drop-bad-checksums", false,
		"ignore segments with a wrong checksum")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print on standard error what was read, and how fast")
}

// addFileFlags adds the flags for files.
func (f *readFlags) addFileFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.maxUnpacked, "max-unpacked", "1GiB",
		"unpack at most `SIZE`, or 1,000 times the packed size")
}

// givenOnce makes it an error to give a flag twice, except flags that people write as -nn and -vv, and -i. It must be
// called after all flags are added.
func givenOnce(flags *pflag.FlagSet) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "numeric" || flag.Name == "verbose" || flag.Name == "interface" {
			return
		}
		told := strings.Contains(flag.Usage, "(default")
		if told || flag.DefValue == "[]" || flag.DefValue == "0s" || flag.Name == "max-connections" {
			flag.DefValue = "" // there is none to show
		}
		flag.Value = &once{Value: flag.Value}
	})
}

func complete(cmd *cobra.Command, flag string, values []string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// withDefault lists values and marks the default.
func withDefault(values []string, value string) string {
	return strings.Replace(list(values), value, value+" (default)", 1)
}

func list(values []string) string { return strings.Join(values, ", ") }
