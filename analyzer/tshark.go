package analyzer

import "github.com/tcplife/tcplife/flows"

// completeness is Wireshark's tcp.completeness (User's Guide, "TCP Analysis"): what kinds of segments a conversation
// has, whoever sent them and whatever their numbers. It is what two passes over a capture (tshark -2) find; one pass
// leaves out the first segment but for a SYN.
type completeness uint8

// The bits of a completeness.
const (
	completeSyn completeness = 1 << iota
	completeSynAck
	completeAck
	completeData
	completeFin
	completeRst
)

// segment adds a segment. A SYN counts only where it comes first.
func (c *completeness) segment(seg *flows.Segment, first bool) {
	switch seg.Flags & (flows.SYN | flows.ACK) {
	case flows.SYN:
		if first {
			*c |= completeSyn
			if seg.Len > 0 {
				*c |= completeData
			}
		}
	case flows.SYN | flows.ACK:
		*c |= completeSynAck
	case flows.ACK:
		if seg.Len > 0 {
			*c |= completeData
		} else {
			*c |= completeAck
		}
	}
	if seg.Flags.Has(flows.FIN | flows.ACK) {
		*c |= completeFin
	}
	if seg.Flags.Has(flows.RST) {
		*c |= completeRst
	}
}
