package tcpstate

// Effect says what a segment was in the life of its connection.
type Effect uint32

// The effects; a segment can have several.
const (
	// Foreign: its numbers do not fit what the alleged sender and receiver have exchanged. It changed nothing.
	Foreign Effect = 1 << iota
	// Again: all of its sequence space had passed before.
	Again
	// Keepalive: RFC 9293 §3.8.4.
	Keepalive
	// ZeroWindowProbe: RFC 9293 §3.8.6.1.
	ZeroWindowProbe
	// ResetAccepted: an RST that closed its receiver.
	ResetAccepted
	// ResetDoubted: an RST in the window, not exact: the receiver should ask (RFC 5961 §3.2).
	ResetDoubted
	// SynAckLost: a SYN sent again after a SYN-ACK that should have reached its sender.
	SynAckLost
	// AckNotAccepted: a SYN-ACK sent again after the ACK that should have completed the handshake.
	AckNotAccepted
	// FinLost: its sender had not received the FIN that should have reached it, or its receiver had not received it
	// the first time.
	FinLost
	// FinsCross: a FIN that left before the other one, already seen, arrived.
	FinsCross
	// AckOfFinLost: a FIN sent again after an acknowledgement that should have reached its sender.
	AckOfFinLost
	// FinAhead: a FIN before which text is missing: its receiver can do nothing yet.
	FinAhead
	// ResetOutlived: its sender goes on after an RST that it sent or should have accepted.
	ResetOutlived
	// Unsent: it acknowledges what the capture does not hold.
	Unsent
	// TimeWaitRestarted: a retransmitted FIN arrived in TIME_WAIT (RFC 9293 §3.10.7.4, eighth step).
	TimeWaitRestarted
	// BadSynAck: a SYN-ACK that acknowledges another number than the SYN's (RFC 9293 §3.10.7.3).
	BadSynAck
)

// Has reports whether e has all of want.
func (e Effect) Has(want Effect) bool { return e&want == want }

// Conn is one connection: two endpoints, and what passed between them.
type Conn struct {
	Ends [2]Endpoint

	Reset *Reset // the first RST that was accepted, nil for none
	// HalfOpen is set once one side has shown that it had lost the connection without the other's knowledge.
	HalfOpen *HalfOpen
	// HalfOpenPacket is the packet of that discovery.
	HalfOpenPacket uint64

	TimeWaits [2]TwoMSL // by end

	HandshakeAckAt     int64 // the segment that completed the handshake
	HandshakeAckPacket uint64
	HandshakeAcked     bool
	SynDataAcked       bool // RFC 7413: the SYN-ACK acknowledged the SYN's text
	ServerRTT          int64
	ClientRTT          int64
	HasServerRTT       bool
	HasClientRTT       bool

	resetSeq Seq  // of Reset
	bare     bool // a segment without SYN, FIN and RST has been seen

	last    [2]lastSegment
	repeats [2]repeats
}

// repeats counts what an end has sent again since its peer was heard last.
type repeats struct {
	n           uint64
	first, last uint64 // packets
	probes      bool
}

// TwoMSL is an end's stay in TIME_WAIT beyond what its history says.
type TwoMSL struct {
	Since    int64 // when 2MSL was started last
	Restarts uint64
}

// Reset is an RST that closed its receiver.
type Reset struct {
	By            int // index of the end that sent it
	At            int64
	Packet        uint64
	ReceiverKnown bool
	ReceiverState State // before it
	Answers       Stimulus
}

// Stimulus is the kind of segment that drew an RST.
type Stimulus uint8

// The kinds of stimulus; Nothing is an RST of its sender's own accord.
const (
	Nothing Stimulus = iota
	AnsweredSyn
	AnsweredData
	AnsweredFin
	AnsweredAck
	AnsweredKeepalive
)

// HalfOpen is RFC 9293 §3.5.1's half-open connection.
type HalfOpen struct {
	Survivor int      // index of the end that did not know
	Since    int64    // the last sign of the other end's connection
	At       int64    // its discovery; 0 if the capture shows none
	By       Stimulus // what discovered it; Nothing if nothing did
}

// lastSegment is what matters later of the last segment an end has sent.
type lastSegment struct {
	at       int64
	seen     bool
	kind     Stimulus
	packet   uint64
	seq, end Seq
	ack      Seq
	hasAck   bool
	repeats  bool // it acknowledges no more than the one before, and has no text
}

