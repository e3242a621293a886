package tcpstate

// Segment is what the state machine needs of a TCP segment (RFC 9293 §3.1, §3.3.1).
type Segment struct {
	At     int64  // nanoseconds, when it passed the observer
	Packet uint64 // its number in the capture

	Syn, Fin, Rst, HasAck bool

	Seq    Seq    // SEG.SEQ
	Ack    Seq    // SEG.ACK, valid with HasAck
	Len    uint32 // octets of text
	Window uint32 // SEG.WND, not scaled

	HasWScale bool // on a SYN: the window scale option is there (RFC 7323 §2)
	WScale    uint8

	HasTS bool // the timestamps option is there (RFC 7323 §3)
	TSVal uint32
	TSEcr uint32
}

// textEnd returns the number after the text, which is the FIN's own.
func (s *Segment) textEnd() Seq {
	end := s.Seq.Add(s.Len)
	if s.Syn {
		end++
	}
	return end
}

// End returns the number after everything that the segment occupies.
func (s *Segment) End() Seq { return s.end() }

// end is End: SEG.LEN counts SYN and FIN (RFC 9293 §3.4).
func (s *Segment) end() Seq {
	end := s.textEnd()
	if s.Fin {
		end++
	}
	return end
}
