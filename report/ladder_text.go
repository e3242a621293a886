package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// LadderOptions say how ladders are drawn.
type LadderOptions struct {
	Width int  // characters in a line, at least 80; 0 for DefaultLadderWidth
	Color bool // with ANSI colours
	ASCII bool // without any other character
}

// DefaultLadderWidth is for what is not read on a terminal: a mail, a ticket.
const DefaultLadderWidth = 100

const minLadderWidth = 80

// WriteText draws the ladders for people, and says first how they were chosen.
func (e *Explanation) WriteText(w io.Writer, o LadderOptions) error {
	if o.Width == 0 {
		o.Width = DefaultLadderWidth
	}
	o.Width = max(o.Width, minLadderWidth)
	d := &ladderDrawing{o: o, glyphs: &unicodeGlyphs}
	if o.ASCII {
		d.glyphs = &asciiGlyphs
	}
	if e.Offered > 0 || len(e.Ladders) == 0 {
		d.choice(e)
	}
	for i, l := range e.Ladders {
		if i > 0 {
			d.line("")
		}
		d.draw(l)
	}
	_, err := w.Write(d.out.Bytes())
	return err
}

type glyphs struct {
	line, dots, left, right, dropped rune
	good, bad                        string
	replace                          *strings.Replacer
}

var (
	unicodeGlyphs = glyphs{'─', '┄', '◀', '▶', '✗', "✓", "✗", strings.NewReplacer()}
	asciiGlyphs   = glyphs{'-', '.', '<', '>', 'X', "ok", "WRONG", strings.NewReplacer(
		"→", "->", "←", "<-", "…", "...", "§", "sec.", "µ", "u", "–", "-", "×", "x")}
)

// ladderDrawing is the text of ladders.
type ladderDrawing struct {
	o      LadderOptions
	glyphs *glyphs
	out    bytes.Buffer

	timeWidth, packetWidth  int
	clientWidth, arrowWidth int
	serverWidth             int
	broken                  bool // states stand below each other
}

func (d *ladderDrawing) line(s string) {
	d.out.WriteString(strings.TrimRight(s, " "))
	d.out.WriteByte('\n')
}

// text makes a text fit to be printed.
func (d *ladderDrawing) text(s string) string {
	s = d.glyphs.replace.Replace(plain(s))
	if !d.o.ASCII {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, s)
}

func (d *ladderDrawing) paint(t tone, s string) string {
	if !d.o.Color {
		return s
	}
	return t.paint(s)
}

func (d *ladderDrawing) draw(l *Ladder) {
	d.head(l)
	d.measure(l)
	d.line(d.paint(bold, d.columns(cell{full: "TIME"}, "PKT", "CLIENT", "", "SERVER")))
	for i := range l.Rungs {
		d.rung(l, &l.Rungs[i])
	}
	d.line("")
	d.line(d.paint(bold, "VERDICT"))
	for _, s := range l.Verdict {
		d.wrapped("  ", "  ", s, calm)
	}
	for i := range l.Connection.Findings {
		f := &l.Connection.Findings[i]
		kind := advice(f.Code)
		d.wrapped("  ", "    ", string(f.Severity)+" "+f.Code+": "+f.Detail+" ("+kind.Source+")", severities[severityRank(f.Severity)].tone)
		d.wrapped("    → ", "      ", kind.Advice, calm)
	}
}

// choice says what the ladders were chosen from.
func (d *ladderDrawing) choice(e *Explanation) {
	how := "connections: " + count(e.Connections)
	if e.Offered < e.Connections {
		how += ", by --where " + count(e.Offered)
	}
	if shown := uint64(len(e.Ladders)); shown < e.Offered {
		how += fmt.Sprintf("; here %d, one of each kind, those first that have most findings (--top N shows more kinds, --conn ID any connection)", shown)
	}
	d.wrapped("", "", how, calm)
	d.line("")
}

func (d *ladderDrawing) head(l *Ladder) {
	c := l.Connection
	client, server := endpointCell(&c.Client).full, endpointCell(&c.Server).full
	d.line(d.paint(bold, d.text(fmt.Sprintf("CONNECTION %d  %s → %s", c.ID, client, server))))
	if l.Alike > 0 {
		d.line(d.text("one of " + count(l.Alike+1) + " of its kind"))
	}
	begins := "begins " + string(c.Start.Append(nil))
	if len(c.Encapsulation) > 0 {
		begins += ", inside " + string(appendEncapsulation(nil, c.Encapsulation))
	}
	if c.PreviousID != 0 {
		begins += fmt.Sprintf(", after connection %d of the same ports", c.PreviousID)
	}
	d.wrapped("", "", begins, calm)
	d.wrapped("", "", d.origins(l), calm)
	d.line("")
}

func (d *ladderDrawing) origins(l *Ladder) string {
	var parts []string
	for _, o := range []struct {
		name, whose string
		o           Origin
	}{{"x", "the client's", l.X}, {"y", "the server's", l.Y}} {
		if !o.o.Seq.Known {
			continue
		}
		what := "first number in the capture"
		if o.o.ISN {
			what = "ISN"
		}
		parts = append(parts, fmt.Sprintf("%s = %d is %s %s", o.name, o.o.Seq.Number, o.whose, what))
	}
	s := strings.Join(parts, ", ")
	if strings.Contains(fmt.Sprint(l.Connection.Client.States, l.Connection.Server.States), string(record.Inferred)) {
		s += "; ~ is inferred, not seen"
	}
	return s + "; § alone is RFC 9293"
}