// Segment takes in a segment that Ends[from] has sent, in the order of capture, and says what it was.
func (c *Conn) Segment(from int, s *Segment) Effect {
	x, y := &c.Ends[from], &c.Ends[1-from]
	return c.exchange(from, x, y, s)
}

// SelfSegment takes in a segment of a connection of Ends[0] to itself (RFC 9293 §3.5: a simultaneous open).
func (c *Conn) SelfSegment(s *Segment) Effect {
	return c.exchange(0, &c.Ends[0], &c.Ends[0], s)
}

func (c *Conn) exchange(from int, x, y *Endpoint, s *Segment) Effect {
	var e Effect
	switch {
	case s.Rst:
		e = c.rst(from, x, y, s)
	case s.Syn && s.Fin:
		return Foreign // no state sends it (RFC 9293 §3.10.7); a scan or an attack
	case s.Syn && s.HasAck:
		e = c.synAck(from, x, y, s)
	case s.Syn:
		e = c.syn(x, y, s)
	default:
		e = c.segment(from, x, y, s)
	}
	if !e.Has(Foreign) {
		kind := kindOf(s, e)
		c.countUnanswered(from, e, s)
		before := &c.last[from]
		repeats := before.seen && before.hasAck && s.HasAck && s.Ack == before.ack && s.Seq == s.end()
		c.last[from] = lastSegment{s.At, true, kind, s.Packet, s.Seq, s.end(), s.Ack, s.HasAck, repeats}
	}
	return e
}

func kindOf(s *Segment, e Effect) Stimulus {
	switch {
	case s.Syn:
		return AnsweredSyn
	case s.Fin:
		return AnsweredFin
	case e.Has(Keepalive) || e.Has(ZeroWindowProbe):
		return AnsweredKeepalive
	case s.Len > 0:
		return AnsweredData
	}
	return AnsweredAck
}

// syn is a SYN without ACK: its sender is in SYN_SENT (RFC 9293 §3.10.1).
func (c *Conn) syn(x, y *Endpoint, s *Segment) Effect {
	var e Effect
	if x.ISSKnown && x.ISS != s.Seq {
		return Foreign
	}
	x.Spoke = true
	again := x.syns > 0
	if x.sentSynAck && !x.sentSyn && x.Known() && x.History[0].State == SynRcvd {
		// A SYN of its own, captured late: it did not wait for the other's (RFC 9293 §3.5, figure 7).
		first := x.History[0]
		first.State, first.Packet = SynSent, s.Packet
		x.History = append([]Entry{first}, x.History...)
	}
	x.sentSyn = true
	if again {
		e |= Again
		// A SYN sent again says that no SYN-ACK was received, and no RST believed, when it left.
		if !x.ackSent && x.State() != SynSent && s.At-x.since() > x.crossing() {
			x.withdrawTo(SynSent)
			x.rcv, x.gotFin = received{}, false
			e |= SynAckLost
		}
	}
	x.syns++
	x.setISS(s.Seq, true)
	x.synLen = max(x.synLen, s.Len)
	x.sent(s.end())
	x.transmitsSyn(s)
	x.offers(s)
	switch {
	case !x.Known() && y.synAckSent() && x.acceptsAck(y.maxAck):
		// Captured behind the SYN-ACK that answers it: it cannot have been sent later.
		x.enterAt(SynSent, min(s.At, y.lastSynAt), s.Packet, false)
		x.enterAt(Established, y.lastSynAt, y.lastSynPacket, true)
	case !x.Known():
		x.enter(SynSent, s, false)
	}
	if y.issSeen && y != x && x.State() == SynSent && y.State() == SynSent && !again {
		// Both have sent a SYN, neither has acknowledged: the other's is on its way here (RFC 9293 §3.5, figure 7).
		x.receiveSyn(y.ISS, s)
	}
	y.receiveSyn(s.Seq, s)
	return e
}

// receiveSyn is a SYN that arrives at e. In SYN_SENT it makes a simultaneous open (RFC 9293 §3.10.7.3, fourth step).
// Whether a listener is there its answer will tell.
func (e *Endpoint) receiveSyn(irs Seq, s *Segment) {
	if !e.rcv.known {
		e.rcv = received{known: true, nxt: irs.Add(1)}
	}
	if e.State() == SynSent && e.Known() {
		e.enter(SynRcvd, s, true)
	}
}

