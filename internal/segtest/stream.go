package segtest

import (
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// stream is what one socket sent to another, and what arrived there.
type stream struct {
	sent, opened bool   // nxt, isn are set
	nxt, isn     uint32 // the sender's SND.NXT and ISS
	last         *packet
	captured     *sent // its last captured segment

	received, synced bool   // rcv, irs are set
	rcv, irs         uint32 // the receiver's RCV.NXT and IRS
	beyond           []span // arrived behind a hole
	tsRecent         uint32 // the last TSval that arrived
}

// span is a piece of sequence space, end excluded.
type span struct{ start, end uint32 }

// end is the number after the segment. Data in a SYN counts only with a Fast Open cookie: otherwise it is retransmitted
// (RFC 7413 §3).
func (p *packet) end() uint32 {
	end := p.seq
	if p.flags.Has(flows.SYN) {
		end++
	}
	if !p.flags.Has(flows.SYN) || p.opt.FastOpenLen > 0 || p.flags.Has(flows.ACK) {
		end += p.len
	}
	if p.flags.Has(flows.FIN) {
		end++
	}
	return end
}

// send advances the sender.
func (s *stream) send(p *packet) {
	if p.flags.Has(flows.RST) {
		return
	}
	end := p.end()
	newISN := p.flags.Has(flows.SYN) && (!s.opened || p.seq != s.isn)
	if newISN {
		s.opened, s.isn = true, p.seq
	}
	if newISN || !s.sent || after(end, s.nxt) {
		s.sent, s.nxt = true, end
	}
	if end != p.seq || p.len > 0 {
		last := *p
		s.last = &last
	}
}

// deliver advances the receiver, also over octets that arrived behind a hole.
func (s *stream) deliver(p *packet) {
	if p.opt.HasTimestamp {
		s.tsRecent = p.opt.TSVal
	}
	if p.flags.Has(flows.RST) {
		return
	}
	end := p.end()
	if p.flags.Has(flows.SYN) && (!s.synced || p.seq != s.irs) {
		s.synced, s.irs, s.received = true, p.seq, false
	}
	if !s.received {
		s.received, s.rcv, s.beyond = true, end, nil
		return
	}
	s.beyond = append(s.beyond, span{p.seq, end})
	for more := true; more; {
		more = false
		s.beyond = slices.DeleteFunc(s.beyond, func(b span) bool {
			if after(b.start, s.rcv) {
				return false
			}
			if after(b.end, s.rcv) {
				s.rcv, more = b.end, true
			}
			return true
		})
	}
}

// acked learns the numbers of both sides from a first acknowledgement.
func (s *stream) acked(ack uint32) {
	if !s.sent {
		s.sent, s.nxt = true, ack
	}
	if !s.received {
		s.received, s.rcv = true, ack
	}
}

// after reports whether a comes after b in sequence space (RFC 9293 §3.4).
func after(a, b uint32) bool { return int32(a-b) > 0 }
