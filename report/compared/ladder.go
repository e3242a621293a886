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
	Color bool
	ASCII bool // without other characters
}

// glyphs are the characters of a ladder.
type glyphs struct{ line, right, left, lost, born, gap, fold string }

var (
	pictures = glyphs{line: "─", right: "▶", left: "◀", lost: "✗", born: "✱", gap: "?", fold: "…"}
	letters  = glyphs{line: "-", right: ">", left: "<", lost: "x", born: "*", gap: "?", fold: "..."}
)

// The widths of a lane and of what lies between two.
const (
	laneWidth  = 7
	arrowWidth = 12
)

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
	d.states()
	if story := Story(&l.Compared); len(story) > 0 {
		d.out.WriteByte('\n')
		for _, line := range story {
			d.line(text.Calm, "%s", d.plain(line))
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
	d.line(text.Bold, "CONNECTION %d  %s", c.ID, d.plain(socket(&c.Client)+" → "+socket(&c.Server)))
	d.line(text.Calm, "begins %s, numbers are counted from the ISNs", string(c.Start.Append(nil)))
	d.out.WriteByte('\n')
	lanes := ""
	for i, p := range d.points {
		name := p.Name
		if text.Width(name) > laneWidth+arrowWidth-2 {
			name = string([]rune(name)[:laneWidth+arrowWidth-3]) + d.plain("…")
		}
		lanes += text.Pad(name, laneWidth)
		if i < len(d.points)-1 {
			lanes += strings.Repeat(" ", max(0, arrowWidth-max(0, text.Width(name)-laneWidth)))
		}
	}
	d.line(text.Bold, "%12s  %s%s", "TIME", text.Pad("SEGMENT", segmentWidth), lanes)
}

const segmentWidth = 36

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
	what := strings.Join(j.Flags, ",") + fmt.Sprintf(" seq %d", j.Seq)
	if j.Ack != nil {
		what += fmt.Sprintf(" ack %d", *j.Ack)
	}
	if j.Len > 0 {
		what += fmt.Sprintf(" len %d", j.Len)
	}
	tone := text.Calm
	switch {
	case slices.Contains(j.Verdicts, result.Lost), slices.Contains(j.Verdicts, result.Born):
		tone = text.Bad
	case len(j.Verdicts) > 0:
		tone = text.Alert
	}
	var words []string
	for _, v := range j.Verdicts {
		words = append(words, string(v))
	}
	d.line(tone, "%12.6f  %s%s  %s", float64(first-d.ladder.Compared.Start)/1e9, text.Pad(what, segmentWidth),
		d.lanes(j), strings.Join(words, ", "))
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
		b.WriteString(text.Pad(cell, laneWidth))
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
			b.WriteString(strings.Repeat(" ", arrowWidth))
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
	on = d.plain(on)
	line := strings.Repeat(d.glyphs.line, max(0, arrowWidth-3-text.Width(on)))
	half := len([]rune(line)) / 2
	body := string([]rune(line)[:half]) + on + string([]rune(line)[half:])
	if right {
		b.WriteString(body + d.glyphs.right + "  ")
	} else {
		b.WriteString(d.glyphs.left + body + "  ")
	}
}

// half is the line of an arrow that ends, or begins, in the middle.
func (d *drawing) half() string { return strings.Repeat(d.glyphs.line, arrowWidth/2-3) }

// broken puts a half arrow on the left or on the right of its lane.
func (d *drawing) broken(arrow string, right bool) string {
	if right {
		const gap = 2
		return strings.Repeat(" ", arrowWidth-gap-text.Width(arrow)) + arrow + strings.Repeat(" ", gap)
	}
	return text.Pad(arrow, arrowWidth)
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
		d.line(text.Calm, "%s, as %s saw it: %s", side.name, side.Point, strings.Join(list, ", "))
	}
}
