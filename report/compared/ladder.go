package compared

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/report/internal/text"
)

// LadderOptions say how a ladder is drawn.
type LadderOptions struct {
	Width int // characters in a line; 0 for no limit
	Color bool
	ASCII bool // without other characters
}

// glyphs are the characters of a ladder.
type glyphs struct{ line, right, left, lost, born, gap, fold string }

var (
	pictures = glyphs{line: "─", right: "▶", left: "◀", lost: "✗", born: "✱", gap: "?", fold: "…"}
	letters  = glyphs{line: "-", right: ">", left: "<", lost: "x", born: "*", gap: "?", fold: "..."}
)

// A layout has the widths of the columns.
type layout struct {
	segment int // 0: the segment has a line of its own above the lanes
	indent  int // of the lanes then
	lane    int // the number of its packet at a point
	arrow   int // between two points
}

// wide is the layout for lines that are long enough.
var wide = layout{segment: 36, lane: 7, arrow: 12}

const timeWidth = 12

// Of a run of segments that passed everywhere, only the first and the last are shown.
const (
	runHead = 3
	runTail = 2
)

// WriteLadder draws the segments of a connection, one line each, with a lane for each point: the numbers of their
// packets there, and between them how long they took. A run of segments to which nothing happened is folded into a
// line.
func WriteLadder(w io.Writer, l *result.ComparedLadder, points []result.Point, o LadderOptions) error {
	d := drawing{ladder: l, points: points, options: o, glyphs: pictures}
	if o.ASCII {
		d.glyphs = letters
	}
	d.layout = d.fit()
	d.head()
	for i := 0; i < len(l.Journeys); {
		run := i
		for run < len(l.Journeys) && d.ordinary(&l.Journeys[run]) {
			run++
		}
		if hidden := run - i - runHead - runTail; hidden > 1 {
			for k := range runHead {
				d.rung(&l.Journeys[i+k])
			}
			d.line(text.Faint, "%12s  %s %s passed everywhere", "", d.glyphs.fold,
				text.Counted(uint64(hidden), "segment"))
			i = run - runTail
		}
		for ; i < run; i++ {
			d.rung(&l.Journeys[i])
		}
		if i < len(l.Journeys) {
			d.rung(&l.Journeys[i])
			i++
		}
	}
	if l.LeftOut > 0 {
		d.line(text.Faint, "%12s  %s %s not kept", "", d.glyphs.fold, text.Counted(l.LeftOut, "more segment"))
	}
	d.legend()
	d.states()
	if story := Story(&l.Compared); len(story) > 0 {
		d.out.WriteByte('\n')
		for _, line := range story {
			d.wrapped(text.Calm, d.plain(line))
		}
	}
	_, err := w.Write(d.out.Bytes())
	return err
}

// drawing is an unfinished ladder.
type drawing struct {
	out     bytes.Buffer
	ladder  *result.ComparedLadder
	points  []result.Point
	options LadderOptions
	glyphs  glyphs
	layout  layout
}

// fit chooses the widest layout that fits, or the narrowest one.
func (d *drawing) fit() layout {
	segment, packet, words := 0, 0, 0
	for i := range d.ladder.Journeys {
		j := &d.ladder.Journeys[i]
		segment, words = max(segment, text.Width(segmentWords(j))), max(words, text.Width(verdictWords(j)))
		for _, n := range j.Packets {
			packet = max(packet, len(fmt.Sprint(n)))
		}
	}
	layouts := []layout{
		wide,
		{segment: segment + 2, lane: packet + 2, arrow: wide.arrow},
		{indent: timeWidth + 2, lane: packet + 2, arrow: wide.arrow},
		{indent: 4, lane: packet + 1, arrow: 10},
		{indent: 2, lane: packet + 1, arrow: 6},
	}
	for _, l := range layouts {
		width := l.indent + len(d.points)*l.lane + (len(d.points)-1)*l.arrow
		if l.segment > 0 {
			width += timeWidth + 2 + l.segment + 2 + words
		}
		if d.options.Width == 0 || width <= d.options.Width {
			return l
		}
	}
	return layouts[len(layouts)-1]
}

// wrapped writes a text in lines of the width, all but the first a little further in.
func (d *drawing) wrapped(tone text.Tone, s string) {
	for i, line := range text.Wrap(strings.Split(s, " "), " ", max(d.options.Width-2, 0)) {
		if i > 0 {
			line = "  " + line
		}
		d.line(tone, "%s", line)
	}
}

