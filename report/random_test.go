package report

import (
	"math"
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"pgregory.net/rapid"
)

// Generators of records with anything in them that their types can hold, as long as the schema allows it.

// anyText draws strings with what is hard to write down: quotes, control characters, line separators, and bytes that
// are not UTF-8.
var anyText = rapid.Custom(func(t *rapid.T) string {
	part := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"", "\"", "\\", "\n", "\x00", "\x1b[31m", "\x7f", "\u2028", "\u2029", "<&>", "\xff",
			"\xe2\x80", "\ufffd", "a,b", "日本"}),
	)
	return part.Draw(t, "first") + part.Draw(t, "second")
})

func oneOf[T any](values ...T) *rapid.Generator[T] { return rapid.SampledFrom(values) }

// maybe draws nil half of the time.
func maybe[T any](g *rapid.Generator[T]) *rapid.Generator[*T] {
	return rapid.Custom(func(t *rapid.T) *T {
		if rapid.Bool().Draw(t, "nil") {
			return nil
		}
		v := g.Draw(t, "value")
		return &v
	})
}

// counts are whole numbers as the JSON of a number can hold them exactly.
var counts = rapid.OneOf(rapid.Uint64Range(0, 3), rapid.Uint64Range(0, 1<<53))

var (
	moments = rapid.OneOf(rapid.Custom(func(t *rapid.T) record.Time {
		return record.Time(rapid.Int64Min(int64(record.NoTime)+1).Draw(t, "ns"))
	}), oneOf(record.Time(0), -1, 1_700_000_000_000_000_001))
	times   = rapid.OneOf(moments, rapid.Just(record.NoTime))
	lengths = rapid.OneOf(rapid.Custom(func(t *rapid.T) record.Duration {
		return record.Duration(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "ns"))
	}), oneOf(record.Duration(0), -1, 10_500_000))
	durations = rapid.OneOf(lengths, rapid.Just(record.NoDuration))
	packets   = rapid.Custom(func(t *rapid.T) record.PacketNumber {
		return record.PacketNumber(counts.Draw(t,
			"packet"))
	})
	answers  = oneOf(record.Unknown, record.No, record.Yes)
	sides    = oneOf(record.NoSide, record.Client, record.Server)
	evidence = oneOf(record.NoEvidence, record.Seen, record.Inferred)
	states   = rapid.Custom(func(t *rapid.T) tcpstate.State {
		return tcpstate.State(rapid.IntRange(int(tcpstate.Closed), int(tcpstate.TimeWait)).Draw(t, "state"))
	})
	someRules = rapid.Custom(func(t *rapid.T) tcpstate.Rule {
		return tcpstate.Rule(rapid.IntRange(1, tcpstate.Rules-1).Draw(t, "rule"))
	})
	statesOrNone = rapid.Custom(func(t *rapid.T) record.StateOrNone {
		return record.StateOrNone{State: states.Draw(t, "state"), Known: rapid.Bool().Draw(t, "known")}
	})
	addresses = rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.Bool().Draw(t, "v6") {
			return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip")))
		}
		return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip")))
	})
	sockets = rapid.Custom(func(t *rapid.T) netip.AddrPort {
		return netip.AddrPortFrom(addresses.Draw(t, "ip"), rapid.Uint16().Draw(t, "port"))
	})
	timers = rapid.Custom(func(t *rapid.T) record.Timer {
		return record.Timer{
			Kind: oneOf(record.TimerRTO, record.TimerFast, record.TimerPersist, record.TimerKeepalive).Draw(t,
				"kind"),
			FirstAfter: durations.Draw(t, "first after"),
			Intervals:  rapid.SliceOfN(lengths, 0, 3).Draw(t, "intervals"),
			Count:      counts.Draw(t, "count"),
			Packets:    rapid.SliceOfN(rapid.Uint64Range(1, 1<<53), 1, 3).Draw(t, "packets"),
			Answered:   answers.Draw(t, "answered"),
			GaveUp:     rapid.Bool().Draw(t, "gave up"),
			FollowedBy: oneOf(record.TimerGoesOn, record.TimerAnswer, record.TimerSilence).Draw(t, "followed by"),

			UnansweredSince: times.Draw(t, "unanswered since"),
			WindowClosed:    durations.Draw(t, "window closed"),
			StillClosed:     answers.Draw(t, "still closed"),
			Limit:           record.Count{Number: counts.Draw(t, "limit"), Known: rapid.Bool().Draw(t, "limit known")},
			Defaults:        oneOf(record.KeepaliveOther, record.KeepaliveLinux).Draw(t, "defaults"),
		}
	})
	endpoints = rapid.Custom(func(t *rapid.T) record.Endpoint {
		return record.Endpoint{
			IP:          addresses.Draw(t, "ip"),
			Port:        rapid.Uint16().Draw(t, "port"),
			ISN:         record.Seq{Number: rapid.Uint32().Draw(t, "isn"), Known: rapid.Bool().Draw(t, "isn known")},
			ISNEvidence: evidence.Draw(t, "isn evidence"),
			SynAcked:    answers.Draw(t, "syn acked"),
			Syns:        counts.Draw(t, "syns"),
			Fins:        counts.Draw(t, "fins"),
			Rsts:        counts.Draw(t, "rsts"),
			Fin: maybe(rapid.Custom(func(t *rapid.T) record.Fin {
				return record.Fin{Seq: rapid.Uint32().Draw(t, "seq"), Packet: packets.Draw(t, "packet"),
					Acked: answers.Draw(t, "acked")}
			})).Draw(t, "fin"),
			Packets:              counts.Draw(t, "packets"),
			CaptureDuplicates:    counts.Draw(t, "duplicates"),
			Bytes:                counts.Draw(t, "bytes"),
			RetransmittedPackets: counts.Draw(t, "retransmitted"),
			Keepalives:           counts.Draw(t, "keepalives"),
			ZeroWindowProbes:     counts.Draw(t, "probes"),
			State:                statesOrNone.Draw(t, "state"),
			States: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.StateEntry {
				return record.StateEntry{
					State: states.Draw(t, "state"), At: moments.Draw(t, "at"), Packet: packets.Draw(t, "packet"),
					Evidence: oneOf(record.Seen, record.Inferred).Draw(t, "evidence"), Rule: someRules.Draw(t, "rule"),
				}
			}), 0, 4).Draw(t, "states"),
			Withdrawn: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Withdrawn {
				return record.Withdrawn{
					State: states.Draw(t, "state"), At: moments.Draw(t, "at"), Packet: packets.Draw(t, "packet"),
					Rule: someRules.Draw(t, "rule"), ByPacket: packets.Draw(t, "by"),
				}
			}), 0, 3).Draw(t, "withdrawn"),
			WithdrawnLeftOut: counts.Draw(t, "left out"),
			Timers:           rapid.SliceOfN(timers, 0, 3).Draw(t, "timers"),
			TimersLeftOut:    counts.Draw(t, "timers left out"),
		}
	})
	connections = rapid.Custom(func(t *rapid.T) *record.Connection {
		return &record.Connection{
			Record:      "connection",
			Schema:      record.Schema,
			ID:          1 + counts.Draw(t, "id"),
			PreviousID:  packets.Draw(t, "previous"),
			CommunityID: flows.NewCommunityID(sockets.Draw(t, "one socket"), sockets.Draw(t, "other socket")),
			Encapsulation: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) flows.Layer {
				return flows.Layer{Kind: anyText.Draw(t, "kind"), ID: rapid.Uint32().Draw(t, "id"),
					HasID: rapid.Bool().Draw(t, "has id")}
			}), 0, 3).Draw(t, "encapsulation"),
			Start:    moments.Draw(t, "start"),
			End:      moments.Draw(t, "end"),
			Duration: lengths.Draw(t, "duration"),
			EndedBy: oneOf(record.EndClosed, record.EndTimeWaitExpired, record.EndReset, record.EndSuperseded,
				record.EndIdle, record.EndEvicted, record.EndCaptureEnd, record.EndOpen).Draw(t, "ended by"),
			Client: endpoints.Draw(t, "client"),
			Server: endpoints.Draw(t, "server"),
			RoleEvidence: oneOf(record.RoleSyn, record.RoleSynAck, record.RolePorts, record.RoleFirstPacket).Draw(t,
				"role"),
			Handshake: record.Handshake{
				Outcome: oneOf(record.OutcomeComplete, record.OutcomeSimultaneous, record.OutcomeFastOpen,
					record.OutcomeRefused,
					record.OutcomeUnreachable, record.OutcomeChallenged, record.OutcomeUnanswered,
					record.OutcomeEmbryonic,
					record.OutcomeAborted, record.OutcomeUnseen, record.OutcomePartial, record.OutcomeStray).Draw(t,
					"outcome"),
				SynAt: times.Draw(t, "syn at"), SynPacket: packets.Draw(t, "syn"),
				SynAckAt: times.Draw(t, "syn-ack at"), SynAckPacket: packets.Draw(t, "syn-ack"),
				AckAt: times.Draw(t, "ack at"), AckPacket: packets.Draw(t, "ack"),
				ServerRTT: durations.Draw(t, "server rtt"), ClientRTT: durations.Draw(t, "client rtt"),
			},
			Teardown: record.Teardown{
				Kind: oneOf(record.TeardownFourWay, record.TeardownThreeSegment, record.TeardownSimultaneous,
					record.TeardownReset,
					record.TeardownHalfClosed, record.TeardownIncomplete, record.TeardownNone).Draw(t, "teardown"),
				Initiator: sides.Draw(t, "initiator"), At: times.Draw(t, "at"),
				HalfClosed: durations.Draw(t, "half closed"),
				Reset: maybe(rapid.Custom(func(t *rapid.T) record.Reset {
					return record.Reset{
						By: sides.Draw(t, "by"), Packet: packets.Draw(t, "packet"),
						ReceiverState: statesOrNone.Draw(t, "state"),
						Answers: oneOf(record.AnswersSyn, record.AnswersData, record.AnswersFin, record.AnswersAck,
							record.AnswersKeepalive, record.AnswersNothing).Draw(t, "answers"),
						Idle: durations.Draw(t, "idle"),
					}
				})).Draw(t, "reset"),
			},
			TimeWait: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.TimeWait {
				return record.TimeWait{
					Side: oneOf(record.Client, record.Server).Draw(t, "side"), Entered: moments.Draw(t, "entered"),
					Restarts: counts.Draw(t, "restarts"), TwoMSL: lengths.Draw(t, "2msl"),
					Expires: moments.Draw(t, "expires"),
					EndedBy: oneOf(record.TimeWaitCaptureEnd, record.TimeWaitExpired, record.TimeWaitReused,
						record.TimeWaitReset,
						record.TimeWaitEvicted, record.TimeWaitRunning).Draw(t, "ended by"),
					ReuseProven: oneOf(record.Unknown, record.No, record.Yes).Draw(t, "proven"),
					Observed:    lengths.Draw(t, "observed"),
				}
			}), 0, 2).Draw(t, "time wait"),
			HalfOpen: maybe(rapid.Custom(func(t *rapid.T) record.HalfOpen {
				return record.HalfOpen{
					Survivor: sides.Draw(t, "survivor"), Since: times.Draw(t, "since"), At: times.Draw(t, "at"),
					DiscoveredBy: oneOf(record.DiscoveredNever, record.DiscoveredData, record.DiscoveredSyn,
						record.DiscoveredKeepalive, record.DiscoveredFin).Draw(t, "discovered by"),
				}
			})).Draw(t, "half open"),
			Findings: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Finding {
				return record.Finding{
					Code: anyText.Draw(t, "code"), Severity: oneOf(record.Info, record.Warning, record.Error).Draw(t,
						"severity"),
					Side: sides.Draw(t, "side"), Packets: rapid.SliceOfN(rapid.Uint64Range(1, 1<<53), 0, 3).Draw(t,
						"packets"),
					Detail: anyText.Draw(t, "detail"),
				}
			}), 0, 3).Draw(t, "findings"),
			Zeek: maybe(rapid.Custom(func(t *rapid.T) record.Zeek {
				return record.Zeek{ConnState: anyText.Draw(t, "state"), History: anyText.Draw(t, "history")}
			})).Draw(t, "zeek"),
			Tshark: maybe(rapid.Custom(func(t *rapid.T) record.Tshark {
				return record.Tshark{Completeness: rapid.IntRange(0, 63).Draw(t, "completeness")}
			})).Draw(t, "tshark"),
		}
	})
	floats = rapid.OneOf(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64),
		oneOf(0, 1e-6, 9.99e-7, 1e-10, 1e20, 1e21, 117.625))
	holders = rapid.Custom(func(t *rapid.T) record.TimeWaitHolder {
		return record.TimeWaitHolder{
			IP: addresses.Draw(t, "ip"), Port: maybe(rapid.Uint16()).Draw(t, "port"),
			Entered: counts.Draw(t, "entered"), Held: counts.Draw(t, "held"), HeldPeak: counts.Draw(t, "peak"),
			HeldPeakAt: times.Draw(t, "peak at"),
			Observed:   lengths.Draw(t, "observed"), Longest: lengths.Draw(t, "longest"),
			Restarts: counts.Draw(t, "restarts"),
			Expired:  counts.Draw(t, "expired"), Reused: counts.Draw(t, "reused"), Reset: counts.Draw(t, "reset"),
			Evicted:    counts.Draw(t, "evicted"),
			LastExpiry: times.Draw(t, "last expiry"),
		}
	})
	holdings = rapid.Custom(func(t *rapid.T) *record.TimeWaitHolding {
		return &record.TimeWaitHolding{
			Record: "time_wait", Schema: record.Schema, Client: holders.Draw(t, "client"),
			Server: holders.Draw(t, "server"),
			TwoMSL: lengths.Draw(t, "2msl"), ReusesProven: counts.Draw(t, "proven"),
			ReusesDenied: counts.Draw(t, "denied"),
			Ports: record.EphemeralPorts{
				Low: rapid.Uint16().Draw(t, "low"), High: rapid.Uint16().Draw(t, "high"),
				Locked: counts.Draw(t, "locked"),
				Rate: record.NullableNumber{Value: floats.Draw(t, "rate"),
					Known: rapid.Bool().Draw(t, "rate known")},
				ExhaustingRate: floats.Draw(t, "exhausting rate"),
				TwoMSL:         durations.Draw(t, "2MSL of ports"), ExhaustedAt: times.Draw(t, "exhausted at"),
			},
		}
	})
)
