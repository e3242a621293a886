package tcpstate

// Passed is when a segment passed, its packet, and its numbers.
type Passed struct {
	At       int64
	Packet   uint64
	Seq, Ack Seq
}

// Ordinary is a connection in which every segment is expected: the handshake, text, and both FINs. Each segment begins
// where the one before it ended, and the receiver of a FIN acknowledges everything. Such a connection needs no rules:
// its states follow from the segments that change them.
type Ordinary struct {
	Opener    int
	ISS, Next [2]Seq    // of each end, Next after its FIN
	Last      [2]Passed // what each end has sent last

	First            int // the end that closes first
	Syn, SynAck, Ack Passed
	// each FIN, and what acknowledges it
	Fin, AcksFin, SecondFin, AcksSecondFin Passed

	next awaited
}

// awaited says which segment is expected next.
type awaited uint8

const (
	awaitsSyn awaited = iota
	awaitsSynAck
	awaitsAck
	awaitsFin
	awaitsAckOfFin
	awaitsOtherFin
	awaitsLastAck
)

// Begin gives the ends of a connection their numbers.
func (o *Ordinary) Begin(c *Conn) {
	for i := range c.Ends {
		c.Ends[i].ISS, c.Ends[i].ISSKnown = o.ISS[i], true
	}
}

// Segment processes the next segment. It returns false if the rules may find more in it: it may be a probe, or a
// capture duplicate.
func (o *Ordinary) Segment(from int, p Passed, text uint32, fin bool) bool {
	last := &o.Last[from]
	if text == 1 || text == 0 && !fin && o.next > awaitsSynAck && last.Seq == p.Seq && last.Ack == p.Ack {
		return false
	}
	*last = p
	switch {
	case o.next == awaitsSyn:
		o.Syn, o.next = p, awaitsSynAck
	case o.next == awaitsSynAck:
		o.SynAck, o.next = p, awaitsAck
	case o.next == awaitsAck:
		o.Ack, o.next = p, awaitsFin
	case o.next == awaitsFin && fin:
		o.Fin, o.First, o.next = p, from, awaitsAckOfFin
	case o.next == awaitsAckOfFin && from != o.First:
		if o.AcksFin, o.next = p, awaitsOtherFin; fin {
			o.SecondFin, o.next = p, awaitsLastAck
		}
	case o.next == awaitsOtherFin && fin:
		o.SecondFin, o.next = p, awaitsLastAck
	case o.next == awaitsLastAck:
		o.AcksSecondFin = p
	}
	return true
}

// End fills in a new Conn as the rules would, as far as a record needs it.
func (o *Ordinary) End(c *Conn) {
	c.seenPlain = true
	c.HandshakeAcked, c.HandshakeAckAt, c.HandshakeAckPacket = true, o.Ack.At, o.Ack.Packet
	c.HandshakeAckSeq, c.HandshakeAckAck = o.Ack.Seq, o.Ack.Ack
	c.HasServerRTT, c.ServerRTT = true, o.SynAck.At-o.Syn.At
	c.HasClientRTT, c.ClientRTT = true, o.Ack.At-o.SynAck.At
	c.TimeWaits[o.First].Since = o.SecondFin.At
	for i := range c.Ends {
		e, peer, last, fin := &c.Ends[i], 1-i, &o.Last[i], &o.Fin
		if i != o.First {
			fin = &o.SecondFin
		}
		e.HasSent, e.issSeen, e.Syns, e.synAcked = true, true, 1, true
		e.sentSyn, e.sentSynAck = i == o.Opener, i != o.Opener
		e.sndKnown, e.sndNxt, e.unaKnown, e.sndUna = true, o.Next[i], true, o.Next[i]
		e.ackSent, e.maxAck = true, o.Next[peer]
		e.FinSent, e.FinSeq, e.FinAt, e.finAck, e.finPacket, e.fins = true, o.Next[i]-1, fin.At, fin.Ack, fin.Packet, 1
		e.gotFin, e.ackedFin = true, true
		c.last[i].question = question{at: last.At, ack: last.Ack, hasAck: true, kind: AnsweredAck}
		c.last[i].packet = last.Packet
		o.EachState(i, func(by Rule, to State, p *Passed) {
			e.History = append(e.History,
				Entry{At: p.At, Packet: p.Packet, State: to, Rule: by, onReceipt: by.onReceipt()})
		})
	}
}

// ThreeSegments reports whether the second FIN acknowledged the first.
func (o *Ordinary) ThreeSegments() bool { return o.AcksFin.Packet == o.SecondFin.Packet }

// EachState calls enter with each state of an end, the rule by which it was entered, and the segment that showed it.
func (o *Ordinary) EachState(i int, enter func(by Rule, to State, p *Passed)) {
	if i == o.Opener {
		enter(ActiveOpen, SynSent, &o.Syn)
		enter(synAckArrives, Established, &o.SynAck)
	} else {
		enter(passiveOpen, SynRcvd, &o.Syn)
		enter(synAcked, Established, &o.Ack)
	}
	switch {
	case i != o.First:
		enter(finArrives, CloseWait, &o.Fin)
		enter(finSent, LastAck, &o.SecondFin)
		enter(finAckArrives, Closed, &o.AcksSecondFin)
	case o.ThreeSegments():
		enter(finSent, FinWait1, &o.Fin)
		enter(finAcksFin, TimeWait, &o.SecondFin)
	default:
		enter(finSent, FinWait1, &o.Fin)
		enter(finAckArrives, FinWait2, &o.AcksFin)
		enter(finArrives, TimeWait, &o.SecondFin)
	}
}
