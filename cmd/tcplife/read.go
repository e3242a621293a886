package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
)

// readFlags is the command line of `tcplife read`.
type readFlags struct {
	files []string

	filter  string
	count   uint64
	numeric bool // accepted and without effect: addresses and ports are never looked up

	output  string
	where   string
	top     int
	sort    string
	columns []string
	color   string

	writeTo string

	msl              string
	embryonicLimit   time.Duration
	idleLimit        time.Duration
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
-o jsonl a record a line as connections end, -o csv a row a connection.

--where chooses connections by the fields of their JSON records, which "tcplife schema"
lists: == != < <= > >=, and, or, not, in, contains, startsWith, matches, and any(list, ...).
null is less or greater than nothing and equals only null; so are the fields of null.
The summary, which ends every report, counts all connections.

-w writes the packets of the reported connections as a capture. With --where the files are
read a second time for it, so that standard input can not be one of them. With -w - the
capture goes to standard output instead of the report.`,
		Example: `  tcplife read web.pcap
  tcplife read ring_*.pcapng.gz -f 'host 10.0.0.7 and port 443'
  tcplife read web.pcap --where 'handshake.outcome == "unanswered" and server.port == 443'
  tcplife read web.pcap --where 'teardown.reset.by == "server"' -w resets.pcap
  tcplife read web.pcap --sort rtt --top 10
  tcplife read web.pcap -o json | jq '.summary.by_outcome'
  ssh host tcpdump -i eth0 -U -w - tcp | tcplife read - -o jsonl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{"no capture file is given", `tcplife read FILE; "-" is the standard input`}
			}
			return nil
		},
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
	flags.StringVarP(&f.filter, "filter", "f", "", "read only packets that match a libpcap `EXPRESSION`, see pcap-filter(7)")
	flags.Uint64VarP(&f.count, "count", "c", 0, "stop after `N` packets (that match the filter)")
	flags.BoolVarP(&f.numeric, "numeric", "n", false, "never look up names: always so, accepted for the habit of it")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the report: "+strings.Join(formatNames, ", "))
	flags.StringVar(&f.where, "where", "", "report only connections for which `EXPRESSION` holds")
	flags.StringVarP(&f.writeTo, "write", "w", "", "write the packets of the reported connections to `FILE`")
	flags.IntVar(&f.top, "top", report.DefaultTop, "show the first `N` rows of every table; 0 shows all")
	flags.StringVar(&f.sort, "sort", "start", "order the tables by `KEY`: "+names(report.TableSorts()))
	flags.StringSliceVar(&f.columns, "columns", nil, "show these `COLUMNS`: "+names(report.TableColumns()))
	flags.StringVar(&f.color, "color", "auto", "colour the tables: auto (on a terminal, unless NO_COLOR is set), always or never")
	flags.StringVar(&f.msl, "msl", "rfc", "maximum segment lifetime, half of a TIME_WAIT: a `DURATION` or the habit of a system: "+mslNames())
	flags.DurationVar(&f.embryonicLimit, "embryonic-limit", 0, "give up a connection that is not completed and silent for this `DURATION` (default 4m)")
	flags.DurationVar(&f.idleLimit, "idle-limit", 0, "give up an open connection that is silent for this `DURATION` (default 120h)")
	flags.StringSliceVar(&f.key, "key", nil, "tell equal addresses apart by the ids of these `LAYERS` around them: vlan, vni, gre")
	flags.BoolVar(&f.dropBadChecksums, "drop-bad-checksums", false, "leave out segments with a wrong checksum; offload makes them on the sending host")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "say on standard error what was read and how fast")
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "numeric" && flag.Name != "verbose" { // people write -nn and -vv
			flag.Value = &once{Value: flag.Value}
		}
	})
	complete := func(flag string, values ...string) {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	complete("output", formatNames...)
	complete("sort", strings.Split(names(report.TableSorts()), ", ")...)
	complete("columns", strings.Split(names(report.TableColumns()), ", ")...)
	complete("color", "auto", "always", "never")
	complete("msl", strings.Split(mslNames(), ", ")...)
	complete("key", "vlan", "vni", "gre")
	return cmd
}

// A reading is what a sound command line asks for.
type reading struct {
	flags  *readFlags
	stdin  io.Reader
	stderr io.Writer

	filter  *capture.Filter // nil lets all packets through
	where   *condition      // nil reports all connections
	options analyzer.Options
	report  reporter // nil with -w -
	extract *extract // nil without -w
}

