package tcpstate

// Seq is a sequence number: 32 bits that wrap (RFC 9293 §3.4). It has no < of its own on purpose.
type Seq uint32

// Add returns the number n octets after s.
func (s Seq) Add(n uint32) Seq { return s + Seq(n) }

// Sub returns how far s lies after t, negative if before, in the nearer half of the space.
func (s Seq) Sub(t Seq) int32 { return int32(s - t) }

// Before reports s < t in the sense of RFC 9293 §3.4.
func (s Seq) Before(t Seq) bool { return s.Sub(t) < 0 }

// After reports s > t.
func (s Seq) After(t Seq) bool { return s.Sub(t) > 0 }

func maxSeq(s, t Seq) Seq {
	if s.Before(t) {
		return t
	}
	return s
}
