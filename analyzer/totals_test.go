package analyzer

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// What adding a record to the totals costs: of a SYN that nobody answered, and of a connection with all its states.
func BenchmarkTotals(b *testing.B) {
	one := netip.MustParseAddr("192.0.2.1")
	states := func(from int64, list ...tcpstate.State) (entries []StateEntry) {
		for i, s := range list {
			entries = append(entries, StateEntry{State: s, At: Time(from + int64(i)*20e6)})
		}
		return entries
	}
	syn := Connection{Handshake: Handshake{Outcome: OutcomeUnanswered, ServerRTT: NoDuration, ClientRTT: NoDuration},
		Teardown: Teardown{Kind: TeardownNone, HalfClosed: NoDuration},
		Client:   Endpoint{IP: one, States: states(0, tcpstate.SynSent)}}
	whole := Connection{Handshake: Handshake{Outcome: OutcomeComplete, ServerRTT: 1e6, ClientRTT: 1e6},
		Teardown: Teardown{Kind: TeardownFourWay, HalfClosed: 1e6},
		TimeWait: []TimeWait{{Side: Client, Entered: 100e6, TwoMSL: 60e9, EndedBy: TimeWaitExpired, Observed: 60e9}},
		Client: Endpoint{IP: one, Port: 1024, State: StateOrNone{tcpstate.Closed, true},
			States: states(0, tcpstate.SynSent, tcpstate.Established, tcpstate.FinWait1, tcpstate.FinWait2, tcpstate.TimeWait)},
		Server: Endpoint{IP: one, Port: 80, State: StateOrNone{tcpstate.Closed, true},
			States: states(0, tcpstate.SynRcvd, tcpstate.Established, tcpstate.CloseWait, tcpstate.LastAck, tcpstate.Closed)}}
	for name, record := range map[string]*Connection{"syn": &syn, "whole": &whole} {
		b.Run(name, func(b *testing.B) {
			t := newTotals(DefaultPortRange)
			b.ReportAllocs()
			for i := range b.N {
				const step = 1e6
				for _, e := range [...]*Endpoint{&record.Client, &record.Server} {
					for s := range e.States {
						e.States[s].At += step
					}
				}
				record.Ended = Time(int64(i)*step + 240e9)
				t.add(record)
			}
		})
	}
}
