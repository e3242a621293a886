package analyzer_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/analyzer/record"
)

// runs lists the runs of a connection's timers, one on each line: side, kind, waits, count, packets and result.
func runs(c *record.Connection) string {
	var b strings.Builder
	for _, s := range []struct {
		side string
		e    *record.Endpoint
	}{{"client", &c.Client}, {"server", &c.Server}} {
		for _, t := range s.e.Timers {
			fmt.Fprintf(&b, "%s %s %s", s.side, t.Kind, seconds(t.FirstAfter))
			for _, d := range t.Intervals {
				b.WriteString(" " + seconds(d))
			}
			fmt.Fprintf(&b, " n=%d %v", t.Count, t.Packets)
			switch t.Answered {
			case record.Yes:
				b.WriteString(" answered")
			case record.No:
				b.WriteString(" unanswered")
			}
			if t.GaveUp {
				b.WriteString(" gave up")
			}
			if t.FollowedBy != "" {
				b.WriteString(" then " + string(t.FollowedBy))
			}
			if t.WindowClosed != record.NoDuration {
				fmt.Fprintf(&b, " closed %s", seconds(t.WindowClosed))
				if t.StillClosed == record.Yes {
					b.WriteString(" still")
				}
			}
			if t.Limit.Known {
				fmt.Fprintf(&b, " of %d", t.Limit.Number)
			}
			if t.Defaults != "" {
				b.WriteString(" " + string(t.Defaults))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func seconds(d record.Duration) string {
	if d == record.NoDuration {
		return "?"
	}
	return fmt.Sprintf("%.3g", float64(d)/1e9)
}

// agreed is a connection with SACK whose round trip takes 20 ms, seen from the middle.
const agreed = `C = 10.0.0.1:40000 mss=1000 sack
	S = 10.0.0.2:80 mss=1000 sack
	C --> S SYN
	+10ms C <-- S SYN,ACK
	+10ms C --> S ACK
	+1ms C --> S PSH,ACK len=100
	+10ms C <-- S ACK
`

// without is agreed without SACK.
var without = strings.ReplaceAll(agreed, " sack", "")

// played returns the exchanges of a file and the expected runs of the first connection's timers: the lines that begin
// with =. Exchanges whose name ends with "SACK" or "no SACK" follow the opening above.
func played(t *testing.T, path string) (list []struct{ name, script, want string }) {
	file, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range file.Files {
		var script, want strings.Builder
		switch {
		case strings.HasSuffix(f.Name, ", no SACK"):
			script.WriteString(without)
		case strings.HasSuffix(f.Name, ", SACK"):
			script.WriteString(agreed)
		}
		for line := range strings.Lines(string(f.Data)) {
			if runs, is := strings.CutPrefix(line, "="); is {
				want.WriteString(strings.TrimPrefix(runs, " "))
				continue
			}
			script.WriteString(line)
		}
		list = append(list, struct{ name, script, want string }{f.Name, script.String(),
			strings.TrimPrefix(want.String(), "\n")})
	}
	return list
}

func TestTimers(t *testing.T) {
	for _, p := range append(played(t, "testdata/timers.txtar"), played(t, "testdata/timer-bounds.txtar")...) {
		for trackers := range 2 {
			if got := runs(tracked(p.script, trackers+1)[0]); got != p.want {
				t.Errorf("%s, %d trackers:\n%swant\n%s", p.name, trackers+1, got, p.want)
			}
		}
	}
}

// An observer near the other side sees other waits, but the same timers.
func TestTimersFromElsewhere(t *testing.T) {
	var (
		toServer = regexp.MustCompile(`\+10ms(\s+C -)`)
		toClient = regexp.MustCompile(`\+10ms(\s+C [<x])`)
		waits    = regexp.MustCompile(`(?m)^(\w+ \w+)[ \d.?e+]+ n=|(closed) [\d.]+`)
	)
	for _, p := range played(t, "testdata/timers.txtar") {
		if p.name == "both timers at once" {
			continue // near the server, one segment answers the other
		}
		for _, place := range [][2]string{{"50us", "20ms"}, {"1ms", "19ms"}, {"19ms", "1ms"}, {"20ms", "50us"}} {
			script := toServer.ReplaceAllString(p.script, "+"+place[0]+"$1")
			script = toClient.ReplaceAllString(script, "+"+place[1]+"$1")
			got := waits.ReplaceAllString(runs(tracked(script, 1)[0]), "$1$2")
			if want := waits.ReplaceAllString(p.want, "$1$2"); got != want {
				t.Errorf("%s, %s from the client and %s from the server:\n%swant\n%s", p.name, place[0], place[1], got,
					want)
			}
		}
	}
}
