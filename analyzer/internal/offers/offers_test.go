package offers_test

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/offers"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/segtest"
)

// seen returns the Offers of a script's connection; the first end is the client.
func seen(script string) *offers.Offers {
	var o offers.Offers
	segments := segtest.Script(script).Segments()
	for i := range segments {
		end := 0
		if segments[i].FromB != segments[0].FromB {
			end = 1
		}
		o.Segment(end, &segments[i])
	}
	return &o
}

func TestECN(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   record.ECN
	}{
		"negotiated": {"C --> S SYN,ECE,CWR\n C <-- S SYN,ACK,ECE\n C --> S ACK", record.ECNNegotiated},
		"refused":    {"C --> S SYN,ECE,CWR\n C <-- S SYN,ACK\n C --> S ACK", record.ECNRefused},
		// RFC 3168 §6.1.1.1
		"reflected":   {"C --> S SYN,ECE,CWR\n C <-- S SYN,ACK,ECE,CWR\n C --> S ACK", record.ECNRefused},
		"not offered": {"C --> S SYN\n C <-- S SYN,ACK\n C --> S ACK", record.ECNNotOffered},
		"unanswered":  {"C --> S SYN,ECE,CWR", record.NoECN},
		"given up":    {"C --> S SYN,ECE,CWR\n +1s C --> S SYN\n C <-- S SYN,ACK", record.ECNRefused},
	} {
		if got := seen(c.script).ECN(0, 1); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	o := seen(`C --> S SYN,ECE,CWR
		C <-- S SYN,ACK,ECE
		C --> S ACK
		C <-- S PSH,ACK len=10 ecn=ce
		C --> S ACK,ECE
		C <-- S ACK,CWR`)
	if s, c := &o.Ends[1], &o.Ends[0]; s.CE != 1 || c.ECE != 1 || s.CWR != 1 || s.ECE != 0 || c.CE != 0 {
		t.Errorf("marks: client %+v, server %+v", c, s)
	}
}

func TestMPTCP(t *testing.T) {
	o := seen("C --> S SYN mptcp\n C <-- S SYN,ACK mptcp=7\n C --> S ACK mptcp=9")
	// Tokens are SHA-256 of the keys (RFC 8684 §3.1).
	if m := o.MPTCP(1); m == nil || *m != (record.MPTCP{Kind: record.MPTCPCapable,
		Token: record.Seq{Number: 0xa3eb8db8, Known: true}}) {
		t.Errorf("it is %+v", m)
	}
	if seen("C --> S SYN mptcp\n C <-- S SYN,ACK\n C --> S ACK").MPTCP(1) != nil {
		t.Error("with a server without MPTCP there is none")
	}
	o = seen("C --> S SYN join=0xa3eb8db8\n C <-- S SYN,ACK")
	m := o.MPTCP(1)
	if m == nil || *m != (record.MPTCP{Kind: record.MPTCPJoin,
		Token: record.Seq{Number: 0xa3eb8db8, Known: true}}) {
		t.Errorf("it is %+v", m)
	}
	var tokens offers.Tokens
	tokens.Join(m)
	if m.Joins != 0 {
		t.Errorf("it joins connection %d, whose token is unknown", m.Joins)
	}
	tokens.Add(0xa3eb8db8, 17)
	if tokens.Join(m); m.Joins != 17 {
		t.Errorf("it joins connection %d", m.Joins)
	}
	for n := range uint32(1 << 16) {
		tokens.Join(m)
		if m.Joins != 17 {
			t.Fatalf("after %d others it joins connection %d", n, m.Joins)
		}
		tokens.Add(n, 1) // the last one replaces the first token
	}
	if tokens.Join(m); m.Joins != 0 {
		t.Errorf("after 65,536 others it joins connection %d", m.Joins)
	}
}

func TestOptions(t *testing.T) {
	o := seen(`C = 10.0.0.1:40000 mss=1460 sack wscale=7
		S = 10.0.0.2:80 mss=1400
		C --> S SYN tfo
		C <-- S SYN,ACK
		C --> S PSH,ACK,URG len=5 urg=5`)
	c, s := &o.Ends[0], &o.Ends[1]
	if !c.Syn || c.MSS != 1460 || !c.SACKPermitted || c.WScale != 7 || c.Timestamps || !c.FastOpen || c.Urgent != 1 {
		t.Errorf("client %+v", c)
	}
	if !s.Syn || s.MSS != 1400 || s.HasWScale || s.SACKPermitted {
		t.Errorf("server %+v", s)
	}
}
