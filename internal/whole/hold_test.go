package whole

import (
	"bytes"
	"compress/flate"
	"encoding/ascii85"
	"encoding/csv"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"

	parquetfile "github.com/parquet-go/parquet-go"
	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/account"
	"github.com/tcplife/tcplife/internal/invariant"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/comment"
	"github.com/tcplife/tcplife/report/ladder"
	"github.com/tcplife/tcplife/report/page"
	"github.com/tcplife/tcplife/report/parquet"
	"github.com/tcplife/tcplife/report/zeek"
)

const (
	mostUnpacked = 1 << 20 // bytes that a small compressed file may become
	mostRatio    = 1000    // by which a larger one may grow; see capture.Options
	mostRoom     = 64 << 20
	roomPerByte  = 20
	mostLadders  = 3

	scheme = "elsewhere://" // prefix of the paths of files that the caller opens

	// One in oneIn inputs, chosen by their bytes, makes a page and a Parquet file too. These take as long as all the
	// rest.
	oneIn = 8
)

// The heap is small and most of it is garbage. With the default the collector takes half of the time.
func init() { debug.SetGCPercent(800) }

// An input is a capture under test: one file, or several that are read as one.
type input struct {
	t     *testing.T
	files [][]byte
	paths []string // nil: the one file is standard input
	slow  bool     // the slow formats too
}

