package report

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Table writes tables for people, all of them at the end: the connections, then, where there are any, the embryonic
// and the half-open ones, who holds TIME_WAITs, the listeners, the SYN floods, the scans and what came
// back from floods elsewhere, and last a summary of the connections and of the capture. It keeps the rows it will show and nothing of the others.
//
// A table too wide for TableOptions.Width is not wrapped. Of the connections, columns are shortened or left out in this
// order until it fits: the two parts of the RTT, the date, packets, ended_by, the middle of IPv6 addresses, start, the
// codes of findings (their numbers stay), retransmitted, the names of states, rtt, bytes; then fate takes the place of
// outcome and teardown; id, duration, findings. What fits again after a later one comes back. From a width of 80 on
// that suffices.
type Table struct {
	w       io.Writer
	options TableOptions
	key     sortKey
	columns []connectionColumn
	chosen  bool // columns, by the user

	connections, embryonic, halfOpen ranking[[]cell]

	rows *rows // with TableOptions.Follow
}

// TableOptions say what the tables show.
type TableOptions struct {
	Width   int      // characters in a line; 0 for no limit
	Color   bool     // with ANSI colours
	Top     int      // rows of a table; 0 for all of them, which are then kept in memory
	Sort    string   // one of TableSorts; empty for start
	Columns []string // of TableColumns, in this order, never left out; nil for those that fit
	Follow  bool     // each connection in its row at once, and no table of them at the end, which can come again and again
}

// DefaultTop is a sensible TableOptions.Top for a terminal.
const DefaultTop = 50

// NewTable returns a writer of tables to w. It fails for options that there are not.
func NewTable(w io.Writer, o TableOptions) (*Table, error) {
	if o.Top < 0 {
		return nil, errors.New("the number of rows must not be negative (0 shows all)")
	}
	key, err := sortByName(sortKeys, o.Sort)
	if err != nil {
		return nil, err
	}
	names := o.Columns
	switch {
	case len(names) > 0:
	case o.Follow:
		names = followColumns
	default:
		names = defaultColumns
	}
	columns, err := columnsByName(names)
	if err != nil {
		return nil, err
	}
	some := ranking[[]cell]{limit: o.Top}
	t := &Table{
		w: w, options: o, key: key, columns: columns, chosen: len(o.Columns) > 0,
		connections: some, embryonic: some, halfOpen: some,
	}
	if o.Follow {
		t.rows = newRows(columns, t.chosen, o.Width)
	}
	return t, nil
}

// Connection takes a connection into the tables. Nothing is written yet but, with TableOptions.Follow, its row.
func (t *Table) Connection(c *record.Connection) error {
	if t.rows != nil {
		return t.rows.write(t.w, c, t.options.Color)
	}
	at := rank{t.key.key(c), c.ID}
	t.connections.offer(at, func() []cell {
		cells := make([]cell, len(t.columns))
		for i := range t.columns {
			cells[i] = t.columns[i].cell(c)
		}
		return cells
	})
	if c.Handshake.Outcome == record.OutcomeEmbryonic {
		t.embryonic.offer(at, func() []cell { return embryonicCells(c) })
	}
	if c.HalfOpen != nil {
		t.halfOpen.offer(at, func() []cell { return halfOpenCells(c) })
	}
	return nil
}

