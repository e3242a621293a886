package tcpstate

// claim is a segment that acknowledges octets which the capture lacks. Either this is capture loss, or the segment's
// receiver has not sent them. In the second case the receiver drops the segment, with its text and FIN, and answers by
// an ACK with its old numbers (RFC 9293 §3.10.7.4, fifth step). claim keeps the earlier values of both sides, so that
// the segment can be taken back.
type claim struct {
	at       int64
	packet   uint64 // 0 for none
	seq, end Seq
	ack      Seq
	fin      bool
	// Values of its sender.
	acks         bool
	maxAck, edge Seq
	wnd          uint32
	// Values of its receiver.
	sndNxt, sndUna Seq
}

// claims records a segment of x, Ends[from], that acknowledges more than y has been seen to send.
func (c *Conn) claims(from int, x, y *Endpoint, s *Segment) {
	l := c.logged()
	l.claim[from] = claim{s.At, s.Packet, s.Seq, s.end(), s.Ack, s.Fin, x.ackSent, x.maxAck, x.edge, x.wnd, y.sndNxt,
		y.sndUna}
}

// rejectsClaim reports whether s, sent by x, Ends[from], answers a segment that acknowledges what x had not sent. If
// so, it takes back what that segment changed.
func (c *Conn) rejectsClaim(from int, x, y *Endpoint, s *Segment) bool {
	if c.log == nil || c.self {
		return false
	}
	l := &c.log.claim[1-from]
	ago := s.At - l.at
	if l.packet == 0 || s.Fin || s.Len > 0 || s.Seq != l.sndNxt || x.sndNxt != l.ack || s.Ack != x.maxAck ||
		!x.ackSent ||
		ago > SoonestTimeout+x.crossing() || x.rttKnown && ago < x.rtt*3/4-1e6 {
		return false
	}
	n := len(x.History)
	for n > 0 && x.History[n-1].Packet == l.packet && x.History[n-1].onReceipt {
		n--
	}
	x.unwind(n, y, acksUnsent, s.Packet)
	x.sndNxt, x.sndUna = l.sndNxt, l.sndUna
	if l.end != l.seq {
		x.rcv.missing(l.seq)
	}
	if l.fin && y.FinSent && y.FinSeq.Add(1) == l.end && y.fins == 1 {
		y.withdrawFin(acksUnsent, s.Packet)
		y.fins = 0
	}
	if y.sndNxt == l.end {
		y.sndNxt = l.seq
	}
	y.ackSent, y.maxAck, y.edge, y.wnd = l.acks, l.maxAck, l.edge, l.wnd
	y.rcv.nxt, y.rcv.ahead = l.sndNxt, nil
	c.removeMissingOctet(from, l.ack-1)
	*l = claim{}
	return true
}
