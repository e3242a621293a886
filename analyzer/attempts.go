package analyzer

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/lines"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// attempt is an attempt that has only one SYN so far, as most in a SYN flood. Another segment turns it into an ordinary
// connection, or into one that the rules follow.
type attempt struct {
	key      flows.Key
	packet   uint64
	at       int64
	heard    int64 // the clock at the last packet
	seq, len uint32
	syn      lines.Line
}

// segment sets seg to the SYN.
func (e *attempt) segment(seg *flows.Segment) {
	seg.Packet, seg.Time, seg.Key = e.packet, e.at, e.key
	seg.Seq, seg.Len, seg.Ack = e.seq, e.len, uint32(e.syn.Passed)
	e.syn.Read(seg)
}

// self reports that the SYN went to the socket that sent it.
func (e *attempt) self() bool { return e.key.A == e.key.B && e.key.APort == e.key.BPort }

// opener is the end that sent the SYN.
func (e *attempt) opener() int { return e.syn.Sender() }

// deadline is when the analyzer gives up the attempt.
func (e *attempt) deadline(o *Options) int64 { return e.heard + int64(o.EmbryonicLimit) }

// attempts holds, by number, the attempts that have only one SYN so far, and those of ordinary connections.
type attempts struct {
	slim store.Slabs[slim]
	wide store.Slabs[attempt] // the few attempts that do not fit in a slim
}

// slim is an attempt between IPv4 addresses, without the fields that are nearly always 0. Most attempts of a SYN flood
// fit in it.
type slim struct {
	at            int64
	packet        uint64
	seq, ack      uint32
	digest, tsVal uint32
	addrs         [2]uint32 // the last four bytes, little-endian
	ports         [2]uint16
	mss, options  uint16 // Line.Behind, Line.Len
	traits        lines.Traits
}

// isWide marks the numbers of attempts in wide.
const isWide = 1 << 31

// put stores an attempt and returns its number.
func (t *attempts) put(e *attempt) uint32 {
	k, l := &e.key, &e.syn
	if k.V6 || k.Domain != 0 || e.len > 0 || l.TSEcr != 0 || e.heard != e.at {
		n := t.wide.Take()
		*t.wide.At(n) = *e
		return n | isWide
	}
	n := t.slim.Take()
	s := t.slim.At(n)
	s.at, s.packet, s.seq, s.ack, s.digest, s.tsVal = e.at, e.packet, e.seq, uint32(l.Passed), l.Digest, l.TSVal
	s.addrs[0], s.addrs[1], s.ports[0], s.ports[1] = last4(&k.A), last4(&k.B), k.APort, k.BPort
	s.mss, s.options, s.traits = l.Behind, l.Len, l.Traits
	return n
}

// read sets e, which must be empty, to the attempt with a number.
func (t *attempts) read(n uint32, e *attempt) {
	if n&isWide != 0 {
		*e = *t.wide.At(n &^ isWide)
		return
	}
	s, k, l := t.slim.At(n), &e.key, &e.syn
	e.at, e.heard, e.packet, e.seq = s.at, s.at, s.packet, s.seq
	k.APort, k.BPort = s.ports[0], s.ports[1]
	setMapped(&k.A, s.addrs[0])
	setMapped(&k.B, s.addrs[1])
	l.Passed, l.Digest, l.TSVal, l.Behind, l.Len = uint64(s.ack), s.digest, s.tsVal, s.mss, s.options
	l.Traits = s.traits
}

// last returns the packet of an attempt's SYN, and when the attempt was heard last.
func (t *attempts) last(n uint32) (packet uint64, heard int64) {
	if n&isWide != 0 {
		e := t.wide.At(n &^ isWide)
		return e.packet, e.heard
	}
	s := t.slim.At(n)
	return s.packet, s.at
}

// last4 returns an IPv4 address as slim stores it. setMapped turns that into a flows.Addr again (RFC 4291 §2.5.5.2).
func last4(a *flows.Addr) uint32 { return binary.LittleEndian.Uint32(a[12:]) }

func setMapped(a *flows.Addr, ip uint32) {
	binary.LittleEndian.PutUint64(a[8:], prefix4|uint64(ip)<<32)
}

// prefix4 is a variable, so that a mapped address is written in one piece, as it is read.
var prefix4 uint64 = 0xffff << 16

// hasKey reports whether the attempt with a number has the key k.
func (t *attempts) hasKey(n uint32, k *flows.Key) bool {
	if n&isWide != 0 {
		return same(&t.wide.At(n&^isWide).key, k)
	}
	s := t.slim.At(n)
	return s.addrs[0] == last4(&k.A) && s.addrs[1] == last4(&k.B) && s.ports[0] == k.APort && s.ports[1] == k.BPort &&
		!k.V6 && k.Domain == 0
}

// drop removes an attempt.
func (t *attempts) drop(n uint32) {
	if n&isWide != 0 {
		t.wide.Drop(n &^ isWide)
		return
	}
	t.slim.Drop(n)
}

