package report

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report/internal/text"
)

// Table writes tables for people, all of them at the end: what is wrong, worst first; the connections, or groups of
// them; then, where there are any, the embryonic and the half-open ones, who holds TIME_WAITs, the listeners, the SYN
// floods, the scans and what came back from floods elsewhere, and last a summary of the connections and of the capture.
// It keeps the rows it will show and nothing of the others.
//
// A table too wide for TableOptions.Width is not wrapped. Of the connections, columns are shortened or left out in this
// order until it fits: the two parts of the RTT, the date, packets, ended_by, the middle of IPv6 addresses, start,
// retransmitted, rtt, bytes, the names of states; of the findings all but the worst (how many others there are stays);
// then fate takes the place of outcome and teardown; duration, states, fate. A column comes back if it fits after a
// later step. From a width of 80 on this suffices; in a narrower table the findings are cut.
type Table struct {
	w       io.Writer
	options TableOptions
	key     text.SortKey
	columns []text.ConnectionColumn
	chosen  bool // columns, by the user

	matters                          matters
	connections, embryonic, halfOpen text.Ranking[[]text.Cell]
	groups                           *groups // with TableOptions.By, instead of connections

	rows *text.Rows // with TableOptions.Follow
}

// TableOptions says what the tables show.
type TableOptions struct {
	Width   int      // characters in a line; 0 for no limit
	Color   bool     // with ANSI colours
	Top     int      // rows of a table; 0 for all of them, which are then kept in memory
	Sort    string   // one of TableSorts; empty for severity
	By      string   // one of TableGroups: the connections are grouped; empty lists them
	Where   string   // the condition that chose the connections; empty: all are shown
	Columns []string // of TableColumns, in this order, never left out; nil for those that fit
	// each connection in its row at once, and no table of them at the end, which can come repeatedly
	Follow bool
	// Command completes a command that shows more, such as explain --conn 17, with the program and its files; nil shows
	// no commands.
	Command func(string) string
}

// DefaultTop is a sensible TableOptions.Top for a terminal.
const DefaultTop = 50

// NewTable returns a writer of tables to w. It fails if an option is unknown.
func NewTable(w io.Writer, o TableOptions) (*Table, error) {
	if o.Top < 0 {
		return nil, errors.New("--top must not be negative; 0 shows all rows")
	}
	key, err := text.SortByName(text.SortKeys, o.Sort)
	if err != nil {
		return nil, err
	}
	names := o.Columns
	switch {
	case len(names) > 0:
	case o.Follow:
		names = text.FollowColumns
	default:
		names = text.DefaultColumns
	}
	columns, err := text.ColumnsByName(names)
	if err != nil {
		return nil, err
	}
	some := text.Ranking[[]text.Cell]{Limit: o.Top}
	t := &Table{
		w: w, options: o, key: key, columns: columns, chosen: len(o.Columns) > 0,
		connections: some, embryonic: some, halfOpen: some,
	}
	if t.groups, err = newGroups(o.By); err != nil {
		return nil, err
	}
	if o.Follow {
		t.rows = text.NewRows(columns, t.chosen, o.Width)
	}
	return t, nil
}

// Connection adds a connection to the tables. It writes nothing yet, except the row with TableOptions.Follow.
func (t *Table) Connection(c *record.Connection) error {
	t.matters.add(c)
	if t.groups != nil {
		t.groups.add(c)
		return nil
	}
	if t.rows != nil {
		return t.rows.Write(t.w, c, t.options.Color)
	}
	at := text.Rank{Key: t.key.Key(c), ID: c.ID}
	t.connections.Offer(at, func() []text.Cell {
		cells := make([]text.Cell, len(t.columns))
		for i := range t.columns {
			cells[i] = t.columns[i].Cell(c)
		}
		return cells
	})
	if c.Handshake.Outcome == record.OutcomeEmbryonic {
		t.embryonic.Offer(at, func() []text.Cell { return embryonicCells(c) })
	}
	if c.HalfOpen != nil {
		t.halfOpen.Offer(at, func() []text.Cell { return halfOpenCells(c) })
	}
	return nil
}

// Whole returns a function for analyzer.Options.Whole, which says of which connections the table shows more than their
// number. It returns nil if the table needs all of them whole.
func (t *Table) Whole() func(*record.Connection) bool {
	if t.groups != nil || t.rows != nil || t.options.Top == 0 || t.key.Name != text.SortKeys[0].Name {
		return nil
	}
	return func(c *record.Connection) bool { return t.connections.Takes(text.Rank{Key: t.key.Key(c), ID: c.ID}) }
}