// measure finds the widths of the columns. The states get what they need, the arrows what is left; where that is too
// little the states are broken at their arrows.
func (d *ladderDrawing) measure(l *Ladder) {
	const minArrow = 15
	d.timeWidth, d.packetWidth = len("TIME"), len("PKT")
	widest := func(side record.Side) int {
		n := len("CLIENT")
		for i := range l.Rungs {
			for _, line := range d.states(l.Rungs[i].side(side)) {
				n = max(n, width(line))
			}
		}
		return n
	}
	for i := range l.Rungs {
		r := &l.Rungs[i]
		d.timeWidth = max(d.timeWidth, width(offset(r.Offset)))
		d.packetWidth = max(d.packetWidth, len(strconv.FormatUint(uint64(r.Packet), 10)))
	}
	for _, d.broken = range []bool{false, true} {
		d.clientWidth, d.serverWidth = widest(record.Client), widest(record.Server)
		d.arrowWidth = d.o.Width - d.indent() - d.clientWidth - d.serverWidth - 2
		if d.arrowWidth >= minArrow {
			break
		}
	}
	d.arrowWidth = min(max(d.arrowWidth, minArrow), 56)
}

func (d *ladderDrawing) indent() int { return d.timeWidth + 2 + d.packetWidth + 2 }

func (d *ladderDrawing) columns(time cell, packet, client, arrow, server string) string {
	return strings.Repeat(" ", d.timeWidth-width(time.full)) + time.full + "  " +
		strings.Repeat(" ", d.packetWidth-len(packet)) + packet + "  " +
		pad(client, d.clientWidth) + " " + pad(arrow, d.arrowWidth) + " " + server
}

// offset is a time since the first packet, in seconds.
func offset(o record.Duration) string {
	return strconv.FormatFloat(float64(o)/1e9, 'f', 6, 64)
}

// width is the number of columns of a text without colours.
func width(s string) int { return utf8.RuneCountInString(s) }

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// states are the lines of one side at a rung.
func (d *ladderDrawing) states(s *LadderSide) []string {
	mark := func(state string, e record.Evidence) string {
		if e == record.Inferred {
			return "~" + state
		}
		return state
	}
	if len(s.Changes) == 0 {
		if !s.State.Known {
			return []string{unknown}
		}
		return []string{mark(s.State.State.String(), s.Evidence)}
	}
	var lines []string
	first := &s.Changes[0]
	if first.From.Known {
		lines = append(lines, mark(first.From.State.String(), s.before)+" → "+mark(first.To.String(), first.Evidence))
	} else {
		lines = append(lines, mark(first.To.String(), first.Evidence))
	}
	if d.broken {
		lines = strings.Split(strings.Replace(lines[0], " → ", "\n→ ", 1), "\n")
	}
	for _, c := range s.Changes[1:] {
		lines = append(lines, "→ "+mark(c.To.String(), c.Evidence))
	}
	for i := range lines {
		lines[i] = d.text(lines[i])
	}
	return lines
}

func (d *ladderDrawing) rung(l *Ladder, r *Rung) {
	packet := ""
	switch r.Kind {
	case RungFold:
		d.wrapped(strings.Repeat(" ", d.indent()), strings.Repeat(" ", d.indent()), foldText(r.Fold), faint)
		return
	case RungSegment, RungICMP:
		packet = strconv.FormatUint(uint64(r.Packet), 10)
	}
	client, server := d.states(&r.Client), d.states(&r.Server)
	for i := 0; i < max(len(client), len(server)); i++ {
		at := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return ""
		}
		if i == 0 {
			d.line(d.columns(cell{full: offset(r.Offset)}, packet, at(client), d.arrow(r), at(server)))
		} else {
			d.line(d.columns(cell{}, "", at(client), "", at(server)))
		}
	}
	d.notes(l, r)
}

// arrow is the segment on its way.
func (d *ladderDrawing) arrow(r *Rung) string {
	g := d.glyphs
	label, line, head := "", g.line, g.right
	toLeft := r.From == record.Server
	switch r.Kind {
	case RungEvent:
		return ""
	case RungICMP:
		label, line = fmt.Sprintf("ICMP %d/%d", r.ICMP.Type, r.ICMP.Code), g.dots
		toLeft = !toLeft
	default:
		label = cmp.Or(strings.Join(r.Segment.Flags, ","), "no flags")
		if r.duplicate || r.Of != 0 {
			line = g.dots
		}
	}
	if toLeft {
		head = g.left
	}
	if r.dropped() {
		head = g.dropped
	}
	room := d.arrowWidth - width(label) - 3
	if room < 0 {
		return label
	}
	before, after := strings.Repeat(string(line), room/2), strings.Repeat(string(line), room-room/2)
	if toLeft {
		return string(head) + after + " " + label + " " + before
	}
	return before + " " + label + " " + after + string(head)
}

