package analyzer_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// Two devices capture one direction each, and one clock is ahead by more than the time to answer. The record is the
// same as with one clock.
func TestMergedClocks(t *testing.T) {
	for _, name := range []string{"10-ecn", "11-third-ack-not-captured", "12-third-ack-with-fin",
		"16-fast-open-request",
		"26-isn-zero", "32-wrap", "42-left-to-the-card", "43-keepalive", "43-keepalive-at-isn", "62-idle-for-hours",
		"63-urgent",
		"65-four-way", "65-three-segment", "67-crossed-fins-one-ack", "68-fin-with-data", "69-ack-of-data-only",
		"72-fin-never-acked",
		"73-half-close", "76-abort", "85-capture-ends", "97-no-data"} {
		text, err := os.ReadFile(filepath.Join("testdata/hardcases", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		want := segtest.Script(string(txtar.Parse(text).Files[0].Data)).Segments()
		for _, fromB := range []bool{false, true} {
			got := merged(want, fromB, 1.5e6)
			// A SYN-ACK that comes first does not wait: it begins the record.
			first := strings.NewReplacer("#2 ", "#1 ", "SYN_RCVD@2 ", "SYN_RCVD@1 ")
			if got, want := first.Replace(strings.Join(records(got), "")),
				strings.Join(records(want), ""); got != want {
				t.Errorf("%s, the clock of B is ahead: %v:\n%s\nwith one clock:\n%s", name, fromB, got, want)
			}
		}
	}
}

// merged returns the segments of a capture in which those of one end come some ns early.
func merged(segments []flows.Segment, fromB bool, early int64) []flows.Segment {
	list := slices.Clone(segments)
	for i := range list {
		if list[i].FromB == fromB {
			list[i].Time -= early
		}
	}
	slices.SortStableFunc(list, func(x, y flows.Segment) int { return cmp.Compare(x.Time, y.Time) })
	return list
}

// Segments wait for a limited time, and only so many of them.
func TestWaitingLimits(t *testing.T) {
	const script = `
		C --> S SYN
		C <-- S SYN,ACK
		C --> S ACK
		C <-- S ACK seq=301 ack=111
		%s
		%s C --> S PSH,ACK len=10 ack=301`
	for _, tt := range []struct {
		name    string
		between string
		after   string
		early   bool // the segment does not wait
	}{
		{"in time", "", "+19.999ms", false},
		{"too late", "", "+20.001ms", true},
		{"with others behind it", strings.Repeat("+0.001ms C <-- S PSH,ACK len=1\n", 63), "+1ms", false},
		{"with too many behind it", strings.Repeat("+0.001ms C <-- S PSH,ACK len=1\n", 64), "+1ms", true},
		// it repeats an acknowledgement, so it may be an answer
		{"an acknowledgement of something before", "C --> S ACK ack=301", "+1ms", true},
		{"an RST", "C --> S RST seq=900000", "+1ms", true},
		{"a SYN of the same end", "C <-- S SYN seq=5000", "+1ms", true},
	} {
		early := false // it has acknowledged what has not been seen yet
		a := analyzer.New(analyzer.Options{Trace: func(_ uint64, _ *flows.Segment, effect tcpstate.Effect) {
			early = early || effect.Has(tcpstate.Unsent)
		}}, func(c *record.Connection) {
			if slices.ContainsFunc(c.Findings, func(f record.Finding) bool { return f.Code == "capture_loss" }) {
				t.Errorf("%s: capture_loss, but the capture holds it", tt.name)
			}
		})
		for _, seg := range segtest.Script(fmt.Sprintf(script, tt.between, tt.after)).Segments() {
			a.Segment(&seg)
		}
		a.Close()
		if early != tt.early {
			t.Errorf("%s: did not wait: %v, want %v", tt.name, early, tt.early)
		}
	}
}
