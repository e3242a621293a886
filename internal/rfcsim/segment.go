package rfcsim

import (
	"fmt"
	"strings"
)

// Segment is a TCP segment without its ports and options (RFC 9293 §3.1, §3.3.1).
type Segment struct {
	Seq, Ack              uint32
	Syn, Fin, Rst, HasAck bool
	Len                   uint32 // octets of text, which has no contents
	Window                uint16
}

// size is SEG.LEN, which counts SYN and FIN (RFC 9293 §3.4).
func (s *Segment) size() uint32 {
	n := s.Len
	if s.Syn {
		n++
	}
	if s.Fin {
		n++
	}
	return n
}

// String is the segment as the RFC's figures write it.
func (s Segment) String() string {
	var flags []string
	for _, f := range []struct {
		set  bool
		name string
	}{{s.Syn, "SYN"}, {s.Fin, "FIN"}, {s.Rst, "RST"}, {s.HasAck, "ACK"}} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	text := fmt.Sprintf("<SEQ=%d>", s.Seq)
	if s.HasAck {
		text += fmt.Sprintf("<ACK=%d>", s.Ack)
	}
	if s.Len > 0 {
		text += fmt.Sprintf("<LEN=%d>", s.Len)
	}
	return text + "<CTL=" + strings.Join(flags, ",") + ">"
}

// The comparisons of RFC 9293 §3.4, modulo 2^32.

func less(a, b uint32) bool      { return int32(a-b) < 0 }
func lessEqual(a, b uint32) bool { return int32(a-b) <= 0 }
