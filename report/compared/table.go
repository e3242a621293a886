package compared

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/report/internal/text"
)

// Table writes tables, all at the end: what happened in words, the points, the path, and the affected connections,
// worst first. It keeps only what it will show.
type Table struct {
	w       io.Writer
	options TableOptions

	total       []*happening
	byKey       map[key]*happening
	connections text.Ranking[[]string]
	quiet       uint64 // unaffected connections
}

// TableOptions say what the tables show.
type TableOptions struct {
	Width int  // characters in a line; 0 for no limit
	Color bool // with ANSI colours
	Top   int  // connections; 0 for all of them, which are then kept in memory
	// Chosen says that Connection gets only some of the connections, those of --where.
	Chosen bool
}

// DefaultTop is a sensible TableOptions.Top for a terminal.
const DefaultTop = 20

// NewTable returns a writer of tables to w.
func NewTable(w io.Writer, o TableOptions) *Table {
	return &Table{w: w, options: o, byKey: map[key]*happening{}, connections: text.Ranking[[]string]{Limit: o.Top}}
}

// Connection adds a connection to the tables. Nothing is written yet.
func (t *Table) Connection(c *result.Compared) error {
	list := happenings(c)
	for _, h := range list {
		if old := t.byKey[h.key]; old != nil {
			old.add(h)
			continue
		}
		one := *h
		t.byKey[h.key] = &one
		t.total = append(t.total, &one)
	}
	if len(list) == 0 && c.Pairing.By != result.TwoConnections {
		t.quiet++
		return nil
	}
	at := text.Rank{Key: math.MaxInt64 - score(list), ID: c.ID}
	t.connections.Offer(at, func() []string {
		head := strings.Join(pair(fmt.Sprintf("%d  ", c.ID), c, t.options.Width), "\n")
		return append([]string{head}, Story(c)...)
	})
	return nil
}

func socket(e *result.ComparedEndpoint) string { return netip.AddrPortFrom(e.IP, e.Port).String() }

// Finish writes the tables.
func (t *Table) Finish(e *Ending) error {
	var out bytes.Buffer
	for _, line := range t.words(e) {
		t.wrapped(&out, "", line)
	}
	out.WriteByte('\n')
	if err := t.points(&out, e); err != nil {
		return err
	}
	if e.Comparison.Connections > 0 {
		out.WriteByte('\n')
		if err := t.path(&out, e); err != nil {
			return err
		}
	}
	t.list(&out, &e.Comparison)
	_, err := t.w.Write(out.Bytes())
	return err
}

func (t *Table) paint(tone text.Tone, s string) string {
	if !t.options.Color {
		return s
	}
	return tone.Paint(s)
}

// wrapped writes a text in lines of the width, all but the first a little further in.
func (t *Table) wrapped(out *bytes.Buffer, indent, s string) {
	width := 0
	if t.options.Width > 0 {
		width = max(t.options.Width-len(indent)-2, 20)
	}
	for i, line := range text.Wrap(strings.Split(text.Plain(s), " "), " ", width) {
		if i > 0 {
			line = "  " + line
		}
		out.WriteString(indent + line + "\n")
	}
}

// most is the most lines about one kind of happening.
const most = 8

// words writes the first screen.
func (t *Table) words(e *Ending) []string {
	c := &e.Comparison
	if c.Connections == 0 && c.TwoConnections == 0 {
		lines := []string{"No connection in common."}
		for i := range e.Points {
			p := &e.Points[i]
			lines = append(lines, fmt.Sprintf("%s has %s from %s to %s.", p.Name, text.Counted(p.Alone, "connection"),
				text.Clock(p.First), text.Clock(p.Last)))
		}
		return lines
	}
	lines := []string{fmt.Sprintf("%d points, %s in common, %s of them affected.", c.Points,
		text.Counted(c.Connections, "connection"), text.Count(c.Affected))}
	chosen := t.connections.Total + t.quiet
	if t.options.Chosen {
		lines = append(lines, "--where chose "+text.Count(chosen)+".")
	}
	if n := c.TwoConnections; n > 0 {
		lines = append(lines,
			sentence(text.Counted(n,
				"pair")+" of connections joined by a device that ends the one and opens the other"))
	}
	slices.SortStableFunc(t.total, func(a, b *happening) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(b.segments, a.segments))
	})
	told := told(t.total, true)
	for _, line := range told[:min(most, len(told))] {
		lines = append(lines, sentence(line))
	}
	if more := len(told) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more kinds of events.", more))
	}
	if len(told) == 0 && (chosen > 0 || !t.options.Chosen) {
		var changes []result.Change
		for _, stretch := range e.Path {
			changes = append(changes, stretch.Always...)
		}
		changed := "nothing changed"
		switch {
		case slices.ContainsFunc(changes, func(c result.Change) bool { return c.Field != result.FieldTTL }):
			changed = "only what PATH lists changed"
		case len(changes) > 0:
			changed = "only the TTL changed"
		}
		of := ""
		if t.options.Chosen {
			of = " of these"
		}
		lines = append(lines, "Every segment"+of+" passed every point, and "+changed+".")
	}
	for i := range e.Points {
		for _, b := range e.Points[i].Blind {
			lines = append(lines, sentence(fmt.Sprintf("%s: %s (%s), so what it lacks is not called lost",
				e.Points[i].Name, blindWords[b.Reason], b.Detail)))
		}
	}
	return lines
}