// prepare looks for everything that can be wrong with the flags before a file is opened.
func (f *readFlags) prepare(cmd *cobra.Command) (*reading, error) {
	given := cmd.Flags().Changed
	r := &reading{flags: f, stdin: cmd.InOrStdin(), stderr: cmd.ErrOrStderr()}
	var err error

	if f.filter != "" {
		if r.filter, err = capture.CompileFilter(f.filter); err != nil {
			return nil, &usageError{err.Error(), "see pcap-filter(7); 'host 10.0.0.7 and port 443' for example"}
		}
	}
	if given("count") && f.count == 0 {
		return nil, &usageError{"--count must be at least 1", "without it all packets are read"}
	}
	if given("where") {
		if r.where, err = newCondition(f.where); err != nil {
			return nil, &usageError{"--where: " + err.Error(), "tcplife schema lists the fields of a connection"}
		}
	}

	if r.options.MSL, err = parseMSL(f.msl); err != nil {
		return nil, &usageError{fmt.Sprintf("--msl %q: %v", f.msl, err), ""}
	}
	for _, limit := range []struct {
		flag  string
		value time.Duration
	}{{"embryonic-limit", f.embryonicLimit}, {"idle-limit", f.idleLimit}} {
		if given(limit.flag) && limit.value <= 0 {
			return nil, &usageError{fmt.Sprintf("--%s must be above 0", limit.flag), "to keep connections longer, say for example 1000h"}
		}
	}
	r.options.EmbryonicLimit, r.options.IdleLimit = f.embryonicLimit, f.idleLimit
	for _, layer := range f.key {
		if !slices.Contains(keyLayers, layer) {
			return nil, &usageError{fmt.Sprintf("--key: there is no layer %q", layer), "the layers are " + strings.Join(keyLayers, ", ")}
		}
	}

	if !slices.Contains(colorModes, f.color) {
		return nil, &usageError{fmt.Sprintf("--color: not %q", f.color), "it is one of " + strings.Join(colorModes, ", ")}
	}
	if f.output != "table" {
		for _, flag := range []string{"top", "sort", "columns", "color"} {
			if given(flag) {
				return nil, &usageError{fmt.Sprintf("--%s is about tables, and the output is %s", flag, f.output), "leave one of the two out"}
			}
		}
	}
	if r.report, err = f.newReporter(cmd.OutOrStdout()); err != nil {
		return nil, err
	}
	if given("write") {
		if err := f.checkWrite(cmd); err != nil {
			return nil, err
		}
		r.extract = newExtract(f.writeTo, cmd.OutOrStdout())
		if f.writeTo == "-" {
			r.report = nil
		}
	}
	return r, nil
}

var (
	colorModes = []string{"auto", "always", "never"}
	keyLayers  = []string{"vlan", "vni", "gre"} // those of flows.DecoderOptions.KeyIDs
)

// checkWrite refuses a -w that could not be obeyed.
func (f *readFlags) checkWrite(cmd *cobra.Command) error {
	if f.writeTo == "" {
		return &usageError{"-w needs a file", `"-" is the standard output`}
	}
	if in, same := sameFile(f.writeTo, f.files); same {
		return &usageError{fmt.Sprintf("-w %s would overwrite what is read, %s", f.writeTo, in), "write to another file"}
	}
	if f.where != "" && slices.Contains(f.files, "-") {
		return &usageError{"-w with --where reads its input twice, which standard input can not", "save it to a file and read that"}
	}
	if f.writeTo != "-" {
		return nil
	}
	if cmd.Flags().Changed("output") {
		return &usageError{"-w - writes packets to standard output, where -o would write the report", "leave one of the two out, or name a file for -w"}
	}
	if _, terminal := terminalWidth(cmd.OutOrStdout()); terminal {
		return &usageError{"-w - would write packets to the terminal", "send standard output to a file or a pipe"}
	}
	return nil
}

// read reads the capture and writes the report, then the extract.
func (r *reading) read(ctx context.Context) error {
	p, err := r.open(ctx)
	if err != nil {
		return err
	}
	started := time.Now()
	var failed error // to hand on what the analyzer emits
	tracker := analyzer.New(r.options, func(c *analyzer.Connection) {
		if failed == nil {
			failed = r.connection(c)
		}
	})
	err = p.each(ctx, func(packet *capture.Packet, segments []flows.Segment) error {
		for i := range segments {
			tracker.Segment(&segments[i])
		}
		if failed == nil && len(segments) > 0 && r.extract != nil && r.where == nil {
			failed = r.extract.write(packet)
		}
		return failed
	})
	p.Close()
	if err != nil {
		return err
	}
	tracker.Close()
	if failed != nil {
		return failed
	}

	account := p.account(ctx.Err() != nil)
	if r.report != nil {
		result := tracker.Result()
		if err := r.report.Finish(&report.Ending{Result: result, Capture: account.record(r.flags.filter, result.Evicted)}); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if r.flags.verbose {
		account.tellSpeed(r.stderr, time.Since(started))
	}
	omissions := account.tellOmissions(r.stderr)
	if r.extract != nil {
		if err := r.writeExtract(ctx); err != nil {
			return err
		}
	}
	return omissions
}

// connection hands on one that has ended, if --where lets it.
func (r *reading) connection(c *analyzer.Connection) error {
	if r.where != nil {
		if holds, err := r.where.Holds(c); err != nil || !holds {
			return err
		}
		if r.extract != nil {
			r.extract.ends[c.ID] = c.End
		}
	}
	if r.report == nil {
		return nil
	}
	if err := r.report.Connection(c); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writeExtract ends the extract; with --where it first reads the files again for it.
func (r *reading) writeExtract(ctx context.Context) error {
	if r.where != nil {
		p, err := r.open(ctx)
		if err != nil {
			return err
		}
		err = r.extract.chosen(ctx, p)
		p.Close()
		if err != nil {
			return err
		}
	}
	if err := r.extract.Close(); err != nil {
		return err
	}
	if r.where != nil && ctx.Err() != nil {
		complain(r.stderr, "interrupted: %s is incomplete", r.flags.writeTo)
		return errIncomplete
	}
	return nil
}

func (r *reading) open(ctx context.Context) (*pipeline, error) {
	p, err := openPipeline(ctx, r.flags, r.filter, r.stdin, r.stderr)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted before the first packet")
	}
	return p, err
}
