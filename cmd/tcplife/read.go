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
	follows bool // devices, not files, and not in a view

	filter  string
	count   uint64
	numeric bool // accepted and without effect: addresses and ports are never looked up

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
		Long: `Reads capture files and reports every TCP connection in them. "-" is the standard input.

pcap and pcapng are read, also compressed by gzip, zstd, lz4, bzip2 or xz; the contents
decide, not the name. Several files are one capture in the order of time, as tcpdump -C
and -G or dumpcap -b leave them behind.

The report goes to standard output: by default tables; -o json is one document for jq,
-o jsonl a record a line as connections end, -o csv a row a connection; -o zeek is Zeek's
conn.log, and -o zeek-json that in JSON. -o html is one page for a browser, with charts,
swim-lanes, ladders and a table; it needs no other file and no network. The files are read a
second time for its ladders, so a pipe gives a page without.

-o parquet writes the connections as a Parquet file, for DuckDB and its like, to standard
output; --to web.parquet to that file, and listeners, floods, scans, the summary and so on
beside it, as web.listeners.parquet. --partition DIR writes them by the hour in which they
started, as DIR/date=2023-11-14/hour=22/part-00000.parquet, beside what is there already, and
the others to DIR/_listeners and so on. A file has its name only once it is complete.

The tables begin with what is wrong, worst first: what, where, how many, since when, and the
command that shows more. --by server, client or finding groups the connections.

--where chooses connections by the fields and columns that "tcplife fields" lists, with
== != < <= > >=, and, or, not, in, contains, startsWith, matches, and any(list, ...):
  start > "2023-11-14 22:13:20"      times; "22:13:20" compares the time of day, UTC
  duration > 1m30s                   durations, without quotes
  client.ip in "10.0.0.0/8"          networks; client == "10.0.0.7" or "10.0.0.7:443"
  "refused" in findings              the codes of the findings
null equals only null, and does not compare otherwise.
The summary, which ends every report, counts all connections.

--fail-on asks about the fields of the summary in the same language, for scripts: if the
expression holds, standard error says which part of it does, with its values, and the exit
code is 4. What the summary does not list, as by_outcome.refused in a capture without, is 0.

-w writes the packets of the reported connections as a capture (pcapng), and comments on them:
the connection, the states that begin there with the rule of RFC 9293, the findings. Wireshark
shows these comments; contrib/wireshark/tcplife.lua makes fields of them. The files are read a
second time for the comments, and for --where. A pipe cannot be read twice: its packets get no
comments, and --where is refused. --no-comments leaves the comments out. Comments of the input
stay. With -w - the capture goes to standard output instead of the report. Of a segment that
came in IP fragments only the packet that completed it is written.

--headers-only leaves out the payload. --anonymize KEYFILE replaces all IP and MAC addresses, in
tunnels and ICMP errors too, so that two of them share as long a prefix as before (Crypto-PAn);
the payload stays, without --headers-only. The key file has 32 random bytes, or 64 hexadecimal
digits. Who has it can undo the replacement. Neither keeps the input's comments. The report for
the written capture is the same but for addresses; with --headers-only nobody can check the
checksums any more.`,
		Example: `  tcplife read web.pcap
  tcplife read ring_*.pcapng.gz -f 'host 10.0.0.7 and port 443'
  tcplife read web.pcap --where 'outcome == "unanswered" and client.ip in "10.0.0.0/8"'
  tcplife read web.pcap --where 'teardown.reset.by == "server"' -w resets.pcap
  tcplife read web.pcap --headers-only --anonymize web.key -w to-vendor.pcapng
  tcplife read web.pcap --sort rtt --top 10
  tcplife read web.pcap --by server
  tcplife read web.pcap --fail-on 'syn_floods > 0 || resets > 10' > report.txt
  tcplife read web.pcap -o json | jq '.summary.by_outcome'
  tcplife read web.pcap -o html > report.html
  tcplife read web.pcap -o parquet --to web.parquet
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
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the report: "+list(readFormats))
	flags.StringVar(&f.where, "where", "", "report only connections for which `EXPRESSION` holds")
	flags.StringVar(&f.ports, "port-range", "",
		"`LOW-HIGH` ports that clients choose from, for when TIME_WAIT locks all of them (default 32768-60999)")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 4 if `EXPRESSION` holds for the summary")
	flags.StringVarP(&f.writeTo, "write", "w", "", "write the packets of the reported connections to `FILE`")
	flags.BoolVar(&f.noComments, "no-comments", false, "with -w: write no comments on the packets, and read the files once")
	flags.BoolVar(&f.headersOnly, "headers-only", false, "with -w: leave out the payload of TCP segments")
	flags.StringVar(&f.anonymize, "anonymize", "", "with -w: replace IP and MAC addresses by the key in `KEYFILE`, prefixes stay prefixes")
	flags.IntVar(&f.top, "top", report.DefaultTop, "show the first `N` rows of every table; 0 shows all")
	flags.StringVar(&f.by, "by", "", "group the connections by `WHAT`: "+list(names(report.TableGroups())))
	flags.StringVar(&f.sort, "sort", "severity", "order the tables by `KEY`: "+list(names(report.TableSorts())))
	flags.StringSliceVar(&f.columns, "columns", nil, "show these `COLUMNS`: "+list(names(report.TableColumns())))
	flags.StringVar(&f.color, "color", "auto",
		"colour the tables; `WHEN` is always, never, or auto: on a terminal, unless NO_COLOR is set")
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

// needFiles wants a capture file on the command line, and shows how it is given.
func needFiles(hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{"no capture file is given", hint}
		}
		return nil
	}
}

// addPacketFlags adds those that say which packets are read.
func (f *readFlags) addPacketFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&f.filter, "filter", "f", "",
		"read only packets that match a libpcap `EXPRESSION`, see pcap-filter(7)")
	flags.Uint64VarP(&f.count, "count", "c", 0, "stop after `N` packets (that match the filter)")
	flags.BoolVarP(&f.numeric, "numeric", "n", false, "never look up names: always so, accepted for the habit of it")
}

// addFormatFlags adds those that are about one format.
func (f *readFlags) addFormatFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.to, "to", "", "with -o parquet: write connections to `FILE`, and the other records beside it")
	flags.StringVar(&f.partition, "partition", "",
		"with -o parquet: write connections to files by date and hour in `DIR`")
	flags.StringSliceVar(&f.local, "local", []string{privateNets},
		"with -o zeek: addresses in these `NETS` are local; "+privateNets+" stands for all private ones")
}

// addTrackingFlags adds those that say what the packets' connections are taken to be.
func (f *readFlags) addTrackingFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.msl, "msl", "rfc",
		"maximum segment lifetime, half of a TIME_WAIT: a `DURATION` or the habit of a system: "+list(mslNames()))
	flags.DurationVar(&f.embryonicLimit, "embryonic-limit", 0,
		"give up a connection that is not completed and silent for this `DURATION` (default 4m)")
	flags.DurationVar(&f.idleLimit, "idle-limit", 0,
		"give up an open connection that is silent for this `DURATION` (default 120h)")
	flags.Uint64Var(&f.maxConnections, "max-connections", 0,
		"follow at most `N` connections and attempts at once; those of the least use are given up (default no limit)")
	flags.StringVar(&f.memory, "memory", "",
		"take at most about `SIZE` of memory, 2GiB for example, and give up connections for it (default no limit)")
	flags.StringSliceVar(&f.key, "key", nil,
		"tell equal addresses apart by the ids of these `LAYERS` around them: "+list(keyLayers))
	flags.BoolVar(&f.dropBadChecksums, "drop-bad-checksums", false,
		"leave out segments with a wrong checksum; what is left to the network card is not wrong")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say on standard error what was read and how fast")
}

// addFileFlags adds those that are about files, and no device.
func (f *readFlags) addFileFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.maxUnpacked, "max-unpacked", "1GiB",
		"let a compressed file become `SIZE`, and more only if that is not over 1,000 times as much")
}

// givenOnce lets no flag be given twice but for those that people write as -nn and -vv, and -i. It is called once all
// are there.
func givenOnce(flags *pflag.FlagSet) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "numeric" || flag.Name == "verbose" || flag.Name == "interface" {
			return
		}
		if flag.DefValue == "[]" || flag.DefValue == "0s" || flag.Name == "max-connections" {
			flag.DefValue = "" // there is none to show
		}
		flag.Value = &once{Value: flag.Value}
	})
}

func complete(cmd *cobra.Command, flag string, values []string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func list(values []string) string { return strings.Join(values, ", ") }
