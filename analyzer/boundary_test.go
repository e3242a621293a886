package analyzer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// This file tests each threshold with its number written out, so that a changed threshold fails a test: make mutate
// halves and doubles them.

// emitted analyzes segments. It returns how many records came before the end, and all records.
func emitted(segments []flows.Segment, later ...time.Duration) (before int, all []*record.Connection) {
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) { all = append(all, r.Clone()) })
	for i := range segments {
		a.Segment(&segments[i])
	}
	for _, d := range later {
		a.Advance(segments[len(segments)-1].Time + int64(d))
	}
	before = len(all)
	a.Close()
	return before, all
}

const handshake = `
	C --> S SYN
	C <-- S SYN,ACK
	C --> S ACK
`

// An attempt is given up after 240 s, an idle connection after five days, and 2MSL are 240 s.
func TestDefaultLimits(t *testing.T) {
	for _, test := range []struct {
		script string
		after  time.Duration
		want   int
	}{
		{"C --> S SYN", 239 * time.Second, 0},
		{"C --> S SYN", 241 * time.Second, 1},
		{handshake, 5*24*time.Hour - time.Second, 0},
		{handshake, 5*24*time.Hour + time.Second, 1},
	} {
		if got, _ := emitted(segtest.Script(test.script).Segments(), test.after); got != test.want {
			t.Errorf("%v after %q: %d records, want %d", test.after, test.script, got, test.want)
		}
	}
	_, all := emitted(segtest.Script(wholeLife).Segments())
	if got := all[0].TimeWait[0].TwoMSL; got != 240e9 {
		t.Errorf("2MSL are %d ns", got)
	}
}

// A packet that is an hour ahead moves the clock, one that is farther ahead does not.
func TestJumpLimit(t *testing.T) {
	for after, want := range map[string]int{"+3599s": 1, "+3601s": 0} {
		script := "X = 10.0.0.3:40000\nC --> S SYN\n" + after + " X --> S SYN"
		if got, _ := emitted(segtest.Script(script).Segments()); got != want {
			t.Errorf("%s: %d records emitted, want %d", after, got, want)
		}
	}
}

// Four incarnations of a 4-tuple may be undecided.
func TestUndecidedIncarnations(t *testing.T) {
	script := "C --> S SYN seq=1000000\nC --> S SYN seq=2000000\nC --> S SYN seq=3000000\nC --> S SYN seq=4000000\n"
	if got, _ := emitted(segtest.Script(script).Segments()); got != 0 {
		t.Errorf("with four, %d were emitted early", got)
	}
	if got, _ := emitted(segtest.Script(script + "C --> S SYN seq=5000000").Segments()); got != 1 {
		t.Errorf("with five, %d were emitted early", got)
	}
}

// The server is the side with a port below 1024, or else below 32768, if the other's port is not.
func TestServerByPort(t *testing.T) {
	for server, client := range map[string]string{"1023": "1024", "32767": "32768"} {
		_, all := emitted(segtest.Script("A = 10.0.0.1:" + server + " nxt=5\nB = 10.0.0.2:" + client +
			" nxt=7\nA --> B PSH,ACK len=1").Segments())
		if r := all[0]; r.RoleEvidence != record.RolePorts || r.Server.IP.String() != "10.0.0.1" {
			t.Errorf("ports %s and %s: the server is %v, by %s", server, client, r.Server.Port, r.RoleEvidence)
		}
	}
}

// The same bytes are a duplicate of the capture within 100 ms if they have an IP ID, within 10 ms
// with a timestamp, else within 2 ms.
func TestDuplicateLimits(t *testing.T) {
	for _, test := range []struct {
		with, after string
		want        uint64
	}{
		{"ipid=7", "+99ms", 1}, {"ipid=7", "+101ms", 0},
		{"ts=1000", "+9900us", 1}, {"ts=1000", "+10100us", 0},
		{"", "+1900us", 1}, {"", "+2100us", 0},
	} {
		script := "C = 10.0.0.1:40000 " + test.with + "\n" + handshake + "C --> S PSH,ACK len=10\n" + test.after +
			" C --> S dup"
		segments := segtest.Script(script).Segments()
		for i := range segments {
			if !strings.HasPrefix(test.with, "ipid") {
				segments[i].IPID = 0
			}
		}
		if _, all := emitted(segments); all[0].Client.CaptureDuplicates != test.want {
			t.Errorf("%q, %s: %d duplicates, want %d", test.with, test.after, all[0].Client.CaptureDuplicates,
				test.want)
		}
	}
}

// A side that has not closed for 60 s is a finding.
func TestNotClosedLimit(t *testing.T) {
	for after, want := range map[string]bool{"+59s": false, "+61s": true} {
		script := "X = 10.0.0.3:40000\n" + handshake + "C --> S FIN,ACK\nC <-- S ACK\n" + after + " X --> S SYN"
		_, all := emitted(segtest.Script(script).Segments())
		found := false
		for _, r := range all {
			for _, f := range r.Findings {
				found = found || f.Code == "not_closed"
			}
		}
		if found != want {
			t.Errorf("%s: not_closed is %v", after, found)
		}
	}
}

// A finding names at most eight packets: here of eight segments with wrong checksums, and their retransmissions.
func TestMostNotedPackets(t *testing.T) {
	script := handshake + "C --> S PSH,ACK len=10\n"
	for seq := 111; seq < 191; seq += 10 {
		script += fmt.Sprintf("C --> S PSH,ACK seq=%d len=10 badsum\n+300ms C --> S PSH,ACK seq=%[1]d len=10\n"+
			"C <-- S ACK\n", seq)
	}
	_, all := emitted(segtest.Script(script).Segments())
	most := 0
	for _, f := range all[0].Findings {
		most = max(most, len(f.Packets))
	}
	if most != 8 {
		t.Errorf("%d packets: %+v", most, all[0].Findings)
	}
}

