package ladder

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
	_ "github.com/tcplife/tcplife/internal/testrun"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/internal/reporttest"
	"github.com/tcplife/tcplife/report/internal/text"
)

// laddersOf returns the ladders of all connections that choose accepts, in the order in which they ended.
func laddersOf(segments []flows.Segment, choose func(*record.Connection) bool) []*Ladder {
	var chosen []Chosen
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		if choose(c) {
			chosen = append(chosen, Choose(c))
		}
	})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	l := NewCollector(chosen)
	a = analyzer.New(analyzer.Options{Trace: l.Trace, Proven: l.Proven}, func(*record.Connection) {})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	return l.Finish()
}

func every(*record.Connection) bool { return true }

const drawn = 6 // ladders of a capture that are drawn

// The ladders of the captures of testdata, as files to read beside the RFC.
func TestLadderGolden(t *testing.T) {
	files, err := filepath.Glob("../../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures: ", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".pcapng"), ".pcap")
		t.Run(name, func(t *testing.T) {
			ladders := laddersOf(reporttest.SegmentsOf(t, file), every)
			var out strings.Builder
			e := Explanation{Connections: uint64(len(ladders)), Ladders: ladders[:min(len(ladders), drawn)]}
			if err := e.WriteText(&out, Options{}); err != nil {
				t.Fatal(err)
			}
			reporttest.Golden(t, "ladders/"+name+".txt", out.String())
		})
	}
}

// The ladders as a terminal of 80, 120 or 200 columns shows them, of IPv6 and of a connection that was lost.
func TestLadderLooks(t *testing.T) {
	for _, name := range []string{"ipv6", "half-open-data"} {
		ladders := laddersOf(reporttest.SegmentsOf(t, "../../testdata/pcaps/"+name+".pcap"), every)
		for _, width := range []int{80, 120, 200} {
			var out strings.Builder
			e := Explanation{Connections: uint64(len(ladders)), Ladders: ladders[:1]}
			if err := e.WriteText(&out, Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			reporttest.Golden(t, fmt.Sprintf("ladders/looks-%s-%d.txt", name, width), out.String())
		}
	}
}

// exchanges are the segments of the hard cases by name.
func exchanges(t testing.TB) map[string][]flows.Segment {
	t.Helper()
	files, err := filepath.Glob("../../analyzer/testdata/hardcases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no hard cases: ", err)
	}
	all := map[string][]flows.Segment{}
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = segtest.Script(string(ar.Files[0].Data)).Segments()
	}
	return all
}

// After a gap of the capture the first segment does not fit what was seen. Once its peer acknowledges it, the ladder
// shows that it arrived.
func TestLadderShowsWhatWasProven(t *testing.T) {
	segments := segtest.Script(`
C --> S SYN
C <-- S SYN,ACK
C --> S ACK
C --> S PSH,ACK len=10
C <-- S ACK
C <-- S PSH,ACK seq=900000301 ack=111 len=20
C --> S ACK seq=111 ack=900000321
`).Segments()
	for i, r := range laddersOf(segments, every)[0].Rungs {
		dropped := slices.ContainsFunc(r.Remarks, func(m Remark) bool {
			return strings.Contains(m.Text, "an ACK answers it")
		})
		proven := slices.ContainsFunc(r.Remarks, func(m Remark) bool {
			return m.Text == "the client seemed to drop it; packet 7 shows that it arrived"
		})
		if dropped || proven != (r.Packet == 6) || r.effect.Has(tcpstate.Rejected) {
			t.Errorf("rung %d, packet %d: %v, %s", i, r.Packet, r.Remarks, r.effect)
		}
	}
}

func TestExplanationMatchesSchema(t *testing.T) {
	schema := reporttest.Schema(t, report.Schema())
	for _, file := range []string{"challenge-ack", "duplicated", "half-open-syn", "icmp-unreachable", "midstream",
		"real-zero-window", "refused", "time-wait-reuse"} {
		ladders := laddersOf(reporttest.SegmentsOf(t, "../../testdata/pcaps/"+file+".pcap"), every)
		e := Explanation{Connections: uint64(len(ladders)), Ladders: ladders}
		var out strings.Builder
		if err := e.WriteJSON(&out); err != nil {
			t.Fatal(err)
		}
		reporttest.Validate(t, schema, out.String())
	}
	var out strings.Builder
	if err := (&Explanation{}).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	reporttest.Validate(t, schema, out.String())
}

