package ladder

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// This file draws a ladder as SVG (SVG 2). As in the text, the client stands on the left and the server on the right.
// The lines below them have the colours of the states. A step names on hover the rule of each change of state.

// SVGStyle is the style sheet of the ladders' classes, all below .ladder.
//
//go:embed svg.css
var SVGStyle string

// svgNight is the style that differs if the reader prefers a dark page.
const svgNight = `@media (prefers-color-scheme:dark){svg.ladders{background:#14171a}` +
	`.ladder{fill:#e6e8ea}.ladder .faint{fill:#a3acb5}.ladder .error{fill:#ff9b8f}.ladder .warning{fill:#f0b957}` +
	`.ladder .info{fill:#7fd6a4}.ladder .arrow{stroke:#e6e8ea}.ladder .tip{fill:#e6e8ea}.ladder .lost{stroke:#ff9b8f}}`

// WriteSVG writes the ladders below each other as one SVG document, which needs nothing else.
func (e *Explanation) WriteSVG(w io.Writer) error {
	const between = 24 // from one ladder to the next
	var parts bytes.Buffer
	width, height := 0, 0
	if e.chosen() {
		p := picture{y: svgMargin}
		for _, line := range text.Wrap(strings.Split(e.choice(), " "), " ", DefaultWidth) {
			p.line(svgMargin, "", line)
		}
		width, height = svgMargin+textWidth(strings.Repeat("x", DefaultWidth)), p.y
		fmt.Fprintf(&parts, "<g class=\"ladder\">\n%s</g>\n", p.out.Bytes())
	}
	for _, l := range e.Ladders {
		p := l.picture()
		fmt.Fprintf(&parts, "<g transform=\"translate(0 %d)\">\n", height)
		p.wrap(&parts, l)
		parts.WriteString("</g>\n")
		width, height = max(width, p.width), height+p.y+between
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" class="ladders" width="%d" height="%d" `+
		`viewBox="0 0 %d %d">`,
		width, height, width, height)
	out.WriteByte('\n')
	fmt.Fprintf(&out, "<style>\n%s%s\n</style>\n", SVGStyle, svgNight)
	out.Write(parts.Bytes())
	out.WriteString("</svg>\n")
	_, err := w.Write(out.Bytes())
	return err
}