// load loads an attempt into the caches. Its result has no meaning.
func (t *attempts) load(n uint32) uint32 {
	if n&isWide != 0 {
		return 0
	}
	s := t.slim.At(n)
	return s.seq + uint32(s.traits) // it may span two cache lines
}

// squeeze does what Slabs.Squeeze does.
func (t *attempts) squeeze(each func(move func(n *uint32))) {
	t.slim.Squeeze(func(move func(*uint32)) {
		each(func(n *uint32) {
			if *n&isWide == 0 {
				move(n)
			}
		})
	})
	t.wide.Squeeze(func(move func(*uint32)) {
		each(func(n *uint32) {
			if m := *n &^ isWide; m != *n {
				move(&m)
				*n = m | isWide
			}
		})
	})
}

// live returns how many attempts there are.
func (t *attempts) live() uint64 { return t.slim.Live() + t.wide.Live() }

// used returns how many bytes the attempts take.
func (t *attempts) used() uint64 {
	return t.slim.Live()*uint64(unsafe.Sizeof(slim{})) + t.wide.Live()*uint64(unsafe.Sizeof(attempt{}))
}

// createAttempt stores an attempt, if the segment is a SYN that attempts can hold.
func (a *Analyzer) createAttempt(syn *flows.Segment, tag uint32) bool {
	if !opens(syn) || syn.Quote != nil || syn.Encap != nil || !lines.Fits(syn) {
		return false
	}
	a.live.Begun++
	sent := a.next(synSent)
	setSockets(&sent.attempt, &syn.Key, sender(syn))
	sent.probe.Set(syn)
	sent.attempt.SynAt = syn.Time
	a.enter(sent)
	n := a.table.add(tag)
	p := a.table.places.At(n)
	var e attempt
	e.key, e.packet, e.at, e.heard, e.seq, e.len = syn.Key, syn.Packet, syn.Time, a.now(), syn.Seq, syn.Len
	e.syn.Passed = uint64(syn.Ack)
	e.syn.Set(syn)
	p.where, p.kind = a.table.attempts.put(&e), kindAttempt
	a.wakeAt(n, e.packet, e.deadline(&a.options))
	if a.options.Trace != nil {
		a.options.Trace(syn.Packet, syn, 0)
	}
	return true
}

// promote turns the attempt at a place into a connection.
func (a *Analyzer) promote(n uint32) *connection {
	p := a.table.places.At(n)
	c := a.table.awake.take()
	var e attempt
	a.table.attempts.read(p.where, &e)
	a.expand(c, &e)
	a.table.attempts.drop(p.where)
	c.place = n
	p.where, p.kind = c.number, kindAwake
	return c
}

// expand sets c to the connection that an attempt has begun.
func (a *Analyzer) expand(c *connection, e *attempt) {
	var syn flows.Segment
	e.segment(&syn)
	c.begin(&syn, nil)
	c.noPeers = a.options.NoPeers
	c.heard = e.heard
	c.segment(&syn, passage{})
	c.phase = attempted
}

// finishAttempt ends the record of an attempt that failed.
func (a *Analyzer) finishAttempt(n uint32, at int64, by record.EndedBy) {
	number := a.table.places.At(n).where
	var e attempt
	a.table.attempts.read(number, &e)
	a.table.remove(&e.key, n)
	if a.table.index != nil { // without an index, nothing needs the room
		a.table.attempts.drop(number)
	}
	if a.journal != nil {
		a.record = a.journal.reach(a.when.clock)
	}
	var like likeness
	if a.likeness(&like, &e, by); like == a.like && !e.self() {
		end := a.nextOf(twinEnds, &e)
		end.end, end.cut = crowd.Unanswered, by == record.EndCaptureEnd
		end.packet, end.at, end.clientPort = e.packet, at, e.key.APort
		if e.opener() == 1 {
			end.clientPort = e.key.BPort
		}
		if r := &a.model; a.options.Whole != nil {
			r.Client.States[0].At, r.Ended = record.Time(e.at), record.Time(at)
			a.sums.Sum(r)
		}
		a.enter(end)
		return
	}
	var syn flows.Segment
	e.segment(&syn)
	end := event{probe: crowd.ProbeOf(&syn)}
	c := &a.scratch
	a.expand(c, &e)
	a.settle(c, at)
	a.fill(a.record, c, at, by)
	if end.model = !a.noTwins && isModel(&e, c, a.record); end.model {
		a.like = like
		if a.options.Whole != nil {
			a.model = *a.record.Clone()
		}
	}
	a.leave(c, by)
	a.tell(recordEnds, &end)
}

// likeness is everything that determines the record of an attempt, except sockets, numbers and times. It is packed into
// words, because a processor stalls when it compares in one piece what it has just written in several.
type likeness struct {
	syn   uint64 // len, and Line.Behind, Line.Len: its options
	looks uint64 // Traits.Kind, and whether it has IPv6, window 0, an address of no host
	by    record.EndedBy
	slice int // of the journal: each slice begins with its own model
}

