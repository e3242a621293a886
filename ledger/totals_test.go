package ledger

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Measures adding a record to the totals: of an unanswered SYN, and of a connection with all its states.
func BenchmarkTotals(b *testing.B) {
	one := netip.MustParseAddr("192.0.2.1")
	states := func(from int64, list ...tcpstate.State) (entries []record.StateEntry) {
		for i, s := range list {
			entries = append(entries, record.StateEntry{State: s, At: record.Time(from + int64(i)*20e6)})
		}
		return entries
	}
	syn := record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeUnanswered,
		ServerRTT: record.NoDuration, ClientRTT: record.NoDuration},
		Teardown: record.Teardown{Kind: record.TeardownNone, HalfClosed: record.NoDuration},
		Client:   record.Endpoint{IP: one, States: states(0, tcpstate.SynSent)}}
	whole := record.Connection{Handshake: record.Handshake{Outcome: record.OutcomeComplete, ServerRTT: 1e6,
		ClientRTT: 1e6},
		Teardown: record.Teardown{Kind: record.TeardownFourWay, HalfClosed: 1e6},
		TimeWait: []record.TimeWait{{Side: record.Client, Entered: 100e6, TwoMSL: 60e9, EndedBy: record.TimeWaitExpired,
			Observed: 60e9}},
		Client: record.Endpoint{IP: one, Port: 1024, State: record.StateOrNone{State: tcpstate.Closed, Known: true},
			States: states(0, tcpstate.SynSent, tcpstate.Established, tcpstate.FinWait1, tcpstate.FinWait2,
				tcpstate.TimeWait)},
		Server: record.Endpoint{IP: one, Port: 80, State: record.StateOrNone{State: tcpstate.Closed, Known: true},
			States: states(0, tcpstate.SynRcvd, tcpstate.Established, tcpstate.CloseWait, tcpstate.LastAck,
				tcpstate.Closed)}}
	for name, rec := range map[string]*record.Connection{"syn": &syn, "whole": &whole} {
		b.Run(name, func(b *testing.B) {
			t := NewTotals(DefaultPortRange)
			b.ReportAllocs()
			for i := range b.N {
				const step = 1e6
				for _, e := range [...]*record.Endpoint{&rec.Client, &rec.Server} {
					for s := range e.States {
						e.States[s].At += step
					}
				}
				rec.Ended = record.Time(int64(i)*step + 240e9)
				t.Add(rec)
			}
		})
	}
}

// The maximum is a measured round trip, and no percentile is above it.
func TestMaximumRTTOccurred(t *testing.T) {
	totals := NewTotals(DefaultPortRange)
	totals.Add(&record.Connection{Handshake: record.Handshake{ServerRTT: 38_001, ClientRTT: record.NoDuration}})
	want := record.RTT{P50: 38_001, P90: 38_001, P99: 38_001, Max: 38_001}
	if got := totals.summary().ServerRTT; got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
}