// Finish writes the tables.
func (t *Table) Finish(e *Ending) error {
	var out bytes.Buffer
	whole := func(s section) section {
		s.unchosen = t.unchosen()
		return s
	}
	first := t.connectionSection()
	if t.groups != nil {
		first = t.groups.section(t.options.Top)
	}
	if t.options.Where != "" {
		first.of = e.Result.Summary.Connections
	}
	sections := []section{
		first,
		rankedSection("EMBRYONIC", "SYN and SYN-ACK, but not the ACK that completes the handshake (RFC 4987)",
			&t.embryonic, embryonicGrid),
		rankedSection("HALF-OPEN", "one side is gone and the other does not know (RFC 9293 §3.5.1)", &t.halfOpen,
			halfOpenGrid),
		whole(timeWaitSection(e.Result, t.options.Top)),
		whole(listenerSection(e.Result, t.options.Top)),
		whole(floodSection(e.Result.SynFloods, t.options.Top)),
		whole(scanSection(e.Result.Scans, t.options.Top)),
		whole(backscatterSection(e.Result.Backscatter, t.options.Top)),
	}
	if t.rows != nil {
		if t.rows.Above {
			out.WriteByte('\n')
		}
		t.rows.Begun, t.rows.Above = false, true
	}
	t.drawMatters(&out, e)
	for i, s := range sections {
		if s.total == 0 && (i > 0 || t.rows != nil) {
			continue
		}
		if err := t.draw(&out, &s); err != nil {
			return err
		}
		out.WriteByte('\n')
	}
	if err := t.drawSummary(&out, "SUMMARY", t.unchosen(), connectionSummary(e.Result.Summary)); err != nil {
		return err
	}
	out.WriteByte('\n')
	if err := t.drawSummary(&out, "CAPTURE", "", captureSummary(e.Capture)); err != nil {
		return err
	}
	_, err := t.w.Write(out.Bytes())
	return err
}

// unchosen returns the note of a table to which --where does not apply. It is empty without --where.
func (t *Table) unchosen() string {
	if t.options.Where == "" {
		return ""
	}
	return "of all connections, not only those of --where"
}

// A section is a table with a title.
type section struct {
	title, note string
	unchosen    string // said if --where does not apply to it
	total       uint64 // rows there are; the grid may hold fewer
	of          uint64 // out of so many, by --where; 0: it is all
	elsewhere   string // what else shows all; empty: -o jsonl
	grid        text.Grid
	after       []string // said below
	// legend explains columns that are drawn in their short form, by name.
	legend map[string]string
}

// connectionLegend explains the short forms in the table of connections.
var connectionLegend = map[string]string{
	"states":   "STATES: the client's and the server's at the end; TIMEW is TIME_WAIT, FINW1 FIN_WAIT_1 and so on",
	"findings": "FINDINGS: the worst, and how many others; tcplife findings explains them",
}

// drawTitle writes the title of a table with a note behind it. unchosen, if not empty, ends the note. If the whole note
// does not fit, drawTitle writes only unchosen, or nothing.
func (t *Table) drawTitle(out *bytes.Buffer, title, note, unchosen string) {
	fits := func(note string) bool {
		return t.options.Width == 0 || len(title)+len(text.Gap)+twwidth.Width(note) <= t.options.Width
	}
	if unchosen != "" {
		note = text.Join(note, unchosen)
	}
	if !fits(note) {
		note = unchosen
	}
	if !fits(note) {
		note = ""
	}
	out.WriteString(t.paint(text.Bold, title))
	if note != "" {
		out.WriteString(text.Gap + t.paint(text.Faint, note))
	}
	out.WriteByte('\n')
}

func (t *Table) draw(out *bytes.Buffer, s *section) error {
	title := s.title + " " + text.Count(s.total)
	if s.of > 0 {
		title += " of " + text.Count(s.of)
	}
	t.drawTitle(out, title, s.note, s.unchosen)
	if s.total == 0 {
		return nil
	}
	if err := s.grid.Draw(out, t.options.Width, t.options.Color); err != nil {
		return err
	}
	if more := s.total - uint64(len(s.grid.Rows)); more > 0 {
		how := "--top 0 or -o jsonl shows all"
		if t.options.Top == 0 {
			how = "-o jsonl shows all"
		}
		out.WriteString(t.paint(text.Faint, "… and "+text.Count(more)+" more: "+cmp.Or(s.elsewhere, how)) + "\n")
	}
	for _, c := range s.grid.Columns {
		if legend := s.legend[c.Name]; legend != "" && slices.Contains(s.grid.Shortened, c.Name) {
			s.after = append(s.after, legend)
		}
	}
	for _, s := range s.after {
		for _, line := range text.Wrap(strings.Split(text.Plain(s), " "), " ", t.options.Width) {
			out.WriteString(line + "\n")
		}
	}
	return nil
}

