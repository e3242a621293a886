package ladder

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// The arrows of RFC 9293 figure 5, and of its notes, that segments show; the others (passive OPEN, SEND in LISTEN, CLOSE in
// LISTEN and SYN-SENT) pass in silence. Nobody sees a listener go back to LISTEN: of the connection nothing is left.
func TestRulesOfFigure5(t *testing.T) {
	for _, arrow := range []struct {
		from, to string
		cause    cause
		section  string
	}{
		{"CLOSED", "SYN_SENT", bySending, "§3.10.1"},
		{"LISTEN", "SYN_RCVD", byReceiving, "§3.10.7.2"},
		{"SYN_SENT", "SYN_RCVD", byReceiving, "§3.10.7.3"},
		{"SYN_SENT", "ESTABLISHED", byReceiving, "§3.10.7.3"},
		{"SYN_RCVD", "ESTABLISHED", byReceiving, "§3.10.7.4"},
		{"SYN_RCVD", "FIN_WAIT_1", bySending, "§3.10.4"},
		{"SYN_RCVD", "CLOSED", byRST, "§3.10.7.4"}, // note 1
		{"ESTABLISHED", "FIN_WAIT_1", bySending, "§3.10.4"},
		{"ESTABLISHED", "CLOSE_WAIT", byReceiving, "§3.10.7.4"},
		{"FIN_WAIT_1", "FIN_WAIT_2", byReceiving, "§3.10.7.4"},
		{"FIN_WAIT_1", "CLOSING", byReceiving, "§3.10.7.4"},
		{"FIN_WAIT_1", "TIME_WAIT", byReceiving, "§3.10.7.4"}, // note 2
		{"FIN_WAIT_2", "TIME_WAIT", byReceiving, "§3.10.7.4"},
		{"CLOSING", "TIME_WAIT", byReceiving, "§3.10.7.4"},
		{"CLOSE_WAIT", "LAST_ACK", bySending, "§3.10.4"},
		{"LAST_ACK", "CLOSED", byReceiving, "§3.10.7.4"},
		{"TIME_WAIT", "CLOSED", byTimer, "§3.10.8"},
	} {
		r := ruleOf(stateNamed(arrow.from), arrow.to, arrow.cause)
		if r.text == noRule { // what is seen first supposes the state before
			r = ruleOf(record.StateOrNone{}, arrow.to, arrow.cause)
			if r.supposed != arrow.from {
				t.Errorf("%s to %s: the state before is %q", arrow.from, arrow.to, r.supposed)
			}
		}
		if r.text == noRule || !strings.HasPrefix(r.source, "RFC 9293 "+arrow.section) {
			t.Errorf("%s to %s: %q (%s), want %s", arrow.from, arrow.to, r.text, r.source, arrow.section)
		}
	}
	for s := tcpstate.SynSent; s <= tcpstate.TimeWait; s++ {
		for _, c := range []cause{byRST, byAborting, byDisowning, bySuccessor} {
			if r := ruleOf(record.StateOrNone{State: s, Known: true}, "CLOSED", c); r.text == noRule {
				t.Errorf("nothing says why cause %d leads from %s to CLOSED", c, s)
			}
		}
	}
}

func TestRulesAreWhole(t *testing.T) {
	type key struct {
		from, to string
		cause    cause
	}
	seen := map[key]bool{}
	for _, r := range rules {
		if seen[key{r.from, r.to, r.cause}] {
			t.Errorf("two rules lead from %q to %s by cause %d", r.from, r.to, r.cause)
		}
		seen[key{r.from, r.to, r.cause}] = true
		for _, state := range []string{r.from, r.supposed} {
			if state != "" && !stateNamed(state).Known {
				t.Errorf("there is no state %q", state)
			}
		}
		if !stateNamed(r.to).Known || r.text == "" || !strings.HasPrefix(r.source, "RFC ") || strings.HasSuffix(r.text, ".") {
			t.Errorf("incomplete: %+v", r)
		}
	}
}