// heading writes the title of a table that --where does not apply to.
func (t *Table) heading(out *bytes.Buffer, title string) {
	title = t.paint(text.Bold, title)
	if t.options.Chosen {
		title += text.Gap + t.paint(text.Faint, "of all connections, not only those of --where")
	}
	out.WriteString(title + "\n")
}

// legend explains the table above it.
func (t *Table) legend(out *bytes.Buffer, s string) {
	for _, line := range text.Wrap(strings.Split(s, " "), " ", t.options.Width) {
		out.WriteString(t.paint(text.Faint, line) + "\n")
	}
}

func (t *Table) points(out *bytes.Buffer, e *Ending) error {
	t.heading(out, fmt.Sprintf("POINTS %d", len(e.Points)))
	g := text.Grid{
		Columns: []text.GridColumn{
			{Name: "name", Header: text.Cell{Full: "POINT"}},
			{Name: "packets", Header: text.Cell{Full: "PACKETS"}, Right: true},
			{Name: "first", Header: text.Cell{Full: "FIRST"}},
			{Name: "span", Header: text.Cell{Full: "SPAN"}, Right: true},
			{Name: "offset", Header: text.Cell{Full: "CLOCK AHEAD"}, Right: true},
			{Name: "error", Header: text.Cell{Full: "±"}, Right: true},
			{Name: "drift", Header: text.Cell{Full: "DRIFT"}, Right: true, Hide: true},
			{Name: "dropped", Header: text.Cell{Full: "DROPPED"}, Right: true, Hide: true},
			{Name: "connections", Header: text.Cell{Full: "IN COMMON"}, Right: true},
			{Name: "alone", Header: text.Cell{Full: "ALONE"}, Right: true, Hide: true},
		},
		Steps: []text.Step{text.Shorten("first"), text.Drop("alone"), text.Drop("first"), text.Drop("drift"),
			text.Drop("span"), text.Drop("packets")},
	}
	for i := range e.Points {
		p := &e.Points[i]
		dropped := text.Unknown
		if p.Dropped != nil {
			dropped = text.Count(*p.Dropped)
		}
		drift := text.Unknown
		if d := p.Clock.Drift; d.Known && math.Abs(d.Value) > p.Clock.DriftError.Value && d.Value != 0 {
			drift = fmt.Sprintf("%.1f ± %.1f ppm", d.Value, p.Clock.DriftError.Value)
		}
		offset, margin := signed(p.Clock.Offset), text.Span(p.Clock.Error)
		switch p.Clock.Evidence {
		case result.ClockReference:
			offset, margin = text.Unknown, text.Unknown
		case result.ClockGiven:
			margin = "given"
		case result.ClockAssumed:
			offset, margin = text.Unknown, "unknown"
		}
		g.Rows = append(g.Rows, []text.Cell{
			{Full: p.Name}, {Full: text.Count(p.Packets)}, text.TimeCell(p.First),
			{Full: text.Span(text.Between(p.First, p.Last))},
			{Full: offset}, {Full: margin}, {Full: drift}, {Full: dropped}, {Full: text.Count(p.Connections)},
			text.Some(p.Alone),
		})
	}
	if err := g.Draw(out, t.options.Width, t.options.Color); err != nil {
		return err
	}
	t.legend(out, "CLOCK AHEAD: of the first point's clock, and by how much (±) that may be wrong")
	return nil
}

// signed is a duration with its sign.
func signed(d record.Duration) string {
	if d > 0 {
		return "+" + text.Span(d)
	}
	return text.Span(d)
}

