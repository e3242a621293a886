package ledger

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

func TestFailureClass(t *testing.T) {
	reset := func(by record.Side) record.Teardown {
		return record.Teardown{Kind: record.TeardownReset, Reset: &record.Reset{By: by}}
	}
	for _, c := range []struct {
		name string
		conn record.Connection
		want record.FailureClass
	}{
		{"refused", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeRefused}},
			record.FailedRefused},
		{"challenged", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeChallenged}},
			record.FailedChallenged},
		{"scanned", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeAborted},
			Client: record.Endpoint{Rsts: 1}}, record.FailedAbortedByOpener},
		{"withdrawn", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeAborted},
			Server: record.Endpoint{Rsts: 1}}, record.FailedAbortedByListener},
		{"ended at once", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete},
			Teardown: reset(record.Server)}, record.FailedAcceptedThenReset},
		{"served", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete},
			Teardown: reset(record.Server), Server: record.Endpoint{Bytes: 1}}, ""},
		{"closed before", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete},
			Teardown: reset(record.Server), Client: record.Endpoint{Fins: 1}}, ""},
		{"left", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete},
			Teardown: reset(record.Client)}, ""},
		{"lost", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete},
			Teardown: reset(record.Server), HalfOpen: &record.HalfOpen{}}, ""},
		{"midstream", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeUnseen},
			Teardown: reset(record.Server)}, ""},
		{"healthy", record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete}}, ""},
	} {
		if got := c.conn.FailureClass(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// afterSilence returns a connection that a side reset after some seconds without a packet.
func afterSilence(by record.Side, seconds float64, server string) *record.Connection {
	at := netip.MustParseAddrPort(server)
	return &record.Connection{
		Server: record.Endpoint{IP: at.Addr(), Port: at.Port()},
		Teardown: record.Teardown{Kind: record.TeardownReset, HalfClosed: record.NoDuration,
			Reset: &record.Reset{By: by, Idle: record.Duration(seconds * 1e9)}},
	}
}

func TestIdleTimeouts(t *testing.T) {
	const a, b = "192.0.2.1:443", "192.0.2.1:8443"
	for _, c := range []struct {
		name  string
		conns []*record.Connection
		want  int
	}{
		{"none", nil, 0},
		{"two are chance", []*record.Connection{afterSilence(record.Server, 350, a),
			afterSilence(record.Server, 350.2, a)}, 0},
		{"three alike", []*record.Connection{afterSilence(record.Server, 350, a), afterSilence(record.Server, 350.2, b),
			afterSilence(record.Client, 351, a)}, 1},
		{"a conversation", []*record.Connection{afterSilence(record.Server, 2, a), afterSilence(record.Server, 2, b),
			afterSilence(record.Client, 2, a)}, 0},
		{"spread", []*record.Connection{afterSilence(record.Server, 300, a), afterSilence(record.Server, 310, a),
			afterSilence(record.Server, 321, a), afterSilence(record.Server, 334, a),
			afterSilence(record.Server, 345, a), afterSilence(record.Server, 357, a),
			afterSilence(record.Server, 309, a)}, 0},
		{"two limits", []*record.Connection{afterSilence(record.Server, 60, a), afterSilence(record.Server, 60, a),
			afterSilence(record.Server, 60.3, a),
			afterSilence(record.Client, 3600, a), afterSilence(record.Client, 3601, a),
			afterSilence(record.Client, 3599, a), afterSilence(record.Client, 7, a)}, 2},
	} {
		s := summary(c.conns...)
		if len(s.IdleTimeouts) != c.want {
			t.Errorf("%s: %+v", c.name, s.IdleTimeouts)
		}
		if c.name == "three alike" && len(s.IdleTimeouts) == 1 {
			i := s.IdleTimeouts[0]
			if i.Idle != 350e9 || i.Longest != 351e9 || i.Resets != 3 ||
				i.BySide != (record.SideCounts{Client: 1, Server: 2}) || i.Of != 3 ||
				i.Server == nil || i.Server.Port != nil || i.Server.IP.String() != "192.0.2.1" {
				t.Errorf("%+v", i)
			}
		}
	}
}

// Closes that crossed the other side's text are listed apart from resets, and count after a second.
func TestCrossedCloses(t *testing.T) {
	var conns []*record.Connection
	for i := range 4 {
		c := afterSilence(record.Server, 0.01, "192.0.2.1:443")
		c.Teardown.Initiator, c.Teardown.Idle = record.Server, record.Duration(2e9+i*1e6)
		c.Findings = []record.Finding{{Code: record.FindingCloseCrossed.String()}}
		conns = append(conns, c)
	}
	s := summary(conns...)
	if len(s.IdleTimeouts) != 1 {
		t.Fatalf("%+v", s.IdleTimeouts)
	}
	i := s.IdleTimeouts[0]
	if i.Kind != record.IdleCrossed || i.Idle != 2e9 || i.Longest != 2003e6 || i.Resets != 4 ||
		i.BySide != (record.SideCounts{Server: 4}) || *i.Server.Port != 443 {
		t.Errorf("%+v", i)
	}
}

// A side counts as not closing if it has been in CLOSE_WAIT for long, or must have been although it was not seen.
func TestNotClosing(t *testing.T) {
	in := func(s tcpstate.State, at record.Time) record.Endpoint {
		return record.Endpoint{IP: netip.MustParseAddr("192.0.2.2"), Port: 80,
			State: record.StateOrNone{State: s, Known: true}, States: []record.StateEntry{{State: s, At: at}}}
	}
	unseen := record.Endpoint{IP: netip.MustParseAddr("192.0.2.3"), Port: 81}
	conns := []*record.Connection{
		{Client: in(tcpstate.FinWait2, 0), Server: in(tcpstate.CloseWait, 1e9), Ended: 30e9},
		{Client: in(tcpstate.Closed, 0), Server: in(tcpstate.CloseWait, 1e9), Ended: 50e9},
		{Client: in(tcpstate.FinWait2, 0), Server: in(tcpstate.CloseWait, 1e9), Ended: 5e9}, // too soon to say
		{Client: in(tcpstate.FinWait2, 0), Server: unseen, Ended: 20e9},
		{Client: in(tcpstate.CloseWait, 0), Server: in(tcpstate.FinWait2, 0), Ended: 20e9},
		{Client: in(tcpstate.Established, 0), Server: in(tcpstate.Established, 0), Ended: 99e9},
	}
	for _, c := range conns {
		c.Teardown.HalfClosed = record.NoDuration
	}
	s := summary(conns...)
	if len(s.NotClosing) != 3 {
		t.Fatalf("%+v", s.NotClosing)
	}
	n := s.NotClosing[0]
	if n.Connections != 2 || n.Waiting != 1 || n.Longest != 49e9 || n.Side != record.Server || *n.Host.Port != 80 {
		t.Errorf("%+v", n)
	}
	if s.NotClosing[1].Host.Port != nil || s.NotClosing[1].Side != record.Client {
		t.Errorf("%+v", s.NotClosing[1])
	}
}