func (d *drawing) line(tone text.Tone, format string, args ...any) {
	s := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	if d.options.Color {
		s = tone.Paint(s)
	}
	d.out.WriteString(s + "\n")
}

// plain replaces characters other than ASCII, if the options ask for it.
func (d *drawing) plain(s string) string {
	if !d.options.ASCII {
		return s
	}
	return strings.NewReplacer("→", "->", "µ", "u", "…", "...").Replace(s)
}

func (d *drawing) head() {
	c := &d.ladder.Compared
	for _, line := range pair(fmt.Sprintf("CONNECTION %d  ", c.ID), c, d.options.Width) {
		d.line(text.Bold, "%s", d.plain(line))
	}
	d.line(text.Calm, "begins %s, numbers are counted from the ISNs", string(c.Start.Append(nil)))
	d.out.WriteByte('\n')
	lanes := ""
	for i, p := range d.points {
		name, most := p.Name, d.layout.lane+d.layout.arrow-2
		if text.Width(name) > most {
			cut := d.plain("…")
			name = string([]rune(name)[:max(0, most-len([]rune(cut)))]) + cut
		}
		if i < len(d.points)-1 {
			name = text.Pad(name, d.layout.lane+d.layout.arrow)
		}
		lanes += name
	}
	if d.layout.segment == 0 {
		d.line(text.Bold, "%*s  SEGMENT", timeWidth, "TIME")
		d.line(text.Bold, "%*s%s", d.layout.indent, "", lanes)
		return
	}
	d.line(text.Bold, "%*s  %s%s", timeWidth, "TIME", text.Pad("SEGMENT", d.layout.segment), lanes)
}

// pair names the sockets of a connection after a title, in two lines if they do not fit into one.
func pair(title string, c *result.Compared, width int) []string {
	line := title + socket(&c.Client) + " → " + socket(&c.Server)
	if width == 0 || text.Width(line) <= width {
		return []string{line}
	}
	return []string{title + socket(&c.Client), strings.Repeat(" ", max(0, len(title)-2)) + "→ " + socket(&c.Server)}
}

// ordinary reports whether a segment passed everywhere and neither opens nor closes the connection.
func (d *drawing) ordinary(j *result.Journey) bool {
	if len(j.Verdicts) > 0 || j.What != "data" && j.What != "ACK" {
		return false
	}
	for _, p := range d.points {
		if j.Packets[p.Name] == 0 {
			return false
		}
	}
	return true
}

func (d *drawing) rung(j *result.Journey) {
	first := record.NoTime
	for _, p := range d.points {
		if t := j.Times[p.Name]; t != record.NoTime && (first == record.NoTime || t < first) {
			first = t
		}
	}
	tone := text.Calm
	switch {
	case slices.Contains(j.Verdicts, result.Lost), slices.Contains(j.Verdicts, result.Born):
		tone = text.Bad
	case len(j.Verdicts) > 0:
		tone = text.Alert
	}
	at := float64(first-d.ladder.Compared.Start) / 1e9
	if d.layout.segment == 0 {
		d.line(tone, "%*.6f  %s  %s", timeWidth, at, segmentWords(j), verdictWords(j))
		d.line(tone, "%*s%s", d.layout.indent, "", d.lanes(j))
		return
	}
	d.line(tone, "%*.6f  %s%s  %s", timeWidth, at, text.Pad(segmentWords(j), d.layout.segment), d.lanes(j),
		verdictWords(j))
}

// segmentWords describes a segment.
func segmentWords(j *result.Journey) string {
	what := strings.Join(j.Flags, ",") + fmt.Sprintf(" seq %d", j.Seq)
	if j.Ack != nil {
		what += fmt.Sprintf(" ack %d", *j.Ack)
	}
	if j.Len > 0 {
		what += fmt.Sprintf(" len %d", j.Len)
	}
	return what
}

