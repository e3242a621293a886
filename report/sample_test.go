package report

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// The hand-made records of the goldens and examples: a healthy connection and one of most things that can go wrong.

// t0 is the first moment of the sample.
var t0 = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)

func at(d time.Duration) analyzer.Time { return analyzer.Time(t0.Add(d).UnixNano()) }

func known(s tcpstate.State) analyzer.StateOrNone { return analyzer.StateOrNone{State: s, Known: true} }

func seq(n uint32) analyzer.Seq { return analyzer.Seq{Number: n, Known: true} }

// blank is a connection of which nothing is known but its addresses and its only packet's time.
func blank(id uint64, client, server string, start time.Duration) *analyzer.Connection {
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	return &analyzer.Connection{
		Record: "connection", Schema: analyzer.Schema, ID: id,
		CommunityID:   analyzer.NewCommunityID(netip.MustParseAddrPort("128.232.110.120:34855"), netip.MustParseAddrPort("66.35.250.204:80")),
		Encapsulation: []flows.Layer{},
		Start:         at(start), End: at(start),
		EndedBy:      analyzer.EndCaptureEnd,
		Client:       analyzer.Endpoint{IP: c.Addr(), Port: c.Port(), States: []analyzer.StateEntry{}},
		Server:       analyzer.Endpoint{IP: s.Addr(), Port: s.Port(), States: []analyzer.StateEntry{}},
		RoleEvidence: analyzer.RoleSyn,
		Handshake: analyzer.Handshake{
			Outcome: analyzer.OutcomeUnseen,
			SynAt:   analyzer.NoTime, SynAckAt: analyzer.NoTime, AckAt: analyzer.NoTime,
			ServerRTT: analyzer.NoDuration, ClientRTT: analyzer.NoDuration,
		},
		Teardown: analyzer.Teardown{Kind: analyzer.TeardownNone, At: analyzer.NoTime, HalfClosed: analyzer.NoDuration},
		TimeWait: []analyzer.TimeWait{}, Findings: []analyzer.Finding{},
	}
}

// lasting sets the end.
func lasting(c *analyzer.Connection, d time.Duration) *analyzer.Connection {
	c.Duration = analyzer.Duration(d)
	c.End = c.Start + analyzer.Time(d)
	return c
}

// opened adds a complete handshake.
func opened(c *analyzer.Connection, serverRTT, clientRTT time.Duration) *analyzer.Connection {
	n := analyzer.PacketNumber(c.ID)
	c.Client.ISN, c.Client.ISNEvidence, c.Client.SynAcked, c.Client.Syns = seq(3626544836), analyzer.Seen, analyzer.Yes, 1
	c.Server.ISN, c.Server.ISNEvidence, c.Server.SynAcked, c.Server.Syns = seq(1739326486), analyzer.Seen, analyzer.Yes, 1
	c.Client.Packets, c.Server.Packets = 2, 1
	c.Handshake = analyzer.Handshake{
		Outcome: analyzer.OutcomeComplete,
		SynAt:   c.Start, SynPacket: n,
		SynAckAt: c.Start + analyzer.Time(serverRTT), SynAckPacket: n + 1,
		AckAt: c.Start + analyzer.Time(serverRTT+clientRTT), AckPacket: n + 2,
		ServerRTT: analyzer.Duration(serverRTT), ClientRTT: analyzer.Duration(clientRTT),
	}
	c.Client.States = []analyzer.StateEntry{
		{State: tcpstate.SynSent, At: c.Handshake.SynAt, Packet: n, Evidence: analyzer.Seen},
		{State: tcpstate.Established, At: c.Handshake.SynAckAt, Packet: n + 1, Evidence: analyzer.Seen},
	}
	c.Server.States = []analyzer.StateEntry{
		{State: tcpstate.SynRcvd, At: c.Handshake.SynAt, Packet: n, Evidence: analyzer.Seen},
		{State: tcpstate.Established, At: c.Handshake.AckAt, Packet: n + 2, Evidence: analyzer.Seen},
	}
	c.Client.State, c.Server.State = known(tcpstate.Established), known(tcpstate.Established)
	return c
}

// carrying adds payload.
func carrying(c *analyzer.Connection, client, server uint64) *analyzer.Connection {
	c.Client.Bytes, c.Server.Bytes = client, server
	c.Client.Packets += 1 + server/2896
	c.Server.Packets += 1 + server/1448
	return c
}

