package tcpstate

import "slices"

// stamp is one transmission of a SYN or FIN that was sent more than once, as its timestamp tells it from the others.
type stamp struct {
	at     int64
	packet uint64
	value  uint32 // TSval
}

// maxStamps is how many transmissions are told apart: the first.
const maxStamps = 8

// restamp takes note of a SYN or FIN that is sent again. First is its first transmission.
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

// echoed is the earlier transmission of the endpoint's SYN or FIN that has arrived, by the word of the segment that
// answers it: TSecr is the timestamp of what arrived first (RFC 7323 §4.3). An echo of the last one proves nothing of
// the others, for what arrives twice may be echoed either way; then, and where two have one stamp, it is nil.
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

// echoesLast reports that s answers the last transmission of the endpoint's SYN or SYN-ACK and no other (RFC 7323
// §4.1). An answer to an earlier one may have been sent anew because of the last.
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

// redate dates what the arrival of a SYN or FIN has led to by an earlier transmission of it,
// and takes back that it was denied.
func (e *Endpoint) redate(st *stamp, states ...State) {
	for i := len(e.History) - 1; i >= 0; i-- {
		h := &e.History[i]
		if !slices.Contains(states, h.State) {
			continue
		}
		// of that one nobody knows whether the earlier one acknowledged as much
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
