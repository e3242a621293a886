package analyzer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
)

// lived is a connection that the client has closed, so that its end is in TIME_WAIT.
const lived = `C = 10.0.0.1:40000 seq=1000
	S = 10.0.0.2:80 seq=5000
	C --> S SYN seq=1000
	C <-- S SYN,ACK seq=5000
	C --> S ACK
	C --> S PSH,ACK len=18
	C <-- S PSH,ACK len=19
	C --> S FIN,ACK
	C <-- S FIN,ACK
	C --> S ACK
`

// servedFirst is a connection that the server has closed, so that its end is in TIME_WAIT.
const servedFirst = `C --> S SYN seq=1000
	C <-- S SYN,ACK seq=5000
	C --> S ACK
	C <-- S FIN,ACK
	C --> S FIN,ACK
	C <-- S ACK
`

// A late copy of a SYN has a record of its own, which says what it was.
func TestStaleSyn(t *testing.T) {
	const late = "+10s C --> S SYN seq=1000 ack=0\n"
	const answer = "C <-- S SYN,ACK seq=9999000 ack=1001\n"
	const retries = "+1s C <-- S SYN,ACK seq=9999000 ack=1001\n+2s C <-- S SYN,ACK seq=9999000 ack=1001\n+4s C <-- S " +
		"SYN,ACK seq=9999000 ack=1001\n"
	for name, c := range map[string]struct {
		script string
		want   []string // of each record: outcome, teardown, how TIME_WAIT ended, findings
		says   string   // in the detail of the stale SYN
	}{
		"the client is silent": {
			lived + late + answer + retries,
			[]string{"complete three_segment capture_end", "embryonic none syn_ack_retransmitted embryonic stale_syn"},
			"held SYN_RCVD for 7.001 s at least and sent 4 SYN-ACKs",
		},
		"the listener gives up": {
			lived + late + answer + retries + "C2 = 10.0.0.9:1\n+30s C2 --> S SYN",
			[]string{"complete three_segment capture_end", "embryonic none syn_ack_retransmitted embryonic stale_syn",
				"unanswered none unanswered"},
			"held SYN_RCVD for 15.001 s and sent 4 SYN-ACKs",
		},
		"the client is in TIME_WAIT": {
			lived + late + answer + "C --> S ACK seq=1020 ack=5021\nC <-- S RST seq=5021",
			[]string{"complete three_segment reset time_wait_reset", "embryonic none embryonic stale_syn"},
			"sent 1 SYN-ACK",
		},
		"the client is gone": {
			lived + late + answer + "C --> S RST seq=1001",
			[]string{"complete three_segment capture_end", "aborted none stale_syn"},
			"held SYN_RCVD for 0.002 s and sent 1 SYN-ACK",
		},
		"the listener is gone": {
			lived + late + "C <-- S RST,ACK seq=0 ack=1001",
			[]string{"complete three_segment capture_end", "refused none refused stale_syn"},
			"",
		},
		"nothing answers": {
			lived + late,
			[]string{"complete three_segment capture_end", "unanswered none unanswered stale_syn"},
			"",
		},
		"the listener is in TIME_WAIT": {
			servedFirst + late + "C <-- S ACK seq=5002 ack=1002\nC --> S RST seq=1002",
			[]string{"complete three_segment reset time_wait_reset", "challenged none stale_syn time_wait_refused"},
			"",
		},
		"the listener's TIME_WAIT is over": {
			servedFirst + "+70s C --> S SYN seq=1000 ack=0\n" + answer + "C --> S RST seq=1001",
			[]string{"complete three_segment expired", "aborted none stale_syn"},
			"",
		},
		"the ACK comes: a device that boots": {
			lived + late + answer + "C --> S ACK seq=1001 ack=9999001\nC --> S PSH,ACK len=12\nC <-- S PSH,ACK " +
				"len=11\nC --> S FIN,ACK\nC <-- S FIN,ACK\nC --> S ACK",
			[]string{"complete three_segment reused time_wait_reused", "complete three_segment capture_end"},
			"",
		},
		"it boots before it has closed": {
			"C --> S SYN seq=1000\nC <-- S SYN,ACK seq=5000\nC --> S ACK\nC --> S PSH,ACK len=12\nC <-- S ACK\n" +
				"+60s C --> S SYN seq=1000 ack=0\nC <-- S ACK seq=5001 ack=1013\nC --> S RST seq=1013\n" +
				"+1s C --> S SYN seq=1000 ack=0\n" + answer +
				"C --> S ACK seq=1001 ack=9999001\nC --> S PSH,ACK len=12\nC <-- S ACK",
			[]string{"complete reset half_open", "complete none syn_retransmitted challenged"},
			"",
		},
		"of an attempt that was given up, after another one": {
			"C --> S SYN seq=1000\n+1s C --> S SYN seq=1000\n+5s C --> S SYN seq=2000\nC <-- S SYN,ACK seq=5000 " +
				"ack=2001\nC --> S ACK seq=2001\nC <-- S PSH,ACK len=5\nC --> S RST,ACK seq=2001 ack=5006\n" +
				late + answer + "C --> S RST seq=1001",
			[]string{"unanswered none syn_retransmitted unanswered", "complete reset reset", "aborted none stale_syn"},
			"",
		},
		"of an attempt that was given up, and met TIME_WAIT": {
			"C --> S SYN seq=1000\n+5s C --> S SYN seq=2000\nC <-- S SYN,ACK seq=5000 ack=2001\nC --> S ACK " +
				"seq=2001\nC --> S FIN,ACK\nC <-- S FIN,ACK\nC --> S ACK\n" +
				late + answer + "C --> S ACK seq=2002 ack=5002\nC <-- S RST seq=5002",
			[]string{"unanswered none unanswered", "complete three_segment reset time_wait_reset",
				"embryonic none embryonic stale_syn"},
			"",
		},
		"of an attempt that nothing answered": {
			"C --> S SYN seq=1000\n+1s C --> S SYN seq=1000\n+2s C --> S SYN seq=1000\n" +
				"+20s C --> S SYN seq=1000 ack=0\n" + answer + "C --> S RST seq=1001",
			[]string{"unanswered none syn_retransmitted unanswered", "aborted none stale_syn"},
			"",
		},
		"of an attempt that was refused": {
			"C --> S SYN seq=1000\nC <-- S RST,ACK seq=0 ack=1001\n" + late + answer + retries,
			[]string{"refused none refused", "embryonic none syn_ack_retransmitted embryonic stale_syn"},
			"",
		},
		"of an attempt that the listener gave up": {
			"C --> S SYN seq=1000\n" + "C <-- S SYN,ACK seq=5000 ack=1001\n+1s C <-- S SYN,ACK seq=5000 " +
				"ack=1001\n+2s C <-- S SYN,ACK seq=5000 ack=1001\n" +
				"+30s C --> S SYN seq=1000 ack=0\n" + answer + "C --> S RST seq=1001",
			[]string{"embryonic none syn_ack_retransmitted embryonic", "aborted none stale_syn"},
			"",
		},
		"the same twice": {
			lived + late + answer + "C --> S RST seq=1001\n" + late +
				"C <-- S SYN,ACK seq=7777000 ack=1001\nC --> S RST seq=1001",
			[]string{"complete three_segment capture_end", "aborted none stale_syn", "aborted none stale_syn"},
			"",
		},
		"only its answer was captured": {
			lived + "+10s " + answer + "C --> S RST seq=1001",
			[]string{"complete three_segment capture_end", "stray none stale_syn"},
			"",
		},
		"an older number": {
			lived + "+10s C --> S SYN seq=400 ack=0\nC <-- S SYN,ACK seq=9999000 ack=401\nC --> S ACK seq=1020 " +
				"ack=5021\nC <-- S RST seq=5021",
			[]string{"complete three_segment reset time_wait_reset", "embryonic none embryonic stale_syn"},
			"",
		},
	} {
		for _, trackers := range []int{1, 2} {
			var got []string
			said := ""
			for i, r := range tracked(c.script, trackers) {
				line := fmt.Sprintf("%s %s", r.Handshake.Outcome, r.Teardown.Kind)
				for _, w := range r.TimeWait {
					line += " " + string(w.EndedBy)
				}
				for _, f := range r.Findings {
					line += " " + f.Code
					if f.Code == record.FindingStaleSyn.String() {
						said = f.Detail
					}
				}
				got = append(got, line)
				if i > 0 && r.PreviousID == 0 && !strings.Contains(name, "gives up") {
					t.Errorf("%s: record %d names no previous connection", name, r.ID)
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if !strings.Contains(said, c.says) {
				t.Errorf("%s: it says %q, want %q", name, said, c.says)
			}
		}
	}
}