func (t *Table) paint(tone text.Tone, s string) string {
	if !t.options.Color {
		return s
	}
	return tone.Paint(s)
}

// marks lists what most attempts have in common, each with its value if that is short.
func marks(list []record.MarkValue) string {
	words := make([]string, len(list))
	for i, m := range list {
		if words[i] = m.Mark; m.Value != nil && !strings.Contains(*m.Value, " ") {
			words[i] += "=" + *m.Value
		}
	}
	return cmp.Or(strings.Join(words, " "), text.Unknown)
}

func rankedSection(title, note string, rows *text.Ranking[[]text.Cell], g text.Grid) section {
	g.Rows = rows.Sorted()
	return section{title: title, note: note, total: rows.Total, grid: g}
}

func (t *Table) connectionSection() section {
	g := text.Grid{Steps: text.DefaultSteps, Squeeze: text.SqueezedColumn}
	if t.chosen {
		g.Steps, g.Squeeze = nil, ""
		for _, c := range t.columns {
			g.Steps = append(g.Steps, text.Shorten(c.Name))
		}
	}
	for _, c := range t.columns {
		g.Columns = append(g.Columns, text.GridColumn{Name: c.Name, Header: c.Header, Right: c.Right, Hide: !t.chosen,
			Spare: !t.chosen && c.Name == text.SpareColumn})
	}
	note := ""
	if t.connections.Limit > 0 && t.connections.Total > uint64(t.connections.Limit) {
		note = "by " + t.key.Name
	}
	s := rankedSection("CONNECTIONS", note, &t.connections, g)
	s.legend = connectionLegend
	return s
}

// The columns of the smaller tables are always the same, so no command lists their meanings.

var embryonicGrid = text.Grid{
	Columns: []text.GridColumn{
		{Name: "id", Header: text.Cell{Full: "ID"}, Right: true},
		{Name: "client", Header: text.Cell{Full: "CLIENT"}},
		{Name: "server", Header: text.Cell{Full: "SERVER"}},
		{Name: "since", Header: text.Cell{Full: "SYN_RCVD SINCE"}},
		{Name: "duration", Header: text.Cell{Full: "LASTED"}, Right: true},
		{Name: "syns", Header: text.Cell{Full: "SYNS"}, Right: true},
		{Name: "syn_acks", Header: text.Cell{Full: "SYN-ACKS"}, Right: true},
		{Name: "ended_by", Header: text.Cell{Full: "ENDED BY"}},
	},
	Steps: []text.Step{text.Shorten("since"), text.Drop("ended_by"), text.Shorten("client", "server"),
		text.Drop("syns"), text.Drop("since"), text.Drop("syn_acks")},
}

func embryonicCells(c *record.Connection) []text.Cell {
	since := c.Handshake.SynAckAt
	for i := range c.Server.States {
		if s := &c.Server.States[i]; s.State == tcpstate.SynRcvd {
			since = s.At
			break
		}
	}
	return []text.Cell{
		{Full: strconv.FormatUint(c.ID, 10), Tone: text.Faint},
		text.EndpointCell(&c.Client),
		text.EndpointCell(&c.Server),
		text.TimeCell(since),
		{Full: text.Span(text.Between(since, c.End))},
		{Full: text.Count(c.Client.Syns)},
		{Full: text.Count(c.Server.Syns)},
		{Full: string(c.EndedBy)},
	}
}

var halfOpenGrid = text.Grid{
	Columns: []text.GridColumn{
		{Name: "id", Header: text.Cell{Full: "ID"}, Right: true},
		{Name: "client", Header: text.Cell{Full: "CLIENT"}},
		{Name: "server", Header: text.Cell{Full: "SERVER"}},
		{Name: "survivor", Header: text.Cell{Full: "SURVIVOR"}},
		{Name: "since", Header: text.Cell{Full: "SINCE"}},
		{Name: "after", Header: text.Cell{Full: "FOUND AFTER"}, Right: true},
		{Name: "discovered_by", Header: text.Cell{Full: "BY"}},
	},
	Steps: []text.Step{text.Shorten("since"), text.Shorten("client", "server"), text.Drop("since"),
		text.Drop("discovered_by"), text.Drop("after")},
}

