package analyzer

import (
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/timers"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/peers"
)

// fill makes the record of a connection that ends at a time, for a reason.
func (a *Analyzer) fill(r *record.Connection, c *connection, at int64, by record.EndedBy) {
	client, server := c.opener, 1-c.opener
	more := a.texts.parts()
	timeWait, findings := r.TimeWait[:0], r.Findings[:0]
	opened, accepted := r.Client.States[:0], r.Server.States[:0]
	*r = record.Connection{}
	r.Record, r.Schema = "connection", record.Schema
	r.ID, r.Encapsulation, r.TimeWait, r.Findings = c.id, []flows.Layer{}, timeWait, findings
	r.PreviousID, r.CommunityID = record.PacketNumber(c.previous), c.key.CommunityID()
	if c.encap != nil {
		r.Encapsulation = c.encap.Layers
	}
	if r.TimeWait == nil {
		r.TimeWait = []record.TimeWait{}
	}
	if r.Findings == nil {
		r.Findings = []record.Finding{}
	}
	r.Start, r.End, r.Duration = record.Time(c.start), record.Time(c.end), record.Duration(c.end-c.start)
	r.StartNS, r.EndNS = c.start, c.end
	r.EndedBy, r.Ended, r.RoleEvidence = by, record.Time(at), c.role
	c.endpoint(&r.Client, client, opened, &more.fins[0])
	c.endpoint(&r.Server, server, accepted, &more.fins[1])
	r.Client.Options, r.Client.Marks = c.offers.Ends[client].Of(&more.options[0])
	r.Server.Options, r.Server.Marks = c.offers.Ends[server].Of(&more.options[1])
	r.Handshake = c.handshake(client, server)
	c.usage.Of(r, c.sides[0].bytes+c.sides[1].bytes, &more.idle)
	r.Teardown = c.teardown()
	if h := c.tcp.HalfOpen; h != nil {
		r.HalfOpen = &record.HalfOpen{Survivor: c.side(h.Survivor), Since: record.Time(h.Since), At: record.NoTime,
			DiscoveredBy: discoveredBy[h.By]}
		if h.GaveUp {
			r.HalfOpen.Survivor = record.NoSide
		}
		if h.By != tcpstate.Nothing {
			r.HalfOpen.At = record.Time(max(h.At, h.Since)) // the clock may have stepped back
		}
	}
	for i := range c.tcp.Ends {
		c.timeWaits(r, &a.options, i, at, by)
	}
	c.fillTimers(&r.Client, client, at)
	c.fillTimers(&r.Server, server, at)
	r.Handshake.ECN, r.Handshake.MPTCP = c.offers.ECN(client, server), c.offers.MPTCP(server)
	r.Handshake.ICMP = c.icmp.of(c.key.V6)
	r.Observer = distance.Observer(&c.sides[client].distance, &c.sides[server].distance, &r.Handshake)
	if !c.noPeers {
		counts := [2]peers.Sent{{Packets: c.sides[0].packets, IpBytes: c.sides[0].ipBytes},
			{Packets: c.sides[1].packets, IpBytes: c.sides[1].ipBytes}}
		more.zeek.History = a.texts.string(c.zeek.Log(&more.zeek, client, c.start, counts, a.texts.room()))
		more.tshark.Completeness = c.tshark.Completeness()
		r.Zeek, r.Tshark = &more.zeek, &more.tshark
	}
	c.conclude(r, at)
	r.Findings = c.findings(r.Findings, &a.texts, at)
}

// parts are the values that a record points to, except rare ones. They are allocated together.
type parts struct {
	fins    [2]record.Fin
	options [2]record.Options
	idle    record.Idle
	zeek    record.Zeek
	tshark  record.Tshark
}

// texts allocates strings, lists of one number, and parts, many at a time.
type texts struct {
	free    []byte
	numbers []uint64
	pieces  []parts
}