// verdictWords names what happened to a segment.
func verdictWords(j *result.Journey) string {
	var words []string
	for _, v := range j.Verdicts {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}

// lanes draws the packets at the points and the arrows between.
func (d *drawing) lanes(j *result.Journey) string {
	var b strings.Builder
	// On the way: where it was seen first and last.
	from, to := -1, -1
	for i := range d.points {
		if j.Packets[d.points[i].Name] != 0 {
			if from < 0 {
				from = i
			}
			to = i
		}
	}
	right := j.Way == result.ToServer
	lost := slices.Contains(j.Verdicts, result.Lost)
	born := slices.Contains(j.Verdicts, result.Born) || slices.Contains(j.Verdicts, result.Duplicated)
	for i, p := range d.points {
		cell := ""
		switch packet := j.Packets[p.Name]; {
		case packet != 0:
			cell = fmt.Sprint(packet)
		case from < i && i < to:
			cell = d.glyphs.gap
		}
		b.WriteString(text.Pad(cell, d.layout.lane))
		if i == len(d.points)-1 {
			break
		}
		here, next := j.Packets[p.Name] != 0, j.Packets[d.points[i+1].Name] != 0
		switch {
		case here && next:
			d.arrow(&b, right, text.Span(delay(j, p.Name, d.points[i+1].Name, right)))
		case from <= i && i < to:
			d.arrow(&b, right, "")
		case right && i == to && lost:
			b.WriteString(d.broken(d.half()+d.glyphs.lost, false))
		case !right && i+1 == from && lost:
			b.WriteString(d.broken(d.glyphs.lost+d.half(), true))
		case right && i+1 == from && born:
			b.WriteString(d.broken(d.glyphs.born+d.half()+d.glyphs.right, true))
		case !right && i == to && born:
			b.WriteString(d.broken(d.glyphs.left+d.half()+d.glyphs.born, false))
		default:
			b.WriteString(strings.Repeat(" ", d.layout.arrow))
		}
	}
	return b.String()
}

// delay is how long a segment took between two lanes.
func delay(j *result.Journey, left, right string, toRight bool) record.Duration {
	if toRight {
		return text.Between(j.Times[left], j.Times[right])
	}
	return text.Between(j.Times[right], j.Times[left])
}

// arrow draws one with a text on it.
func (d *drawing) arrow(b *strings.Builder, right bool, on string) {
	if on = d.plain(on); text.Width(on) > d.layout.arrow-3 {
		on = ""
	}
	line := strings.Repeat(d.glyphs.line, max(0, d.layout.arrow-3-text.Width(on)))
	half := len([]rune(line)) / 2
	body := string([]rune(line)[:half]) + on + string([]rune(line)[half:])
	if right {
		b.WriteString(body + d.glyphs.right + "  ")
	} else {
		b.WriteString(d.glyphs.left + body + "  ")
	}
}

// half is the line of an arrow that ends, or begins, in the middle.
func (d *drawing) half() string { return strings.Repeat(d.glyphs.line, max(0, d.layout.arrow/2-3)) }

// broken puts a half arrow on the left or on the right of its lane.
func (d *drawing) broken(arrow string, right bool) string {
	if right {
		const gap = 2
		return strings.Repeat(" ", d.layout.arrow-gap-text.Width(arrow)) + arrow + strings.Repeat(" ", gap)
	}
	return text.Pad(arrow, d.layout.arrow)
}

// legend says what the columns and the signs in them mean.
func (d *drawing) legend() {
	signs := ""
	for _, sign := range []struct{ glyph, means string }{
		{d.glyphs.lost, "lost"}, {d.glyphs.born, "born"}, {d.glyphs.gap, "passed, but not captured"},
	} {
		if slices.ContainsFunc(d.ladder.Journeys, func(j result.Journey) bool {
			return strings.Contains(d.lanes(&j), sign.glyph)
		}) {
			signs += "; " + sign.glyph + " " + sign.means
		}
	}
	d.wrapped(text.Faint, "Below each point: the packet's number there"+signs)
}

// states writes the states of both ends, as the points nearest to them saw these.
func (d *drawing) states() {
	c := &d.ladder.Compared
	d.out.WriteByte('\n')
	for _, side := range []struct {
		name string
		*result.ComparedEndpoint
	}{{"client", &c.Client}, {"server", &c.Server}} {
		var list []string
		for _, s := range side.States {
			mark := ""
			if s.Evidence == record.Inferred {
				mark = "~"
			}
			list = append(list, fmt.Sprintf("%s%s %.6f", mark, s.State, float64(s.At-c.Start)/1e9))
		}
		if len(list) == 0 {
			list = []string{"nothing known"}
		}
		d.wrapped(text.Calm, fmt.Sprintf("%s, as %s saw it: %s", side.name, side.Point, strings.Join(list, ", ")))
	}
}
