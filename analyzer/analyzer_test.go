package analyzer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

const wholeLife = `
	C = 10.0.0.1:40000 mss=1460
	S = 10.0.0.2:80 mss=1460
	C --> S SYN
	C <-- S SYN,ACK
	C --> S ACK
	C --> S PSH,ACK len=100
	C <-- S PSH,ACK len=200
	C --> S FIN,ACK
	C <-- S ACK
	C <-- S FIN,ACK
	C --> S ACK`

// records analyzes segments that a test has changed.
func records(segments []flows.Segment) (out []string) {
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) { out = append(out, short(r)) })
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	return out
}

// Hard case 64: merged files and interfaces have different clocks. The sequence numbers decide, not the times.
func TestHardCase64ClockStepsBack(t *testing.T) {
	plain := segtest.Script(wholeLife).Segments()
	want := records(plain)
	skewed := segtest.Script(wholeLife).Segments()
	for i := range skewed {
		if skewed[i].FromB {
			skewed[i].Time -= 5e9 // the server's interface is five seconds behind
		}
	}
	got := records(skewed)
	if len(got) != 1 || got[0] != want[0] {
		t.Errorf("with a clock behind:\n%s\nwith one clock:\n%s", got, want)
	}
}

// Hard case 42: offload leaves wrong checksums on the sender's side. These segments count, unless other checksums of
// the same sender are right.
func TestHardCase42Checksums(t *testing.T) {
	script := wholeLife + "\n X = 10.0.0.2:80\n"
	offloaded := segtest.Script(script).Segments()
	for i := range offloaded {
		offloaded[i].Checksum = flows.ChecksumWrong
	}
	if got, want := records(offloaded), records(segtest.Script(script).Segments()); len(got) != 1 || got[0] != want[0] {
		t.Errorf("with offload:\n%s\nwithout:\n%s", got, want)
	}

	const reset = `
		C --> S SYN
		C <-- S SYN,ACK
		C --> S ACK
		C <-- S RST,ACK
		C --> S PSH,ACK len=10
		C <-- S ACK`
	segments := segtest.Script(reset).Segments()
	segments[3].Checksum = flows.ChecksumWrong
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
		if r.Teardown.Reset != nil || r.Server.State.State.String() != "ESTABLISHED" {
			t.Errorf("an RST with a wrong checksum was accepted:\n%s", short(r))
		}
		if len(r.Findings) != 1 || r.Findings[0].Code != "bad_checksums" {
			t.Errorf("findings %v, want bad_checksums", r.Findings)
		}
	})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
}

// Only the differences of sequence numbers matter: a connection whose numbers are shifted has the same record.
func TestShiftedNumbers(t *testing.T) {
	want := records(segtest.Script(wholeLife).Segments())
	for _, shift := range []uint32{1, 1 << 31, 0xffffff38, 0xffffff9b} {
		segments := segtest.Script(wholeLife).Segments()
		for i := range segments {
			segments[i].Seq += shift
			if segments[i].Flags.Has(flows.ACK) {
				segments[i].Ack += shift
			}
		}
		if got := records(segments); got[0] != want[0] {
			t.Errorf("shifted by %d:\n%s\nwant\n%s", shift, got[0], want[0])
		}
	}
}

// A damaged timestamp of one packet lies years ahead. It must not end open connections.
func TestOneJumpOfTheClock(t *testing.T) {
	want := records(segtest.Script(wholeLife).Segments())
	for i := range segtest.Script(wholeLife).Segments() {
		segments := segtest.Script(wholeLife).Segments()
		segments[i].Time += 20 * 365 * 24 * 3600e9
		if got := records(segments); len(got) != 1 {
			t.Errorf("with packet %d years ahead: %d records, want one:\n%s", i+1, len(got), want[0])
		}
	}
}