func halfOpenCells(c *record.Connection) []text.Cell {
	found := text.Cell{Full: "never", Tone: text.Alert}
	if c.HalfOpen.At != record.NoTime {
		found = text.Cell{Full: text.Span(text.Between(c.HalfOpen.Since, c.HalfOpen.At))}
	}
	return []text.Cell{
		{Full: strconv.FormatUint(c.ID, 10), Tone: text.Faint},
		text.EndpointCell(&c.Client),
		text.EndpointCell(&c.Server),
		{Full: cmp.Or(c.HalfOpen.Survivor.String(), text.Unknown)},
		text.TimeCell(c.HalfOpen.Since),
		found,
		{Full: cmp.Or(string(c.HalfOpen.DiscoveredBy), text.Unknown)},
	}
}

// floodRate is a number of SYNs a second, with all its digits from 1,000 on as the number of all SYNs beside it.
func floodRate(perSecond float64) string {
	if perSecond < 1000 {
		return text.Rate(perSecond)
	}
	return text.Count(uint64(math.Round(perSecond)))
}

func floodSection(floods []record.SynFlood, top int) section {
	s := section{title: "SYN FLOODS", total: uint64(len(floods)), grid: text.Grid{
		Columns: []text.GridColumn{
			{Name: "target", Header: text.Cell{Full: "TARGET"}},
			{Name: "verdict", Header: text.Cell{Full: "VERDICT"}},
			{Name: "onset", Header: text.Cell{Full: "ONSET"}},
			{Name: "duration", Header: text.Cell{Full: "LASTED"}, Right: true},
			{Name: "syns", Header: text.Cell{Full: "SYNS"}, Right: true},
			{Name: "peak_rate", Header: text.Cell{Full: "PEAK/S"}, Right: true},
			{Name: "mean_rate", Header: text.Cell{Full: "MEAN/S"}, Right: true},
			{Name: "unresolved", Header: text.Cell{Full: "UNRESOLVED"}, Right: true},
			{Name: "completed", Header: text.Cell{Full: "COMPLETED"}, Right: true},
			{Name: "sources", Header: text.Cell{Full: "SOURCES"}, Right: true},
			{Name: "entropy", Header: text.Cell{Full: "ENTROPY"}, Right: true, Hide: true},
			{Name: "marks", Header: text.Cell{Full: "MARKS"}, Hide: true},
		},
		Steps: []text.Step{text.Shorten("onset"), text.Drop("marks"), text.Drop("entropy"), text.Drop("mean_rate"),
			text.Shorten("target"), text.Drop("duration"),
			text.Drop("onset"), text.Drop("peak_rate")},
	}}
	if top > 0 && len(floods) > top {
		floods = floods[:top]
	}
	for i := range floods {
		f := &floods[i]
		target := text.IPCell(f.Target.IP)
		if f.Target.Port != nil {
			target = text.SocketCell(netip.AddrPortFrom(f.Target.IP, *f.Target.Port))
		}
		entropy := text.Unknown
		if f.SourceEntropy.Known {
			entropy = text.Significant(f.SourceEntropy.Value) + " bits"
		}
		s.grid.Rows = append(s.grid.Rows, []text.Cell{
			target,
			{Full: f.Verdict, Tone: text.Bad},
			text.TimeCell(f.Onset),
			{Full: text.Span(text.Between(f.Onset, f.End))},
			{Full: text.Count(f.Syns)},
			{Full: floodRate(f.PeakRate)},
			{Full: floodRate(f.MeanRate)},
			{Full: text.Count(f.UnresolvedPeak)},
			{Full: text.Percent(f.CompletionRatio)},
			{Full: text.Count(f.Sources)},
			{Full: entropy},
			{Full: marks(f.MarkValues)},
		})
		if i == 0 {
			s.after = append(s.after, "UNRESOLVED: the most attempts at one time that had neither completed nor failed")
		}
		if len(f.Evidence) > 0 {
			s.after = append(s.after, target.Full+": "+strings.Join(f.Evidence, "; "))
		}
	}
	return s
}
