package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// embryo is an attempt of which nothing but one SYN has been seen: what a flows.Segment says of that, without pointers. That is
// all there is to remember of most of a SYN flood. Anything further makes a connection of it.
type embryo struct {
	key          flows.Key
	packet       uint64
	at           int64
	heard        int64 // the clock when it came
	options      flows.Options
	seq, ack     uint32
	len          uint32
	digest       uint32
	window, ipid uint16
	headers      uint16
	flags        flows.Flags
	ttl          uint8
	ecn          flows.ECN
	checksum     flows.Checksum
	fromB        bool // sent by Key.B
	cut          bool
}

// segment is the SYN as it came.
func (e *embryo) segment() flows.Segment {
	return flows.Segment{
		Packet: e.packet, Time: e.at, Key: e.key, FromB: e.fromB,
		Flags: e.flags, Seq: e.seq, Ack: e.ack, Window: e.window, Headers: e.headers, Len: e.len, Options: e.options,
		TTL: e.ttl, ECN: e.ecn, IPID: e.ipid, Digest: e.digest, Checksum: e.checksum, Cut: e.cut,
	}
}

// opener is the end that sent it.
func (e *embryo) opener() int {
	if e.fromB {
		return 1
	}
	return 0
}

// deadline is when the attempt is given up.
func (e *embryo) deadline(o *Options) int64 { return e.heard + int64(o.EmbryonicLimit) }

// bareSyn reports a SYN that a record can begin with, and wait for an answer, as an embryo.
func bareSyn(seg *flows.Segment) bool { return opens(seg) && seg.Quote == nil && seg.Encap == nil }

// conceive begins the record of an attempt.
func (a *Analyzer) conceive(syn *flows.Segment, tag uint32) {
	a.live.Begun++
	sent := event{clock: a.clock, attempt: attemptBy(&syn.Key, sender(syn)), syn: crowd.ProbeOf(syn)}
	sent.attempt.SynAt = syn.Time
	a.tell(synSent, &sent)
	n := a.table.add(tag)
	p := a.table.places.At(n)
	p.where, p.size = a.table.embryos.Take(), embryonic
	e := a.table.embryos.At(p.where)
	*e = embryo{
		key: syn.Key, packet: syn.Packet, at: syn.Time, heard: a.now(), options: syn.Options,
		seq: syn.Seq, ack: syn.Ack, len: syn.Len, digest: syn.Digest,
		window: syn.Window, headers: syn.Headers, ipid: syn.IPID, flags: syn.Flags, ttl: syn.TTL, ecn: syn.ECN,
		fromB: syn.FromB, checksum: syn.Checksum, cut: syn.Cut,
	}
	a.wakeAt(n, e.packet, e.deadline(&a.options))
	if a.options.Trace != nil {
		a.options.Trace(syn.Packet, syn, 0)
	}
}

// hatch makes a connection of the embryo at a place.
func (a *Analyzer) hatch(n uint32) *connection {
	p := a.table.places.At(n)
	c := a.table.awake.take()
	a.grow(c, a.table.embryos.At(p.where))
	a.table.embryos.Drop(p.where)
	c.place = n
	p.where, p.size = c.number, 0
	a.schedule(c)
	return c
}

// grow makes the connection of an embryo.
func (a *Analyzer) grow(c *connection, e *embryo) {
	syn := e.segment()
	c.begin(&syn, nil)
	c.heard = e.heard
	c.segment(&syn, false)
	c.phase = attempted
}

// finishEmbryo emits the record of an attempt that nothing came of.
func (a *Analyzer) finishEmbryo(n uint32, at int64, by record.EndedBy) {
	number := a.table.places.At(n).where
	e := a.table.embryos.At(number)
	a.table.remove(&e.key, n)
	a.table.embryos.Drop(number)
	if r := a.record; !a.fillTwin(r, e, at, by) {
		c := &a.scratch
		a.grow(c, e)
		c.tcp.Settle(at)
		a.fill(r, c, at, by)
		a.twins.remember(e, c, r)
		a.leave(c, by)
	} else {
		syn := e.segment()
		end := event{
			clock: a.clock, attempt: attemptBy(&e.key, e.opener()), syn: crowd.ProbeOf(&syn),
			end: crowd.Unanswered, was: by == record.EndCaptureEnd,
		}
		end.attempt.SynAt = e.at
		a.tell(attemptEnds, &end)
	}
	a.tell(recordEnds, &event{})
}
