package tcpstate

// SEGMENT ARRIVES (RFC 9293 §3.10.7), as far as an observer can judge it, has one file for each section, with one
// function for each step: arrives_3.10.7.1_closed.go to arrives_3.10.7.4_others.go. A segment changes its receiver
// until later evidence shows that it did not arrive.

// arrives processes the arrival of a segment without RST at y, Ends[to]. sendsRst judges an RST, because what it shows
// about its sender comes first.
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
