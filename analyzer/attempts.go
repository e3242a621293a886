package analyzer

import (
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// attempt is an attempt that shows only one SYN so far. Most of a SYN flood consists of such attempts. A further
// segment turns it into an ordinary connection, or into one that the rules follow.
type attempt struct {
	key      flows.Key
	packet   uint64
	at       int64
	heard    int64 // the clock at the last packet
	seq, len uint32
	syn      line
}

// segment returns the SYN as it came.
func (e *attempt) segment() (seg flows.Segment) {
	seg.Packet, seg.Time, seg.Key = e.packet, e.at, e.key
	seg.Seq, seg.Len, seg.Ack = e.seq, e.len, uint32(e.syn.passed)
	e.syn.read(&seg)
	return seg
}

// self reports that the SYN went to the socket that sent it.
func (e *attempt) self() bool { return e.key.A == e.key.B && e.key.APort == e.key.BPort }

// opener is the end that sent the SYN.
func (e *attempt) opener() int { return e.syn.sender() }

// deadline is when the analyzer gives up the attempt.
func (e *attempt) deadline(o *Options) int64 { return e.heard + int64(o.EmbryonicLimit) }

// attempts holds, by number, the attempts that show only one SYN so far.
type attempts struct {
	slim  store.Slabs[slim]
	whole store.Slabs[attempt] // the few attempts that do not fit in a slim
}

// slim is an attempt between IPv4 addresses, without the fields that are nearly always 0. Most attempts of a SYN flood
// fit in it.
type slim struct {
	at            int64
	packet        uint64
	seq, ack      uint32
	digest, tsVal uint32
	addrs         [2][4]byte
	ports         [2]uint16
	mss, options  uint16 // line.behind, line.len
	window, ipid  uint16
	headers, ttl  uint8
	flags, marks  uint8
}

// isWhole marks the numbers of attempts that are kept in whole.
const isWhole = 1 << 31

// put stores an attempt and returns its number.
func (t *attempts) put(e *attempt) uint32 {
	k, l := &e.key, &e.syn
	if k.V6 || k.Domain != 0 || e.len > 0 || l.tsEcr != 0 || e.heard != e.at {
		n := t.whole.Take()
		*t.whole.At(n) = *e
		return n | isWhole
	}
	n := t.slim.Take()
	*t.slim.At(n) = slim{
		at: e.at, packet: e.packet, seq: e.seq, ack: uint32(l.passed), digest: l.digest, tsVal: l.tsVal,
		addrs: [2][4]byte{[4]byte(k.A[12:]), [4]byte(k.B[12:])}, ports: [2]uint16{k.APort, k.BPort},
		mss: l.behind, options: l.len, window: l.window, ipid: l.ipid,
		headers: l.headers, ttl: l.ttl, flags: l.flags, marks: l.marks,
	}
	return n
}

// at returns the attempt with a number.
func (t *attempts) at(n uint32) attempt {
	if n&isWhole != 0 {
		return *t.whole.At(n &^ isWhole)
	}
	s := t.slim.At(n)
	return attempt{
		key: flows.Key{A: mapped(s.addrs[0]), B: mapped(s.addrs[1]), APort: s.ports[0], BPort: s.ports[1]},
		at:  s.at, heard: s.at, packet: s.packet, seq: s.seq,
		syn: line{
			passed: uint64(s.ack), digest: s.digest, tsVal: s.tsVal, behind: s.mss, len: s.options,
			window: s.window, ipid: s.ipid, headers: s.headers, ttl: s.ttl, flags: s.flags, marks: s.marks,
		},
	}
}

// mapped is the prefix of an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
func mapped(ip [4]byte) flows.Addr {
	return flows.Addr{10: 0xff, 11: 0xff, 12: ip[0], 13: ip[1], 14: ip[2], 15: ip[3]}
}

// is reports whether the attempt with a number has a key.
func (t *attempts) is(n uint32, k *flows.Key) bool {
	if n&isWhole != 0 {
		return t.whole.At(n&^isWhole).key == *k
	}
	s := t.slim.At(n)
	return s.ports == [2]uint16{k.APort, k.BPort} && s.addrs[0] == [4]byte(k.A[12:]) &&
		s.addrs[1] == [4]byte(k.B[12:]) && !k.V6 && k.Domain == 0
}

// drop frees a number.
func (t *attempts) drop(n uint32) {
	if n&isWhole != 0 {
		t.whole.Drop(n &^ isWhole)
		return
	}
	t.slim.Drop(n)
}

// live is how many attempts there are.
func (t *attempts) live() uint64 { return t.slim.Live() + t.whole.Live() }

// used is how many bytes the attempts take.
func (t *attempts) used() uint64 {
	return t.slim.Live()*uint64(unsafe.Sizeof(slim{})) + t.whole.Live()*uint64(unsafe.Sizeof(attempt{}))
}

// createAttempt begins the record of an attempt, if the segment is a SYN that can begin one and wait for an answer.
func (a *Analyzer) createAttempt(syn *flows.Segment, tag uint32) bool {
	l, plain := lineOf(syn)
	if !opens(syn) || syn.Quote != nil || syn.Encap != nil || !plain {
		return false
	}
	l.passed = uint64(syn.Ack)
	a.live.Begun++
	sent := event{attempt: attemptBy(&syn.Key, sender(syn)), probe: crowd.ProbeOf(syn)}
	sent.attempt.SynAt = syn.Time
	a.tell(synSent, &sent)
	n := a.table.add(tag)
	p := a.table.places.At(n)
	e := attempt{key: syn.Key, packet: syn.Packet, at: syn.Time, heard: a.now(), seq: syn.Seq, len: syn.Len, syn: l}
	p.where, p.kind = a.table.attempts.put(&e), bare
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
	e := a.table.attempts.at(p.where)
	a.grow(c, &e)
	a.table.attempts.drop(p.where)
	c.place = n
	p.where, p.kind = c.number, awake
	return c
}

// grow fills in the connection of an attempt.
func (a *Analyzer) grow(c *connection, e *attempt) {
	syn := e.segment()
	c.begin(&syn, nil)
	c.noPeers = a.options.NoPeers
	c.heard = e.heard
	c.segment(&syn, passage{})
	c.phase = attempted
}

// finishAttempt ends the record of an attempt that failed.
func (a *Analyzer) finishAttempt(n uint32, at int64, by record.EndedBy) {
	number := a.table.places.At(n).where
	e := a.table.attempts.at(number)
	a.table.remove(&e.key, n)
	if a.table.index != nil { // without an index, nothing needs the room
		a.table.attempts.drop(number)
	}
	syn := e.segment()
	end := event{probe: crowd.ProbeOf(&syn)}
	if a.journal != nil {
		a.record = a.journal.reach(a.when.clock)
	}
	like := a.likeness(&e, by)
	if like == a.like && !e.self() {
		end.attempt = attemptBy(&e.key, e.opener())
		end.attempt.SynAt = e.at
		end.end, end.cut = crowd.Unanswered, by == record.EndCaptureEnd
		end.packet, end.at, end.clientPort = e.packet, at, e.key.APort
		if e.opener() == 1 {
			end.clientPort = e.key.BPort
		}
		a.tell(twinEnds, &end)
		return
	}
	c := &a.scratch
	a.grow(c, &e)
	a.settle(c, at)
	a.fill(a.record, c, at, by)
	if end.model = !a.noTwins && isModel(&e, c, a.record); end.model {
		a.like = like
	}
	a.leave(c, by)
	a.tell(recordEnds, &end)
}

// likeness is everything that determines the record of an attempt, except sockets, numbers and times.
type likeness struct {
	len            uint32
	mss, options   uint16 // line.behind, line.len
	headers, flags uint8
	marks          uint8 // of the line, except which end sent it
	v6, closed     bool  // addresses; window
	nowhere        bool  // an address does not belong to a host
	by             record.EndedBy
	slice          int // of the journal: each slice begins with its own model
}

func (a *Analyzer) likeness(e *attempt, by record.EndedBy) likeness {
	l, slice := &e.syn, 0
	if a.journal != nil {
		slice = a.journal.slice
	}
	return likeness{
		len: e.len, mss: l.behind, options: l.len, headers: l.headers, flags: l.flags, marks: l.marks &^ markFromB,
		v6: e.key.V6, closed: l.window == 0, nowhere: !e.key.Hosts(), by: by,
		slice: slice,
	}
}

// isModel reports whether the record of an attempt says only what the record of a twin can say.
func isModel(e *attempt, c *connection, r *record.Connection) bool {
	return !c.self() && c.key.Hosts() && c.role == record.RoleSyn && c.failure() == crowd.Unanswered &&
		len(r.Client.States) == 1 && len(r.Server.States) == 0 && len(r.Findings) == 1 &&
		slices.Equal(r.Findings[0].Packets, []uint64{e.packet}) &&
		strings.HasSuffix(r.Findings[0].Detail, strconv.FormatUint(e.packet, 10))
}

// twins makes the records of similar attempts from the record of one of them, the model. The records differ only in
// sockets, numbers and times. A SYN flood has millions of them.
type twins struct {
	model  record.Connection
	detail string // of its one finding, up to the packet's number
	record record.Connection
	last   uint64 // the id that record now has, 0 if record does not match model
	ttl    uint8  // of the SYN that record describes
	texts  texts
}

// follow makes the record of an attempt the model for the attempts that follow.
func (t *twins) follow(r *record.Connection) {
	t.model, t.last = *r.Clone(), 0
	t.detail = strings.TrimSuffix(r.Findings[0].Detail, strconv.FormatUint(r.ID, 10))
}

// fill returns the record of a twin. It is valid until the next call.
func (t *twins) fill(e *event) *record.Connection {
	r, at, packet := &t.record, record.Time(e.attempt.SynAt), record.PacketNumber(e.packet)
	if t.last == 0 || r.ID != t.last || len(r.Findings) != 1 { // else unchanged, and not kept
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
	t.last = e.packet
	r.ID, r.Start, r.End, r.StartNS, r.EndNS = e.packet, at, at, e.attempt.SynAt, e.attempt.SynAt
	r.Ended = record.Time(e.at)
	c, s, a := &r.Client, &r.Server, &e.attempt
	c.IP, c.Port, s.IP, s.Port = flows.IP(a.Source, a.V6), e.clientPort, flows.IP(a.Target, a.V6), a.TargetPort
	c.ISN.Number = e.probe.Seq
	if t.ttl != e.probe.TTL {
		syn := distance.Of(e.probe.TTL)
		t.ttl, r.Observer = e.probe.TTL, distance.Observer(&syn, &distance.End{}, &r.Handshake)
	}
	c.States[0].At, c.States[0].Packet = at, packet
	r.Handshake.SynAt, r.Handshake.SynPacket = at, packet
	key := flows.Key{A: a.Source, B: a.Target, APort: c.Port, BPort: s.Port, V6: a.V6}
	if e.probe.FromB {
		key.A, key.B, key.APort, key.BPort = key.B, key.A, key.BPort, key.APort
	}
	r.CommunityID = record.CommunityIDOf(&key)
	f := &r.Findings[0]
	f.Detail = t.texts.string(strconv.AppendUint(append(t.texts.room(), t.detail...), e.packet, 10))
	f.Packets = t.texts.number(e.packet)
	return r
}
