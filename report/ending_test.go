package report

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

func sampleEnding() *Ending {
	port := uint16(443)
	kernel, filter := uint64(17), "tcp port 443 or tcp port 22"
	return &Ending{
		Result: &record.Result{
			Summary: &record.Summary{
				Record: "summary", Schema: record.Schema, Connections: 10,
				ByOutcome: map[string]uint64{"complete": 5, "refused": 1, "unanswered": 1, "embryonic": 1, "unseen": 1,
					"stray": 1},
				ByTeardown: map[string]uint64{"none": 7, "four_way": 1, "reset": 1, "half_closed": 1},
				Resets:     3, ResetsBySide: record.SideCounts{Client: 1, Server: 2},
				ResetsByState: record.SideStates{
					Client: map[string]uint64{"ESTABLISHED": 1}, Server: map[string]uint64{"SYN_SENT": 1,
						"ESTABLISHED": 1},
				},
				FailedAttempts: 3, FailedByClass: map[string]uint64{"refused": 1, "unanswered": 1, "embryonic": 1},
				HalfClosed: record.HalfClosedTotals{AtEnd: 1, Long: 1, Longest: 4e9},
				NotClosing: []record.NotClosing{{
					Host: record.Target{IP: netip.MustParseAddr("10.0.0.2"), Port: &port}, Side: record.Server,
					Connections: 1, Waiting: 1, Longest: 70e9,
				}},
				IdleTimeouts: []record.IdleTimeout{{Kind: record.IdleReset,

					Idle: 350e9, Longest: 351e9, Resets: 12, BySide: record.SideCounts{Server: 12}, Of: 14,
					Server: &record.Target{IP: netip.MustParseAddr("10.0.0.2")},
				}},
				Lifetimes: record.LifetimeTotals{Whole: 2, Short: 1},
				FindingsByCode: map[string]uint64{"zero_window": 2, "syn_retransmitted": 1,
					"reset_with_data_in_flight": 1},
				ServerRTT: record.RTT{P50: 10e6, P90: 41e6, P99: 41e6, Max: 41e6},
				ClientRTT: record.RTT{P50: 30e3, P90: 200e3, P99: 200e3, Max: 200e3},
				SynFloods: 1, HalfOpen: 1, Embryonic: 1,
			},
			SynFloods: []record.SynFlood{{
				Record: "syn_flood", Schema: record.Schema,
				Target:  record.Target{IP: netip.MustParseAddr("10.0.0.2"), Port: &port},
				Verdict: "spoofed_flood", Onset: reporttest.At(1500 * time.Millisecond),
				End:  reporttest.At(5490 * time.Millisecond),
				Syns: 10_000, PeakRate: 2871, MeanRate: 2506.3, HalfOpenPeak: 9_214, UnresolvedPeak: 9_214,
				CompletionRatio: 0.003,
				Sources:         9_289, SourceEntropy: record.NullableNumber{Value: 13.1, Known: true},
				Marks: []string{"mirai", "no_retransmission"},
				Evidence: []string{"30 of 10,030 attempts completed", "9,289 sources, 99.2% of them seen once",
					"no source retransmitted its SYN"},
			}},
			TimeWait: []record.TimeWaitHolding{{
				Record: "time_wait", Schema: record.Schema,
				Client: record.TimeWaitHolder{
					IP: netip.MustParseAddr("10.0.0.1"), Entered: 1, Held: 1, HeldPeak: 1,
					HeldPeakAt: reporttest.At(124 * time.Millisecond),
					Observed:   1.5e9, Longest: 1.5e9,
					LastExpiry: reporttest.At(240*time.Second + 123*time.Millisecond),
				},
				Server: record.TimeWaitHolder{IP: netip.MustParseAddr("10.0.0.2"), Port: &port,
					HeldPeakAt: record.NoTime, LastExpiry: record.NoTime},
				TwoMSL: 240e9,
				Ports: record.EphemeralPorts{Low: 32768, High: 60999, Locked: 1, ExhaustingRate: 117.6,
					TwoMSL:      240e9,
					ExhaustedAt: record.NoTime},
			}},
			Population: []record.PopulationSeries{{
				Record: "population", Schema: record.Schema, Start: reporttest.At(0), Step: 60e9, Moments: 3,
				Peaks:  map[string]record.Peak{"ESTABLISHED": {Count: 4, At: reporttest.At(time.Minute)}},
				States: map[string][]uint64{"ESTABLISHED": {2, 4, 3}},
			}},
			Evicted: 3,
		},
		Capture: &Capture{
			Record: "capture", Schema: record.Schema, Files: []string{"edge.pcap", "edge.pcap1"},
			Packets: 2_401_282, Bytes: 359_102_551, First: reporttest.At(0),
			Last:         reporttest.At(3*time.Hour + 13*time.Minute),
			LinkTypes:    map[string]uint64{"EN10MB": 2_401_282},
			Decoded:      map[string]uint64{"tcp": 2_400_001, "udp": 1_200, "arp": 60, "icmp": 12},
			Undecoded:    map[string]uint64{"fragment incomplete": 9},
			BadChecksums: 4, Unfinished: 5, Dropped: Dropped{Kernel: &kernel}, Evicted: 3,
			Damage: []Damage{{File: "edge.pcap1", Offset: 5_242_880, Expected: "a record header of 16 bytes, got 7"}},
			Filter: &filter, Interrupted: true,
		},
	}
}