// synAck is a SYN with ACK: its sender has received a SYN and is in SYN_RCVD.
func (c *Conn) synAck(from int, x, y *Endpoint, s *Segment) Effect {
	var e Effect
	if x.ISSKnown && x.ISS != s.Seq {
		if !x.misled || y.synAcked || !y.acceptsAck(s.Ack) {
			return Foreign
		}
		// The SYN-ACK before acknowledged no SYN of this attempt, and was reset or forgotten: this is the answer.
		*x = Endpoint{}
		c.Reset = nil
	}
	if !y.ISSKnown {
		y.setISS(s.Ack-1, false)
	}
	x.Spoke = true
	good := y.acceptsAck(s.Ack)
	again := x.syns > 0 && x.ackSent
	if again {
		e |= Again
		// A SYN-ACK sent again says that nothing that completes the handshake was accepted: the ACK was lost, or the
		// accept queue is full, or TCP_DEFER_ACCEPT waits for data.
		if x.synchronized() && !x.proven(y) && s.At-x.since() > x.crossing() {
			x.withdrawTo(SynRcvd)
			x.sndUna = x.ISS
			x.rcv.missing(s.Ack)
			x.gotFin = x.gotFin && y.FinSent && x.rcv.nxt.After(y.FinSeq)
			x.denied = true
			e |= AckNotAccepted
		}
	} else if x.State() == Established && x.Known() {
		x.postpone(s) // what completes the handshake crossed this on its way
	}
	x.sentSynAck = true
	x.setISS(s.Seq, true)
	x.synLen = max(x.synLen, s.Len)
	x.sent(s.end())
	if !x.rcv.known {
		x.rcv = received{known: true, nxt: s.Ack}
	}
	x.rcv.acked(s.Ack)
	switch {
	case x.Known() && x.State() == SynSent:
		x.enter(SynRcvd, s, false)
	case !x.Known() && y.issSeen:
		// It has been in SYN_RCVD since the SYN arrived.
		x.enterAt(SynRcvd, y.lastSynAt, y.lastSynPacket, false)
	case !x.Known():
		x.enter(SynRcvd, s, false)
	case x.State() == Closed && len(x.History) == 1:
		x.enter(SynRcvd, s, false) // it refused, and then came a listener
	case x.State() == Closed && x.resetClosed && s.At-x.since() > x.crossing():
		x.withdrawTo(SynRcvd) // it knows of no reset
		x.resetClosed = false
	}
	x.syns++
	x.transmitsSyn(s)
	x.offers(s)
	if !s.HasWScale {
		y.wscale = 0 // both must offer it (RFC 7323 §2.2)
	}
	if !good {
		x.misled = true
		return e | BadSynAck // in SYN_SENT it draws an RST and changes nothing (RFC 9293 §3.10.7.3, first step)
	}
	y.synAcked = true
	c.SynDataAcked = c.SynDataAcked || s.Ack.After(y.ISS.Add(1))
	if y.issSeen && !c.HasServerRTT {
		c.HasServerRTT, c.ServerRTT = true, s.At-y.lastSynAt
		x.answers(s.At - y.firstSynAt) // whichever transmission it answers (RFC 6298 §3): not longer than this
	}
	if y.State() == Established && y.sentSyn && !y.ackSent && s.At-y.since() > y.crossing() {
		y.withdrawTo(SynSent) // it would have answered the one before at once
	}
	if x.syns <= patience || y.ackSent {
		y.receiveSynAck(s)
	}
	return e
}

// patience is how many repetitions without an answer are taken for silence: what is sent then no longer arrives.
const patience = 2

// acceptsAck reports whether a SYN-ACK's number acknowledges the SYN, or the SYN and text in it (RFC 7413 §4.2).
func (e *Endpoint) acceptsAck(ack Seq) bool {
	return ack.After(e.ISS) && !ack.After(e.ISS.Add(1+e.synLen))
}

// proven reports whether the endpoint has shown by what it sent that it is beyond SYN_RCVD: text, a FIN, or an
// acknowledgement of more than the peer's SYN.
func (e *Endpoint) proven(peer *Endpoint) bool {
	return e.sndKnown && e.sndNxt.After(e.ISS.Add(1+e.synLen)) ||
		e.ackSent && e.maxAck.After(peer.ISS.Add(1+peer.synLen))
}