// closed adds a close in four segments, begun by the client, whose TIME_WAIT the capture does not outlast.
func closed(c *analyzer.Connection) *analyzer.Connection {
	last := analyzer.PacketNumber(c.ID + c.Client.Packets + c.Server.Packets)
	c.EndedBy = analyzer.EndCaptureEnd
	c.Client.Fins, c.Server.Fins = 1, 1
	c.Client.Packets += 2
	c.Server.Packets += 2
	c.Client.Fin = &analyzer.Fin{Seq: c.Client.ISN.Number + 1 + uint32(c.Client.Bytes), Packet: last, Acked: analyzer.Yes}
	c.Server.Fin = &analyzer.Fin{Seq: c.Server.ISN.Number + 1 + uint32(c.Server.Bytes), Packet: last + 2, Acked: analyzer.Yes}
	c.Teardown = analyzer.Teardown{
		Kind: analyzer.TeardownFourWay, Initiator: analyzer.Client,
		At: c.End - 3e6, HalfClosed: 1e6,
	}
	c.Client.States = append(c.Client.States,
		analyzer.StateEntry{State: tcpstate.FinWait1, At: c.End - 3e6, Packet: last, Evidence: analyzer.Seen},
		analyzer.StateEntry{State: tcpstate.FinWait2, At: c.End - 2e6, Packet: last + 1, Evidence: analyzer.Seen},
		analyzer.StateEntry{State: tcpstate.TimeWait, At: c.End - 1e6, Packet: last + 2, Evidence: analyzer.Seen})
	c.Server.States = append(c.Server.States,
		analyzer.StateEntry{State: tcpstate.CloseWait, At: c.End - 3e6, Packet: last, Evidence: analyzer.Seen},
		analyzer.StateEntry{State: tcpstate.LastAck, At: c.End - 1e6, Packet: last + 2, Evidence: analyzer.Seen},
		analyzer.StateEntry{State: tcpstate.Closed, At: c.End, Packet: last + 3, Evidence: analyzer.Seen})
	c.Client.State, c.Server.State = known(tcpstate.TimeWait), known(tcpstate.Closed)
	c.TimeWait = []analyzer.TimeWait{{
		Side: analyzer.Client, Entered: c.End - 1e6, TwoMSL: 240e9, Expires: c.End + 240e9,
		EndedBy: analyzer.TimeWaitCaptureEnd, Observed: 1.5e9,
	}}
	return c
}

