package ladder

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// explanations returns the ladders of the captures of testdata, a number of each.
func explanations(t *testing.T, each int, visit func(t *testing.T, name string, e *Explanation)) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures: ", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".pcapng"), ".pcap")
		t.Run(name, func(t *testing.T) {
			ladders := laddersOf(reporttest.SegmentsOf(t, file), every)
			visit(t, name, &Explanation{Connections: uint64(len(ladders)), Ladders: ladders[:min(len(ladders), each)]})
		})
	}
}

func TestSVGGolden(t *testing.T) {
	explanations(t, 1, func(t *testing.T, name string, e *Explanation) {
		var out strings.Builder
		if err := e.WriteSVG(&out); err != nil {
			t.Fatal(err)
		}
		reporttest.Golden(t, "svg/"+name+".svg", out.String())
	})
}

func TestMermaidGolden(t *testing.T) {
	explanations(t, 1, func(t *testing.T, name string, e *Explanation) {
		var out strings.Builder
		if err := e.WriteMermaid(&out); err != nil {
			t.Fatal(err)
		}
		reporttest.Golden(t, "mermaid/"+name+".md", out.String())
	})
}

// textOf reads an SVG document as a browser does, and returns its texts, one in each line.
func textOf(t *testing.T, svg string) string {
	t.Helper()
	var b strings.Builder
	d := xml.NewDecoder(strings.NewReader(svg))
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			if depth != 0 {
				t.Fatal("an element is not closed")
			}
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			if token.Name.Local == "script" {
				t.Fatal("there is a script")
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Fatalf("there is an attribute %s", a.Name.Local)
				}
			}
		case xml.EndElement:
			depth--
			b.WriteByte('\n')
		case xml.CharData:
			b.Write(token)
		}
	}
}

var space = regexp.MustCompile(`\s+`)

// flat is a text without line ends.
func flat(s string) string { return strings.TrimSpace(space.ReplaceAllString(s, " ")) }

// Everything that the text of a ladder says is in the picture: states, numbers, remarks, findings and the verdict, and
// every rule on hover.
func TestSVGSaysWhatTheTextSays(t *testing.T) {
	explanations(t, drawn, func(t *testing.T, _ string, e *Explanation) {
		var out strings.Builder
		if err := e.WriteSVG(&out); err != nil {
			t.Fatal(err)
		}
		said := flat(textOf(t, out.String()))
		d := drawing{glyphs: &unicodeGlyphs}
		for _, l := range e.Ladders {
			wants := append([]string{l.title()}, l.Verdict...)
			for i := range l.Rungs {
				r := &l.Rungs[i]
				wants = append(append(wants, d.states(&r.Client)...), d.states(&r.Server)...)
				for _, n := range l.notes(r) {
					wants = append(wants, n.text)
				}
				if r.Segment != nil {
					wants = append(wants, strings.Join(d.numbers(r, l.receiver(r)), ", "))
				}
			}
			for i := range l.Connection.Findings {
				finding, advice := describeFinding(&l.Connection.Findings[i])
				wants = append(wants, finding, advice)
			}
			for _, want := range wants {
				if !strings.Contains(said, flat(want)) {
					t.Errorf("connection %d: the picture does not say %q", l.Connection.ID, want)
				}
			}
		}
	})
}

// hostile is a peer's text that looks like markup.
const hostile = "</text></svg><script>alert(1)</script>\x00\x1b[31m\u202e]]>&amp; \"';#"

// The text of an RST stays text.
func TestSVGEscapes(t *testing.T) {
	e := &Explanation{Ladders: laddersOf(reporttest.SegmentsOf(t, "../../testdata/pcaps/refused.pcap"), every)[:1]}
	l := e.Ladders[0]
	l.Connection.Findings = append(l.Connection.Findings, record.Finding{
		Code: "reset_reason", Severity: record.Info, Detail: hostile, Packets: []uint64{l.Connection.ID},
	})
	l.Verdict = append(l.Verdict, hostile)
	var svg, md strings.Builder
	if err := e.WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	said := flat(textOf(t, svg.String()))
	want := flat(`</text></svg><script>alert(1)</script>\x00\x1b[31m\u202e]]>&amp; "';#`)
	if strings.Count(said, want) != 2 {
		t.Errorf("it says %q", said)
	}
	if strings.Contains(string(l.AppendSVG(nil)), "<script") {
		t.Error("there is a script in the element for a page")
	}
	if err := e.WriteMermaid(&md); err != nil {
		t.Fatal(err)
	}
	diagram, _, _ := strings.Cut(strings.TrimPrefix(md.String(), "connections: 0\n"), "```\n")
	if strings.ContainsAny(diagram, "\x00\x1b") || strings.Contains(diagram, "<script") {
		t.Errorf("the diagram is\n%s", diagram)
	}
}

// The style sheet has a colour for every state, and for nothing else.
func TestSVGColoursEveryState(t *testing.T) {
	for _, s := range places {
		name := s.state.String()
		if name != "CLOSED" && !strings.Contains(SVGStyle, fmt.Sprintf(".ladder .%s{stroke:", name)) {
			t.Errorf("there is no colour for %s", name)
		}
	}
}
