package reporttest

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// The hand-made records of the goldens and examples: a healthy connection and one of most things that can go wrong.

// t0 is the first moment of the sample.
var t0 = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)

func At(d time.Duration) record.Time { return record.Time(t0.Add(d).UnixNano()) }

func known(s tcpstate.State) record.StateOrNone { return record.StateOrNone{State: s, Known: true} }

func seq(n uint32) record.Seq { return record.Seq{Number: n, Known: true} }

// blank is a connection with only its addresses and its only packet's time.
func blank(id uint64, client, server string, start time.Duration) *record.Connection {
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	return &record.Connection{
		Record: "connection", Schema: record.Schema, ID: id,
		CommunityID: flows.NewCommunityID(netip.MustParseAddrPort("128.232.110.120:34855"),
			netip.MustParseAddrPort("66.35.250.204:80")),
		Encapsulation: []flows.Layer{},
		Start:         At(start), End: At(start), StartNS: int64(At(start)), EndNS: int64(At(start)),
		EndedBy: record.EndCaptureEnd,
		Client: record.Endpoint{IP: c.Addr(), Port: c.Port(), States: []record.StateEntry{},
			Withdrawn: []record.Withdrawn{}, Timers: []record.Timer{}},
		Server: record.Endpoint{IP: s.Addr(), Port: s.Port(), States: []record.StateEntry{},
			Withdrawn: []record.Withdrawn{}, Timers: []record.Timer{}},
		RoleEvidence: record.RoleSyn,
		Handshake: record.Handshake{
			Outcome: record.OutcomeUnseen,
			SynAt:   record.NoTime, SynAckAt: record.NoTime, AckAt: record.NoTime,
			ServerRTT: record.NoDuration, ClientRTT: record.NoDuration,
		},
		Teardown: record.Teardown{Kind: record.TeardownNone, At: record.NoTime, Idle: record.NoDuration,
			HalfClosed: record.NoDuration},
		TimeWait: []record.TimeWait{}, Findings: []record.Finding{},
	}
}

// lasting sets the end.
func lasting(c *record.Connection, d time.Duration) *record.Connection {
	c.Duration = record.Duration(d)
	c.End, c.EndNS = c.Start+record.Time(d), c.StartNS+int64(d)
	return c
}

// opened adds a complete handshake.
func opened(c *record.Connection, serverRTT, clientRTT time.Duration) *record.Connection {
	n := record.PacketNumber(c.ID)
	c.Client.ISN, c.Client.ISNEvidence, c.Client.SynAcked, c.Client.Syns = seq(3626544836), record.Seen, record.Yes, 1
	c.Server.ISN, c.Server.ISNEvidence, c.Server.SynAcked, c.Server.Syns = seq(1739326486), record.Seen, record.Yes, 1
	c.Client.Packets, c.Server.Packets = 2, 1
	c.Handshake = record.Handshake{
		Outcome: record.OutcomeComplete,
		SynAt:   c.Start, SynPacket: n,
		SynAckAt: c.Start + record.Time(serverRTT), SynAckPacket: n + 1,
		AckAt: c.Start + record.Time(serverRTT+clientRTT), AckPacket: n + 2,
		ServerRTT: record.Duration(serverRTT), ClientRTT: record.Duration(clientRTT),
	}
	c.Client.States = []record.StateEntry{
		{State: tcpstate.SynSent, At: c.Handshake.SynAt, Packet: n, Evidence: record.Seen, Rule: tcpstate.ActiveOpen},
		{State: tcpstate.Established, At: c.Handshake.SynAckAt, Packet: n + 1, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen},
	}
	c.Server.States = []record.StateEntry{
		{State: tcpstate.SynRcvd, At: c.Handshake.SynAt, Packet: n, Evidence: record.Seen, Rule: tcpstate.ActiveOpen},
		{State: tcpstate.Established, At: c.Handshake.AckAt, Packet: n + 2, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen},
	}
	c.Client.State, c.Server.State = known(tcpstate.Established), known(tcpstate.Established)
	return c
}

// carrying adds payload.
func carrying(c *record.Connection, client, server uint64) *record.Connection {
	c.Client.Bytes, c.Server.Bytes = client, server
	c.Client.Packets += 1 + server/2896
	c.Server.Packets += 1 + server/1448
	return c
}