// likeness sets of to the likeness of an attempt.
func (a *Analyzer) likeness(of *likeness, e *attempt, by record.EndedBy) {
	l := &e.syn
	of.syn = uint64(e.len)<<32 | uint64(l.Behind)<<16 | uint64(l.Len)
	of.looks = l.Traits.Kind()
	if e.key.V6 {
		of.looks |= 1
	}
	if l.Window() == 0 {
		of.looks |= 2
	}
	if !e.key.Hosts() {
		of.looks |= 4
	}
	if of.by = by; a.journal != nil {
		of.slice = a.journal.slice
	}
}

// isModel reports whether the record of an attempt can be the model of its twins' records.
func isModel(e *attempt, c *connection, r *record.Connection) bool {
	return !c.self() && c.key.Hosts() && c.role == record.RoleSyn && c.failure() == crowd.Unanswered &&
		len(r.Client.States) == 1 && len(r.Server.States) == 0 && len(r.Findings) == 1 &&
		slices.Equal(r.Findings[0].Packets, []uint64{e.packet}) &&
		strings.HasSuffix(r.Findings[0].Detail, strconv.FormatUint(e.packet, 10))
}

// twins makes the records of similar attempts from the record of one of them, the model. The records differ only in
// sockets, numbers and times. A SYN flood has millions of them.
type twins struct {
	model         record.Connection
	detail        string // of its one finding, up to the packet's number
	record, brief twin
	ttl           uint8 // of the SYN that record describes
	texts         texts
}

// twin is a record that is filled for one attempt after another.
type twin struct {
	record.Connection
	last uint64 // the id that it has now, 0 if it does not match the model
}

// setModel makes the record of an attempt the model of later ones.
func (t *twins) setModel(r *record.Connection) {
	t.model, t.record.last, t.brief.last = *r.Clone(), 0, 0
	t.detail = strings.TrimSuffix(r.Findings[0].Detail, strconv.FormatUint(r.ID, 10))
}

// outline returns the brief record of a twin. It is valid until the next call.
func (t *twins) outline(e *event) *record.Connection {
	r := &t.brief.Connection
	if t.brief.last == 0 || r.ID != t.brief.last || len(r.Findings) != 1 { // else unchanged, and not kept
		m := &t.model
		f := &m.Findings[0]
		*r = record.Connection{EndedBy: m.EndedBy, Handshake: record.Handshake{Outcome: m.Handshake.Outcome},
			Findings: []record.Finding{{Code: f.Code, Severity: f.Severity, Side: f.Side}}}
		r.Client.Syns, r.Client.ISN.Known = m.Client.Syns, true
	}
	t.brief.describe(e)
	return r
}

// describe fills in the fields of a brief record that differ between twins.
func (t *twin) describe(e *event) {
	r, at, a := &t.Connection, record.Time(e.attempt.SynAt), &e.attempt
	t.last = e.packet
	r.ID, r.Start, r.Ended = e.packet, at, record.Time(e.at)
	c, s := &r.Client, &r.Server
	c.IP, c.Port, s.IP, s.Port = flows.IP(a.Source, a.V6), e.clientPort, flows.IP(a.Target, a.V6), a.TargetPort
	c.ISN.Number = e.probe.Seq
	r.Handshake.SynAt, r.Handshake.SynPacket = at, record.PacketNumber(e.packet)
}

// fill returns the record of a twin. It is valid until the next call.
func (t *twins) fill(e *event) *record.Connection {
	r := &t.record.Connection
	if t.record.last == 0 || r.ID != t.record.last || len(r.Findings) != 1 { // else unchanged, and not kept
		states, none, timeWait, findings := r.Client.States[:0], r.Server.States[:0], r.TimeWait[:0], r.Findings[:0]
		*r, t.ttl = t.model, 0
		r.Client.States, r.Findings = append(states, t.model.Client.States...), append(findings, t.model.Findings...)
		if r.TimeWait = timeWait; timeWait == nil {
			r.TimeWait = []record.TimeWait{}
		}
		if r.Server.States = none; none == nil {
			r.Server.States = []record.StateEntry{}
		}
	}
	t.record.describe(e)
	r.End, r.StartNS, r.EndNS = r.Start, e.attempt.SynAt, e.attempt.SynAt
	if t.ttl != e.probe.TTL {
		syn := distance.Of(e.probe.TTL)
		t.ttl, r.Observer = e.probe.TTL, distance.Observer(&syn, &distance.End{}, &r.Handshake)
	}
	r.Client.States[0].At, r.Client.States[0].Packet = r.Start, r.Handshake.SynPacket
	a := &e.attempt
	key := flows.Key{A: a.Source, B: a.Target, APort: r.Client.Port, BPort: r.Server.Port, V6: a.V6}
	if e.probe.FromB {
		key.A, key.B, key.APort, key.BPort = key.B, key.A, key.BPort, key.APort
	}
	r.CommunityID = key.CommunityID()
	f := &r.Findings[0]
	f.Detail = t.texts.string(strconv.AppendUint(append(t.texts.room(), t.detail...), e.packet, 10))
	f.Packets = t.texts.number(e.packet)
	return r
}
