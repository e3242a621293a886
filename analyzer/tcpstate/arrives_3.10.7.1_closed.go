package tcpstate

// §3.10.7.1 CLOSED STATE: every segment draws an RST. The observer concludes the reverse: an endpoint that answers with
// an RST has no connection.

// arrivesClosed processes a segment for a CLOSED endpoint. Later evidence may show that it was not CLOSED.
func (e *Endpoint) arrivesClosed(s *Segment) {
	if !s.Syn && s.Seq != s.end() {
		e.rcv.add(s.Seq, s.end())
	}
}

// answersClosed withdraws the states of x, Ends[from], that rest on the receipt of the segment that it answers with an
// RST, and of later segments: the RST shows that x has no such connection.
func (c *Conn) answersClosed(from int, x, y *Endpoint, answered *question, rst *Segment) {
	answered.refused = true
	if w := &c.TimeWaits[from]; x.State() == TimeWait && w.Restarts > 0 && w.Since == answered.at {
		w.Restarts-- // its TIME_WAIT was over
	}
	own := &c.last[from]
	for n := len(x.History) - 1; n >= 0 && x.State() != Closed && x.History[n].onReceipt &&
		x.History[n].At >= answered.at; n-- {
		if own.at >= x.History[n].At && own.packet >= x.History[n].Packet {
			break // it has sent segments since: the RST answers a later one
		}
		if x.State() == FinWait2 && answered.kind == AnsweredData && answered.at == x.History[n].At {
			// it refuses the text, because its user has closed, but has the acknowledgement (RFC 1122 §4.2.2.13)
			break
		}
		x.unwind(n, y, refusedByRst, rst.Packet)
	}
	if x.State() == Established && x.ackNotAccepted && !x.proven(y) {
		x.withdrawTo(SynRcvd, refusedByRst, rst.Packet) // its SYN-ACK had shown that before
	}
	if !x.Known() && len(y.History) == 1 && y.History[0].At == answered.at && answered.kind != AnsweredData {
		y.cut(0, onlyProbe, rst.Packet)
	}
}
