package peers

import (
	"github.com/tcplife/tcplife/flows"
)

// Tshark is Wireshark's tcp.completeness (User's Guide, "TCP Analysis"): what kinds of segments a conversation
// has, whoever sent them and whatever their numbers. It is what two passes over a capture (tshark -2) find.
type Tshark struct {
	bits  completenessBits
	first completenessBits // of the first segment
	begun bool
}

type completenessBits uint8

const (
	completeSyn completenessBits = 1 << iota
	completeSynAck
	completeAck
	completeData
	completeFin
	completeRst
)

// Segment adds a segment. In the first one Wireshark looks only for a SYN. Its second pass adds the rest, which shows
// from the second segment on.
func (c *Tshark) Segment(seg *flows.Segment) {
	if c.begun {
		c.bits |= c.first | kinds(seg)
		return
	}
	c.begun, c.first = true, kinds(seg)
	if seg.Flags&(flows.SYN|flows.ACK) == flows.SYN {
		c.bits = completeSyn
		if seg.Len > 0 {
			c.bits |= completeData
		}
	}
}

// Completeness returns the sum.
func (c *Tshark) Completeness() int { return int(c.bits) }

// kinds returns the bits of a segment, except that of a SYN.
func kinds(seg *flows.Segment) (bits completenessBits) {
	switch {
	case seg.Flags.Has(flows.SYN | flows.ACK):
		bits = completeSynAck
	case seg.Flags.Has(flows.ACK) && seg.Len > 0:
		bits = completeData
	case seg.Flags.Has(flows.ACK):
		bits = completeAck
	}
	if seg.Flags.Has(flows.FIN | flows.ACK) {
		bits |= completeFin
	}
	if seg.Flags.Has(flows.RST) {
		bits |= completeRst
	}
	return bits
}