// hold reads a capture several times, makes every report of it, and compares them. If there are several files, nil
// stands for a directory and a path that does not exist.
func hold(t *testing.T, files ...[]byte) {
	in := &input{t: t, files: files, slow: crc32.ChecksumIEEE(files[0])%oneIn == 0}
	if len(files) > 1 {
		dir := t.TempDir()
		for i, file := range files {
			path := filepath.Join(dir, strconv.Itoa(i))
			if file == nil { // a directory, and a path that does not exist
				in.none("mkdir", os.Mkdir(path, 0o700))
				in.paths = append(in.paths, path, scheme+path+"-missing")
				continue
			}
			if i%2 == 1 {
				in.paths = append(in.paths, scheme+path)
			} else {
				in.paths = append(in.paths, path)
			}
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if dir := os.Getenv("TCPLIFE_KEEP"); dir != "" {
		for i, file := range files {
			in.none("keep", os.WriteFile(filepath.Join(dir, strconv.Itoa(i)+".pcap"), file, 0o600))
		}
	}
	if reading := in.open(tcplife.Options{}); reading == nil {
		return // no capture
	} else if err := reading.Close(); err != nil {
		t.Fatal(err)
	}
	first := in.reports()
	in.inParallel(first)
	in.brief(first)
	in.traced(first)
	in.evicting(first)
	in.written(first)
}

// open begins a reading. It returns nil if there is no capture.
func (in *input) open(o tcplife.Options) *tcplife.Reading {
	paths := in.paths
	if paths == nil {
		paths = []string{"-"}
		o.Capture.Stdin = bytes.NewReader(in.files[0])
	}
	o.Capture.MaxUnpacked = mostUnpacked
	o.Capture.Remote = func(path string) (fs.File, error) { return os.Open(strings.TrimPrefix(path, scheme)) }
	if o.Workers == 0 {
		o.Workers = 1
	}
	reading, err := tcplife.Open(in.t.Context(), o, paths...)
	if err != nil {
		if err.Error() == "" {
			in.t.Error("an error without a text")
		}
		return nil
	}
	return reading
}

// connections reads a capture to its end, and returns the report.
func (in *input) connections(o tcplife.Options, visit func(*record.Connection)) *tcplife.Report {
	o.Reuse = true
	reading := in.open(o)
	if reading == nil {
		in.t.Fatal("the input was a capture when it was read first, and is none now")
	}
	for c, err := range reading.Connections(in.t.Context()) {
		if damage := (*capture.Damage)(nil); errors.As(err, &damage) {
			if damage.Expected == "" || damage.Offset < 0 || !strings.Contains(damage.Error(), damage.File) {
				in.t.Errorf("damage at %d: expected %q: %v", damage.Offset, damage.Expected, damage)
			}
			continue
		}
		if err != nil {
			in.t.Fatal(err)
		}
		visit(c)
	}
	return reading.Report()
}

// outcome has the results of one reading.
type outcome struct {
	*tcplife.Report
	lines   string // as JSON Lines, without the capture's record
	sums    *invariant.Sums
	choice  *ladder.Choice
	page    *page.Page
	pageOut *bytes.Buffer
	ending  *report.Ending
	notes   *comment.Notes
}

type reporter interface {
	Connection(*record.Connection) error
	Finish(*report.Ending) error
}

// reports makes every report of one reading, and compares it with the summary.
func (in *input) reports() *outcome {
	t := in.t
	first := &outcome{sums: invariant.NewSums(), choice: ladder.NewChoice(mostLadders), pageOut: &bytes.Buffer{},
		notes: &comment.Notes{}}
	var document, lines, rows, table, log, logJSON, columns bytes.Buffer
	tables, err := report.NewTable(&table, report.TableOptions{Sort: "severity"})
	if err != nil {
		t.Fatal(err)
	}
	reporters := map[string]reporter{
		"json": report.NewJSON(&document), "jsonl": report.NewJSONL(&lines), "csv": report.NewCSV(&rows),
		"table": tables,
		"zeek":  zeek.NewTSV(&log, zeek.PrivateNets()), "zeek-json": zeek.NewJSON(&logJSON, nil),
	}
	if in.slow {
		first.page = page.New(first.pageOut, page.Options{})
		reporters["page"], reporters["parquet"] = first.page, parquet.NewWriter(&columns)
	}
	population := ledger.NewPopulation(0, true)
	first.Report = in.connections(tcplife.Options{}, func(c *record.Connection) {
		in.all("#"+strconv.FormatUint(c.ID, 10), first.sums.Add(c))
		for name, r := range reporters {
			in.none(name, r.Connection(c))
		}
		first.choice.Offer(c)
		first.notes.Add(c)
		population.Add(c)
	})
	in.all("sums", first.sums.Against(first.Result))
	if first.sums.Packets != first.Decoded.Segments {
		t.Errorf("%d segments were decoded, and the records count %d", first.Decoded.Segments, first.sums.Packets)
	}
	in.bounds(first.Report)
	first.ending = &report.Ending{Result: first.Result, Capture: account.Of(first.Report)}
	for name, r := range reporters {
		if name != "page" { // its ladders need a second reading
			in.none(name, r.Finish(first.ending))
		}
	}

	all := first.sums.Connections
	first.lines = withoutCapture(lines.String())
	in.documents(first, document.Bytes(), lines.String())
	in.rows(rows.String(), all)
	in.table(table.String(), first)
	in.logs(log.String(), logJSON.String(), all)
	if in.slow {
		file, err := parquetfile.OpenFile(bytes.NewReader(columns.Bytes()), int64(columns.Len()))
		in.none("parquet", err)
		if err == nil && uint64(file.NumRows()) != all {
			t.Errorf("%d rows of Parquet, want %d", file.NumRows(), all)
		}
	}
	in.population(population, first.ending.Capture)
	return first
}

// all reports faults.
func (in *input) all(what string, wrong []string) {
	for _, w := range wrong {
		in.t.Errorf("%s: %s", what, w)
	}
}

func (in *input) none(what string, err error) {
	if err != nil {
		in.t.Errorf("%s: %v", what, err)
	}
}

// bounds checks that every packet is counted, and that at most the allowed size was unpacked.
func (in *input) bounds(r *tcplife.Report) {
	sum := func(counts map[string]uint64) (n uint64) {
		for _, more := range counts {
			n += more
		}
		return n
	}
	links := uint64(0)
	for _, n := range r.Capture.LinkTypes {
		links += n
	}
	decoded := sum(r.Decoded.Decoded) + sum(r.Decoded.Undecoded)
	if n := r.Capture.Packets; decoded != n || links != n || r.Decoded.Packets != n {
		in.t.Errorf("%d packets: %v %v %v", n, r.Decoded.Decoded, r.Decoded.Undecoded, r.Capture.LinkTypes)
	}
	size := uint64(0)
	for _, file := range in.files {
		size += max(mostUnpacked, mostRatio*uint64(len(file)))
	}
	if r.Capture.CapturedBytes > size {
		in.t.Errorf("%d bytes of packets, want at most %d", r.Capture.CapturedBytes, size)
	}
	if r.Capture.First > r.Capture.Last {
		in.t.Errorf("the capture begins at %d and ends at %d", r.Capture.First, r.Capture.Last)
	}
}

// withoutCapture removes the last line, which names the files.
func withoutCapture(lines string) string {
	lines = strings.TrimSuffix(lines, "\n")
	return lines[:strings.LastIndex(lines, "\n")+1]
}

// documents compares JSON, JSON Lines and the summary.
func (in *input) documents(first *outcome, document []byte, lines string) {
	t := in.t
	var d struct {
		Connections []json.RawMessage `json:"connections"`
		Embryonic   []uint64          `json:"embryonic"`
		HalfOpen    []uint64          `json:"half_open"`
		Listeners   []json.RawMessage `json:"listeners"`
		Summary     json.RawMessage   `json:"summary"`
		Capture     json.RawMessage   `json:"capture"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatalf("JSON: %v in\n%s", err, document)
	}
	s := first.Summary
	if n := uint64(len(d.Connections)); n != s.Connections || uint64(len(d.Embryonic)) != s.Embryonic ||
		uint64(len(d.HalfOpen)) != s.HalfOpen || uint64(len(d.Listeners))+s.LeftOut.Listeners != s.Listeners {
		t.Errorf("JSON: %d connections, %d embryonic, %d half-open, %d listeners; the summary says %d, %d, %d, %d", n,
			len(d.Embryonic), len(d.HalfOpen), len(d.Listeners), s.Connections, s.Embryonic, s.HalfOpen, s.Listeners)
	}
	want := append(d.Connections, d.Summary, d.Capture)
	var got []string
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		if !json.Valid([]byte(line)) {
			t.Fatalf("JSON Lines: %s", line)
		}
		if kind, _, _ := strings.Cut(strings.TrimPrefix(line, `{"record":"`),
			`"`); slices.Contains([]string{"connection",
			"summary", "capture"}, kind) {
			got = append(got, line)
		}
	}
	if !slices.EqualFunc(want, got, func(w json.RawMessage, g string) bool { return string(w) == g }) {
		t.Errorf("%d records in JSON, %d in JSON Lines, want the same ones:\n%s\n%s", len(want), len(got), document,
			lines)
	}
}

// rows checks that CSV has a row for each connection, and equally many cells in each.
func (in *input) rows(text string, connections uint64) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	in.none("CSV", err)
	if err == nil && uint64(len(rows)) != connections+1 {
		in.t.Errorf("CSV: %d rows, want %d", len(rows)-1, connections)
	}
}

var (
	connectionsTitle = regexp.MustCompile(`(?m)^CONNECTIONS ([0-9,]+)`)
	summaryTotal     = regexp.MustCompile(`(?m)^  connections +([0-9,]+)`)
	halfOpenTitle    = regexp.MustCompile(`(?m)^HALF-OPEN ([0-9,]+)`)
)

// table checks that the table has the counts of the summary.
func (in *input) table(text string, first *outcome) {
	number := func(title *regexp.Regexp) uint64 {
		found := title.FindStringSubmatch(text)
		if found == nil {
			return 0
		}
		n, err := strconv.ParseUint(strings.ReplaceAll(found[1], ",", ""), 10, 64)
		in.none("table", err)
		return n
	}
	s := first.Summary
	if c, total, h := number(connectionsTitle), number(summaryTotal), number(halfOpenTitle); c != s.Connections ||
		total != s.Connections || h != s.HalfOpen {
		in.t.Errorf("table: %d connections, %d in its summary, %d half-open; want %d and %d:\n%s", c, total, h,
			s.Connections,
			s.HalfOpen, text)
	}
	for _, r := range text {
		if r < ' ' && r != '\n' || r == 0x7f {
			in.t.Errorf("table: a control character %q", r)
			break
		}
	}
}

// logs checks that Zeek's logs have a row for each connection.
func (in *input) logs(tsv, lines string, connections uint64) {
	rows := uint64(0)
	for line := range strings.Lines(tsv) {
		if !strings.HasPrefix(line, "#") {
			rows++
		}
	}
	objects := uint64(0)
	for line := range strings.Lines(lines) {
		objects++
		if !json.Valid([]byte(line)) {
			in.t.Errorf("zeek-json: %s", line)
		}
	}
	if rows != connections || objects != connections {
		in.t.Errorf("conn.log has %d rows, and %d as JSON, want %d", rows, objects, connections)
	}
}

// population checks that each series has a number for each moment, and the peaks of these numbers.
func (in *input) population(p *ledger.Population, c *report.Capture) {
	populations := report.Populations{Series: p.Series(c.First, c.Last), LeftOut: p.LeftOut()}
	for _, s := range populations.Series {
		for state, counts := range s.States {
			if len(counts) != s.Moments || slices.Max(counts) != s.Peaks[state].Count {
				in.t.Errorf("population: %d moments, but %d numbers of %s, peak %d", s.Moments, len(counts), state,
					s.Peaks[state].Count)
			}
		}
	}
	var document, lines, rows, table bytes.Buffer
	in.none("population", errors.Join(populations.WriteJSON(&document), populations.WriteJSONL(&lines),
		populations.WriteCSV(&rows), populations.WriteTable(&table, report.TableOptions{})))
	if !json.Valid(document.Bytes()) {
		in.t.Errorf("population: %s", document.Bytes())
	}
}

// inParallel reads with three trackers. The output has the same bytes, and the memory is bounded by the input. It also
// checks the connections that were alive in the middle and at the end.
func (in *input) inParallel(first *outcome) {
	middle, last := first.Capture.First/2+first.Capture.Last/2, first.Capture.Last
	moments := map[int64]*ledger.Snapshot{}
	for _, at := range []int64{middle, last} {
		if at != capture.NoTime {
			moments[at] = ledger.NewSnapshot(ledger.Moment{Time: record.Time(at)})
		}
	}
	var lines bytes.Buffer
	writer := report.NewJSONL(&lines)
	before := allocated()
	again := in.connections(tcplife.Options{Workers: 3}, func(c *record.Connection) {
		in.none("jsonl", writer.Connection(c))
		for _, snapshot := range moments {
			snapshot.Add(c)
		}
	})
	in.none("jsonl", writer.Finish(&report.Ending{Result: again.Result, Capture: account.Of(again)}))
	size := uint64(0)
	for _, file := range in.files {
		size += uint64(len(file))
	}
	size = max(size, again.Capture.CapturedBytes+16*again.Capture.Packets)
	if room := allocated() - before; room > mostRoom+roomPerByte*size {
		in.t.Errorf("%d bytes were allocated for an input of %d bytes", room, size)
	}
	in.same("three trackers", first.lines, withoutCapture(lines.String()))
	for at, snapshot := range moments {
		in.snapshot(snapshot.Record(), record.Time(at))
	}
}

// brief makes whole records only of unusual connections, as `read` does for its tables: the sums must be the same.
func (in *input) brief(first *outcome) {
	var lines bytes.Buffer
	writer := report.NewJSONL(&lines)
	records := uint64(0)
	sums := in.connections(tcplife.Options{Tracking: analyzer.Options{
		Whole: func(*record.Connection) bool { return false },
	}}, func(*record.Connection) { records++ })
	in.none("jsonl", writer.Finish(&report.Ending{Result: sums.Result, Capture: account.Of(sums)}))
	if records != first.sums.Connections {
		in.t.Errorf("%d brief and whole records, want %d", records, first.sums.Connections)
	}
	whole := first.lines
	if last := strings.LastIndex(whole, `{"record":"connection"`); last >= 0 {
		_, whole, _ = strings.Cut(whole[last:], "\n")
	}
	in.same("brief records", whole, withoutCapture(lines.String()))
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func (in *input) same(what, want, got string) {
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range w {
		if i >= len(g) || w[i] != g[i] {
			line := append(g, "")[i]
			in.t.Fatalf("%s: line %d of %d and %d is\n%s\nwant\n%s", what, i+1, len(w), len(g), line, w[i])
		}
	}
	in.t.Fatalf("%s: %d lines, want %d", what, len(g), len(w))
}

// snapshot checks that the counts of a snapshot are those of its list.
func (in *input) snapshot(s *record.Snapshot, at record.Time) {
	counts := map[string]uint64{}
	for _, c := range s.Connections {
		for _, e := range []record.Socket{c.Client, c.Server} {
			if e.State.Known && e.State.State != tcpstate.Closed {
				counts[e.State.State.String()]++
			}
		}
		if c.Start > at {
			in.t.Errorf("#%d begins at %d, but is listed as alive at %d", c.ID, c.Start, at)
		}
	}
	if !maps.Equal(counts, s.ByState) {
		in.t.Errorf("at %d: %v are listed, %v counted", at, counts, s.ByState)
	}
	var document, lines, rows, table bytes.Buffer
	in.none("at", errors.Join(report.WriteSnapshotJSON(&document, s), report.WriteSnapshotJSONL(&lines, s),
		report.WriteSnapshotCSV(&rows, s), report.WriteSnapshotTable(&table, s, s.Time, report.TableOptions{})))
	if !json.Valid(document.Bytes()) {
		in.t.Errorf("at: %s", document.Bytes())
	}
}

// traced reads with a trace of each segment, for ladders and for the page. That changes no record.
func (in *input) traced(first *outcome) {
	chosen := first.choice.Chosen()
	collector := ladder.NewCollector(chosen)
	onPage := func(uint64, *flows.Segment, tcpstate.Effect) {}
	if first.page != nil {
		onPage, _, _ = first.page.SecondReading()
	}
	var lines bytes.Buffer
	writer := report.NewJSONL(&lines)
	segments := uint64(0)
	again := in.connections(tcplife.Options{Tracking: analyzer.Options{
		Trace: func(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
			if seg.Quote == nil {
				segments++
			}
			collector.Trace(id, seg, effect)
			onPage(id, seg, effect)
		},
		Proven: collector.Proven,
	}}, func(c *record.Connection) { in.none("jsonl", writer.Connection(c)) })
	in.none("jsonl", writer.Finish(&report.Ending{Result: again.Result, Capture: account.Of(again)}))
	in.same("traced", first.lines, withoutCapture(lines.String()))
	if segments != again.Decoded.Segments {
		in.t.Errorf("%d segments were traced, want %d", segments, again.Decoded.Segments)
	}

	if first.page != nil {
		in.none("page", first.page.Finish(first.ending))
		in.onPage(first)
	}
	e := ladder.Explanation{Connections: first.sums.Connections, Offered: first.choice.Offered}
	e.Ladders = collector.Finish()
	var document, text, svg, mermaid bytes.Buffer
	in.none("explain", errors.Join(e.WriteJSON(&document), e.WriteText(&text, ladder.Options{}), e.WriteSVG(&svg),
		e.WriteMermaid(&mermaid)))
	if !json.Valid(document.Bytes()) || len(e.Ladders) != len(chosen) {
		in.t.Errorf("explain: %d ladders of %d in\n%s", len(e.Ladders), len(chosen), document.Bytes())
	}
}

var pageData = regexp.MustCompile(`(?s)id="data">([^<]*)</script>`)

// onPage checks that the page is complete, has rows, and has the summary.
func (in *input) onPage(first *outcome) {
	found := pageData.FindSubmatch(first.pageOut.Bytes())
	if found == nil || !bytes.HasSuffix(bytes.TrimSpace(first.pageOut.Bytes()), []byte("</html>")) {
		in.t.Fatalf("the page has no data or no end")
	}
	head, _, _ := bytes.Cut(found[1], []byte("\n"))
	packed := ascii85.NewDecoder(bytes.NewReader(bytes.ReplaceAll(head, []byte("v"), []byte("<"))))
	plain, err := io.ReadAll(flate.NewReader(packed))
	var facts struct {
		Connections uint64            `json:"connections"`
		Rows        uint64            `json:"rows"`
		Records     []json.RawMessage `json:"records"`
	}
	in.none("page", errors.Join(err, json.Unmarshal(plain, &facts)))
	summary := slices.ContainsFunc(facts.Records, func(r json.RawMessage) bool {
		return strings.HasPrefix(string(r), `{"record":"summary"`)
	})
	if n := first.sums.Connections; facts.Connections != n || facts.Rows > n || n > 0 && facts.Rows == 0 || !summary {
		in.t.Errorf("the page has %d connections, %d rows, a summary: %v; want %d connections",
			facts.Connections, facts.Rows, summary, n)
	}
}

// evicting reads with room for two connections. Evicted connections are counted, and the sums hold.
func (in *input) evicting(first *outcome) {
	sums, evicted := invariant.NewSums(), uint64(0)
	r := in.connections(tcplife.Options{Tracking: analyzer.Options{MaxConnections: 2}}, func(c *record.Connection) {
		in.all("evicting: #"+strconv.FormatUint(c.ID, 10), sums.Add(c))
		if c.EndedBy == record.EndEvicted {
			evicted++
		}
	})
	in.all("evicting", sums.Against(r.Result))
	if evicted != r.Evicted || sums.Packets+r.AfterEviction != first.sums.Packets {
		in.t.Errorf("%d connections were evicted, %d are counted; %d packets in records, %d later ones, want %d",
			evicted, r.Evicted, sums.Packets, r.AfterEviction, first.sums.Packets)
	}
}

// written copies the capture as -w does, with comments. The whole copy has the same records. The copy of only the
// packets with segments has as many records of each kind.
func (in *input) written(first *outcome) {
	first.notes.Sort()
	var whole, chosen bytes.Buffer
	every, only := capture.NewWriter(&whole), capture.NewWriter(&chosen)
	reading := in.open(tcplife.Options{})
	in.none("-w", reading.Packets(in.t.Context(), func(p *capture.Packet, segments []flows.Segment) error {
		notes := first.notes.At(p.Number)
		for c := range p.Comments() {
			if !comment.Ours(c) {
				notes = append(notes, string(c))
			}
		}
		if len(segments) > 0 {
			in.none("-w", only.Write(p, notes...))
		}
		return every.Write(p, notes...)
	}))
	if until := first.Capture.Until; until != capture.NoTime {
		in.none("-w", errors.Join(every.Statistics(until, capture.Drops{}), only.Statistics(until, capture.Drops{})))
	}
	in.none("-w", errors.Join(every.Flush(), only.Flush()))
	if first.Capture.Packets == 0 {
		return
	}
	var lines bytes.Buffer
	writer := report.NewJSONL(&lines)
	copied := &input{t: in.t, files: [][]byte{whole.Bytes()}}
	again := copied.connections(tcplife.Options{}, func(c *record.Connection) {
		in.none("jsonl", writer.Connection(c))
	})
	in.none("jsonl", writer.Finish(&report.Ending{Result: again.Result, Capture: account.Of(again)}))
	in.same("written and read again", first.lines, withoutCapture(lines.String()))

	if first.Decoded.Reassembled > 0 || first.Decoded.Segments+first.Decoded.Quotes == 0 {
		return
	}
	copied.files[0] = chosen.Bytes()
	again = copied.connections(tcplife.Options{}, func(*record.Connection) {})
	if !maps.Equal(again.Summary.ByOutcome, first.Summary.ByOutcome) ||
		!maps.Equal(again.Summary.ByTeardown, first.Summary.ByTeardown) {
		in.t.Errorf("-w and read again: %v %v, want %v %v", again.Summary.ByOutcome, again.Summary.ByTeardown,
			first.Summary.ByOutcome, first.Summary.ByTeardown)
	}
}