// Every change of state has a rule, and the states are those of the record, even if the capture shows only a part.
func TestLadderOfEveryCase(t *testing.T) {
	cases := exchanges(t)
	files, _ := filepath.Glob("../../testdata/pcaps/*.pcap*")
	for _, file := range files {
		cases[filepath.Base(file)] = reporttest.SegmentsOf(t, file)
	}
	parts := map[string]func(i int, s *flows.Segment) bool{
		"all":           func(int, *flows.Segment) bool { return true },
		"from A":        func(_ int, s *flows.Segment) bool { return !s.FromB },
		"from B":        func(_ int, s *flows.Segment) bool { return s.FromB },
		"SYN, FIN, RST": func(_ int, s *flows.Segment) bool { return s.Flags&(flows.SYN|flows.FIN|flows.RST) != 0 },
		"without SYN":   func(_ int, s *flows.Segment) bool { return !s.Flags.Has(flows.SYN) },
		"two of three":  func(i int, _ *flows.Segment) bool { return i%3 != 1 },
		"each second":   func(i int, _ *flows.Segment) bool { return i%2 == 0 },
		"each other":    func(i int, _ *flows.Segment) bool { return i%2 == 1 },
	}
	for name, segments := range cases {
		for part, shows := range parts {
			var seen []flows.Segment
			for i := range segments {
				if shows(i, &segments[i]) {
					seen = append(seen, segments[i])
				}
			}
			for _, l := range laddersOf(seen, every) {
				checkLadder(t, name+" "+part, l)
				for i := range l.Rungs {
					for _, c := range slices.Concat(l.Rungs[i].Client.Changes, l.Rungs[i].Server.Changes) {
						if c.Rule == "" || c.Source == "" {
							t.Errorf("%s, %s: connection %d: no rule leads from %v to %s at packet %d", name, part,
								l.Connection.ID, c.From, c.To, l.Rungs[i].Packet)
						}
					}
				}
			}
		}
	}
}

func checkLadder(t interface{ Errorf(string, ...any) }, name string, l *Ladder) {
	for _, side := range []record.Side{record.Client, record.Server} {
		var changes []Change
		for i := range l.Rungs {
			changes = append(changes, l.Rungs[i].side(side).Changes...)
		}
		states := l.endpoint(side).States
		if len(changes) != len(states) {
			t.Errorf("%s: connection %d has %d states of the %s and %d in the ladder", name, l.Connection.ID,
				len(states), side, len(changes))
			continue
		}
		for i, c := range changes {
			if c.To != states[i].State || c.Evidence != states[i].Evidence {
				t.Errorf("%s: connection %d: %v is not %v", name, l.Connection.ID, c, states[i])
			}
		}
	}
}

// No line is wider than the width, and with the option ASCII the text has only ASCII.
func TestLadderFitsWidth(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/pcaps/*.pcap*")
	for _, file := range files {
		ladders := laddersOf(reporttest.SegmentsOf(t, file), every)
		e := Explanation{Connections: 1e9, Offered: 1e9, Ladders: ladders[:min(len(ladders), drawn)]}
		for _, o := range []Options{{Width: 80}, {Width: 80, ASCII: true}, {Width: 101}, {Width: 200}} {
			var out strings.Builder
			if err := e.WriteText(&out, o); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				if text.Width(line) > o.Width {
					t.Errorf("%s: %+v: %d columns: %s", file, o, text.Width(line), line)
				}
				if o.ASCII && strings.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
					t.Errorf("%s: not ASCII: %s", file, line)
				}
			}
		}
	}
}

// A long transfer takes no more room than a short one, and nothing of it is lost.
func TestLadderFolds(t *testing.T) {
	const n = 5000
	var script strings.Builder
	script.WriteString("C --> S SYN\nC <-- S SYN,ACK\nC --> S ACK\n")
	for range n {
		script.WriteString("C --> S PSH,ACK len=100\nC --> S again\n+10ms C <-- S ACK\n")
	}
	script.WriteString("C --> S FIN,ACK\nC <-- S FIN,ACK\nC --> S ACK\n")
	ladders := laddersOf(segtest.Script(script.String()).Segments(), every)
	if len(ladders) != 1 {
		t.Fatalf("%d connections", len(ladders))
	}
	l := ladders[0]
	if most := 100; len(l.Rungs) > most {
		t.Errorf("%d rungs, want at most %d", len(l.Rungs), most)
	}
	segments, text, again := uint64(0), uint64(0), uint64(0)
	for i := range l.Rungs {
		r := &l.Rungs[i]
		if r.Kind == RungFold {
			segments += r.Fold.Client.Segments + r.Fold.Server.Segments
			text += r.Fold.Client.Bytes + r.Fold.Server.Bytes
			again += r.Fold.Client.Retransmitted + r.Fold.Server.Retransmitted
			continue
		}
		segments++
		text += uint64(r.Segment.Len)
		if r.effect.Has(tcpstate.Retransmission) {
			again++
		}
	}
	if segments != 3*n+6 || text != 200*n || again != n {
		t.Errorf("%d segments, %d octets, %d retransmitted; want %d, %d, %d", segments, text, again, 3*n+6, 200*n, n)
	}
}

func TestLadderColors(t *testing.T) {
	var plainText, coloured strings.Builder
	e := Explanation{Ladders: laddersOf(reporttest.SegmentsOf(t, "../../testdata/pcaps/refused.pcap"), every)}
	if err := e.WriteText(&plainText, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := e.WriteText(&coloured, Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(coloured.String(), "\x1b[1mVERDICT\x1b[0m") {
		t.Error("the verdict is not bold")
	}
	if got := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(coloured.String(), ""); got != plainText.String() {
		t.Errorf("without its colours the text differs:\n%s", got)
	}
}
