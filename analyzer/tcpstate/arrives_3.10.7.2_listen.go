package tcpstate

// §3.10.7.2 LISTEN STATE, for an unknown endpoint: its answer will show whether it is a listener.

// arrivesListen processes a segment for such an endpoint. First, an RST is ignored; second, an ACK draws an RST; third,
// a SYN makes a listener go to SYN_RCVD, which its SYN-ACK shows (passiveOpens).
func (e *Endpoint) arrivesListen(s *Segment) {
	if !s.Syn && s.Seq != s.end() {
		e.rcv.add(s.Seq, s.end())
	}
}

// passiveOpens is the third step, shown by the SYN-ACK s: a listener has been in SYN_RCVD since the SYN arrived.
func (e *Endpoint) passiveOpens(peer *Endpoint, s *Segment) {
	if st := peer.echoed(s); st != nil {
		e.enterAt(passiveOpen, st.at, st.packet)
	} else if peer.sentSyn {
		e.enterAt(passiveOpen, peer.lastSynAt, peer.lastSynPacket)
	} else {
		e.enter(synAckSent, s)
	}
}
