package analyzer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// first analyzes segments, and returns the record that begins first.
func first(t *testing.T, segments []flows.Segment) *record.Connection {
	t.Helper()
	var found *record.Connection
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
		if found == nil || r.ID < found.ID {
			c := *r
			found = &c
		}
	})
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	if found == nil {
		t.Fatal("no record")
	}
	return found
}

func zeekOf(t *testing.T, segments []flows.Segment) string {
	t.Helper()
	z := first(t, segments).Zeek
	return z.ConnState + " " + z.History
}

const opened = `
	C --> S SYN
	C <-- S SYN,ACK
	C --> S ACK`

func TestZeekConnState(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"attempt without reply", `
			C --> S SYN`, "S0 S"},
		{"retried attempt, same number", `
			C --> S SYN
			+1s C --> S again
			+2s C --> S again`, "S0 S"},
		{"SYN-ACK alone counts as established", `
			C --> S SYN
			C <-- S SYN,ACK`, "S1 Sh"},
		{"established", opened, "S1 ShA"},
		{"closed by both", opened + `
			C --> S PSH,ACK len=10
			C <-- S ACK
			C <-- S PSH,ACK len=20
			C --> S FIN,ACK
			C <-- S FIN,ACK
			C --> S ACK`, "SF ShADadFf"},
		{"second FIN that nobody acknowledged", opened + `
			C --> S FIN,ACK
			C <-- S FIN,ACK`, "SF ShAFf"},
		{"closed by the opener only", opened + `
			C --> S FIN,ACK
			C <-- S ACK`, "S2 ShAFa"},
		{"closed by the responder only", opened + `
			C <-- S FIN,ACK
			C --> S ACK`, "S3 ShAf"},
		{"refused", `
			C --> S SYN
			C <-- S RST,ACK`, "REJ Sr"},
		{"reset by both without text", opened + `
			C --> S RST
			C <-- S RST`, "REJ ShARr"},
		{"reset by the opener", opened + `
			C --> S PSH,ACK len=10
			C --> S RST`, "RSTO ShADR"},
		{"reset by the responder", opened + `
			C --> S PSH,ACK len=10
			C <-- S RST`, "RSTR ShADr"},
		{"attempt given up with an RST", `
			C --> S SYN
			C --> S RST`, "RSTOS0 SR"},
		{"attempt given up with an RST, after more", `
			C --> S SYN
			C --> S ACK ack=7
			C --> S RST`, "OTH SAR"},
		{"an unexpected RST", `
			C = 10.0.0.1:40000 nxt=5
			S = 10.0.0.2:80 nxt=9
			C --> S RST`, "OTH R"},
		{"SYN-ACK and RST of a responder, no SYN", `
			C <-- S SYN,ACK ack=101
			C <-- S RST`, "RSTRH ^hr"},
		{"SYN and FIN, no SYN-ACK", `
			C --> S SYN
			C --> S FIN,ACK ack=7`, "SH SF"},
		{"SYN-ACK and FIN, no SYN", `
			C <-- S SYN,ACK ack=101
			C <-- S FIN,ACK`, "SHR ^hf"},
		{"midstream", `
			C = 10.0.0.1:40000 nxt=5
			S = 10.0.0.2:80 nxt=9
			C --> S PSH,ACK len=10
			C <-- S ACK`, "OTH Da"},
		{"midstream, closed by both", `
			C = 10.0.0.1:40000 nxt=5
			S = 10.0.0.2:80 nxt=9
			C --> S FIN,ACK
			C <-- S FIN,ACK
			C --> S ACK`, "SF FfA"},
		{"only the SYN is missing", `
			C <-- S SYN,ACK ack=101
			C --> S ACK seq=101
			C --> S PSH,ACK len=10`, "S1 ^hAD"},
		{"SYN-ACK captured before its SYN", `
			C <-- S SYN,ACK seq=300 ack=101
			C --> S SYN seq=100
			C --> S ACK ack=301`, "S1 ^hSA"},
		{"simultaneous open", `
			C --> S SYN
			C <-- S SYN
			C --> S SYN,ACK
			C <-- S SYN,ACK
			C --> S ACK`, "S1 SsA"},
		{"an ACK first in answer to a SYN", `
			C --> S SYN
			C <-- S ACK seq=9 ack=77`, "S0 Sa"},
		{"SYN after an acknowledgement", `
			C --> S ACK seq=100 ack=9
			C --> S SYN seq=99`, "S0 AS"},
		{"RST after both FINs is no reset", opened + `
			C --> S FIN,ACK
			C <-- S FIN,ACK
			C --> S RST`, "SF ShAFfR"},
		{"RST after the own FIN is one", opened + `
			C --> S FIN,ACK
			C --> S RST`, "RSTO ShAFR"},
		{"FIN and RST, and then the peer's FIN: a normal end", opened + `
			C --> S FIN,ACK
			C --> S RST
			C <-- S FIN,ACK`, "SF ShAFRf"},
		{"RST in answer long after the end is another connection", opened + `
			C --> S PSH,ACK len=10
			C --> S RST,ACK
			+20s C <-- S RST`, "RSTO ShADR"},
		{"to itself", `
			C = 127.0.0.1:5000
			S = 127.0.0.1:5000
			C --> S SYN seq=100
			C --> S SYN,ACK seq=100 ack=101`, "S0 S"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := zeekOf(t, segtest.Script(tt.script).Segments()); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestZeekHistory(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"a and d once in each direction", opened + `
			C --> S PSH,ACK len=10
			C --> S PSH,ACK len=10
			C <-- S ACK
			C <-- S ACK
			C <-- S PSH,ACK len=10
			C <-- S PSH,ACK len=10
			C --> S ACK`, "ShADad"},
		{"a FIN again with the same number, with text the second time", opened + `
			C --> S PSH,ACK len=10
			C --> S FIN,ACK
			C --> S FIN,ACK seq=101 len=10`, "ShADFT"},
		{"a FIN again with another number", opened + `
			C --> S FIN,ACK
			C --> S FIN,ACK seq=+5`, "ShAFF"},
		{"RSTs with the same and with another number", opened + `
			C --> S RST seq=101
			C --> S RST seq=101
			C --> S RST seq=109`, "ShARR"},
		{"SYN-ACK sent again", `
			C --> S SYN
			C <-- S SYN,ACK
			+1s C <-- S again
			C --> S ACK`, "ShA"},
		{"impossible flags", opened + `
			C --> S SYN,FIN
			C --> S SYN,FIN
			C <-- S FIN,RST
			C <-- S FIN,RST`, "ShAQi"},
		{"text sent again", opened + `
			C --> S PSH,ACK len=10
			+1s C --> S again`, "ShADT"},
		{"an empty keepalive is not text", opened + `
			C --> S PSH,ACK len=10
			C <-- S ACK
			+1s C --> S ACK seq=-1`, "ShADa"},
		{"a keepalive with an octet is", opened + `
			C --> S PSH,ACK len=10
			C <-- S ACK
			+1s C --> S ACK seq=-1 len=1`, "ShADaT"},
		{"text in the SYN counts as sent again, as Zeek does", `
			C --> S SYN len=10 tfo=8
			C <-- S SYN,ACK`, "STh"},
		{"zero window", opened + `
			C --> S PSH,ACK len=10
			C <-- S ACK win=0`, "ShADaw"},
		{"windows after a FIN or in an RST do not matter", opened + `
			C --> S FIN,ACK
			C <-- S ACK win=0
			C <-- S RST win=0`, "ShAFar"},
		{"a wrong checksum where the others are right", opened + `
			C --> S PSH,ACK len=10 badsum
			C --> S ACK`, "ShAC"},
		{"a hole that the receiver does not have", opened + `
			C ~~> S PSH,ACK len=10
			C --> S PSH,ACK len=10
			C <-- S ACK`, "ShADaG"},
		{"text acknowledged that was not captured", opened + `
			C ~~> S PSH,ACK len=10
			C <-- S ACK`, "ShAaG"},
		{"a hole filled in time", opened + `
			C --> S PSH,ACK seq=111 len=10
			C --> S PSH,ACK seq=101 len=10
			C <-- S ACK ack=121`, "ShADTa"},
		{"no gap in a FIN's number", opened + `
			C --> S PSH,ACK len=10
			C --> S FIN,ACK
			C <-- S ACK`, "ShADFa"},
		{"no gap where the handshake was missed", `
			C = 10.0.0.1:40000 nxt=5
			S = 10.0.0.2:80 nxt=9
			C --> S PSH,ACK len=10
			C <-- S ACK
			C ~~> S PSH,ACK len=10
			C <-- S ACK`, "Da"},
		{"numbers below the first are not content", opened + `
			C --> S PSH,ACK seq=50 len=10
			C --> S PSH,ACK seq=101 len=10
			C <-- S ACK`, "ShADTa"},
		{"nothing of TCP's flags", `
			C = 10.0.0.1:40000 nxt=5
			C --> S NULL`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := first(t, segtest.Script(tt.script).Segments()).Zeek.History; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// c, g, t and w stand for the first, the tenth, the hundredth … time.
func TestZeekScaledLetters(t *testing.T) {
	for _, tt := range []struct {
		name, again string
		letter      byte
	}{
		{"retransmissions", "\n+1s C --> S PSH,ACK seq=101 len=10", 'T'},
		{"zero windows", "\nC --> S ACK win=0", 'W'},
		{"checksums", "\nC --> S PSH,ACK len=1 badsum", 'C'},
		{"gaps", "\nC ~~> S PSH,ACK len=1\nC <-- S ACK", 'G'},
	} {
		for _, n := range []int{0, 1, 9, 10, 11, 99, 100} {
			script := opened + "\nC --> S PSH,ACK len=10" + strings.Repeat(tt.again, n)
			history := first(t, segtest.Script(script).Segments()).Zeek.History
			if got, want := strings.Count(history, string(tt.letter)), len(fmt.Sprint(n)); n > 0 && got != want ||
				n == 0 && got != 0 {
				t.Errorf("%d %s: %s, want %d times %c", n, tt.name, history, want, tt.letter)
			}
		}
	}
}

// Text that the snaplen left out was not seen.
func TestZeekCutText(t *testing.T) {
	segments := segtest.Script(opened + `
		C --> S PSH,ACK len=10
		C <-- S ACK
		C <-- S PSH,ACK len=10
		C --> S ACK`).Segments()
	for i := range segments {
		segments[i].Cut = segments[i].Len > 0
	}
	if got, want := zeekOf(t, segments), "S1 ShADaGdg"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A transfer of more than 4 GiB adds no letter.
func TestZeekSequenceWrap(t *testing.T) {
	x := segtest.Script(opened + `
		C --> S PSH,ACK len=10
		C <-- S ACK
		C --> S FIN,ACK
		C <-- S FIN,ACK
		C --> S ACK`).Segments()
	segments, text, ack, end := x[:3:3], x[3], x[4], x[5:]
	const gib = 1 << 30
	for range 6 {
		text.Len = gib - 1
		ack.Ack = text.Seq + text.Len
		segments = append(segments, text, ack)
		text.Seq += text.Len
		text.Packet, text.Time, ack.Packet, ack.Time = text.Packet+2, text.Time+2e6, ack.Packet+2, ack.Time+2e6
	}
	for _, s := range end {
		s.Packet, s.Time = s.Packet+10, s.Time+10e6
		if s.FromB {
			s.Ack += text.Seq - 111
		} else {
			s.Seq += text.Seq - 111
		}
		segments = append(segments, s)
	}
	if got, want := zeekOf(t, segments), "SF ShADaFf"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := first(t, segments).Zeek.OrigBytes, uint64(6*(gib-1)); got != want {
		t.Errorf("%d bytes, not %d", got, want)
	}
}

// No sender can make the history grow without bound.
func TestZeekHistoryBound(t *testing.T) {
	script := opened
	for i := range 1000 {
		script += fmt.Sprintf("\n+1us C --> S RST seq=%d", 1000+i)
	}
	history := first(t, segtest.Script(script).Segments()).Zeek.History
	if want := "ShA" + strings.Repeat("R", 253); history != want {
		t.Errorf("got %d letters %s", len(history), history)
	}
}

// The counts that conn.log has besides the two words.
func TestZeekCounts(t *testing.T) {
	type counts struct {
		duration                             string
		origBytes, respBytes, missed         uint64
		origPackets, origIP, respPackets, ip uint64
	}
	for _, tt := range []struct {
		name, script string
		want         counts
	}{
		{"a single SYN has no duration", `
			C --> S SYN`, counts{"null", 0, 0, 0, 1, 40, 0, 0}},
		{"a SYN's options are IP bytes", `
			C --> S SYN mss=1460 ts=1
			C <-- S SYN,ACK mss=1460 ts=1`, counts{"0.001", 0, 0, 0, 1, 56, 1, 56}},
		{"text, and a last ACK that does not count for the duration", opened + `
			C --> S PSH,ACK len=100
			C <-- S PSH,ACK len=1000
			C --> S FIN,ACK
			C <-- S FIN,ACK
			+1s C --> S ACK`, counts{"0.006", 100, 1000, 0, 5, 300, 3, 1120}},
		{"where text is missing it does: only this ACK says that all has come", opened + `
			C ~~> S PSH,ACK len=100
			C --> S FIN,ACK
			C <-- S FIN,ACK ack=101
			+1s C --> S ACK
			C <-- S ACK`, counts{"1.006", 100, 0, 100, 4, 160, 3, 120}},
		{"text of the other side that its FIN does not acknowledge", opened + `
			C --> S PSH,ACK len=100
			C <-- S FIN,ACK ack=101
			C --> S FIN,ACK
			+1s C <-- S ACK
			+1s C --> S ACK`, counts{"1.005", 100, 0, 0, 5, 300, 3, 120}},
		{"an RST ends its sender's part only", opened + `
			C --> S RST
			+1s C <-- S PSH,ACK len=10
			+1s C <-- S RST
			+1s C <-- S RST`, counts{"2.003", 0, 10, 0, 3, 120, 4, 170}},
		{"segments after Zeek has forgotten the connection", opened + `
			C --> S RST
			+4s C <-- S PSH,ACK len=10
			+2s C <-- S PSH,ACK len=10`, counts{"4.003", 0, 10, 0, 3, 120, 2, 90}},
		{"a lone FIN, forgotten after five seconds", `
			C = 10.0.0.1:40000 nxt=5
			C --> S FIN,ACK ack=9
			+6s C --> S again`, counts{"null", 0, 0, 0, 1, 40, 0, 0}},
		{"segments with wrong checksums do not count", opened + `
			C --> S PSH,ACK len=10 badsum
			C --> S PSH,ACK seq=101 len=10`, counts{"0.004", 10, 0, 0, 3, 130, 1, 40}},
		{"what the capture holds twice counts twice", opened + `
			C --> S PSH,ACK len=10
			C --> S dup`, counts{"0.004", 10, 0, 0, 4, 180, 1, 40}},
		{"two gaps", opened + `
			C ~~> S PSH,ACK len=10
			C --> S PSH,ACK len=10
			C ~~> S PSH,ACK len=5
			C --> S PSH,ACK len=10
			C <-- S ACK`, counts{"0.007", 35, 0, 15, 4, 180, 2, 80}},
		{"a half-open connection that an RST ends has no size", `
			C --> S SYN seq=100
			C <-- S ACK seq=900 ack=7000
			C --> S RST seq=7000`, counts{"0.002", 0, 0, 0, 2, 80, 1, 40}},
		{"IPv6", `
			C = [2001:db8::1]:40000
			S = [2001:db8::2]:80
			C --> S SYN
			C <-- S SYN,ACK`, counts{"0.001", 0, 0, 0, 1, 60, 1, 60}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := first(t, segtest.Script(tt.script).Segments()).Zeek
			got := counts{string(z.Duration.Append(nil)), z.OrigBytes, z.RespBytes, z.MissedBytes,
				z.OrigPackets, z.OrigIPBytes, z.RespPackets, z.RespIPBytes}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
