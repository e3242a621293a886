package tcpstate

import "slices"

// stamp is one transmission of a SYN or FIN that was sent more than once; its timestamp distinguishes it.
type stamp struct {
	at     int64
	packet uint64
	value  uint32 // TSval
}

// maxStamps is how many transmissions are distinguished: the first ones.
const maxStamps = 8

// restamp records a retransmitted SYN or FIN. first is its first transmission.
func (e *Endpoint) restamp(first stamp, s *Segment) {
	if !s.HasTS || !e.tsIsSent {
		return
	}
	if len(e.stamps) == 0 {
		e.stamps = append(e.stamps, first)
	}
	if len(e.stamps) < maxStamps {
		e.stamps = append(e.stamps, stamp{s.At, s.Packet, s.TSVal})
	}
}

// echoed returns the earlier transmission of the endpoint's SYN or FIN that has arrived, according to the answer: TSecr
// is the timestamp of the segment that arrived first (RFC 7323 §4.3). An echo of the last transmission proves nothing
// about the others, because either of two arrivals may be echoed. In this case, and if two transmissions have the same
// timestamp, it returns nil.
func (e *Endpoint) echoed(s *Segment) (found *stamp) {
	if !s.HasTS || !s.HasAck {
		return nil
	}
	for i := range e.stamps {
		switch st := &e.stamps[i]; {
		case st.value != s.TSEcr:
		case found != nil || i == len(e.stamps)-1:
			return nil
		default:
			found = st
		}
	}
	return found
}

// echoesLast reports whether s answers the last transmission of the endpoint's SYN or SYN-ACK and no other (RFC 7323
// §4.1). The last transmission may have caused a second answer to an earlier one.
func (e *Endpoint) echoesLast(s *Segment) bool {
	if !s.HasTS || len(e.stamps) != e.Syns {
		return false
	}
	for i := range e.stamps {
		if last := i == len(e.stamps)-1; last != (e.stamps[i].value == s.TSEcr) {
			return false
		}
	}
	return true
}

// redate moves the state that the arrival of a SYN or FIN caused back to an earlier transmission of it. If that one's
// state was withdrawn, it no longer counts as withdrawn.
func (e *Endpoint) redate(st *stamp, states ...State) {
	for i := len(e.History) - 1; i >= 0; i-- {
		h := &e.History[i]
		if !slices.Contains(states, h.State) {
			continue
		}
		// it is unknown whether the earlier one acknowledged as much
		if h.At <= st.at || h.Rule == finAcksFin {
			return
		}
		h.At, h.Packet = st.at, st.packet
		if i > 0 {
			h.At = max(h.At, e.History[i-1].At)
		}
		for n := len(e.Withdrawn) - 1; n >= 0; n-- {
			if w := &e.Withdrawn[n]; w.State == h.State && w.Packet == st.packet {
				e.Withdrawn = append(e.Withdrawn[:n], e.Withdrawn[n+1:]...)
				break
			}
		}
		return
	}
}