func (t *Table) path(out *bytes.Buffer, e *Ending) error {
	t.heading(out, fmt.Sprintf("PATH %d", len(e.Path)/2))
	g := text.Grid{
		Columns: []text.GridColumn{
			{Name: "stretch", Header: text.Cell{Full: "STRETCH"}},
			{Name: "segments", Header: text.Cell{Full: "SEGMENTS"}, Right: true},
			{Name: "lost", Header: text.Cell{Full: "LOST"}, Right: true},
			{Name: "share", Header: text.Cell{Full: "LOST %"}, Right: true},
			{Name: "p50", Header: text.Cell{Full: "DELAY P50"}, Right: true},
			{Name: "p99", Header: text.Cell{Full: "P99"}, Right: true},
			{Name: "born", Header: text.Cell{Full: "BORN"}, Right: true, Hide: true},
			{Name: "delayed", Header: text.Cell{Full: "DELAYED"}, Right: true, Hide: true},
			{Name: "overtaken", Header: text.Cell{Full: "OVERTAKEN"}, Right: true, Hide: true},
			{Name: "duplicated", Header: text.Cell{Full: "DOUBLED"}, Right: true, Hide: true},
			{Name: "unknown", Header: text.Cell{Full: "NOT CAPTURED"}, Right: true, Hide: true},
			{Name: "always", Header: text.Cell{Full: "ALWAYS CHANGED"}, Hide: true},
		},
		Steps: []text.Step{text.Drop("segments"), text.Drop("overtaken"), text.Drop("duplicated"), text.Drop("always"),
			text.Drop("unknown"), text.Drop("lost")},
	}
	for i := range e.Path {
		s := &e.Path[i]
		name := s.Between[0] + " → " + s.Between[1]
		if s.Way == result.ToClient {
			name = s.Between[1] + " → " + s.Between[0]
		}
		share := text.Unknown
		if s.LostShare.Known && s.Lost > 0 {
			share = text.Percent(s.LostShare.Value)
		}
		var always []string
		for _, ch := range s.Always {
			always = append(always, alwaysWords(&ch))
		}
		lost := text.Some(s.Lost)
		if s.Lost > 0 {
			lost.Tone = text.Bad
		}
		g.Rows = append(g.Rows, []text.Cell{
			{Full: name}, {Full: text.Count(s.Segments)}, lost, {Full: share}, {Full: text.Span(s.Delay.P50)},
			{Full: text.Span(s.Delay.P99)},
			text.Some(s.Born), text.Some(s.Delayed), text.Some(s.Reordered), text.Some(s.Duplicated),
			text.Some(s.NotCaptured),
			{Full: cmp.Or(strings.Join(always, ", "), text.Unknown)},
		})
	}
	if err := g.Draw(out, t.options.Width, t.options.Color); err != nil {
		return err
	}
	var words []string
	if slices.ContainsFunc(e.Path, func(s result.Stretch) bool { return s.Lost > 0 }) {
		words = append(words, "LOST: seen before the stretch and not after it")
	}
	if slices.ContainsFunc(e.Path, func(s result.Stretch) bool { return s.Born > 0 }) {
		words = append(words, "BORN: seen after it and not before")
	}
	if len(words) > 0 {
		t.legend(out, strings.Join(words, "; "))
	}
	return nil
}

// alwaysWords returns a change in a few characters.
func alwaysWords(ch *result.Change) string {
	from, isNumber := ch.From.Any().(int)
	to, alsoNumber := ch.To.Any().(int)
	switch {
	case ch.Field == result.FieldTTL && isNumber && alsoNumber:
		return fmt.Sprintf("ttl %+d", to-from)
	case ch.To.Any() == nil:
		return string(ch.Field) + " removed"
	case ch.Field == result.FieldMSS && alsoNumber:
		return fmt.Sprintf("mss %d", to)
	}
	return string(ch.Field)
}

func (t *Table) list(out *bytes.Buffer, c *result.Comparison) {
	total := t.connections.Total
	rows := t.connections.Sorted()
	if total > 0 {
		count := text.Count(total)
		if t.options.Chosen {
			count += " of " + text.Count(c.Connections+c.TwoConnections)
		}
		out.WriteString("\n" + t.paint(text.Bold, "CONNECTIONS "+count) + text.Gap +
			t.paint(text.Faint, "worst first") + "\n")
	}
	for _, lines := range rows {
		out.WriteString(t.paint(text.Bold, lines[0]) + "\n")
		for _, line := range lines[1:] {
			t.wrapped(out, "   ", line)
		}
	}
	if more := total - uint64(len(rows)); more > 0 {
		out.WriteString(t.paint(text.Faint, "… and "+text.Count(more)+" more: --top 0 or -o jsonl shows all") + "\n")
	}
	if t.quiet > 0 && total > 0 {
		more := text.Counted(t.quiet, "more connection")
		out.WriteString(t.paint(text.Faint, "Every segment of "+more+" passed") + "\n")
	}
}
