package analyzer

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

func TestFailureClass(t *testing.T) {
	reset := func(by Side) Teardown { return Teardown{Kind: TeardownReset, Reset: &Reset{By: by}} }
	for _, c := range []struct {
		name string
		conn Connection
		want FailureClass
	}{
		{"refused", Connection{Handshake: Handshake{Outcome: OutcomeRefused}}, FailedRefused},
		{"challenged", Connection{Handshake: Handshake{Outcome: OutcomeChallenged}}, FailedChallenged},
		{"scanned", Connection{Handshake: Handshake{Outcome: OutcomeAborted}, Client: Endpoint{Rsts: 1}}, FailedAbortedByOpener},
		{"taken back", Connection{Handshake: Handshake{Outcome: OutcomeAborted}, Server: Endpoint{Rsts: 1}}, FailedAbortedByListener},
		{"thrown out", Connection{Handshake: Handshake{Outcome: OutcomeComplete}, Teardown: reset(Server)}, FailedAcceptedThenReset},
		{"served", Connection{Handshake: Handshake{Outcome: OutcomeComplete}, Teardown: reset(Server), Server: Endpoint{Bytes: 1}}, ""},
		{"closed before", Connection{Handshake: Handshake{Outcome: OutcomeComplete}, Teardown: reset(Server), Client: Endpoint{Fins: 1}}, ""},
		{"left", Connection{Handshake: Handshake{Outcome: OutcomeComplete}, Teardown: reset(Client)}, ""},
		{"lost", Connection{Handshake: Handshake{Outcome: OutcomeComplete}, Teardown: reset(Server), HalfOpen: &HalfOpen{}}, ""},
		{"midstream", Connection{Handshake: Handshake{Outcome: OutcomeUnseen}, Teardown: reset(Server)}, ""},
		{"healthy", Connection{Handshake: Handshake{Outcome: OutcomeComplete}}, ""},
	} {
		if got := c.conn.FailureClass(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// afterSilence is a connection that a side reset after so many seconds without a packet.
func afterSilence(by Side, seconds float64, server string) *Connection {
	at := netip.MustParseAddrPort(server)
	return &Connection{
		Server:   Endpoint{IP: at.Addr(), Port: at.Port()},
		Teardown: Teardown{Kind: TeardownReset, HalfClosed: NoDuration, Reset: &Reset{By: by, Idle: Duration(seconds * 1e9)}},
	}
}

func TestIdleTimeouts(t *testing.T) {
	const a, b = "192.0.2.1:443", "192.0.2.1:8443"
	for _, c := range []struct {
		name  string
		conns []*Connection
		want  int
	}{
		{"none", nil, 0},
		{"two are chance", []*Connection{afterSilence(Server, 350, a), afterSilence(Server, 350.2, a)}, 0},
		{"three alike", []*Connection{afterSilence(Server, 350, a), afterSilence(Server, 350.2, b), afterSilence(Client, 351, a)}, 1},
		{"a conversation", []*Connection{afterSilence(Server, 2, a), afterSilence(Server, 2, b), afterSilence(Client, 2, a)}, 0},
		{"spread", []*Connection{afterSilence(Server, 300, a), afterSilence(Server, 310, a), afterSilence(Server, 321, a), afterSilence(Server, 334, a),
			afterSilence(Server, 345, a), afterSilence(Server, 357, a), afterSilence(Server, 309, a)}, 0},
		{"two limits", []*Connection{afterSilence(Server, 60, a), afterSilence(Server, 60, a), afterSilence(Server, 60.3, a),
			afterSilence(Client, 3600, a), afterSilence(Client, 3601, a), afterSilence(Client, 3599, a), afterSilence(Client, 7, a)}, 2},
	} {
		f := newFailures()
		for _, conn := range c.conns {
			f.add(conn)
		}
		var s Summary
		f.summarize(&s)
		if len(s.IdleTimeouts) != c.want {
			t.Errorf("%s: %+v", c.name, s.IdleTimeouts)
		}
		if c.name == "three alike" && len(s.IdleTimeouts) == 1 {
			i := s.IdleTimeouts[0]
			if i.Idle != 350e9 || i.Longest != 351e9 || i.Resets != 3 || i.BySide != (SideCounts{1, 2}) || i.Of != 3 ||
				i.Server == nil || i.Server.Port != nil || i.Server.IP.String() != "192.0.2.1" {
				t.Errorf("%+v", i)
			}
		}
	}
}

// A side is not closing when it has been in CLOSE_WAIT for long, or would be if it had been seen.
func TestNotClosing(t *testing.T) {
	in := func(s tcpstate.State, at Time) Endpoint {
		return Endpoint{IP: netip.MustParseAddr("192.0.2.2"), Port: 80, State: StateOrNone{s, true}, States: []StateEntry{{State: s, At: at}}}
	}
	unseen := Endpoint{IP: netip.MustParseAddr("192.0.2.3"), Port: 81}
	f := newFailures()
	for _, c := range []*Connection{
		{Client: in(tcpstate.FinWait2, 0), Server: in(tcpstate.CloseWait, 1e9), Ended: 30e9},
		{Client: in(tcpstate.Closed, 0), Server: in(tcpstate.CloseWait, 1e9), Ended: 50e9},
		{Client: in(tcpstate.FinWait2, 0), Server: in(tcpstate.CloseWait, 1e9), Ended: 5e9}, // too soon to say
		{Client: in(tcpstate.FinWait2, 0), Server: unseen, Ended: 20e9},
		{Client: in(tcpstate.CloseWait, 0), Server: in(tcpstate.FinWait2, 0), Ended: 20e9},
		{Client: in(tcpstate.Established, 0), Server: in(tcpstate.Established, 0), Ended: 99e9},
	} {
		c.Teardown.HalfClosed = NoDuration
		f.add(c)
	}
	var s Summary
	f.summarize(&s)
	if len(s.NotClosing) != 3 {
		t.Fatalf("%+v", s.NotClosing)
	}
	n := s.NotClosing[0]
	if n.Connections != 2 || n.Waiting != 1 || n.Longest != 49e9 || n.Side != Server || *n.Host.Port != 80 {
		t.Errorf("%+v", n)
	}
	if s.NotClosing[1].Host.Port != nil || s.NotClosing[1].Side != Client {
		t.Errorf("%+v", s.NotClosing[1])
	}
}