func sampleConnections() []*analyzer.Connection {
	healthy := closed(carrying(opened(lasting(blank(1, "10.0.0.1:50514", "10.0.0.2:443", 0), 123*time.Millisecond),
		10*time.Millisecond, 200*time.Microsecond), 163, 15_320))
	healthy.Zeek = &analyzer.Zeek{ConnState: "SF", History: "ShADadFf"}
	healthy.Tshark = &analyzer.Tshark{Completeness: 31}

	refused := lasting(blank(7, "10.0.0.1:50516", "10.0.0.2:81", 20*time.Millisecond), 310*time.Microsecond)
	refused.EndedBy = analyzer.EndReset
	refused.Client.ISN, refused.Client.ISNEvidence, refused.Client.Syns = seq(99), analyzer.Seen, 1
	refused.Client.Packets, refused.Server.Packets, refused.Server.Rsts = 1, 1, 1
	refused.Handshake.Outcome = analyzer.OutcomeRefused
	refused.Handshake.SynAt, refused.Handshake.SynPacket = refused.Start, 7
	refused.Teardown.Initiator = analyzer.Server
	refused.Teardown.At = refused.End
	refused.Client.State, refused.Server.State = known(tcpstate.Closed), known(tcpstate.Closed)
	refused.Client.States = []analyzer.StateEntry{
		{State: tcpstate.SynSent, At: refused.Start, Packet: 7, Evidence: analyzer.Seen},
		{State: tcpstate.Closed, At: refused.End, Packet: 8, Evidence: analyzer.Seen},
	}

	unanswered := lasting(blank(9, "10.0.0.1:50518", "192.0.2.77:8443", 25*time.Millisecond), 7*time.Second)
	unanswered.Client.Syns, unanswered.Client.Packets, unanswered.Client.RetransmittedPackets = 4, 4, 3
	unanswered.Handshake.Outcome = analyzer.OutcomeUnanswered
	unanswered.Client.State = known(tcpstate.SynSent)
	unanswered.Findings = []analyzer.Finding{
		{Code: "syn_retransmitted", Severity: analyzer.Warning, Side: analyzer.Client, Packets: []uint64{12, 40, 77}, Detail: "3 times"},
	}

	reset := carrying(opened(lasting(blank(14, "[2001:db8:1234:5678:9abc:def0:1234:5678]:40022", "[2001:db8::2]:5432", time.Second),
		3*time.Hour+12*time.Minute), 41*time.Millisecond, 90*time.Microsecond), 1_284_000, 2_790_511_004)
	reset.EndedBy = analyzer.EndReset
	reset.Encapsulation = []flows.Layer{{Kind: "vlan", ID: 12, HasID: true}, {Kind: "vxlan", ID: 42, HasID: true}}
	reset.Client.RetransmittedPackets, reset.Server.RetransmittedPackets, reset.Server.Rsts = 12, 1042, 1
	reset.Teardown = analyzer.Teardown{Kind: analyzer.TeardownReset, Initiator: analyzer.Server, At: reset.End, HalfClosed: analyzer.NoDuration,
		Reset: &analyzer.Reset{By: analyzer.Server, Packet: 2_400_000, ReceiverState: known(tcpstate.Established), Answers: analyzer.AnswersData}}
	reset.Client.State, reset.Server.State = known(tcpstate.Closed), known(tcpstate.Closed)
	reset.Findings = []analyzer.Finding{
		{Code: "zero_window", Severity: analyzer.Info, Side: analyzer.Client, Packets: []uint64{900, 1200}, Detail: "the reader stalled"},
		{Code: "reset_with_data_in_flight", Severity: analyzer.Error, Side: analyzer.Server, Packets: []uint64{2_400_000}, Detail: "lost data"},
		{Code: "zero_window", Severity: analyzer.Info, Side: analyzer.Server, Packets: []uint64{}, Detail: "the reader stalled"},
	}

	embryonic := lasting(blank(31, "198.51.100.9:1024", "10.0.0.2:443", 2*time.Second), 3*time.Second)
	embryonic.Client.Syns, embryonic.Client.Packets, embryonic.Client.SynAcked = 1, 1, analyzer.Yes
	embryonic.Server.Syns, embryonic.Server.Packets, embryonic.Server.RetransmittedPackets = 3, 3, 2
	embryonic.Server.SynAcked = analyzer.Unknown
	embryonic.Handshake.Outcome = analyzer.OutcomeEmbryonic
	embryonic.Handshake.SynAckAt = embryonic.Start + 40_000
	embryonic.Server.State = known(tcpstate.SynRcvd)
	embryonic.Server.States = []analyzer.StateEntry{{State: tcpstate.SynRcvd, At: embryonic.Start, Packet: 31, Evidence: analyzer.Seen}}

	halfOpen := carrying(opened(lasting(blank(55, "10.0.0.1:50600", "10.0.0.3:22", 3*time.Second), 95*time.Second),
		time.Millisecond, 30*time.Microsecond), 2048, 4096)
	halfOpen.HalfOpen = &analyzer.HalfOpen{Survivor: analyzer.Server, Since: at(40 * time.Second), At: at(98 * time.Second),
		DiscoveredBy: analyzer.DiscoveredKeepalive}
	halfOpen.Client.State = known(tcpstate.Closed)

	open := carrying(opened(lasting(blank(60, "10.0.0.1:50602", "10.0.0.4:6379", 4*time.Second), 400*time.Second),
		150*time.Microsecond, 20*time.Microsecond), 734_003, 12_000_333)

	halfClosed := carrying(opened(lasting(blank(90, "10.0.0.5:33000", "10.0.0.2:443", 5*time.Second), 62*time.Second),
		12*time.Millisecond, 20*time.Microsecond), 512, 0)
	halfClosed.Teardown = analyzer.Teardown{Kind: analyzer.TeardownHalfClosed, Initiator: analyzer.Client, At: halfClosed.End, HalfClosed: analyzer.NoDuration}
	halfClosed.Client.State, halfClosed.Server.State = known(tcpstate.FinWait2), known(tcpstate.CloseWait)

	midstream := carrying(lasting(blank(3, "172.16.254.100:40404", "203.0.113.250:8080", 5*time.Millisecond), 2*time.Second), 900, 1800)
	midstream.RoleEvidence = analyzer.RolePorts
	midstream.Client.State, midstream.Server.State = known(tcpstate.Established), known(tcpstate.Established)

	stray := blank(120, "10.9.9.9:80", "10.0.0.2:12345", 70*time.Second)
	stray.Handshake.Outcome = analyzer.OutcomeStray
	stray.RoleEvidence = analyzer.RoleFirstPacket
	stray.Client.Packets, stray.Client.Rsts = 1, 1

	return []*analyzer.Connection{refused, midstream, healthy, unanswered, embryonic, halfClosed, stray, halfOpen, open, reset}
}