// receiveSynAck is an acceptable SYN-ACK that arrives at e (RFC 9293 §3.10.7.3, and §3.10.7.4 for SYN_RCVD).
func (e *Endpoint) receiveSynAck(s *Segment) {
	if !e.rcv.known || e.State() == SynSent {
		e.rcv = received{known: true, nxt: s.end()}
	}
	e.sndUna = maxSeq(e.sndUna, s.Ack)
	if e.Known() && (e.State() == SynSent || e.State() == SynRcvd) {
		e.enter(Established, s, true)
	}
}

// Expire is the end of 2MSL for an end in TIME_WAIT (RFC 9293 §3.10.8).
func (c *Conn) Expire(i int, at int64) {
	c.Ends[i].enterAt(Closed, at, 0, false)
	c.Ends[i].inferLast()
}

// Distance is how far the numbers of a segment that Ends[from] sent lie from what the connection has come to. A
// segment that it cannot be about is at the greatest distance.
func (c *Conn) Distance(from int, s *Segment) uint64 {
	const never = ^uint64(0)
	x, y := &c.Ends[from], &c.Ends[1-from]
	if s.Syn && s.HasAck && x.ISSKnown && x.ISS != s.Seq {
		return never
	}
	waits := y.Known() && y.State() == SynSent && y.issSeen
	if waits && s.HasAck && (!s.Ack.After(y.ISS) || s.Ack.After(y.sndNxt)) {
		return never - 1
	}
	var d uint64
	if x.sndKnown && !(s.Rst && waits) {
		d += abs(s.Seq.Sub(x.sndNxt))
	} else if !waits {
		d += 1 << 31
	}
	switch {
	case s.HasAck && y.sndKnown:
		d += abs(s.Ack.Sub(y.sndNxt))
	case s.HasAck:
		d += 1 << 31
	}
	return d
}

func abs(n int32) uint64 {
	if n < 0 {
		return uint64(-int64(n))
	}
	return uint64(n)
}

// FinsCrossed reports whether each end sent its FIN before it had received the other's (RFC 9293 §3.6, figure 13).
func (c *Conn) FinsCrossed() bool {
	a, b := &c.Ends[0], &c.Ends[1]
	return a.FinSent && b.FinSent && !a.finAck.After(b.FinSeq) && !b.finAck.After(a.FinSeq)
}

// countUnanswered keeps the account of what is repeated into silence.
func (c *Conn) countUnanswered(from int, e Effect, s *Segment) {
	c.repeats[1-from] = repeats{}
	probe := e.Has(Keepalive)
	if !probe && !(e.Has(Again) && (s.Len > 0 || s.Fin)) {
		return
	}
	r := &c.repeats[from]
	if r.n == 0 {
		r.first = s.Packet
	}
	r.n++
	r.last, r.probes = s.Packet, probe
}

// deaf reports that what Ends[from] sends is no longer taken to arrive: it has repeated itself too often without an
// answer, by a peer whose answers the capture would hold.
func (c *Conn) deaf(from int) bool {
	return c.repeats[from].n >= patience && c.Ends[1-from].Spoke
}

// Unanswered is how many segments Ends[i] has repeated since it heard its peer last, and the first and last packets.
func (c *Conn) Unanswered(i int) (n, first, last uint64) {
	r := &c.repeats[i]
	return r.n, r.first, r.last
}

// LastWasProbe reports whether the last of those was a keepalive.
func (c *Conn) LastWasProbe(i int) bool { return c.repeats[i].probes }

// LastAt is when Ends[i] sent its last segment that fitted.
func (c *Conn) LastAt(i int) int64 { return c.last[i].at }

// Repeats reports whether the last segment of Ends[i] acknowledged nothing that the one before it had not.
func (c *Conn) Repeats(i int) bool { return c.last[i].repeats }

// Supersede is the SYN of the next connection of the two sockets, once it has been answered: nothing is left of this
// one at either end.
func (c *Conn) Supersede(at int64, packet uint64) {
	for i := range c.Ends {
		if e := &c.Ends[i]; e.Known() && e.State() != Closed {
			e.enterAt(Closed, at, packet, false)
			e.inferLast()
		}
	}
}