// AppendSVG appends the ladder as an svg element for a page that has SVGStyle.
func (l *Ladder) AppendSVG(b []byte) []byte {
	p := l.picture()
	out := bytes.NewBuffer(b)
	fmt.Fprintf(out, "<svg width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">", p.width, p.y, p.width, p.y)
	p.wrap(out, l)
	out.WriteString("</svg>")
	return out.Bytes()
}

// Distances in pixels, which SVG calls user units.
const (
	svgMargin    = 12
	svgLine      = 16  // from one line of text to the next
	svgArrow     = 600 // between the two sides
	svgGap       = 10  // between a side and its states
	svgCharWidth = 7.3 // of monospaced text of 12 pixels, rounded up
)

// svgWords is how many characters a line between the two sides holds.
const svgWords = (svgArrow - 2*svgGap) * 10 / 73

func textWidth(s string) int { return int(float64(text.Width(s))*svgCharWidth + 0.999) }

// picture is a drawing of one ladder.
type picture struct {
	out    bytes.Buffer
	words  drawing // says states and numbers
	width  int
	y      int // where the next thing is drawn
	client int // the x of the client's line
	server int
	time   int // where times end
	packet int // where packet numbers end
}

// wrap puts the drawing into a group with its name and description.
func (p *picture) wrap(out *bytes.Buffer, l *Ladder) {
	fmt.Fprintf(out, "<g class=\"ladder\" role=\"group\" aria-label=\"%s\">\n", svgText("Connection "+l.title()))
	out.Write(p.out.Bytes())
	out.WriteString("</g>\n")
}

// svgText is a text in an XML document. What XML cannot hold is not printable, and Plain has replaced it.
func svgText(s string) string { return html.EscapeString(text.Plain(s)) }

// at writes a text whose baseline is y.
func (p *picture) at(x, y int, class, anchor, s string) {
	p.out.WriteString("<text")
	if class != "" {
		fmt.Fprintf(&p.out, " class=%q", class)
	}
	if anchor != "" {
		fmt.Fprintf(&p.out, " text-anchor=%q", anchor)
	}
	fmt.Fprintf(&p.out, " x=\"%d\" y=\"%d\">%s</text>\n", x, y, svgText(s))
}

// line writes a line of text, and goes on below it.
func (p *picture) line(x int, class, s string) {
	p.y += svgLine
	p.at(x, p.y-4, class, "", s)
}

// paragraph writes a text in lines of so many characters; those behind the first are indented.
func (p *picture) paragraph(x, width int, class, s string) {
	for i, line := range text.Wrap(strings.Split(s, " "), " ", width) {
		if i == 1 {
			x, width = x+2*svgGap, width-3
		}
		p.line(x, class, line)
	}
}

// picture draws the ladder.
func (l *Ladder) picture() *picture {
	p := &picture{words: drawing{glyphs: &unicodeGlyphs}, y: svgMargin}
	p.measure(l)
	all := (p.width - 2*svgMargin) * 10 / 73
	p.line(svgMargin, "name", "CONNECTION "+l.title())
	for _, s := range l.introduction() {
		p.paragraph(svgMargin, all, "", s)
	}
	p.y += svgLine
	p.at(p.time, p.y, "head", "end", "TIME")
	p.at(p.packet, p.y, "head", "end", "PKT")
	p.at(p.client-svgGap, p.y, "head", "end", "CLIENT")
	p.at(p.server+svgGap, p.y, "head", "", "SERVER")
	p.y += svgGap
	for i := range l.Rungs {
		p.rung(l, &l.Rungs[i])
	}
	p.y += svgLine
	p.line(svgMargin, "head", "VERDICT")
	for _, s := range l.Verdict {
		p.paragraph(svgMargin, all, "", s)
	}
	for i := range l.Connection.Findings {
		f := &l.Connection.Findings[i]
		said, advice := describeFinding(f)
		p.paragraph(svgMargin, all, svgTones[text.Severities[text.SeverityRank(f.Severity)]], said)
		p.paragraph(svgMargin+2*svgGap, all-3, "", "→ "+advice)
	}
	p.y += svgMargin
	return p
}

// measure finds where the columns stand.
func (p *picture) measure(l *Ladder) {
	time, packet, client, server := textWidth("TIME"), textWidth("PKT"), textWidth("CLIENT"), textWidth("SERVER")
	for i := range l.Rungs {
		r := &l.Rungs[i]
		time = max(time, textWidth(offset(r.Offset)))
		packet = max(packet, textWidth(r.packetNumber()))
		for _, s := range p.words.states(&r.Client) {
			client = max(client, textWidth(s))
		}
		for _, s := range p.words.states(&r.Server) {
			server = max(server, textWidth(s))
		}
	}
	p.time = svgMargin + time
	p.packet = p.time + 2*svgGap + packet
	p.client = p.packet + 2*svgGap + client + svgGap
	p.server = p.client + svgArrow
	p.width = p.server + svgGap + server + svgMargin
}

// packetNumber is the number of a rung that shows a packet.
func (r *Rung) packetNumber() string {
	if r.Kind == RungSegment || r.Kind == RungICMP {
		return fmt.Sprint(uint64(r.Packet))
	}
	return ""
}

var svgTones = map[text.Tone]string{text.Bad: "error", text.Alert: "warning", text.Good: "info", text.Faint: "faint"}

func (p *picture) rung(l *Ladder, r *Rung) {
	top, middle := p.y, p.y+svgLine+4 // the arrow runs in the middle
	fmt.Fprintf(&p.out, "<g class=\"rung\"><title>%s</title>\n", svgText(p.description(l, r)))
	defer p.out.WriteString("</g>\n")
	if r.Kind == RungFold {
		p.y += 6
		p.paragraph(p.client+svgGap, svgWords, "faint", foldText(r.Fold))
		p.y += 6
		p.lives(r, top, top, " fold")
		return
	}
	p.at(p.time, middle+4, "", "end", offset(r.Offset))
	if n := r.packetNumber(); n != "" {
		p.at(p.packet, middle+4, "faint", "end", n)
	}
	lines := 0
	for i, s := range p.words.states(&r.Client) {
		p.at(p.client-svgGap, middle+4+i*svgLine, "", "end", s)
		lines = i + 1
	}
	for i, s := range p.words.states(&r.Server) {
		p.at(p.server+svgGap, middle+4+i*svgLine, "", "", s)
		lines = max(lines, i+1)
	}
	p.y = middle + 4
	if r.Kind != RungEvent {
		p.arrow(r, middle)
	}
	if r.Segment != nil {
		p.y += svgLine
		p.at((p.client+p.server)/2, p.y-2, "faint", "middle", strings.Join(p.words.numbers(r, l.receiver(r)), ", "))
	}
	for _, n := range l.notes(r) {
		if !n.rule {
			p.paragraph(p.client+svgGap, svgWords, svgTones[n.tone], n.text)
		}
	}
	p.y = max(p.y, middle+4+(lines-1)*svgLine) + 6
	p.lives(r, top, middle, "")
}

// lives draws the lines of both sides beside a rung: down to the arrow in the state before, from there on in the one
// after.
func (p *picture) lives(r *Rung, top, middle int, class string) {
	for _, side := range []struct {
		x int
		s *Side
	}{{p.client, &r.Client}, {p.server, &r.Server}} {
		before, after := side.s.State, side.s.State
		if len(side.s.Changes) > 0 {
			before = side.s.Changes[0].From
		}
		p.life(side.x, top, middle, before, class)
		p.life(side.x, middle, p.y, after, class)
	}
}

func (p *picture) life(x, from, to int, state record.StateOrNone, class string) {
	if from == to {
		return
	}
	name := ""
	if state.Known {
		name = " " + state.State.String()
	}
	fmt.Fprintf(&p.out, "<path class=\"life%s%s\" d=\"M%d %dV%d\"/>\n", name, class, x, from, to)
}

// arrow draws the segment on its way, and its name above it.
func (p *picture) arrow(r *Rung, y int) {
	const near, tip = 4, 9
	from, to, forth := p.client+near, p.server-near, 1
	if r.toClient() {
		from, to, forth = to, from, -1
	}
	class := "arrow"
	if r.beside() {
		class += " beside"
	}
	end := to - forth*tip
	if r.dropped() {
		end = to - forth*4*tip
	}
	fmt.Fprintf(&p.out, "<path class=%q d=\"M%d %dH%d\"/>\n", class, from, y, end)
	if r.dropped() {
		fmt.Fprintf(&p.out, "<path class=\"lost\" d=\"M%d %dl8 8m0 -8l-8 8\"/>\n", end-4, y-4)
	} else {
		fmt.Fprintf(&p.out, "<path class=\"tip\" d=\"M%d %dl%d -4v8z\"/>\n", to, y, -forth*tip)
	}
	p.at((p.client+p.server)/2, y-5, "head", "middle", r.label())
}

// description is a rung in words: on hover, and for those who hear the page.
func (p *picture) description(l *Ladder, r *Rung) string {
	if r.Kind == RungFold {
		return foldText(r.Fold)
	}
	parts := []string{offset(r.Offset) + " s"}
	if r.Kind != RungEvent {
		from, to := record.Client, record.Server
		if r.toClient() {
			from, to = to, from
		}
		parts[0] += fmt.Sprintf(", packet %d: %s, %s → %s", r.Packet, r.label(), from, to)
	}
	if r.Segment != nil {
		parts = append(parts, strings.Join(p.words.numbers(r, l.receiver(r)), ", "))
	}
	parts = append(parts, "client "+strings.Join(p.words.states(&r.Client), " "),
		"server "+strings.Join(p.words.states(&r.Server), " "))
	for _, n := range l.notes(r) {
		parts = append(parts, n.text)
	}
	return strings.Join(parts, "; ")
}
