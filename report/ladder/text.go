package ladder

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
	"github.com/tcplife/tcplife/report/internal/text"
)

// Options say how ladders are drawn.
type Options struct {
	Width int  // characters in a line, at least 80; 0 for DefaultLadderWidth
	Color bool // with ANSI colours
	ASCII bool // without any other character
	// Diagram draws the state diagram of RFC 9293 §3.3.2 with the ways of both endpoints in place of the segments.
	Diagram bool
}

// DefaultWidth is for what is not read on a terminal: a mail, a ticket.
const DefaultWidth = 100

const minWidth = 80

// WriteText draws the ladders as text, and first says how they were chosen.
func (e *Explanation) WriteText(w io.Writer, o Options) error {
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	o.Width = max(o.Width, minWidth)
	d := &drawing{o: o, glyphs: &unicodeGlyphs}
	if o.ASCII {
		d.glyphs = &asciiGlyphs
	}
	if e.chosen() {
		d.wrapped("", "", e.choice(), text.Calm)
		d.line("")
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

// drawing is the text of ladders.
type drawing struct {
	o      Options
	glyphs *glyphs
	out    bytes.Buffer

	timeWidth, packetWidth  int
	clientWidth, arrowWidth int
	serverWidth             int
	broken                  bool // states stand below each other
}

func (d *drawing) line(s string) {
	d.out.WriteString(strings.TrimRight(s, " "))
	d.out.WriteByte('\n')
}

// text makes a text fit to be printed.
func (d *drawing) text(s string) string {
	s = d.glyphs.replace.Replace(text.Plain(s))
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

func (d *drawing) paint(t text.Tone, s string) string {
	if !d.o.Color {
		return s
	}
	return t.Paint(s)
}

func (d *drawing) draw(l *Ladder) {
	d.head(l)
	if d.o.Diagram {
		d.diagram(l.Connection)
	} else {
		d.rungs(l)
	}
	d.line("")
	d.line(d.paint(text.Bold, "VERDICT"))
	for _, s := range l.Verdict {
		d.wrapped("  ", "  ", s, text.Calm)
	}
	for i := range l.Connection.Findings {
		f := &l.Connection.Findings[i]
		said, advice := describeFinding(f)
		d.wrapped("  ", "    ", said, text.Severities[text.SeverityRank(f.Severity)])
		d.wrapped("    → ", "      ", advice, text.Calm)
	}
}

// describeFinding is what a finding says, and what to do about it.
func describeFinding(f *record.Finding) (said, todo string) {
	kind := advice(f.Code)
	return string(f.Severity) + " " + f.Code + ": " + f.Detail + " (" + kind.Source + ")", kind.Advice
}

func (d *drawing) rungs(l *Ladder) {
	d.measure(l)
	d.line(d.paint(text.Bold, d.columns(text.Cell{Full: "TIME"}, "PKT", "CLIENT", "", "SERVER")))
	for i := range l.Rungs {
		d.rung(l, &l.Rungs[i])
	}
}

// choice says what the ladders were chosen from.
func (e *Explanation) choice() string {
	how := "connections: " + text.Count(e.Connections)
	if e.Offered < e.Connections {
		how += ", by --where " + text.Count(e.Offered)
	}
	if shown := uint64(len(e.Ladders)); shown < e.Offered {
		how += fmt.Sprintf("; here %d, one of each kind, those first that have most findings (--top N shows more "+
			"kinds, "+
			"--conn ID any connection)", shown)
	}
	return how
}

// chosen reports that there is something to say about the choice: the user named no connection, or there is none.
func (e *Explanation) chosen() bool { return e.Offered > 0 || len(e.Ladders) == 0 }

func (d *drawing) head(l *Ladder) {
	d.line(d.paint(text.Bold, d.text("CONNECTION "+l.title())))
	for _, s := range l.introduction() {
		d.wrapped("", "", s, text.Calm)
	}
	d.line("")
}

// title names the connection.
func (l *Ladder) title() string {
	c := l.Connection
	return fmt.Sprintf("%d  %s → %s", c.ID, text.EndpointCell(&c.Client).Full, text.EndpointCell(&c.Server).Full)
}

// introduction is what is said before the first segment.
func (l *Ladder) introduction() (lines []string) {
	c := l.Connection
	if l.Alike > 0 {
		lines = append(lines, "one of "+text.Count(l.Alike+1)+" of its kind")
	}
	begins := "begins " + string(c.Start.Append(nil))
	if len(c.Encapsulation) > 0 {
		begins += ", inside " + string(text.AppendEncapsulation(nil, c.Encapsulation))
	}
	if c.PreviousID != 0 {
		begins += fmt.Sprintf(", after connection %d of the same ports", c.PreviousID)
	}
	return append(lines, begins, l.origins())
}

func (l *Ladder) origins() string {
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
func (d *drawing) measure(l *Ladder) {
	const minArrow = 15
	d.timeWidth, d.packetWidth = len("TIME"), len("PKT")
	widest := func(side record.Side) int {
		n := len("CLIENT")
		for i := range l.Rungs {
			for _, line := range d.states(l.Rungs[i].side(side)) {
				n = max(n, text.Width(line))
			}
		}
		return n
	}
	for i := range l.Rungs {
		r := &l.Rungs[i]
		d.timeWidth = max(d.timeWidth, text.Width(offset(r.Offset)))
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

func (d *drawing) indent() int { return d.timeWidth + 2 + d.packetWidth + 2 }

func (d *drawing) columns(time text.Cell, packet, client, arrow, server string) string {
	return strings.Repeat(" ", d.timeWidth-text.Width(time.Full)) + time.Full + "  " +
		strings.Repeat(" ", d.packetWidth-len(packet)) + packet + "  " +
		text.Pad(client, d.clientWidth) + " " + text.Pad(arrow, d.arrowWidth) + " " + server
}

// offset is a time since the first packet, in seconds.
func offset(o record.Duration) string {
	return strconv.FormatFloat(float64(o)/1e9, 'f', 6, 64)
}

// states are the lines of one side at a rung.
func (d *drawing) states(s *Side) []string {
	mark := func(state string, e record.Evidence) string {
		if e == record.Inferred {
			return "~" + state
		}
		return state
	}
	if len(s.Changes) == 0 {
		if !s.State.Known {
			return []string{text.Unknown}
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

func (d *drawing) rung(l *Ladder, r *Rung) {
	packet := ""
	switch r.Kind {
	case RungFold:
		d.wrapped(strings.Repeat(" ", d.indent()), strings.Repeat(" ", d.indent()), foldText(r.Fold), text.Faint)
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
			d.line(d.columns(text.Cell{Full: offset(r.Offset)}, packet, at(client), d.arrow(r), at(server)))
		} else {
			d.line(d.columns(text.Cell{}, "", at(client), "", at(server)))
		}
	}
	d.notes(l, r)
}

// arrow is the segment on its way.
func (d *drawing) arrow(r *Rung) string {
	g := d.glyphs
	label, line, head := r.label(), g.line, g.right
	toLeft := r.toClient()
	if r.Kind == RungEvent {
		return ""
	}
	if r.beside() {
		line = g.dots
	}
	if toLeft {
		head = g.left
	}
	if r.dropped() {
		head = g.dropped
	}
	room := d.arrowWidth - text.Width(label) - 3
	if room < 0 {
		return label
	}
	before, after := strings.Repeat(string(line), room/2), strings.Repeat(string(line), room-room/2)
	if toLeft {
		return string(head) + after + " " + label + " " + before
	}
	return before + " " + label + " " + after + string(head)
}

// label is what an arrow is called.
func (r *Rung) label() string {
	switch {
	case r.ICMP != nil:
		return fmt.Sprintf("ICMP %d/%d", r.ICMP.Type, r.ICMP.Code)
	case r.Segment != nil:
		return cmp.Or(strings.Join(r.Segment.Flags, ","), "no flags")
	}
	return ""
}

// toClient reports whether the arrow goes to the client. An ICMP error goes to the sender of what it quotes.
func (r *Rung) toClient() bool { return (r.From == record.Server) != (r.Kind == RungICMP) }

// beside reports that the arrow is no segment of the connection itself.
func (r *Rung) beside() bool { return r.Kind == RungICMP || r.duplicate || r.Of != 0 }

// dropped reports that the receiver drops the segment unread.
func (r *Rung) dropped() bool { return r.effect.Has(tcpstate.Rejected) && !r.duplicate }

// note is a line below an arrow.
type note struct {
	text string
	tone text.Tone
	rule bool // it says by which rule a state began
}

// notes are the lines below an arrow.
func (d *drawing) notes(l *Ladder, r *Rung) {
	indent := strings.Repeat(" ", d.indent())
	if r.Segment != nil {
		d.items(indent, indent+"  ", d.numbers(r, l.receiver(r)), ", ", text.Faint)
	}
	for _, n := range l.notes(r) {
		d.wrapped(indent, indent+"  ", n.text, n.tone)
	}
}

// receiver is the side that a segment goes to.
func (l *Ladder) receiver(r *Rung) record.Side {
	if l.self() {
		return r.From
	}
	return other(r.From)
}

// notes say what a segment was, by which rules states began, and what findings name it.
func (l *Ladder) notes(r *Rung) (list []note) {
	if r.ICMP != nil {
		list = append(list, note{text: r.ICMP.Meaning + ", from " + r.ICMP.From})
	}
	for _, m := range r.Remarks {
		list = append(list, note{text: m.Text + bracketed(m.Source)})
	}
	for _, side := range [...]record.Side{record.Client, record.Server} {
		s := r.side(side)
		for _, c := range s.Changes {
			s := side.String() + ": " + c.Rule + bracketed(c.Source)
			if c.Packet != r.Packet && c.Packet != 0 {
				s += fmt.Sprintf("; by packet %d", c.Packet)
			}
			if c.Since > r.At {
				s += fmt.Sprintf("; from %s on: what it sent until then had left before",
					offset(text.Between(l.Connection.Start, c.Since)))
			}
			list = append(list, note{text: s, rule: true})
		}
		if w := s.Withdrawn; w != nil {
			s := fmt.Sprintf("%s: did not enter %s", side, w.State)
			if w.By != 0 {
				s += fmt.Sprintf(", as packet %d shows", w.By)
			}
			list = append(list, note{text: s + ": " + w.Rule + bracketed(w.Source), tone: text.Alert})
		}
	}
	for i := range l.Connection.Findings {
		if f := &l.Connection.Findings[i]; l.happensAt(f) == r {
			list = append(list, note{text: "! " + f.Code + ": " + advice(f.Code).Meaning,
				tone: text.Severities[text.SeverityRank(f.Severity)]})
		}
	}
	return list
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
func (d *drawing) numbers(r *Rung, to record.Side) []string {
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
func foldText(f *Fold) string {
	total := f.Client.Segments + f.Server.Segments
	s := fmt.Sprintf("… %s up to packet %d: %s C→S, %s S→C, %s", text.Counted(total, "segment"), f.Last,
		text.Counted(f.Client.Bytes, "octet"), text.Counted(f.Server.Bytes, "octet"), text.Span(f.Duration))
	for _, n := range []struct {
		what string
		n    uint64
	}{
		{"sent again", f.Client.Retransmitted + f.Server.Retransmitted},
		{"twice in the capture", f.Client.Duplicates + f.Server.Duplicates},
		{"foreign", f.Client.Rejected + f.Server.Rejected},
	} {
		if n.n > 0 {
			s += fmt.Sprintf(", %s %s", text.Count(n.n), n.what)
		}
	}
	return s
}

// wrapped writes a text in lines of the width.
func (d *drawing) wrapped(first, rest, s string, t text.Tone) {
	d.items(first, rest, strings.Split(s, " "), " ", t)
}

// items writes a list in lines of the width, which end behind an item.
func (d *drawing) items(first, rest string, items []string, separator string, t text.Tone) {
	first = d.text(first)
	for i := range items {
		items[i] = d.text(items[i])
	}
	for i, line := range text.Wrap(items, separator, d.o.Width-max(text.Width(first), text.Width(rest))) {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		d.line(prefix + d.paint(t, line))
	}
}
