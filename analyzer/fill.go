package analyzer

import (
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// fill makes the record of a connection that ends at a time of the capture for a reason.
func (a *Analyzer) fill(r *Connection, c *connection, at int64, by EndedBy) {
	client, server := c.opener, 1-c.opener
	more := a.texts.parts()
	timeWait, findings := r.TimeWait[:0], r.Findings[:0]
	opened, accepted := r.Client.States[:0], r.Server.States[:0]
	*r = Connection{}
	r.Record, r.Schema = "connection", Schema
	r.ID, r.PreviousID, r.CommunityID = c.id, PacketNumber(c.previous), CommunityIDOf(&c.key)
	r.Encapsulation, r.TimeWait, r.Findings = []flows.Layer{}, timeWait, findings
	if c.encap != nil {
		r.Encapsulation = c.encap.Layers
	}
	if r.TimeWait == nil {
		r.TimeWait = []TimeWait{}
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	r.Start, r.End, r.Duration = Time(c.start), Time(c.end), Duration(c.end-c.start)
	r.EndedBy, r.Ended, r.RoleEvidence = by, Time(at), c.role
	c.endpoint(&r.Client, client, opened, &more.fins[0])
	c.endpoint(&r.Server, server, accepted, &more.fins[1])
	r.Handshake = c.handshake(client, server)
	r.Teardown = c.teardown(&more.reset)
	if h := c.tcp.HalfOpen; h != nil {
		more.halfOpen = HalfOpen{Survivor: c.side(h.Survivor), Since: Time(h.Since), At: NoTime, DiscoveredBy: discoveredBy[h.By]}
		r.HalfOpen = &more.halfOpen
		if h.By != tcpstate.Nothing {
			r.HalfOpen.At = Time(h.At)
		}
	}
	for i := range c.tcp.Ends {
		c.timeWaits(r, &a.options, i, at, by)
	}
	more.zeek.ConnState, more.zeek.History = c.zeek.fill(client, &a.texts)
	more.tshark.Completeness = int(c.tshark.bits)
	r.Zeek, r.Tshark = &more.zeek, &more.tshark
	c.conclude(r, at)
	r.Findings = c.findings(r.Findings, &a.texts)
}

// parts is what a record points to, made in one piece.
type parts struct {
	fins     [2]Fin
	reset    Reset
	halfOpen HalfOpen
	zeek     Zeek
	tshark   Tshark
}

// texts makes strings, lists of one number, and parts, many of them in one piece of memory.
type texts struct {
	free    []byte
	numbers []uint64
	pieces  []parts
}

// parts is one for the next record.
func (t *texts) parts() *parts {
	if len(t.pieces) == 0 {
		t.pieces = make([]parts, 32)
	}
	p := &t.pieces[0]
	t.pieces = t.pieces[1:]
	return p
}

// number is a list of one.
func (t *texts) number(n uint64) []uint64 {
	if len(t.numbers) == cap(t.numbers) {
		t.numbers = make([]uint64, 0, 1<<10)
	}
	t.numbers = append(t.numbers, n)
	return t.numbers[len(t.numbers)-1 : len(t.numbers) : len(t.numbers)]
}

// room is where the bytes of the next string can be appended.
func (t *texts) room() []byte {
	if cap(t.free) < 512 {
		t.free = make([]byte, 0, 1<<13)
	}
	return t.free
}

// string is that of bytes that were appended to room, and are written never again.
func (t *texts) string(b []byte) string {
	t.free = b[len(b):]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// side is the role of an end.
func (c *connection) side(end int) Side {
	if end == c.opener {
		return Client
	}
	return Server
}

// endpoint fills in an end, whose states are appended to a list.
func (c *connection) endpoint(r *Endpoint, i int, states []StateEntry, fin *Fin) {
	e, s := &c.tcp.Ends[i], &c.sides[i]
	addr, peer := c.key.AddrPortA(), &c.sides[1-i]
	if i == 1 {
		addr = c.key.AddrPortB()
	}
	r.IP, r.Port = addr.Addr(), addr.Port()
	r.SynAcked = s.synAnswer
	r.Syns, r.Fins, r.Rsts = s.openings+s.synAcks+s.impossible, s.fins, s.rsts
	r.Packets, r.CaptureDuplicates, r.Bytes = s.packets, s.duplicates, s.bytes
	r.RetransmittedPackets, r.Keepalives, r.ZeroWindowProbes = s.retransmitted, s.keepalives, s.probes
	if e.ISSKnown {
		r.ISN, r.ISNEvidence = Seq{uint32(e.ISS), true}, Inferred
		if s.openings+s.synAcks > 0 {
			r.ISNEvidence = Seen
		}
	}
	if e.FinSent && s.finPacket > 0 {
		*fin = Fin{Seq: uint32(e.FinSeq), Packet: PacketNumber(s.finPacket), Acked: No}
		switch {
		case s.finAcked:
			fin.Acked = Yes
		case peer.packets == 0:
			fin.Acked = Unknown
		}
		r.Fin = fin
	}
	if e.Known() {
		r.State = StateOrNone{e.State(), true}
	}
	for k := range e.History {
		h, evidence := &e.History[k], Seen
		if h.Inferred {
			evidence = Inferred
		}
		states = append(states, StateEntry{h.State, Time(h.At), PacketNumber(h.Packet), evidence})
	}
	if states == nil {
		states = []StateEntry{}
	}
	r.States = states
}

func (c *connection) handshake(client, server int) Handshake {
	x, y := &c.sides[client], &c.sides[server]
	h := Handshake{Outcome: c.outcome(client, server), SynAt: NoTime, SynAckAt: NoTime, AckAt: NoTime, ServerRTT: NoDuration, ClientRTT: NoDuration}
	if x.openings > 0 {
		h.SynAt, h.SynPacket = Time(x.openingAt), PacketNumber(x.openingPacket)
	}
	if y.synAcks > 0 {
		h.SynAckAt, h.SynAckPacket = Time(y.synAckAt), PacketNumber(y.synAckPacket)
	}
	if c.tcp.HandshakeAcked && y.synAcks > 0 {
		h.AckAt, h.AckPacket = Time(c.tcp.HandshakeAckAt), PacketNumber(c.tcp.HandshakeAckPacket)
	}
	if c.tcp.HasServerRTT {
		h.ServerRTT = Duration(c.tcp.ServerRTT)
	}
	if c.tcp.HasClientRTT {
		h.ClientRTT = Duration(c.tcp.ClientRTT)
	}
	return h
}

// reached reports whether an end is believed to have been in a synchronized state.
func reached(e *tcpstate.Endpoint) bool {
	_, is := reachedAt(e)
	return is
}

// reachedAt is when it first was.
func reachedAt(e *tcpstate.Endpoint) (at int64, known bool) {
	for _, h := range e.History {
		if h.State >= tcpstate.Established {
			return h.At, true
		}
	}
	return 0, false
}

// outcome names what became of the attempt to open.
func (c *connection) outcome(client, server int) Outcome {
	x, y := &c.sides[client], &c.sides[server]
	opened, accepted := reached(&c.tcp.Ends[client]), reached(&c.tcp.Ends[server])
	switch {
	case x.openings == 0 && y.openings == 0 && y.synAcks == 0 && x.synAcks == 0:
		if (opened || accepted) && x.packets+y.packets > x.fins+y.fins {
			return OutcomeUnseen
		}
		return OutcomeStray // a FIN alone may be anybody's
	case x.openings == 0:
		if opened {
			return OutcomePartial
		}
		return OutcomeStray
	case accepted && x.openings > 0 && y.openings > 0:
		return OutcomeSimultaneous
	case c.self() && opened:
		return OutcomeSimultaneous
	case accepted && y.synAcks == 0:
		return OutcomePartial
	case accepted && c.tcp.SynDataAcked:
		return OutcomeFastOpen
	case accepted:
		return OutcomeComplete
	case y.synAcks > 0 && (c.tcp.Reset != nil || x.rsts > 0 || y.rsts > 0):
		return OutcomeAborted
	case y.synAcks > 0:
		return OutcomeEmbryonic
	case c.tcp.Reset != nil && c.tcp.Reset.By == server:
		return OutcomeRefused
	case opened:
		return OutcomePartial
	case c.quotedHard:
		return OutcomeUnreachable
	case c.challenged:
		return OutcomeChallenged
	}
	return OutcomeUnanswered
}

func (c *connection) teardown(reset *Reset) Teardown {
	t := Teardown{Kind: TeardownNone, At: NoTime, HalfClosed: NoDuration}
	a, b := &c.tcp.Ends[0], &c.tcp.Ends[1]
	if r := c.tcp.Reset; r != nil {
		*reset = Reset{By: c.side(r.By), Packet: PacketNumber(r.Packet), ReceiverState: StateOrNone{r.ReceiverState, r.ReceiverKnown}, Answers: resetAnswers[r.Answers], Idle: NoDuration}
		if r.Idle >= 0 {
			reset.Idle = Duration(r.Idle)
		}
		t.Reset = reset
	}
	first := -1
	switch {
	case a.FinSent && b.FinSent:
		first = 0
		if c.finBefore(1, 0) {
			first = 1
		}
	case a.FinSent:
		first = 0
	case b.FinSent:
		first = 1
	}
	if first >= 0 {
		t.Initiator, t.At = c.side(first), Time(c.tcp.Ends[first].FinAt)
	}
	bothAcked := c.sides[0].finAcked && c.sides[1].finAcked
	ended := c.tcp.Reset != nil && (reached(a) || reached(b))
	switch {
	case ended && !bothAcked:
		t.Kind = TeardownReset
		if first < 0 {
			t.Initiator, t.At = c.side(c.tcp.Reset.By), Time(c.tcp.Reset.At)
		}
	case first < 0:
		return t
	case c.self() && c.sides[0].finAcked:
		t.Kind = TeardownSimultaneous // its FIN crosses itself (RFC 9293 §3.6, figure 13)
	case bothAcked && c.tcp.FinsCrossed():
		t.Kind = TeardownSimultaneous
	case bothAcked && c.sides[1-first].firstAckOfFin:
		t.Kind = TeardownThreeSegment
	case bothAcked:
		t.Kind = TeardownFourWay
	case a.FinSent && b.FinSent:
		t.Kind = TeardownIncomplete
	case c.sides[first].finAcked:
		t.Kind = TeardownHalfClosed
	default:
		t.Kind = TeardownIncomplete
	}
	if first >= 0 && a.FinSent && b.FinSent && c.sides[first].finAcked {
		t.HalfClosed = Duration(max(0, c.tcp.Ends[1-first].FinAt-c.sides[first].finAckedAt))
	}
	return t
}

// finBefore reports whether an end's FIN passed before the other's: by the order of packets, for clocks may differ; a FIN
// that is only inferred has no packet.
func (c *connection) finBefore(i, j int) bool {
	if a, b := c.sides[i].finPacket, c.sides[j].finPacket; a > 0 && b > 0 {
		return a < b
	}
	return c.tcp.Ends[i].FinAt < c.tcp.Ends[j].FinAt
}

var resetAnswers = [...]ResetAnswers{
	tcpstate.Nothing: AnswersNothing, tcpstate.AnsweredSyn: AnswersSyn, tcpstate.AnsweredData: AnswersData,
	tcpstate.AnsweredFin: AnswersFin, tcpstate.AnsweredAck: AnswersAck, tcpstate.AnsweredKeepalive: AnswersKeepalive,
}

var discoveredBy = [...]DiscoveredBy{
	tcpstate.Nothing: DiscoveredNever, tcpstate.AnsweredSyn: DiscoveredSyn, tcpstate.AnsweredData: DiscoveredData,
	tcpstate.AnsweredFin: DiscoveredFin, tcpstate.AnsweredAck: DiscoveredData, tcpstate.AnsweredKeepalive: DiscoveredKeepalive,
}

// timeWaits adds the stays of an end in TIME_WAIT.
func (c *connection) timeWaits(r *Connection, o *Options, i int, at int64, by EndedBy) {
	history := c.tcp.Ends[i].History
	for n, h := range history {
		if h.State != tcpstate.TimeWait {
			continue
		}
		two := 2 * int64(o.MSL)
		w := TimeWait{
			Side: c.side(i), Entered: Time(h.At), Restarts: c.tcp.TimeWaits[i].Restarts, TwoMSL: Duration(two),
			Expires: Time(c.tcp.TimeWaits[i].Since + two), Observed: Duration(at - h.At), EndedBy: TimeWaitCaptureEnd,
		}
		switch {
		case n+1 < len(history) && c.successor != 0 && history[n+1].Packet == c.successor:
			w.EndedBy, w.Observed, w.ReuseProven = TimeWaitReused, Duration(history[n+1].At-h.At), No
			if c.linuxReuse {
				w.ReuseProven = Yes
			}
		case n+1 < len(history) && history[n+1].Packet == 0:
			w.EndedBy, w.Observed = TimeWaitExpired, Duration(history[n+1].At-h.At)
		case n+1 < len(history) && c.tcp.Reset != nil && c.tcp.Reset.By == i:
			// It answered as one that holds nothing: its own 2MSL had passed.
			w.EndedBy, w.Observed = TimeWaitExpired, Duration(history[n+1].At-h.At)
		case n+1 < len(history):
			w.EndedBy, w.Observed = TimeWaitReset, Duration(history[n+1].At-h.At)
		case by == EndEvicted:
			w.EndedBy = TimeWaitEvicted
		}
		r.TimeWait = append(r.TimeWait, w)
	}
}
