package analyzer

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// rejected is a segment whose receiver is taken to have dropped it for its wrong checksum. It is kept until the receiver acknowledges
// what it brings: then it had arrived, and counts from where it was; or until it is sent again: then it had not.
type rejected struct {
	end int8 // that sent it
	s   tcpstate.Segment
}

// maxRejected is how many are kept of a connection: the last.
const maxRejected = 8

// reject takes note of a segment that is taken to have been dropped. Nxt is its sender's SND.NXT, if known.
func (c *connection) reject(from int, seg *flows.Segment, nxt uint32, known bool) {
	c.sides[from].sums.Sent(seg, nxt, known)
	c.note(record.FindingBadChecksums, from, seg.Packet)
	end := seg.Seq + seg.Len
	if seg.Flags&(flows.SYN|flows.FIN) != 0 {
		end++
	}
	if end == seg.Seq || seg.Flags.Has(flows.RST) || known && int32(end-nxt) <= 0 {
		return // nobody will acknowledge it
	}
	c.sentAgain(from, seg, false)
	if len(c.rejected) == maxRejected {
		c.rejected = slices.Delete(c.rejected, 0, 1)
	}
	r := rejected{end: int8(from)}
	reduce(&r.s, seg)
	c.rejected = append(c.rejected, r)
}

// sentAgain takes note of a segment that brings what a rejected one brought: nothing will show any more that that one arrived. One that
// gets through repairs it, and is named with it.
func (c *connection) sentAgain(from int, seg *flows.Segment, through bool) {
	end := seg.Seq + seg.Len
	if seg.Flags&(flows.SYN|flows.FIN) != 0 {
		end++
	}
	c.rejected = slices.DeleteFunc(c.rejected, func(r rejected) bool {
		again := int(r.end) == from && tcpstate.Seq(end).After(r.s.Seq) && r.s.End().After(tcpstate.Seq(seg.Seq))
		if again && through {
			c.note(record.FindingBadChecksums, from, seg.Packet).count--
		}
		return again
	})
}

// letIn has the machine take in those rejected segments of an end that its peer now acknowledges.
func (c *connection) letIn(end int, ack uint32) {
	n := 0
	for n < len(c.rejected) {
		r := c.rejected[n]
		if int(r.end) != end || r.s.End().After(tcpstate.Seq(ack)) || !near(ack, uint32(r.s.End())) {
			n++
			continue
		}
		c.rejected = slices.Delete(c.rejected, n, n+1)
		c.sides[end].sums.Acknowledged(ack) // wrong ones do no harm here
		c.unnote(end, r.s.Packet)
		seg := flows.Segment{
			Packet: r.s.Packet, Time: r.s.At, Key: c.key, FromB: end == 1, Flags: flagsOf(&r.s),
			Seq: uint32(r.s.Seq), Ack: uint32(r.s.Ack), Len: r.s.Len, Window: uint16(r.s.Window),
			Options: flows.Options{
				HasWScale: r.s.HasWScale, WScale: r.s.WScale, HasTimestamp: r.s.HasTS, TSVal: r.s.TSVal, TSEcr: r.s.TSEcr,
			},
		}
		c.admit(&seg, 0)
	}
}

func flagsOf(s *tcpstate.Segment) (f flows.Flags) {
	for _, has := range []struct {
		is   bool
		flag flows.Flags
	}{{s.Syn, flows.SYN}, {s.Fin, flows.FIN}, {s.HasAck, flows.ACK}} {
		if has.is {
			f |= has.flag
		}
	}
	return f
}

func (r *rejected) pack(k *store.Coder, at int64, packet uint64, next uint32) {
	s := &r.s
	store.Small(k, &r.end)
	store.Near(k, at, &s.At)
	store.Near(k, packet, &s.Packet)
	k.Bools(&s.Syn, &s.Fin, &s.Rst, &s.HasAck, &s.HasWScale, &s.HasTS)
	store.Near(k, tcpstate.Seq(next), &s.Seq, &s.Ack)
	store.Small(k, &s.Len, &s.Window, &s.TSVal, &s.TSEcr)
	store.Small(k, &s.WScale)
}
