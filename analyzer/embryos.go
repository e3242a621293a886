package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/compact"
	"github.com/tcplife/tcplife/flows"
)

// embryo is an attempt of which nothing but one SYN has been seen: that is all there is to remember of most of a SYN
// flood. Anything further makes a connection of it.
type embryo struct {
	key              flows.Key
	packet           uint64
	at               int64
	heard            int64 // the clock when it came
	options          flows.Options
	seq, ack         uint32
	len              uint32
	digest           uint32
	target           uint32 // of the floods
	window, ipid     uint16
	flags            flows.Flags
	ttl              uint8
	fromB, good, bad bool // sent by Key.B; the checksums
	cut              bool
}

// segment is the SYN as it came.
func (e *embryo) segment() flows.Segment {
	return flows.Segment{
		Packet: e.packet, Time: e.at, Key: e.key, FromB: e.fromB,
		Flags: e.flags, Seq: e.seq, Ack: e.ack, Window: e.window, Len: e.len, Options: e.options,
		TTL: e.ttl, IPID: e.ipid, Digest: e.digest, GoodChecksum: e.good, BadChecksum: e.bad, Cut: e.cut,
	}
}

// pack writes all but the key, or reads it.
func (e *embryo) pack(k *compact.Coder) {
	k.Uint64(&e.packet)
	k.Time(&e.at)
	waited := e.heard - e.at
	k.Int64(&waited)
	e.heard = e.at + waited
	k.Uint32(&e.seq)
	k.Uint32(&e.ack)
	k.Uint32(&e.len)
	k.Uint32(&e.digest)
	target := uint64(e.target)
	k.Uint64(&target)
	e.target = uint32(target)
	k.Uint16(&e.window)
	k.Uint16(&e.ipid)
	k.Uint16((*uint16)(&e.flags))
	k.Uint8(&e.ttl)
	k.Bool(&e.fromB)
	k.Bool(&e.good)
	k.Bool(&e.bad)
	k.Bool(&e.cut)

	o := &e.options
	k.Bool(&o.HasMSS)
	k.Uint16(&o.MSS)
	k.Bool(&o.HasWScale)
	k.Uint8(&o.WScale)
	k.Bool(&o.SACKPermitted)
	k.Bool(&o.HasSACK)
	k.Uint32(&o.SACKLeft)
	k.Uint32(&o.SACKRight)
	k.Bool(&o.HasTimestamp)
	k.Uint32(&o.TSVal)
	k.Uint32(&o.TSEcr)
	k.Bool(&o.FastOpen)
	k.Uint8(&o.FastOpenLen)
	k.Bool(&o.MPTCP)
	k.Bool(&o.Signed)
	k.Bool(&o.Cut)
}

// deadline is when the attempt is given up.
func (e *embryo) deadline(o *Options) int64 { return e.heard + int64(o.EmbryonicLimit) }

// bareSyn reports a SYN that a record can begin with, and wait for an answer, as an embryo.
func bareSyn(seg *flows.Segment) bool { return opens(seg) && seg.Quote == nil && seg.Encap == nil }

// conceive begins the record of an attempt.
func (a *Analyzer) conceive(syn *flows.Segment) {
	a.live.Begun++
	opener := sender(syn)
	target := a.floods.target(&syn.Key, opener)
	a.floods.targets[target].attempt(&syn.Key, opener, syn.Time)
	n := a.table.add(&syn.Key)
	a.keep(n, &embryo{
		key: syn.Key, packet: syn.Packet, at: syn.Time, heard: a.now(), options: syn.Options,
		seq: syn.Seq, ack: syn.Ack, len: syn.Len, digest: syn.Digest, target: target,
		window: syn.Window, ipid: syn.IPID, flags: syn.Flags, ttl: syn.TTL,
		fromB: syn.FromB, good: syn.GoodChecksum, bad: syn.BadChecksum, cut: syn.Cut,
	})
	if a.options.Trace != nil {
		a.options.Trace(syn.Packet, syn, 0)
	}
}

// keep lays an embryo down at its place.
func (a *Analyzer) keep(n uint32, e *embryo) {
	b := appendKey(a.packing[:0], &e.key)
	a.coder.Base = 0
	a.coder.Write(b)
	e.pack(&a.coder)
	a.packing = a.coder.Bytes()
	p := &a.table.places[n]
	p.where, p.size = uint32(a.table.arena.put(a.packing)), uint32(len(a.packing))|embryonic
	a.wakeAt(n, e.packet, e.deadline(&a.options))
	a.embryos++
}

// embryo reads the one at a place.
func (a *Analyzer) embryo(n uint32) (e embryo) {
	b := readKey(a.table.arena.bytes(block(a.table.places[n].where)), &e.key)
	a.coder.Base = 0
	a.coder.Read(b)
	e.pack(&a.coder)
	return e
}

// lift takes the embryo at a place up, to be something else.
func (a *Analyzer) lift(n uint32) embryo {
	e := a.embryo(n)
	p := &a.table.places[n]
	a.table.arena.drop(block(p.where), int(p.size&^embryonic))
	p.where, p.size = 0, 0
	a.embryos--
	return e
}

// hatch makes a connection of the embryo at a place.
func (a *Analyzer) hatch(n uint32) *connection {
	e := a.lift(n)
	c := a.table.awake.take()
	a.grow(c, &e)
	c.place = n
	a.table.places[n].where = c.number
	a.schedule(c)
	return c
}

// grow makes the connection of an embryo.
func (a *Analyzer) grow(c *connection, e *embryo) {
	syn := e.segment()
	c.begin(&syn, nil)
	c.heard = e.heard
	c.segment(&syn)
	c.target, c.counted = e.target, true
}

// finishEmbryo emits the record of an attempt that nothing came of.
func (a *Analyzer) finishEmbryo(n uint32, at int64, by EndedBy) {
	e := a.lift(n)
	a.table.remove(&e.key, n)
	a.grow(&a.scratch, &e)
	a.finish(&a.scratch, at, by)
}