// After hours without a packet the next ones are new connections.
func TestLongSilence(t *testing.T) {
	segments := segtest.Script(wholeLife).Segments()
	for i, seg := range segtest.Script(wholeLife).Segments() {
		seg.Packet += 9
		seg.Time += 20 * 3600e9
		seg.Seq, seg.Ack = seg.Seq+7e6, seg.Ack+7e6
		if i == 0 {
			seg.Ack = 0
		}
		segments = append(segments, seg)
	}
	if got := records(segments); len(got) != 2 || !strings.Contains(got[0], "time_wait_expired") {
		t.Errorf("got\n%s", got)
	}
}

// The memory for targets is bounded by the pending attempts: a scan of many ports leaves nothing behind.
func TestScannedPortsAreForgotten(t *testing.T) {
	a := analyzer.New(analyzer.Options{}, func(*record.Connection) {})
	syn := segtest.Script("C --> S SYN").Segments()[0]
	scan := func(ports uint16) {
		for port := uint16(1); port <= ports; port++ {
			s, r := syn, syn
			s.Key.BPort, r.Key.BPort = port, port
			r.FromB, r.Flags, r.Seq, r.Ack = true, flows.RST|flows.ACK, 0, syn.Seq+1
			a.Segment(&s)
			a.Segment(&r)
		}
	}
	scan(1000)
	if n := analyzer.Targets(a); n > 1 {
		t.Errorf("%d targets are remembered after all attempts of a scan ended", n)
	}
}

// The text of an RST is reported, even if the connection was packed meanwhile.
func TestResetReason(t *testing.T) {
	segments := segtest.Script(`
		C --> S SYN
		C <-- S SYN,ACK
		C --> S ACK
		C <-- S RST,ACK len=24
		+1s C <-- S RST,ACK len=5
	`).Segments()
	why, later := `[0x1:2] no "pool" member`, "later"
	segments[3].Reason, segments[4].Reason = &why, &later
	var details []string
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
		for _, f := range r.Findings {
			if f.Code == "reset_reason" {
				details = append(details, f.Detail)
			}
		}
	})
	analyzer.Rest(a)
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	const want = `server: an RST carried text, usually the reason (2 times): "[0x1:2] no \"pool\" member"; ` +
		`packets 4 and 5`
	if len(details) != 1 || details[0] != want {
		t.Errorf("%q, want %q", details, want)
	}
}

// The clock that captured the SYN-ACK is years ahead. The client's states begin no earlier than that clock says, and
// only the beginning of its TIME_WAIT is known.
func TestTimeWaitAfterFarFutureClock(t *testing.T) {
	segments := segtest.Script(`
		C --> S SYN
		C <-- S SYN,ACK
		C --> S ACK
		C --> S FIN,ACK
		C <-- S FIN,ACK
		C --> S ACK
	`).Segments()
	segments[1].Time += int64(40 * 365 * 24 * time.Hour)
	var waits []record.TimeWait
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) { waits = append(waits, c.TimeWait...) })
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	if len(waits) != 1 || waits[0].Observed != 0 || waits[0].Expires != waits[0].Entered+record.Time(waits[0].TwoMSL) {
		t.Errorf("TIME_WAIT %+v", waits)
	}
}

// A SYN inside a connection whose own SYN was not captured is not the one that opened it.
func TestForeignSynIsNotTheFirst(t *testing.T) {
	segments := segtest.Script(`
		C --> S PSH,ACK seq=101 ack=301 len=10
		C --> S SYN seq=102
		C <-- S SYN,ACK seq=300 ack=101
		C --> S PSH,ACK seq=101 ack=301 len=10
		C <-- S ACK seq=301 ack=111
	`).Segments()
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		if h := c.Handshake; h.Outcome != record.OutcomePartial || h.SynAt != record.NoTime || c.Client.Syns != 1 {
			t.Errorf("%s, a SYN at %d, %d SYNs", h.Outcome, h.SynAt, c.Client.Syns)
		}
	})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
}
