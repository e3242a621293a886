package tcpstate

// crossing returns how long after a segment of the peer this endpoint's segments can still pass the observer that left
// before its arrival. Only later ones can show that the endpoint did not receive it.
func (e *Endpoint) crossing() int64 {
	const slack = 2e6 // of clocks and queues; below any retransmission timer (RFC 6298 §2.4)
	if !e.rttKnown {
		return 100e6
	}
	return e.rtt + e.rtt/2 + slack
}

// recordRTT records how long the endpoint took to answer.
func (e *Endpoint) recordRTT(rtt int64) {
	if rtt >= 0 && (!e.rttKnown || rtt < e.rtt) {
		e.rtt, e.rttKnown = rtt, true
	}
}

// time begins or ends the measurement of a round trip, of one segment at a time, but not of a retransmitted one (RFC
// 6298 §3).
func (e *Endpoint) time(peer *Endpoint, s *Segment, again bool) {
	if e.timing && s.HasAck && !s.Ack.Before(e.timedEnd) {
		e.recordRTT(s.At - e.timedAt)
		e.timing = false
	}
	switch {
	case again:
		peer.timing = false
	case s.Seq != s.end() && !peer.timing:
		peer.timing, peer.timedEnd, peer.timedAt = true, s.end(), s.At
	}
}

// outdated is PAWS (RFC 7323 §5.3, R1) for a segment that would bring text or a FIN: its timestamp is older than that
// of segments that arrived. Reordered acknowledgements and late duplicates are common and change nothing anyway.
func (e *Endpoint) outdated(s *Segment) bool {
	return e.tsKnown && s.HasTS && int32(s.TSVal-e.tsRecent) < 0 && s.end().After(e.rcv.nxt) && s.Seq != s.end()
}

// past reports whether the endpoint sent s before a segment that has already passed: s acknowledges less, or its
// timestamp is older (RFC 7323 §3). Such a segment is a duplicate or was overtaken, and does not show the sender's
// present state.
func (e *Endpoint) past(s *Segment) bool {
	return s.HasAck && e.ackSent && s.Ack.Before(e.maxAck) || e.FinSent && s.Seq == s.end() && !s.Rst &&
		!s.Seq.After(e.FinSeq) || s.HasTS && e.tsIsSent && int32(s.TSVal-e.tsSent) < 0
}

// stamp keeps TS.Recent (RFC 7323 §4.3): of the segment at the edge of what this endpoint has acknowledged.
func (e *Endpoint) stamp(s *Segment) {
	if s.HasTS && (!e.tsKnown || e.ackSent && !s.Seq.After(e.maxAck) && int32(s.TSVal-e.tsRecent) > 0) {
		e.tsRecent, e.tsKnown = s.TSVal, true
	}
}