// parts returns parts for the next record.
func (t *texts) parts() *parts {
	if len(t.pieces) == 0 {
		t.pieces = make([]parts, 32)
	}
	p := &t.pieces[0]
	t.pieces = t.pieces[1:]
	return p
}

// number returns a list of one number.
func (t *texts) number(n uint64) []uint64 {
	if len(t.numbers) == cap(t.numbers) {
		t.numbers = make([]uint64, 0, 1<<10)
	}
	t.numbers = append(t.numbers, n)
	return t.numbers[len(t.numbers)-1 : len(t.numbers) : len(t.numbers)]
}

// room returns a slice to which the bytes of the next string can be appended.
func (t *texts) room() []byte {
	if cap(t.free) < 512 {
		t.free = make([]byte, 0, 1<<13)
	}
	return t.free
}

// string returns the bytes appended to room as a string; nothing may write them again.
func (t *texts) string(b []byte) string {
	t.free = b[len(b):]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// side returns the role of an end.
func (c *connection) side(end int) record.Side {
	if end == c.opener {
		return record.Client
	}
	return record.Server
}

// endpoint fills an endpoint of the record, and appends its states to a list.
func (c *connection) endpoint(r *record.Endpoint, i int, states []record.StateEntry, fin *record.Fin) {
	e, s := &c.tcp.Ends[i], &c.sides[i]
	addr, peer := c.key.AddrPortA(), &c.sides[1-i]
	if i == 1 {
		addr = c.key.AddrPortB()
	}
	r.IP, r.Port = addr.Addr(), addr.Port()
	r.SynAcked = s.synAnswer
	r.Syns, r.Fins, r.Rsts = s.openings+s.synAcks+s.impossible, s.fins, s.rsts
	r.Packets, r.CaptureDuplicates, r.Bytes, r.IPBytes = s.packets, s.duplicates, s.bytes, s.ipBytes
	r.RetransmittedPackets, r.Keepalives, r.ZeroWindowProbes = s.retransmitted, s.keepalives, s.probes
	if e.ISSKnown {
		r.ISN, r.ISNEvidence = record.Seq{Number: uint32(e.ISS), Known: true}, record.Inferred
		if s.openings+s.synAcks > 0 {
			r.ISNEvidence = record.Seen
		}
	}
	if e.FinSent && s.finPacket > 0 {
		*fin = record.Fin{Seq: uint32(e.FinSeq), Packet: record.PacketNumber(s.finPacket), Acked: record.No}
		switch {
		case s.finAcked && !s.finAckUnseen:
			fin.Acked = record.Yes
		case peer.packets == 0, c.filtered:
			fin.Acked = record.Unknown
		}
		r.Fin = fin
	}
	if e.Known() {
		r.State = record.StateOrNone{State: e.State(), Known: true}
	}
	for k := range e.History {
		h, evidence := &e.History[k], record.Seen
		if h.Inferred {
			evidence = record.Inferred
		}
		states = append(states, record.StateEntry{State: h.State, At: record.Time(h.At),
			Packet: record.PacketNumber(h.Packet), Evidence: evidence, Rule: h.Rule})
	}
	if states == nil {
		states = []record.StateEntry{}
	}
	r.States = states
	r.Withdrawn, r.WithdrawnLeftOut = []record.Withdrawn{}, e.WithdrawnMore
	for k := range e.Withdrawn {
		w := &e.Withdrawn[k]
		r.Withdrawn = append(r.Withdrawn, record.Withdrawn{
			State: w.State, At: record.Time(w.At), Packet: record.PacketNumber(w.Packet), Rule: w.By,
			ByPacket: record.PacketNumber(w.ByPacket),
		})
	}
}

func (c *connection) handshake(client, server int) record.Handshake {
	x, y := &c.sides[client], &c.sides[server]
	h := record.Handshake{Outcome: c.outcome(client, server), SynAt: record.NoTime, SynAckAt: record.NoTime,
		AckAt: record.NoTime, ServerRTT: record.NoDuration, ClientRTT: record.NoDuration}
	if x.openings > 0 {
		h.SynAt, h.SynPacket = record.Time(x.openingAt), record.PacketNumber(x.openingPacket)
	}
	if y.synAcks > 0 {
		h.SynAckAt, h.SynAckPacket = record.Time(y.synAckAt), record.PacketNumber(y.synAckPacket)
	}
	if c.tcp.HandshakeAcked && y.synAcks > 0 {
		h.AckAt, h.AckPacket = record.Time(c.tcp.HandshakeAckAt), record.PacketNumber(c.tcp.HandshakeAckPacket)
		h.AckSeq = record.Seq{Number: uint32(c.tcp.HandshakeAckSeq), Known: true}
		h.AckAck = record.Seq{Number: uint32(c.tcp.HandshakeAckAck), Known: true}
	}
	if c.tcp.HasServerRTT {
		h.ServerRTT = record.Duration(c.tcp.ServerRTT)
	}
	if c.tcp.HasClientRTT && c.tcp.ClientRTT >= 0 { // an answer captured before its cause measures nothing
		h.ClientRTT = record.Duration(c.tcp.ClientRTT)
	}
	return h
}

// reached reports whether an end was in a synchronized state.
func reached(e *tcpstate.Endpoint) bool {
	_, is := reachedAt(e)
	return is
}

// reachedAt returns when an end first was in a synchronized state.
func reachedAt(e *tcpstate.Endpoint) (at int64, known bool) {
	for _, h := range e.History {
		if h.State >= tcpstate.Established {
			return h.At, true
		}
	}
	return 0, false
}

// outcome returns how the handshake ended.
func (c *connection) outcome(client, server int) record.Outcome {
	x, y := &c.sides[client], &c.sides[server]
	opened, accepted := reached(&c.tcp.Ends[client]), reached(&c.tcp.Ends[server])
	switch {
	case x.openings == 0 && y.openings == 0 && y.synAcks == 0 && x.synAcks == 0:
		if (opened || accepted) && x.packets+y.packets > x.fins+y.fins {
			return record.OutcomeUnseen
		}
		return record.OutcomeStray // a lone FIN proves nothing
	case x.openings == 0:
		if opened {
			return record.OutcomePartial
		}
		return record.OutcomeStray
	case accepted && x.openings > 0 && y.openings > 0:
		return record.OutcomeSimultaneous
	case c.self() && opened:
		return record.OutcomeSimultaneous
	case accepted && y.synAcks == 0:
		return record.OutcomePartial
	case accepted && c.tcp.SynDataAcked:
		return record.OutcomeFastOpen
	case accepted && !opened: // by another SYN than the one that was captured
		return record.OutcomePartial
	case accepted:
		return record.OutcomeComplete
	case x.finAcked || y.finAcked: // so both sides were synchronized
		return record.OutcomePartial
	case y.synAcks > 0 && (c.tcp.Reset != nil || x.rsts > 0 || y.rsts > 0):
		return record.OutcomeAborted
	case y.synAcks > 0:
		return record.OutcomeEmbryonic
	case c.tcp.Reset != nil && c.tcp.Reset.By == server:
		return record.OutcomeRefused
	case opened:
		return record.OutcomePartial
	case c.tcp.Reset != nil: // the opener's: it answers a SYN-ACK that was not captured
		return record.OutcomeAborted
	case c.icmp.refusesSyn():
		return record.OutcomeUnreachable
	case c.challenged:
		return record.OutcomeChallenged
	}
	return record.OutcomeUnanswered
}

// resetOrigin fills in what an RST shows about the device that made it.
func (c *connection) resetOrigin(reset *record.Reset, r *tcpstate.Reset) {
	sender := &c.sides[r.By].distance
	ttl := c.resets.Of(r.Packet).TTL
	near := sender.Near(ttl)
	reset.TTL = record.Count{Number: uint64(ttl), Known: ttl > 0}
	reset.SenderTTL = record.Count{Number: uint64(near), Known: near > 0}
	if reset.Origin = sender.Origin(ttl); reset.Origin == record.OriginElsewhere && c.openerReset() {
		reset.Origin = record.NoOrigin // the SYN may be forged, old, or a scanner's
	}
	own, _ := c.tcp.Noted(tcpstate.Explained, r.By)
	other, _ := c.tcp.Noted(tcpstate.Explained, 1-r.By)
	if len(own) > 0 && (len(other) == 0 || own[0] < other[0]) {
		reset.Text = record.Reason(c.reason)
	}
}

func (c *connection) teardown() record.Teardown {
	t := record.Teardown{Kind: record.TeardownNone, At: record.NoTime, Idle: record.NoDuration,
		HalfClosed: record.NoDuration}
	a, b := &c.tcp.Ends[0], &c.tcp.Ends[1]
	if r := c.tcp.Reset; r != nil {
		reset := &record.Reset{By: c.side(r.By), Packet: record.PacketNumber(r.Packet),
			ReceiverState: record.StateOrNone{State: r.ReceiverState, Known: true}, Answers: resetAnswers[r.Answers],
			Idle: record.NoDuration}
		if r.Idle >= 0 {
			reset.Idle = record.Duration(r.Idle)
		}
		c.resetOrigin(reset, r)
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
		t.Initiator, t.At = c.side(first), record.Time(c.tcp.Ends[first].FinAt)
		if c.finIdleKnown {
			t.Idle = record.Duration(c.finIdle)
		}
	}
	bothAcked := c.sides[0].finAcked && c.sides[1].finAcked
	ended := c.tcp.Reset != nil && (reached(a) || reached(b))
	switch {
	case ended && !bothAcked:
		t.Kind = record.TeardownReset
		if first < 0 {
			t.Initiator, t.At = c.side(c.tcp.Reset.By), record.Time(c.tcp.Reset.At)
		}
	case first < 0:
		return t
	case c.self() && c.sides[0].finAcked:
		t.Kind = record.TeardownSimultaneous // its FIN crosses itself (RFC 9293 §3.6, figure 13)
	case bothAcked && c.tcp.FinsCrossed():
		t.Kind = record.TeardownSimultaneous
	case bothAcked && c.firstToAckFin(1-first) && !(c.filtered && c.waitedForFin(first)):
		t.Kind = record.TeardownThreeSegment
	case bothAcked:
		t.Kind = record.TeardownFourWay
	case a.FinSent && b.FinSent:
		t.Kind = record.TeardownIncomplete
	case c.sides[first].finAcked:
		t.Kind = record.TeardownHalfClosed
	default:
		t.Kind = record.TeardownIncomplete
	}
	if first >= 0 && a.FinSent && b.FinSent && c.sides[first].finAcked {
		t.HalfClosed = record.Duration(max(0, c.tcp.Ends[1-first].FinAt-c.sides[first].finAckedAt))
	}
	return t
}

// firstToAckFin reports whether an end's FIN was its first segment to acknowledge the other's, even if it was captured
// before the other's.
func (c *connection) firstToAckFin(i int) bool {
	first, acknowledged := c.tcp.FirstToClose()
	return c.sides[i].firstAckOfFin || acknowledged && first == 1-i && c.finPassedBefore(i, 1-i)
}

// finBefore reports whether an end's FIN was sent before the other's, by what they acknowledge, or else by the order of
// packets.
func (c *connection) finBefore(i, j int) bool {
	if first, acknowledged := c.tcp.FirstToClose(); acknowledged {
		return i == first
	}
	return c.finPassedBefore(i, j)
}

// finPassedBefore compares the order of packets, because clocks may differ, or the times if a FIN was only inferred.
func (c *connection) finPassedBefore(i, j int) bool {
	if a, b := c.sides[i].finPacket, c.sides[j].finPacket; a > 0 && b > 0 {
		return a < b
	}
	return c.tcp.Ends[i].FinAt < c.tcp.Ends[j].FinAt
}

var resetAnswers = [...]record.ResetAnswers{
	tcpstate.Nothing: record.AnswersNothing, tcpstate.AnsweredSyn: record.AnswersSyn,
	tcpstate.AnsweredData: record.AnswersData,
	tcpstate.AnsweredFin:  record.AnswersFin, tcpstate.AnsweredAck: record.AnswersAck,
	tcpstate.AnsweredKeepalive: record.AnswersKeepalive,
}

var discoveredBy = [...]record.DiscoveredBy{
	tcpstate.Nothing: record.DiscoveredNever, tcpstate.AnsweredSyn: record.DiscoveredSyn,
	tcpstate.AnsweredData: record.DiscoveredData,
	tcpstate.AnsweredFin:  record.DiscoveredFin, tcpstate.AnsweredAck: record.DiscoveredData,
	tcpstate.AnsweredKeepalive: record.DiscoveredKeepalive,
}

// timeWaits adds the stays of an end in TIME_WAIT.
func (c *connection) timeWaits(r *record.Connection, o *Options, i int, at int64, by record.EndedBy) {
	history := c.tcp.Ends[i].History
	for n, h := range history {
		if h.State != tcpstate.TimeWait {
			continue
		}
		two := 2 * int64(o.MSL)
		w := record.TimeWait{
			Side: c.side(i), Entered: record.Time(h.At), Restarts: c.tcp.TimeWaits[i].Restarts,
			TwoMSL:  record.Duration(two),
			Expires: record.Time(max(c.tcp.TimeWaits[i].Since, h.At) + two), Observed: record.Duration(at - h.At),
			EndedBy: record.TimeWaitCaptureEnd,
		}
		switch {
		case n+1 < len(history) && c.successor != 0 && history[n+1].Packet == c.successor:
			w.EndedBy, w.Observed, w.ReuseProven = record.TimeWaitReused, record.Duration(history[n+1].At-h.At),
				record.No
			if c.linuxReuse {
				w.ReuseProven = record.Yes
			}
		case n+1 < len(history) && history[n+1].Packet == 0:
			w.EndedBy, w.Observed = record.TimeWaitExpired, record.Duration(history[n+1].At-h.At)
		case n+1 < len(history) && c.tcp.Reset != nil && c.tcp.Reset.By == i:
			// It answered like a host without the connection: its own 2MSL had passed.
			w.EndedBy, w.Observed = record.TimeWaitExpired, record.Duration(history[n+1].At-h.At)
		case n+1 < len(history):
			w.EndedBy, w.Observed = record.TimeWaitReset, record.Duration(history[n+1].At-h.At)
		case by == record.EndEvicted:
			w.EndedBy = record.TimeWaitEvicted
		}
		w.Observed = max(w.Observed, 0) // the clock of the packet that began it may have been far ahead
		r.TimeWait = append(r.TimeWait, w)
	}
}

// ending returns the state of an end when its record ended.
func (c *connection) ending(i int, at int64) (e timers.Ending) {
	x, y := &c.sides[i], &c.sides[1-i]
	una, _ := c.tcp.Ends[i].SndUna()
	e = timers.Ending{
		At: at, End: c.end, Una: uint32(una), Reset: c.tcp.OwnReset(i),
		NoPeer:         y.packets == 0 && reached(&c.tcp.Ends[i]),
		SynAckAnswered: c.tcp.HandshakeAcked, FinAnswered: x.finAcked,
	}
	_, e.Packet = c.tcp.HeardAt(i)
	e.Heard, e.HeardPacket = c.tcp.HeardAt(1 - i)
	if r := c.tcp.Reset; r != nil && r.By != i {
		e.PeerReset = r.Packet
	}
	return e
}

// fillTimers fills in why an end retransmitted.
func (c *connection) fillTimers(r *record.Endpoint, i int, at int64) {
	now := c.ending(i, at)
	if r.Timers, r.TimersLeftOut = c.timers.Of(i, &now); r.Timers == nil {
		r.Timers = []record.Timer{}
	}
}