// dropped reports that the receiver drops the segment unread.
func (r *Rung) dropped() bool { return r.effect.Has(tcpstate.Foreign) && !r.duplicate }

// notes are the lines below an arrow.
func (d *ladderDrawing) notes(l *Ladder, r *Rung) {
	indent := strings.Repeat(" ", d.indent())
	note := func(s string, t tone) { d.wrapped(indent, indent+"  ", s, t) }
	if r.Segment != nil {
		to := other(r.From)
		if l.self() {
			to = r.From
		}
		d.items(indent, indent+"  ", d.numbers(r, to), ", ", faint)
	}
	if r.ICMP != nil {
		note("from "+r.ICMP.From, calm)
	}
	for _, m := range r.Remarks {
		note(m.Text+bracketed(m.Source), calm)
	}
	for _, side := range [...]record.Side{record.Client, record.Server} {
		s := r.side(side)
		for _, c := range s.Changes {
			text := side.String() + ": " + c.Rule + bracketed(c.Source)
			if c.Packet != r.Packet && c.Packet != 0 {
				text += fmt.Sprintf("; by packet %d", c.Packet)
			}
			if c.Since > r.At {
				text += fmt.Sprintf("; from %s on: what it sent until then had left before", offset(between(l.Connection.Start, c.Since)))
			}
			note(text, calm)
		}
		if w := s.Withdrawn; w != nil {
			text := fmt.Sprintf("%s: not %s by this: ", side, w.State)
			if w.By == 0 {
				text += "nothing shows that it arrived"
			} else {
				text += fmt.Sprintf("packet %d shows that it had not arrived, or was not accepted", w.By)
			}
			note(text, alert)
		}
	}
	for i := range l.Connection.Findings {
		if f := &l.Connection.Findings[i]; l.happensAt(f) == r {
			note("! "+f.Code+": "+advice(f.Code).Meaning, severities[severityRank(f.Severity)].tone)
		}
	}
}

// happensAt is the last rung that a finding names, nil if it names none: before that it has not happened.
func (l *Ladder) happensAt(f *record.Finding) *Rung {
	for i := len(l.Rungs) - 1; i >= 0; i-- {
		if r := &l.Rungs[i]; r.Kind != RungFold && slices.Contains(f.Packets, uint64(r.Packet)) {
			return r
		}
	}
	return nil
}

// numbers are SEG.SEQ, SEG.ACK and the rest, with the checks.
func (d *ladderDrawing) numbers(r *Rung, to record.Side) []string {
	s := r.Segment
	check := func(c Check) string {
		switch c {
		case CheckGood:
			return " " + d.glyphs.good
		case CheckBad:
			return " " + d.glyphs.bad
		}
		return ""
	}
	number := func(raw uint32, n *int64, side record.Side, c Check) string {
		text := strconv.FormatUint(uint64(raw), 10)
		if n != nil {
			text += " = " + relative(*n, side)
		}
		return text + check(c)
	}
	parts := []string{"seq " + number(s.Seq, s.SeqRelative, r.From, s.SeqCheck)}
	if s.Ack.Known {
		ack := "ack " + number(s.Ack.Number, s.AckRelative, to, CheckNone)
		if s.AckOfFin {
			ack += " = FIN+1"
		}
		parts = append(parts, ack+check(s.AckCheck))
	}
	return append(parts, "len "+strconv.FormatUint(uint64(s.Len), 10), "win "+strconv.Itoa(int(s.Window)))
}

// bracketed is a source behind what it is the source of.
func bracketed(s Source) string {
	if s == "" {
		return ""
	}
	return " (" + strings.TrimPrefix(string(s), "RFC 9293 ") + ")"
}

// foldText says what is not shown.
func foldText(f *LadderFold) string {
	total := f.Client.Segments + f.Server.Segments
	text := fmt.Sprintf("… %s up to packet %d: %s C→S, %s S→C, %s", counted(total, "segment"), f.Last,
		counted(f.Client.Bytes, "octet"), counted(f.Server.Bytes, "octet"), span(f.Duration))
	for _, n := range []struct {
		what string
		n    uint64
	}{
		{"sent again", f.Client.Again + f.Server.Again},
		{"twice in the capture", f.Client.Duplicates + f.Server.Duplicates},
		{"foreign", f.Client.Foreign + f.Server.Foreign},
	} {
		if n.n > 0 {
			text += fmt.Sprintf(", %s %s", count(n.n), n.what)
		}
	}
	return text
}

// wrapped writes a text in lines of the width.
func (d *ladderDrawing) wrapped(first, rest, s string, t tone) {
	d.items(first, rest, strings.Split(s, " "), " ", t)
}

// items writes a list in lines of the width, which end behind an item.
func (d *ladderDrawing) items(first, rest string, items []string, separator string, t tone) {
	first = d.text(first)
	for i := range items {
		items[i] = d.text(items[i])
	}
	for i, line := range wrap(items, separator, d.o.Width-max(width(first), width(rest))) {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		d.line(prefix + d.paint(t, line))
	}
}
