package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/compared"
	"github.com/tcplife/tcplife/report/query"
)

// compareFlags is the command line of `tcplife compare`: some of the flags of read, and its own.
type compareFlags struct {
	readFlags
	conn    uint64   // --conn
	ascii   bool     // of the ladder
	offsets []string // --offset

	sources []compare.Source
	clocks  map[string]int64 // of --offset
}

var compareFormats = []string{"table", "json", "jsonl"}

func newCompareCommand() *cobra.Command {
	f := compareFlags{}
	cmd := &cobra.Command{
		Use:   "compare POINT=FILE[,FILE...]... [flags]",
		Short: "Compare captures from several points of one path: what was lost, born or changed between them",
		Long: `Combines captures taken at the same time at two to eight points of one path, listed from the
client's side to the server's. For each connection it reports which segments were lost, altered,
delayed, duplicated or overtaken between which two points, and which were born there: an RST or
a SYN-ACK that the point before never saw.

A point is NAME=FILE; separate several files of one point by commas. Without NAME the point has
the name of its file.

Sequence numbers identify connections behind NAT; timestamps and IP identifications identify
them behind devices that renumber. The clocks may differ: the fastest segments of both
directions show the offset and the drift of each clock from the first point's. A path that is
slower in one direction looks like an offset; --offset sets an offset that you know.

A missing segment counts as lost only if the capture could have held it: not where it dropped
packets, began later, ended earlier, holds no such segments, or sees only one direction.

--conn draws one connection with a lane for each point. -w writes the lost segments, as the
last point that saw them captured them.

The files are read twice, with -w three times, so standard input cannot be one of them.`,
		Example: `  tcplife compare client.pcap fwin.pcap fwout.pcap server.pcap
  tcplife compare client=c.pcap fw=fw-1.pcap,fw-2.pcap server=s.pcap
  tcplife compare c.pcap s.pcap --offset s=+1.37s
  tcplife compare c.pcap s.pcap --where 'counts.lost > 0' --top 5
  tcplife compare c.pcap s.pcap --conn 3 --ascii > ticket.txt
  tcplife compare c.pcap s.pcap --fail-on 'counts.lost > 10 or counts.born > 0'
  tcplife compare c.pcap s.pcap -o json | jq '.compared[].verdicts[] | select(.kind == "lost")'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 || len(args) > compare.MaxPoints {
				return &usageError{fmt.Sprintf("compare needs the captures of 2 to %d points, not %d",
					compare.MaxPoints, len(args)),
					"tcplife compare client=FILE server=FILE"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := f.prepare(cmd, args)
			if err != nil {
				return err
			}
			return r.compare(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.offsets, "offset", nil,
		"the clock of point NAME is ahead of the first point's: `NAME=+1.37s`")
	flags.StringVarP(&f.filter, "filter", "f", "",
		"read only packets that match a libpcap `EXPRESSION`, see pcap-filter(7); behind NAT addresses differ")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the report: "+list(compareFormats))
	flags.StringVar(&f.where, "where", "",
		"report only connections for whose compared record `EXPRESSION` holds")
	flags.StringVar(&f.failOn, "fail-on", "", "exit with code 4 if `EXPRESSION` holds for the comparison")
	flags.StringVarP(&f.writeTo, "write", "w", "", "write the lost segments to `FILE`")
	flags.Uint64Var(&f.conn, "conn", 0, "draw the connection with this `ID`")
	flags.IntVar(&f.top, "top", compared.DefaultTop, "show the worst `N` connections; 0 shows all")
	flags.BoolVar(&f.ascii, "ascii", false, "draw the ladder with ASCII characters only")
	flags.StringVar(&f.color, "color", "auto", colorUsage)
	flags.StringVar(&f.msl, "msl", "rfc",
		"half of TIME_WAIT, a `DURATION` or an OS default: "+list(mslNames()))
	flags.DurationVar(&f.embryonicLimit, "embryonic-limit", 0,
		"end an attempt that is silent for this `DURATION` (default 4m)")
	flags.DurationVar(&f.idleLimit, "idle-limit", 0,
		"end an open connection that is silent for this `DURATION` (default 120h)")
	flags.BoolVar(&f.dropBadChecksums, "drop-bad-checksums", false,
		"ignore segments with a wrong checksum; offload causes them on the sending host")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print on standard error what was read, and how fast")
	givenOnce(flags)
	complete(cmd, "output", compareFormats)
	complete(cmd, "color", colorModes)
	complete(cmd, "msl", mslNames())
	return cmd
}

// A comparing is a checked command line.
type comparing struct {
	*reading
	where  *query.ComparedWhere    // nil reports all connections
	failOn *query.ComparisonFailOn // nil for no condition
}

// prepare checks the flags before a file is opened.
func (f *compareFlags) prepare(cmd *cobra.Command, args []string) (*comparing, error) {
	input, err := f.prepareReading(cmd)
	if err != nil {
		return nil, err
	}
	r := &comparing{reading: input}
	given := cmd.Flags().Changed
	if given("where") {
		if r.where, err = query.NewComparedWhere(f.where); err != nil {
			return nil, &usageError{"--where: " + err.Error(), "docs/RECORD.md lists the fields of a compared record"}
		}
	}
	if given("fail-on") {
		if r.failOn, err = query.NewComparisonFailOn(f.failOn); err != nil {
			return nil, &usageError{"--fail-on: " + err.Error(), "docs/RECORD.md lists the fields of a comparison"}
		}
	}
	if err := oneOf("--output", f.output, compareFormats); err != nil {
		return nil, err
	}
	if err := oneOf("--color", f.color, colorModes); err != nil {
		return nil, err
	}
	if f.top < 0 {
		return nil, &usageError{"--top must not be negative", "0 shows all connections"}
	}
	if f.sources, err = points(args); err != nil {
		return nil, err
	}
	for _, s := range f.sources {
		f.files = append(f.files, s.Files...)
	}
	if slices.Contains(f.files, "-") {
		return nil, &usageError{"compare reads its input twice, which is impossible on standard input",
			"save it to a file and compare the file"}
	}
	if err := f.parseOffsets(); err != nil {
		return nil, err
	}
	return r, f.checkCombinations(given)
}

// checkCombinations refuses flags that exclude each other.
func (f *compareFlags) checkCombinations(given func(string) bool) error {
	for _, flag := range []string{"top", "color"} {
		if f.output != "table" && given(flag) {
			return &usageError{fmt.Sprintf("--%s works only with tables; the output is %s", flag, f.output),
				"leave one of the two out"}
		}
	}
	if given("conn") && f.conn == 0 {
		return &usageError{"--conn must be at least 1", "the report lists the ids of connections"}
	}
	for _, flag := range []string{"where", "top"} {
		if given("conn") && given(flag) {
			return &usageError{fmt.Sprintf("--%s chooses connections, but --conn already names one", flag),
				"leave one of the two out"}
		}
	}
	if given("conn") && f.output == "jsonl" {
		return &usageError{"--conn draws one connection; jsonl writes many",
			"-o json writes its segments as one document"}
	}
	if given("ascii") && !given("conn") {
		return &usageError{"--ascii works only with --conn", "leave it out"}
	}
	if !given("write") {
		return nil
	}
	if f.writeTo == "" || f.writeTo == "-" {
		return &usageError{"-w needs a file", "for example -w lost.pcapng"}
	}
	if in, same := sameFile(f.writeTo, f.files); same {
		return &usageError{fmt.Sprintf("-w %s would overwrite the input %s", f.writeTo, in),
			"write to another file"}
	}
	return nil
}

// points parses NAME=FILE[,FILE...] and FILE. An argument that is the name of an existing file is that file.
func points(args []string) ([]compare.Source, error) {
	var sources []compare.Source
	used := map[string]bool{}
	for _, arg := range args {
		name, files, named := strings.Cut(arg, "=")
		if _, err := os.Stat(arg); err == nil || !named {
			name, files, named = "", arg, false
		}
		s := compare.Source{Name: name, Files: strings.Split(files, ",")}
		if _, err := os.Stat(files); err == nil {
			s.Files = []string{files}
		}
		if slices.Contains(s.Files, "") || named && name == "" {
			return nil, &usageError{fmt.Sprintf("%q: it must be a file, or a point and its files", arg),
				"for example NAME=FILE or NAME=FILE,FILE"}
		}
		if !named {
			s.Name = fileTitle(s.Files[0])
			for n := 2; used[s.Name]; n++ {
				s.Name = fmt.Sprintf("%s-%d", fileTitle(s.Files[0]), n)
			}
		}
		if used[s.Name] {
			return nil, &usageError{fmt.Sprintf("two points are named %q", s.Name), "give each a name of its own"}
		}
		used[s.Name] = true
		sources = append(sources, s)
	}
	return sources, nil
}

// fileTitle is a file's name without directory and endings.
func fileTitle(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	if name == "" {
		return filepath.Base(path)
	}
	return name
}

// parseOffsets parses --offset.
func (f *compareFlags) parseOffsets() error {
	f.clocks = map[string]int64{}
	for _, text := range f.offsets {
		name, value, _ := strings.Cut(text, "=")
		d, err := time.ParseDuration(value)
		if err != nil {
			return &usageError{fmt.Sprintf("--offset %q: it must be a point and a duration", text),
				"for example --offset server=+1.37s"}
		}
		place := slices.IndexFunc(f.sources, func(s compare.Source) bool { return s.Name == name })
		switch _, twice := f.clocks[name]; {
		case place < 0:
			return &usageError{fmt.Sprintf("--offset %s: no point is named %q", text, name), "the points are " +
				list(sourceNames(f.sources))}
		case place == 0:
			return &usageError{fmt.Sprintf("--offset %s: the first point's clock is the reference", text),
				"give the other points' offsets against it"}
		case twice:
			return &usageError{fmt.Sprintf("--offset gives %q two offsets", name), "leave one of the two out"}
		}
		f.clocks[name] = int64(d)
	}
	return nil
}

func sourceNames(sources []compare.Source) (names []string) {
	for _, s := range sources {
		names = append(names, s.Name)
	}
	return names
}

// A comparedReporter is a format of package compared.
type comparedReporter interface {
	Connection(*result.Compared) error
	Finish(*compared.Ending) error
}

func (f *compareFlags) newReporter(stdout io.Writer) comparedReporter {
	switch f.output {
	case "json":
		return compared.NewJSON(stdout)
	case "jsonl":
		return compared.NewJSONL(stdout)
	}
	width, color := f.look(stdout)
	return compared.NewTable(stdout, compared.TableOptions{Width: width, Color: color, Top: f.top,
		Chosen: f.where != ""})
}

// compare reads the captures and writes the comparison.
func (r *comparing) compare(ctx context.Context, f *compareFlags) error {
	started := time.Now()
	var opened openedReaders
	var packets atomic.Uint64
	bar := startProgress(r.stderr, func() (done, total int64, n uint64) {
		done, total = opened.progress(f.files)
		return done, total, packets.Load()
	})
	options := compare.Options{
		Decoder:  f.decoding(),
		Analyzer: r.options, Offsets: f.clocks, Ladder: f.conn, Packets: &packets, Opened: opened.add,
	}
	if r.filter != nil {
		options.Filter = r.filter.Match
	}
	report := f.newReporter(r.stdout)
	lost := map[string]map[uint64]bool{} // packets, by point
	result, err := compare.Compare(ctx, f.sources, options, func(c *result.Compared) error {
		if r.where != nil {
			if holds, err := r.where.Holds(c); err != nil || !holds {
				return err
			}
		}
		if f.writeTo != "" {
			noteLost(lost, c)
		}
		if f.conn != 0 {
			return nil
		}
		if err := report.Connection(c); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		return nil
	})
	bar.Stop()
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted; a comparison needs the captures to their end")
	}
	if err != nil {
		return err
	}
	if err := r.write(f, report, result); err != nil {
		return err
	}
	if f.verbose {
		for i, s := range f.sources {
			warnf(r.stderr, "%s: %s, %s on the wire", s.Name, counted(result.Captures[i].Packets, "packet"),
				byteSize(int64(result.Captures[i].WireBytes)))
		}
		warnf(r.stderr, "compared in %v", time.Since(started).Round(time.Millisecond))
	}
	if f.writeTo != "" {
		if err := writeLost(f, lost); err != nil {
			return err
		}
	}
	return r.conclude(f, result)
}

// write writes the report, or the ladder of one connection.
func (r *comparing) write(f *compareFlags, report comparedReporter, result *compare.Result) error {
	var err error
	switch {
	case f.conn == 0:
		err = report.Finish(&compared.Ending{Points: result.Points, Path: result.Path, Comparison: result.Comparison})
	case result.Ladder == nil:
		return fmt.Errorf("no connection %d: the output of -o json has the id of each of %s", f.conn,
			counted(result.Comparison.Connections, "connection"))
	case f.output == "json":
		err = compared.WriteLadderJSON(r.stdout, result.Ladder)
	default:
		width, color := f.look(r.stdout)
		err = compared.WriteLadder(r.stdout, result.Ladder, result.Points,
			compared.LadderOptions{Width: width, Color: color, ASCII: f.ascii})
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// conclude writes what is missing, and whether a condition holds.
func (r *comparing) conclude(f *compareFlags, result *compare.Result) error {
	var omissions error
	for i := range f.sources {
		a := account{read: result.Captures[i], decoded: result.Decoded[i]}
		prefixed := &prefixer{w: r.stderr, prefix: f.sources[i].Name + ": "}
		if err := a.tellOmissions(prefixed); err != nil {
			omissions = err
		}
	}
	if r.failOn == nil {
		return omissions
	}
	holding, err := r.failOn.Check(&result.Comparison)
	if err != nil {
		return err
	}
	for _, h := range holding {
		warnf(r.stderr, "--fail-on: %s", h)
	}
	if omissions == nil && len(holding) > 0 {
		return errConditionHolds
	}
	return omissions
}

// A prefixer puts the name of a point before each line that is written to it.
type prefixer struct {
	w      io.Writer
	prefix string
}

func (p *prefixer) Write(b []byte) (int, error) {
	text := strings.Replace(string(b), "tcplife: ", "tcplife: "+p.prefix, 1)
	if _, err := io.WriteString(p.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// openedReaders are the captures that were opened so far.
type openedReaders struct {
	mu      sync.Mutex
	readers []*capture.Reader
	total   int64 // bytes of all files, read twice
}

func (o *openedReaders) add(r *capture.Reader) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.readers = append(o.readers, r)
}

// progress says how many bytes were read, of how many.
func (o *openedReaders) progress(files []string) (done, total int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.total == 0 {
		for _, name := range files {
			if info, err := os.Stat(name); err == nil {
				o.total += 2 * info.Size()
			}
		}
	}
	for _, r := range o.readers {
		n, _ := r.Progress()
		done += n
	}
	return done, o.total
}

// noteLost notes the packets of a connection that were lost, by the point that saw them last.
func noteLost(lost map[string]map[uint64]bool, c *result.Compared) {
	for i := range c.Verdicts {
		v := &c.Verdicts[i]
		if v.Kind != result.Lost {
			continue
		}
		if lost[v.Segment.At] == nil {
			lost[v.Segment.At] = map[uint64]bool{}
		}
		lost[v.Segment.At][uint64(v.Segment.Packet)] = true
	}
}

// writeLost reads the captures again and writes the packets that were lost, point by point.
func writeLost(f *compareFlags, lost map[string]map[uint64]bool) error {
	x, err := createExtract(f.writeTo, nil)
	if err != nil {
		return err
	}
	for _, s := range f.sources {
		if len(lost[s.Name]) == 0 {
			continue
		}
		if err := x.numbered(s.Files, f.decoding(), lost[s.Name]); err != nil {
			x.Close()
			return err
		}
	}
	return x.Close()
}

func (f *compareFlags) decoding() flows.DecoderOptions {
	return flows.DecoderOptions{DropBadChecksums: f.dropBadChecksums}
}

// numbered writes the packets of a capture that have these numbers, and the other fragments of their datagrams.
func (x *extract) numbered(files []string, decoding flows.DecoderOptions, numbers map[uint64]bool) error {
	reader, err := capture.Open(files, capture.Options{})
	if err != nil {
		return err
	}
	defer reader.Close()
	decoder := flows.NewDecoder(decoding)
	var segments []flows.Segment
	for {
		p, err := reader.Next()
		if err == io.EOF {
			err = x.ordered.end()
			if err != nil {
				err = fmt.Errorf("write packets: %w", err)
			}
			return err
		}
		if err != nil {
			return err
		}
		segments = decoder.Decode(p, segments[:0])
		if err := x.ordered.add(p, numbers[p.Number], decoder.Held(), decoder.Joined()); err != nil {
			return fmt.Errorf("write packets: %w", err)
		}
	}
}