// closed adds a close in four segments, begun by the client. The capture ends before its TIME_WAIT.
func closed(c *record.Connection) *record.Connection {
	last := record.PacketNumber(c.ID + c.Client.Packets + c.Server.Packets)
	c.EndedBy = record.EndCaptureEnd
	c.Client.Fins, c.Server.Fins = 1, 1
	c.Client.Packets += 2
	c.Server.Packets += 2
	c.Client.Fin = &record.Fin{Seq: c.Client.ISN.Number + 1 + uint32(c.Client.Bytes), Packet: last, Acked: record.Yes}
	c.Server.Fin = &record.Fin{Seq: c.Server.ISN.Number + 1 + uint32(c.Server.Bytes), Packet: last + 2,
		Acked: record.Yes}
	c.Teardown = record.Teardown{
		Kind: record.TeardownFourWay, Initiator: record.Client,
		At: c.End - 3e6, Idle: 2e9, HalfClosed: 1e6,
	}
	c.Client.States = append(c.Client.States,
		record.StateEntry{State: tcpstate.FinWait1, At: c.End - 3e6, Packet: last, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen},
		record.StateEntry{State: tcpstate.FinWait2, At: c.End - 2e6, Packet: last + 1, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen},
		record.StateEntry{State: tcpstate.TimeWait, At: c.End - 1e6, Packet: last + 2, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen})
	c.Server.States = append(c.Server.States,
		record.StateEntry{State: tcpstate.CloseWait, At: c.End - 3e6, Packet: last, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen},
		record.StateEntry{State: tcpstate.LastAck, At: c.End - 1e6, Packet: last + 2, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen},
		record.StateEntry{State: tcpstate.Closed, At: c.End, Packet: last + 3, Evidence: record.Seen,
			Rule: tcpstate.ActiveOpen})
	c.Client.State, c.Server.State = known(tcpstate.TimeWait), known(tcpstate.Closed)
	c.TimeWait = []record.TimeWait{{
		Side: record.Client, Entered: c.End - 1e6, TwoMSL: 240e9, Expires: c.End + 240e9,
		EndedBy: record.TimeWaitCaptureEnd, Observed: 1.5e9,
	}}
	return c
}