// Finish writes the tables.
func (t *Table) Finish(e *Ending) error {
	var out bytes.Buffer
	sections := []section{
		t.connectionSection(),
		rankedSection("EMBRYONIC", "SYN and SYN-ACK, but not the ACK that completes the handshake (RFC 4987)", &t.embryonic, embryonicGrid),
		rankedSection("HALF-OPEN", "one side is gone and the other does not know (RFC 9293 §3.5.1)", &t.halfOpen, halfOpenGrid),
		timeWaitSection(e.Result.TimeWait, e.Result.Summary.LeftOut.TimeWait, t.options.Top),
		listenerSection(e.Result, t.options.Top),
		floodSection(e.Result.SynFloods, t.options.Top),
		scanSection(e.Result.Scans, t.options.Top),
		backscatterSection(e.Result.Backscatter, t.options.Top),
	}
	if t.rows != nil {
		if t.rows.above {
			out.WriteByte('\n')
		}
		t.rows.begun, t.rows.above = false, true
	}
	for i, s := range sections {
		if s.total == 0 && (i > 0 || t.rows != nil) {
			continue
		}
		if err := t.draw(&out, &s); err != nil {
			return err
		}
		out.WriteByte('\n')
	}
	for i, lines := range [][]summaryLine{connectionSummary(e.Result.Summary), captureSummary(e.Capture)} {
		if i > 0 {
			out.WriteByte('\n')
		}
		if err := t.drawSummary(&out, [...]string{"SUMMARY", "CAPTURE"}[i], lines); err != nil {
			return err
		}
	}
	_, err := t.w.Write(out.Bytes())
	return err
}

// A section is a table with a title.
type section struct {
	title, note string
	total       uint64 // rows there are; the grid may hold fewer
	grid        grid
	after       []string // said below
}

func (t *Table) draw(out *bytes.Buffer, s *section) error {
	title := s.title + " " + count(s.total)
	note := s.note
	if t.options.Width > 0 && len(title)+len(gap)+len([]rune(note)) > t.options.Width {
		note = ""
	}
	out.WriteString(t.paint(bold, title))
	if note != "" {
		out.WriteString(gap + t.paint(faint, note))
	}
	out.WriteByte('\n')
	if s.total == 0 {
		return nil
	}
	if err := s.grid.draw(out, t.options.Width, t.options.Color); err != nil {
		return err
	}
	if more := s.total - uint64(len(s.grid.rows)); more > 0 {
		out.WriteString(t.paint(faint, "… and "+count(more)+" more: --top 0 or -o jsonl shows all") + "\n")
	}
	for _, text := range s.after {
		for _, line := range wrap(strings.Split(plain(text), " "), " ", t.options.Width) {
			out.WriteString(line + "\n")
		}
	}
	return nil
}

func (t *Table) paint(tone tone, s string) string {
	if !t.options.Color {
		return s
	}
	return tone.paint(s)
}

func rankedSection(title, note string, rows *ranking[[]cell], g grid) section {
	g.rows = rows.sorted()
	return section{title: title, note: note, total: rows.total, grid: g}
}

func (t *Table) connectionSection() section {
	g := grid{steps: defaultSteps}
	if t.chosen {
		g.steps = nil
		for _, c := range t.columns {
			g.steps = append(g.steps, shorten(c.name))
		}
	}
	for _, c := range t.columns {
		g.columns = append(g.columns, gridColumn{name: c.name, header: c.header, right: c.right, hide: !t.chosen, spare: !t.chosen && c.name == spareColumn})
	}
	note := ""
	if t.connections.limit > 0 && t.connections.total > uint64(t.connections.limit) {
		note = "by " + t.key.name
	}
	return rankedSection("CONNECTIONS", note, &t.connections, g)
}

// The columns of the smaller tables are the same always, so they have no meanings to list.

var embryonicGrid = grid{
	columns: []gridColumn{
		{name: "id", header: cell{full: "ID"}, right: true},
		{name: "client", header: cell{full: "CLIENT"}},
		{name: "server", header: cell{full: "SERVER"}},
		{name: "since", header: cell{full: "SYN_RCVD SINCE"}},
		{name: "duration", header: cell{full: "LASTED"}, right: true},
		{name: "syns", header: cell{full: "SYNS"}, right: true},
		{name: "syn_acks", header: cell{full: "SYN-ACKS"}, right: true},
		{name: "ended_by", header: cell{full: "ENDED BY"}},
	},
	steps: []step{shorten("since"), drop("ended_by"), shorten("client", "server"), drop("syns"), drop("since")},
}

