package tcpstate

// §3.10.7.1 CLOSED STATE: what arrives draws an RST. An observer reads that in reverse: an endpoint that answers by an
// RST has no connection.

// arrivesClosed is a segment for an endpoint that was closed. What it brings may show later that it was not.
func (e *Endpoint) arrivesClosed(s *Segment) {
	if !s.Syn && s.Seq != s.end() {
		e.rcv.add(s.Seq, s.end())
	}
}

// answersClosed takes back what x, Ends[from], is believed to be by receipt of the segment that it answers with an RST,
// and of those after it: the RST says that to x there is no such connection.
func (c *Conn) answersClosed(from int, x, y *Endpoint, answered *question, rst *Segment) {
	answered.refused = true
	if w := &c.TimeWaits[from]; x.State() == TimeWait && w.Restarts > 0 && w.Since == answered.at {
		w.Restarts-- // it was not in TIME_WAIT any more
	}
	own := &c.last[from]
	for n := len(x.History) - 1; n >= 0 && x.State() != Closed && x.History[n].onReceipt &&
		x.History[n].At >= answered.at; n-- {
		if own.at >= x.History[n].At && own.packet >= x.History[n].Packet {
			break // it has spoken since: what it refuses came later
		}
		if x.State() == FinWait2 && answered.kind == AnsweredData && answered.at == x.History[n].At {
			// it refuses the text, for its user has closed, but has heard the acknowledgement (RFC 1122 §4.2.2.13)
			break
		}
		x.unwind(n, y, refusedByRst, rst.Packet)
	}
	if x.State() == Established && x.denied && !x.proven(y) {
		x.withdrawTo(SynRcvd, refusedByRst, rst.Packet) // it had said so before
	}
	if !x.Known() && len(y.History) == 1 && y.History[0].At == answered.at && answered.kind != AnsweredData {
		y.cut(0, onlyProbe, rst.Packet)
	}
}
