package tcpstate

// Passed is when a segment passed, its packet, and its numbers.
type Passed struct {
	At       int64
	Packet   uint64
	Seq, Ack Seq
}

// Ordinary is a connection in which every segment is expected: the handshake, text, and both FINs. Each segment begins
// where the one before it ended. After a FIN its receiver acknowledges everything. Such a connection needs no rules:
// its states follow from the segments that change them.
type Ordinary struct {
	Opener    int
	ISS, Next [2]Seq    // of each end, Next after its FIN
	Last      [2]Passed // what each end has sent last

	first            int // the end that closes first
	next             awaited
	syn, synAck, ack Passed
	// the first FIN, what acknowledges it, the other FIN, what acknowledges that
	fin, acksFin, then, acksAll Passed
}

// awaited is the segment that is expected next.
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

// Sees processes the next segment.
func (o *Ordinary) Sees(from int, p Passed, fin bool) {
	o.Last[from] = p
	switch {
	case o.next == awaitsSyn:
		o.syn, o.next = p, awaitsSynAck
	case o.next == awaitsSynAck:
		o.synAck, o.next = p, awaitsAck
	case o.next == awaitsAck:
		o.ack, o.next = p, awaitsFin
	case o.next == awaitsFin && fin:
		o.fin, o.first, o.next = p, from, awaitsAckOfFin
	case o.next == awaitsAckOfFin && from != o.first:
		if o.acksFin, o.next = p, awaitsOtherFin; fin {
			o.then, o.next = p, awaitsLastAck
		}
	case o.next == awaitsOtherFin && fin:
		o.then, o.next = p, awaitsLastAck
	case o.next == awaitsLastAck:
		o.acksAll = p
	}
}

// End brings a new Conn into the state into which the rules would bring it, as far as a record needs it.
func (o *Ordinary) End(c *Conn) {
	c.seenPlain = true
	c.HandshakeAcked, c.HandshakeAckAt, c.HandshakeAckPacket = true, o.ack.At, o.ack.Packet
	c.HandshakeAckSeq, c.HandshakeAckAck = o.ack.Seq, o.ack.Ack
	c.HasServerRTT, c.ServerRTT = true, o.synAck.At-o.syn.At
	c.HasClientRTT, c.ClientRTT = true, o.ack.At-o.synAck.At
	c.TimeWaits[o.first].Since = o.then.At
	for i := range c.Ends {
		e, peer, last, fin := &c.Ends[i], 1-i, &o.Last[i], &o.fin
		if i != o.first {
			fin = &o.then
		}
		e.HasSent, e.issSeen, e.Syns, e.synAcked = true, true, 1, true
		e.sentSyn, e.sentSynAck = i == o.Opener, i != o.Opener
		e.sndKnown, e.sndNxt, e.unaKnown, e.sndUna = true, o.Next[i], true, o.Next[i]
		e.ackSent, e.maxAck = true, o.Next[peer]
		e.FinSent, e.FinSeq, e.FinAt, e.finAck, e.finPacket, e.fins = true, o.Next[i]-1, fin.At, fin.Ack, fin.Packet, 1
		e.gotFin, e.ackedFin = true, true
		c.last[i].question = question{at: last.At, ack: last.Ack, hasAck: true, kind: AnsweredAck}
		c.last[i].packet = last.Packet
		o.history(i, e)
	}
}

// history enters the states of an end.
func (o *Ordinary) history(i int, e *Endpoint) {
	enter := func(by Rule, to State, p *Passed) {
		e.History = append(e.History, Entry{At: p.At, Packet: p.Packet, State: to, Rule: by, onReceipt: by.onReceipt()})
	}
	if i == o.Opener {
		enter(ActiveOpen, SynSent, &o.syn)
		enter(synAckArrives, Established, &o.synAck)
	} else {
		enter(passiveOpen, SynRcvd, &o.syn)
		enter(synAcked, Established, &o.ack)
	}
	switch {
	case i != o.first:
		enter(finArrives, CloseWait, &o.fin)
		enter(finSent, LastAck, &o.then)
		enter(finAckArrives, Closed, &o.acksAll)
	case o.acksFin.Packet == o.then.Packet:
		enter(finSent, FinWait1, &o.fin)
		enter(finAcksFin, TimeWait, &o.then)
	default:
		enter(finSent, FinWait1, &o.fin)
		enter(finAckArrives, FinWait2, &o.acksFin)
		enter(finArrives, TimeWait, &o.then)
	}
}
