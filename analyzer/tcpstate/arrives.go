package tcpstate

// What an observer can say of SEGMENT ARRIVES (RFC 9293 §3.10.7) is in one file for each of its sections, and one
// function for each of their steps: arrives_3.10.7.1_closed.go to arrives_3.10.7.4_others.go. What arrives changes its
// receiver until later evidence denies that it arrived.

// arrives is the arrival at y, Ends[to], of a segment without RST. An RST is judged in sendsRst, for what it
// says of its sender comes first.
func (c *Conn) arrives(to int, x, y *Endpoint, s *Segment, shape Effect) Effect {
	if !y.rcv.known && (s.Syn || !y.in(SynSent)) {
		y.rcv = received{known: true, nxt: s.Seq}
		if s.Syn {
			y.rcv.nxt = s.end()
		}
	}
	switch {
	case !y.Known():
		y.arrivesListen(s)
	case y.State() == Closed:
		y.arrivesClosed(s)
	case y.State() == SynSent:
		y.arrivesSynSent(s)
	default:
		return c.arrivesOther(to, x, y, s, shape)
	}
	return 0
}