func Connections() []*record.Connection {
	healthy := closed(carrying(opened(lasting(blank(1, "10.0.0.1:50514", "10.0.0.2:443", 0), 123*time.Millisecond),
		10*time.Millisecond, 200*time.Microsecond), 163, 15_320))
	healthy.Zeek = &record.Zeek{ConnState: "SF", History: "ShADadFf"}
	healthy.Tshark = &record.Tshark{Completeness: 31}

	refused := lasting(blank(7, "10.0.0.1:50516", "10.0.0.2:81", 20*time.Millisecond), 310*time.Microsecond)
	refused.EndedBy = record.EndReset
	refused.Client.ISN, refused.Client.ISNEvidence, refused.Client.Syns = seq(99), record.Seen, 1
	refused.Client.Packets, refused.Server.Packets, refused.Server.Rsts = 1, 1, 1
	refused.Handshake.Outcome = record.OutcomeRefused
	refused.Handshake.SynAt, refused.Handshake.SynPacket = refused.Start, 7
	refused.Teardown.Initiator = record.Server
	refused.Teardown.At = refused.End
	refused.Client.State, refused.Server.State = known(tcpstate.Closed), known(tcpstate.Closed)
	refused.Client.States = []record.StateEntry{
		{State: tcpstate.SynSent, At: refused.Start, Packet: 7, Evidence: record.Seen, Rule: tcpstate.ActiveOpen},
		{State: tcpstate.Closed, At: refused.End, Packet: 8, Evidence: record.Seen, Rule: tcpstate.ActiveOpen},
	}

	unanswered := lasting(blank(9, "10.0.0.1:50518", "192.0.2.77:8443", 25*time.Millisecond), 7*time.Second)
	unanswered.Client.Syns, unanswered.Client.Packets, unanswered.Client.RetransmittedPackets = 4, 4, 3
	unanswered.Handshake.Outcome = record.OutcomeUnanswered
	unanswered.Client.State = known(tcpstate.SynSent)
	unanswered.Findings = []record.Finding{
		{Code: "syn_retransmitted", Severity: record.Warning, Side: record.Client, Packets: []uint64{12, 40, 77},
			Detail: "3 times"},
	}

	reset := carrying(opened(lasting(blank(14, "[2001:db8:1234:5678:9abc:def0:1234:5678]:40022", "[2001:db8::2]:5432",
		time.Second),
		3*time.Hour+12*time.Minute), 41*time.Millisecond, 90*time.Microsecond), 1_284_000, 2_790_511_004)
	reset.EndedBy = record.EndReset
	reset.Encapsulation = []flows.Layer{{Kind: "vlan", ID: 12, HasID: true}, {Kind: "vxlan", ID: 42, HasID: true}}
	reset.Client.RetransmittedPackets, reset.Server.RetransmittedPackets, reset.Server.Rsts = 12, 1042, 1
	reset.Teardown = record.Teardown{Kind: record.TeardownReset, Initiator: record.Server, At: reset.End,
		Idle: record.NoDuration, HalfClosed: record.NoDuration,
		Reset: &record.Reset{By: record.Server, Packet: 2_400_000, ReceiverState: known(tcpstate.Established),
			Answers: record.AnswersData}}
	reset.Client.State, reset.Server.State = known(tcpstate.Closed), known(tcpstate.Closed)
	reset.Findings = []record.Finding{
		{Code: "zero_window", Severity: record.Info, Side: record.Client, Packets: []uint64{900, 1200},
			Detail: "the reader stalled"},
		{Code: "reset_with_data_in_flight", Severity: record.Error, Side: record.Server, Packets: []uint64{2_400_000},
			Detail: "lost data"},
		{Code: "zero_window", Severity: record.Info, Side: record.Server, Packets: []uint64{},
			Detail: "the reader stalled"},
	}

	embryonic := lasting(blank(31, "198.51.100.9:1024", "10.0.0.2:443", 2*time.Second), 3*time.Second)
	embryonic.Client.Syns, embryonic.Client.Packets, embryonic.Client.SynAcked = 1, 1, record.Yes
	embryonic.Server.Syns, embryonic.Server.Packets, embryonic.Server.RetransmittedPackets = 3, 3, 2
	embryonic.Server.SynAcked = record.Unknown
	embryonic.Handshake.Outcome = record.OutcomeEmbryonic
	embryonic.Handshake.SynAckAt = embryonic.Start + 40_000
	embryonic.Server.State = known(tcpstate.SynRcvd)
	embryonic.Server.States = []record.StateEntry{{State: tcpstate.SynRcvd, At: embryonic.Start, Packet: 31,
		Evidence: record.Seen, Rule: tcpstate.ActiveOpen}}

	halfOpen := carrying(opened(lasting(blank(55, "10.0.0.1:50600", "10.0.0.3:22", 3*time.Second), 95*time.Second),
		time.Millisecond, 30*time.Microsecond), 2048, 4096)
	halfOpen.HalfOpen = &record.HalfOpen{Survivor: record.Server, Since: At(40 * time.Second), At: At(98 * time.Second),
		DiscoveredBy: record.DiscoveredKeepalive}
	halfOpen.Client.State = known(tcpstate.Closed)

	open := carrying(opened(lasting(blank(60, "10.0.0.1:50602", "10.0.0.4:6379", 4*time.Second), 400*time.Second),
		150*time.Microsecond, 20*time.Microsecond), 734_003, 12_000_333)

	halfClosed := carrying(opened(lasting(blank(90, "10.0.0.5:33000", "10.0.0.2:443", 5*time.Second), 62*time.Second),
		12*time.Millisecond, 20*time.Microsecond), 512, 0)
	halfClosed.Teardown = record.Teardown{Kind: record.TeardownHalfClosed, Initiator: record.Client, At: halfClosed.End,
		Idle: record.NoDuration, HalfClosed: record.NoDuration}
	halfClosed.Client.State, halfClosed.Server.State = known(tcpstate.FinWait2), known(tcpstate.CloseWait)

	midstream := carrying(lasting(blank(3, "172.16.254.100:40404", "203.0.113.250:8080", 5*time.Millisecond),
		2*time.Second), 900, 1800)
	midstream.RoleEvidence = record.RolePorts
	midstream.Client.State, midstream.Server.State = known(tcpstate.Established), known(tcpstate.Established)

	stray := blank(120, "10.9.9.9:80", "10.0.0.2:12345", 70*time.Second)
	stray.Handshake.Outcome = record.OutcomeStray
	stray.RoleEvidence = record.RoleFirstPacket
	stray.Client.Packets, stray.Client.Rsts = 1, 1

	return []*record.Connection{refused, midstream, healthy, unanswered, embryonic, halfClosed, stray, halfOpen, open,
		reset}
}
