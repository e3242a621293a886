package ladder

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/tcplife/tcplife/report/internal/text"
)

// WriteMermaid writes the ladders as Markdown: each is a sequence diagram of Mermaid in a fenced block, as issues and
// wikis draw it.
func (e *Explanation) WriteMermaid(w io.Writer) error {
	var out bytes.Buffer
	if e.chosen() {
		out.WriteString(e.choice() + "\n\n")
	}
	for i, l := range e.Ladders {
		if i > 0 {
			out.WriteByte('\n')
		}
		l.mermaid(&out)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// mermaidSafe replaces characters with a meaning in Mermaid, or in the HTML that it makes: entities have # instead of
// &.
var mermaidSafe = strings.NewReplacer("#", "#35;", ";", "#59;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "\"", "#quot;",
	"`", "#96;", "%", "#37;")

func mermaidText(s string) string { return mermaidSafe.Replace(text.Plain(s)) }

func (l *Ladder) mermaid(out *bytes.Buffer) {
	line := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	c := l.Connection
	line("```mermaid")
	line("sequenceDiagram")
	line("  participant C as client %s", mermaidText(text.EndpointCell(&c.Client).Full))
	line("  participant S as server %s", mermaidText(text.EndpointCell(&c.Server).Full))
	line("  Note over C,S: %s", mermaidText("connection "+l.title()))
	words := drawing{glyphs: &unicodeGlyphs}
	for i := range l.Rungs {
		r := &l.Rungs[i]
		switch r.Kind {
		case RungFold:
			line("  Note over C,S: %s", mermaidText(foldText(r.Fold)))
			continue
		case RungEvent:
			line("  Note over C,S: %s", mermaidText(offset(r.Offset)+" s"))
		default:
			line("  %s: %s", l.mermaidArrow(r), mermaidText(l.mermaidMessage(&words, r)))
		}
		for _, n := range []struct {
			where string
			side  *Side
		}{{"left of C", &r.Client}, {"right of S", &r.Server}} {
			if len(n.side.Changes) > 0 {
				line("  Note %s: %s", n.where, mermaidText(strings.Join(words.states(n.side), " ")))
			}
		}
		var said []string
		for _, n := range l.notes(r) {
			if !n.rule {
				said = append(said, mermaidText(n.text))
			}
		}
		if len(said) > 0 {
			line("  Note over C,S: %s", strings.Join(said, "<br/>"))
		}
	}
	line("```")
	out.WriteByte('\n')
	for _, s := range l.Verdict {
		line("- %s", html.EscapeString(text.Plain(s)))
	}
}

// mermaidArrow returns the arrow of a rung: dotted if it is no segment of the connection, crossed if the receiver drops
// it.
func (l *Ladder) mermaidArrow(r *Rung) string {
	from, to := "C", "S"
	if r.toClient() {
		from, to = to, from
	}
	arrow := "->>"
	if r.dropped() {
		arrow = "-x"
	}
	if r.beside() {
		arrow = "-" + arrow
	}
	return from + arrow + to
}

func (l *Ladder) mermaidMessage(words *drawing, r *Rung) string {
	s := fmt.Sprintf("%s s, packet %d: %s", offset(r.Offset), r.Packet, r.label())
	if r.Segment == nil {
		return s
	}
	numbers := words.numbers(r, l.receiver(r))
	if r.Segment.Len == 0 {
		numbers = numbers[:len(numbers)-2]
	} else {
		numbers = numbers[:len(numbers)-1]
	}
	for i, n := range numbers { // the relative number alone, which is short
		if name, relative, found := strings.Cut(n, " = "); found {
			numbers[i] = strings.Fields(name)[0] + " " + relative
		}
	}
	return s + " " + strings.Join(numbers, ", ")
}