func sampleEnding() *Ending {
	port := uint16(443)
	kernel, filter := uint64(17), "tcp port 443 or tcp port 22"
	return &Ending{
		Result: &analyzer.Result{
			Summary: &analyzer.Summary{
				Record: "summary", Schema: analyzer.Schema, Connections: 10,
				ByOutcome:  map[string]uint64{"complete": 5, "refused": 1, "unanswered": 1, "embryonic": 1, "unseen": 1, "stray": 1},
				ByTeardown: map[string]uint64{"none": 7, "four_way": 1, "reset": 1, "half_closed": 1},
				Resets:     3, ResetsBySide: analyzer.SideCounts{Client: 1, Server: 2},
				ResetsByState: analyzer.SideStates{
					Client: map[string]uint64{"ESTABLISHED": 1}, Server: map[string]uint64{"SYN_SENT": 1, "ESTABLISHED": 1},
				},
				FailedAttempts: 3, FailedByClass: map[string]uint64{"refused": 1, "unanswered": 1, "embryonic": 1},
				HalfClosed: analyzer.HalfClosedTotals{AtEnd: 1, Long: 1, Longest: 4e9},
				NotClosing: []analyzer.NotClosing{{
					Host: analyzer.Target{IP: netip.MustParseAddr("10.0.0.2"), Port: &port}, Side: analyzer.Server, Connections: 1, Waiting: 1, Longest: 70e9,
				}},
				IdleTimeouts: []analyzer.IdleTimeout{{
					Idle: 350e9, Longest: 351e9, Resets: 12, BySide: analyzer.SideCounts{Server: 12}, Of: 14,
					Server: &analyzer.Target{IP: netip.MustParseAddr("10.0.0.2")},
				}},
				Lifetimes:      analyzer.LifetimeTotals{Whole: 2, Short: 1},
				FindingsByCode: map[string]uint64{"zero_window": 2, "syn_retransmitted": 1, "reset_with_data_in_flight": 1},
				ServerRTT:      analyzer.RTT{P50: 10e6, P90: 41e6, P99: 41e6, Max: 41e6},
				ClientRTT:      analyzer.RTT{P50: 30e3, P90: 200e3, P99: 200e3, Max: 200e3},
				SynFloods:      1, HalfOpen: 1, Embryonic: 1,
			},
			SynFloods: []analyzer.SynFlood{{
				Record: "syn_flood", Schema: analyzer.Schema,
				Target:  analyzer.Target{IP: netip.MustParseAddr("10.0.0.2"), Port: &port},
				Verdict: "spoofed_flood", Onset: at(1500 * time.Millisecond), End: at(5490 * time.Millisecond),
				Syns: 10_000, PeakRate: 2871, MeanRate: 2506.3, HalfOpenPeak: 9_214, CompletionRatio: 0.003,
				Sources: 9_289, SourceEntropy: analyzer.NullableNumber{Value: 13.1, Known: true},
				Marks:    []string{"mirai", "no_retransmission"},
				Evidence: []string{"30 of 10,030 attempts completed", "9,289 sources, 99.2% of them seen once", "no source retransmitted its SYN"},
			}},
			TimeWait: []analyzer.TimeWaitHolding{{
				Record: "time_wait", Schema: analyzer.Schema,
				Client: analyzer.TimeWaitHolder{
					IP: netip.MustParseAddr("10.0.0.1"), Entered: 1, Held: 1, HeldPeak: 1, HeldPeakAt: at(124 * time.Millisecond),
					Observed: 1.5e9, Longest: 1.5e9, LastExpiry: at(240*time.Second + 123*time.Millisecond),
				},
				Server: analyzer.TimeWaitHolder{IP: netip.MustParseAddr("10.0.0.2"), Port: &port, HeldPeakAt: analyzer.NoTime, LastExpiry: analyzer.NoTime},
				TwoMSL: 240e9,
				Ports:  analyzer.EphemeralPorts{Low: 32768, High: 60999, Locked: 1, ExhaustingRate: 117.6, ExhaustedAt: analyzer.NoTime},
			}},
			Population: []analyzer.PopulationSeries{{
				Record: "population", Schema: analyzer.Schema, Start: at(0), Step: 60e9, Moments: 3,
				Peaks:  map[string]analyzer.Peak{"ESTABLISHED": {Count: 4, At: at(time.Minute)}},
				States: map[string][]uint64{"ESTABLISHED": {2, 4, 3}},
			}},
			Evicted: 3,
		},
		Capture: &Capture{
			Record: "capture", Schema: analyzer.Schema, Files: []string{"edge.pcap", "edge.pcap1"},
			Packets: 2_401_282, Bytes: 359_102_551, First: at(0), Last: at(3*time.Hour + 13*time.Minute),
			LinkTypes:    map[string]uint64{"EN10MB": 2_401_282},
			Decoded:      map[string]uint64{"tcp": 2_400_001, "udp": 1_200, "arp": 60, "icmp": 12},
			Undecoded:    map[string]uint64{"fragment incomplete": 9},
			BadChecksums: 4, Dropped: Dropped{Kernel: &kernel}, Evicted: 3,
			Damage: []Damage{{File: "edge.pcap1", Offset: 5_242_880, Expected: "a record header of 16 bytes, got 7"}},
			Filter: &filter, Interrupted: true,
		},
	}
}