// A segment that opens nothing is a probe even if it comes 32 times.
func TestRepeatedProbes(t *testing.T) {
	for times, want := range map[int]int{32: 1, 33: 0} {
		probe := segtest.Script("C --> S FIN seq=7").Segments()[0]
		a := analyzer.New(analyzer.Options{}, func(*record.Connection) {})
		for i := range times {
			for port := range uint16(12) {
				p := probe
				p.Packet, p.Time, p.Key.BPort = uint64(1+i*12+int(port)), probe.Time+int64(i)*1e9, 80+port
				a.Segment(&p)
			}
		}
		a.Close()
		if got := len(a.Result().Scans); got != want {
			t.Errorf("FINs that come %d times: %d scans, want %d", times, got, want)
		}
	}
}

// An opener never got a SYN-ACK if it does not answer for a second, and the 100 ms that an answer may take.
func TestUnansweredSynAck(t *testing.T) {
	for after, want := range map[string]string{"+1050ms": "ESTABLISHED", "+1150ms": "SYN_SENT"} {
		_, all := emitted(segtest.Script("X = 10.0.0.3:40000\nC --> S SYN\nC <-- S SYN,ACK\n" + after +
			" X --> S SYN").Segments())
		for _, r := range all {
			if r.Client.Port == 40000 && r.Client.IP.String() == "10.0.0.1" && r.Client.State.State.String() != want {
				t.Errorf("%s: the client is in %v, want %s", after, r.Client.State.State, want)
			}
		}
	}
}

// A segment does not fit if its number is more than 262,144 beyond the peer's window.
func TestFarNumbers(t *testing.T) {
	for ahead, want := range map[string]bool{"263100": true, "263200": false} { // a window of 1,000
		_, all := emitted(segtest.Script("S = 10.0.0.2:80 win=1000\n" + handshake + "C --> S PSH,ACK seq=+" + ahead +
			" len=10").Segments())
		if fits := all[0].Client.Bytes > 0; fits != want {
			t.Errorf("%s ahead: fits is %v: %s", ahead, fits, short(all[0]))
		}
	}
}

// closed is a whole connection; S sends 302 next.
const closed = handshake + `
	C --> S FIN,ACK
	C <-- S FIN,ACK
	C --> S ACK
`

// outcomes returns the findings of each record.
func outcomes(script string) (list []string) {
	_, all := emitted(segtest.Script(script).Segments())
	for _, r := range all {
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code)
		}
		list = append(list, strings.Join(codes, " "))
	}
	return list
}

// This tests what the next segments of a 4-tuple count as, and how long a connection must be idle for an idle close.
func TestNextIncarnation(t *testing.T) {
	const wasReset, refused = "C --> S SYN\nC <-- S SYN,ACK\nC --> S RST\n", "C --> S SYN\nC <-- S RST,ACK\n"
	crossed := func(idle string) string {
		return handshake + "C --> S PSH,ACK len=100\nC <-- S PSH,ACK len=200\nC --> S ACK\n" + idle +
			" C <-- S FIN,ACK\n+200us C --> S PSH,ACK seq=201 ack=501 len=100\n+5ms C <-- S RST seq=501"
	}
	for _, test := range []struct {
		name, script string
		want         []string
	}{
		{"a lower ISN within 60 s is old", closed + "+59s C --> S SYN seq=50\nC <-- S SYN,ACK seq=900000",
			[]string{"", "embryonic stale_syn"}},
		{"and later it is not", closed + "+61s C --> S SYN seq=50\nC <-- S SYN,ACK seq=900000",
			[]string{"time_wait_reused", "embryonic"}},
		{"a SYN-ACK in the window is forged", closed + "C <-- S SYN,ACK seq=65837 ack=102", []string{""}},
		{"one 64 KiB ahead opens a connection", closed + "C <-- S SYN,ACK seq=65838 ack=102",
			[]string{"time_wait_reused", ""}},
		{"also if its acknowledgement is near", closed + "C <-- S SYN,ACK seq=302 ack=65637", []string{""}},
		{"and 64 KiB ahead not", closed + "C <-- S SYN,ACK seq=302 ack=65638", []string{"time_wait_reused", ""}},
		{"the SYN of a reset attempt comes within a second", wasReset + "+900ms C --> S SYN seq=100",
			[]string{"syn_retransmitted syn_scanned"}},
		{"and later", wasReset + "+1100ms C --> S SYN seq=100", []string{"syn_scanned", "unanswered stale_syn"}},
		{"the SYN of a refused attempt comes within 3 s", refused + "+2900ms C --> S SYN seq=100",
			[]string{"syn_retransmitted refused unanswered"}},
		{"and later, though it is refused", refused + "+3100ms C --> S SYN seq=100",
			[]string{"refused", "unanswered stale_syn"}},
		{"a close after less than a second crosses text", crossed("+999ms"), []string{"data_after_close"}},
		{"a close after a second of silence", crossed("+1s"), []string{"close_crossed"}},
	} {
		if got := outcomes(test.script); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// A connection with unacknowledged FINs from both sides ends 240 s after its last packet.
func TestClosingLimit(t *testing.T) {
	const script = handshake + "C --> S FIN,ACK\nC <-- S FIN,ACK ack=101"
	for after, want := range map[time.Duration]int{239 * time.Second: 0, 241 * time.Second: 1} {
		if got, _ := emitted(segtest.Script(script).Segments(), after); got != want {
			t.Errorf("after %v: %d records, want %d", after, got, want)
		}
	}
}