func embryonicCells(c *record.Connection) []cell {
	since := c.Handshake.SynAckAt
	for i := range c.Server.States {
		if s := &c.Server.States[i]; s.State == tcpstate.SynRcvd {
			since = s.At
			break
		}
	}
	return []cell{
		{full: strconv.FormatUint(c.ID, 10), tone: faint},
		endpointCell(&c.Client),
		endpointCell(&c.Server),
		timeCell(since),
		{full: span(between(since, c.End))},
		{full: amount(c.Client.Syns)},
		{full: amount(c.Server.Syns)},
		{full: string(c.EndedBy)},
	}
}

var halfOpenGrid = grid{
	columns: []gridColumn{
		{name: "id", header: cell{full: "ID"}, right: true},
		{name: "client", header: cell{full: "CLIENT"}},
		{name: "server", header: cell{full: "SERVER"}},
		{name: "survivor", header: cell{full: "SURVIVOR"}},
		{name: "since", header: cell{full: "SINCE"}},
		{name: "after", header: cell{full: "FOUND AFTER"}, right: true},
		{name: "discovered_by", header: cell{full: "BY"}},
	},
	steps: []step{shorten("since"), shorten("client", "server"), drop("since"), drop("id"), drop("discovered_by")},
}

func halfOpenCells(c *record.Connection) []cell {
	found := cell{full: "never", tone: alert}
	if c.HalfOpen.At != record.NoTime {
		found = cell{full: span(between(c.HalfOpen.Since, c.HalfOpen.At))}
	}
	return []cell{
		{full: strconv.FormatUint(c.ID, 10), tone: faint},
		endpointCell(&c.Client),
		endpointCell(&c.Server),
		{full: cmp.Or(c.HalfOpen.Survivor.String(), unknown)},
		timeCell(c.HalfOpen.Since),
		found,
		{full: cmp.Or(string(c.HalfOpen.DiscoveredBy), unknown)},
	}
}

func floodSection(floods []record.SynFlood, top int) section {
	s := section{title: "SYN FLOODS", total: uint64(len(floods)), grid: grid{
		columns: []gridColumn{
			{name: "target", header: cell{full: "TARGET"}},
			{name: "verdict", header: cell{full: "VERDICT"}},
			{name: "onset", header: cell{full: "ONSET"}},
			{name: "duration", header: cell{full: "LASTED"}, right: true},
			{name: "syns", header: cell{full: "SYNS"}, right: true},
			{name: "peak_rate", header: cell{full: "PEAK/S"}, right: true},
			{name: "mean_rate", header: cell{full: "MEAN/S"}, right: true},
			{name: "half_open", header: cell{full: "EMBRYONIC"}, right: true},
			{name: "completed", header: cell{full: "COMPLETED"}, right: true},
			{name: "sources", header: cell{full: "SOURCES"}, right: true},
			{name: "entropy", header: cell{full: "ENTROPY"}, right: true, hide: true},
			{name: "marks", header: cell{full: "MARKS"}, hide: true},
		},
		steps: []step{shorten("onset"), drop("marks"), drop("entropy"), drop("mean_rate"), shorten("target"), drop("duration"),
			drop("onset"), drop("peak_rate")},
	}}
	if top > 0 && len(floods) > top {
		floods = floods[:top]
	}
	for i := range floods {
		f := &floods[i]
		target := ipCell(f.Target.IP)
		if f.Target.Port != nil {
			target = socketCell(netip.AddrPortFrom(f.Target.IP, *f.Target.Port))
		}
		entropy := unknown
		if f.SourceEntropy.Known {
			entropy = significant(f.SourceEntropy.Value) + " bits"
		}
		s.grid.rows = append(s.grid.rows, []cell{
			target,
			{full: f.Verdict, tone: bad},
			timeCell(f.Onset),
			{full: span(between(f.Onset, f.End))},
			{full: amount(f.Syns)},
			{full: rate(f.PeakRate)},
			{full: rate(f.MeanRate)},
			{full: amount(f.HalfOpenPeak)},
			{full: percent(f.CompletionRatio)},
			{full: amount(f.Sources)},
			{full: entropy},
			{full: cmp.Or(strings.Join(f.Marks, " "), unknown)},
		})
		if len(f.Evidence) > 0 {
			s.after = append(s.after, target.full+": "+strings.Join(f.Evidence, "; "))
		}
	}
	return s
}
