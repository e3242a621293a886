package analyzer

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer/internal/isn"
	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// related explains unanswered attempts by other connections, and compares the ISNs of each host. It gets events in
// order, and remembers the latest.
type related struct {
	unasked latest[unaskedKey, unasked]
	stamps  latest[stampKey, stamps]
	hosts   latest[hostKey, isn.Host]
}

// Bounds of the memory.
const (
	maxUnasked = 4096
	maxStamps  = 4096
	maxHosts   = 4096
)

func newRelated() related {
	return related{
		newLatest[unaskedKey](maxUnasked, func(u *unasked) { *u = unasked{} }),
		newLatest[stampKey](maxStamps, func(s *stamps) { *s = stamps{} }),
		newLatest[hostKey](maxHosts, (*isn.Host).Forget),
	}
}

// hostKey is a host, as opener of connections or as their acceptor.
type hostKey struct {
	addr    flows.Addr
	accepts bool
}

// unaskedKey identifies the attempt that a SYN-ACK without a captured SYN answers: a client's socket, and the number
// after its ISN.
type unaskedKey struct {
	client flows.Addr
	port   uint16
	ack    uint32
}

type unasked struct {
	from   netip.AddrPort
	packet uint64
}

// stampKey is a client's address, which several hosts can share, and a listener.
type stampKey struct {
	client, listener flows.Addr
	port             uint16
}

// stamps are the timestamps of an address' SYNs (RFC 7323 §3.2).
type stamps struct {
	slots         [stampSlots]stampSlot // of the answered SYNs, by time
	answeredLower bool                  // an answered SYN had a lower timestamp than one before it
	ignored       uint32                // attempts that were not answered
	lower         uint32                // those with a lower timestamp than a recently answered SYN
}

type stampSlot struct {
	number int32 // minutes since 1970
	top    uint32
}

const (
	stampSlots = 8
	// stampMinute is how long Linux kept the latest timestamp of an address (TCP_PAWS_MSL).
	stampMinute = int64(60e9) // ns
)

// lowerThan reports whether an answered SYN of the same minute or the one before had a higher timestamp.
func (s *stamps) lowerThan(at int64, value uint32) bool {
	for number := int32(at/stampMinute) - 1; number <= int32(at/stampMinute); number++ {
		if slot := &s.slots[number&(stampSlots-1)]; slot.number == number && int32(slot.top-value) > 1 {
			return true
		}
	}
	return false
}

// answered records a SYN that was answered.
func (s *stamps) answered(at int64, value uint32) {
	s.answeredLower = s.answeredLower || s.lowerThan(at, value)
	number := int32(at / stampMinute)
	switch slot := &s.slots[number&(stampSlots-1)]; {
	case slot.number != number:
		*slot = stampSlot{number, value}
	case int32(value-slot.top) > 0:
		slot.top = value
	}
}

// synAckUnasked records a SYN-ACK in a 4-tuple without a known SYN.
func (r *related) synAckUnasked(e *event) {
	key := unaskedKey{e.attempt.Source, e.clientPort, e.probe.Ack}
	from := netip.AddrPortFrom(flows.IP(e.attempt.Target, e.attempt.V6), e.attempt.TargetPort)
	*r.unasked.of(key) = unasked{from, e.packet}
}

// completed records a completed handshake.
func (r *related) completed(e *event) {
	if e.probe.HasTimestamp() {
		r.stamps.of(stampKey{e.attempt.Source, e.attempt.Target, e.attempt.TargetPort}).answered(e.attempt.SynAt,
			e.probe.TSVal)
	}
}

// explain adds to the record of an unanswered attempt what other connections show about it.
func (r *related) explain(c *record.Connection, e *event) {
	if len(r.stamps.values)+len(r.unasked.values) == 0 || c.Handshake.Outcome != record.OutcomeUnanswered {
		return
	}
	client, listener := flows.Addr(c.Client.IP.As16()), flows.Addr(c.Server.IP.As16())
	if s := r.stamps.find(stampKey{client, listener, c.Server.Port}); s != nil && e.probe.HasTimestamp() {
		s.ignored++
		if s.lowerThan(int64(c.Handshake.SynAt), e.probe.TSVal) {
			s.lower++
		}
		if s.lower == s.ignored && !s.answeredLower && c.Client.Syns > 1 {
			addFinding(c, record.FindingTimestampBehind, "", uint64(c.Handshake.SynPacket))
		}
	}
	if u := r.unasked.find(unaskedKey{client, c.Client.Port, c.Client.ISN.Number + 1}); u != nil {
		addFinding(c, record.FindingAnsweredElsewhere, u.from.String(), uint64(c.Handshake.SynPacket), u.packet)
	}
}

// compareISNs compares the ISNs of an opened connection with earlier ones of the same hosts, and adds a finding to its
// record.
func (r *related) compareISNs(c *record.Connection) {
	if c.Handshake.Outcome != record.OutcomeComplete && c.Handshake.Outcome != record.OutcomeFastOpen {
		return
	}
	h := &c.Handshake
	sockets := socketsOf(c)
	r.compareISN(c, &c.Client, record.Client, h.SynAt, h.SynPacket, sockets)
	r.compareISN(c, &c.Server, record.Server, h.SynAckAt, h.SynAckPacket, sockets)
}

// socketsOf hashes the two sockets of a connection.
func socketsOf(c *record.Connection) uint64 {
	const golden = 0x9e3779b97f4a7c15 // spreads values that differ in few bits (D. Knuth, TAOCP 3, 6.4)
	h := uint64(c.Client.Port)<<16 | uint64(c.Server.Port)
	for _, ip := range [...]netip.Addr{c.Client.IP, c.Server.IP} {
		b := ip.As16()
		h = (h ^ binary.BigEndian.Uint64(b[:8])) * golden
		h = (h ^ h>>32 ^ binary.BigEndian.Uint64(b[8:])) * golden
	}
	return h
}

func (r *related) compareISN(c *record.Connection, e *record.Endpoint, side record.Side, at record.Time,
	packet record.PacketNumber, sockets uint64) {
	if e.ISNEvidence != record.Seen || packet == 0 {
		return
	}
	host := r.hosts.of(hostKey{flows.Addr(e.IP.As16()), side == record.Server})
	habit, measure, packets := host.Add(int64(at), e.ISN.Number, sockets, uint64(packet))
	if habit == isn.Random {
		return
	}
	kind := record.FindingISNPredictable.Kind()
	detail := append(append([]byte(side.String()), ": "...), kind.Meaning...)
	detail = isn.Append(append(detail, ": "...), habit, measure, len(packets))
	detail = appendPackets(detail, packets, uint64(len(packets)))
	insertFinding(c, record.FindingISNPredictable, side, uint64(packet), string(detail))
}

// insertFinding inserts a finding in the order of the catalogue.
func insertFinding(c *record.Connection, code record.FindingCode, side record.Side, packet uint64, detail string) {
	kind := code.Kind()
	i := 0
	for i < len(c.Findings) && c.Findings[i].Code != kind.Code && !later(c.Findings[i].Code, code) {
		i++
	}
	c.Findings = slices.Insert(slices.Clone(c.Findings), i, record.Finding{
		Code: kind.Code, Severity: kind.Severity, Side: side, Packets: []uint64{packet}, Detail: detail,
	})
}

// later reports whether a finding follows another in the catalogue.
func later(code string, other record.FindingCode) bool {
	for k := other + 1; int(k) < record.FindingCodes; k++ {
		if k.String() == code {
			return true
		}
	}
	return false
}

// addFinding inserts a finding about the server after the finding unanswered.
func addFinding(c *record.Connection, code record.FindingCode, more string, packets ...uint64) {
	kind := code.Kind()
	detail := append([]byte("server: "), kind.Meaning...)
	if more != "" {
		detail = append(append(detail, ": "...), more...)
	}
	detail = appendPackets(detail, packets, uint64(len(packets)))
	at := 1 + slices.IndexFunc(c.Findings,
		func(f record.Finding) bool { return f.Code == record.FindingUnanswered.String() })
	c.Findings = slices.Insert(slices.Clone(c.Findings), at, record.Finding{
		Code: kind.Code, Severity: kind.Severity, Side: record.Server, Packets: packets, Detail: string(detail),
	})
}

// latest is a map that forgets the oldest keys. It stores only hashes of keys, with a random seed, so that nobody can
// construct a collision.
type latest[K comparable, V any] struct {
	seed   maphash.Seed
	places store.Index // in values
	values []V         // a ring
	hashes []uint64    // of their keys
	limit  int
	empty  func(*V) // empties a value for its reuse
	next   int      // the oldest, once the map is full
}

func newLatest[K comparable, V any](limit int, empty func(*V)) latest[K, V] {
	return latest[K, V]{seed: maphash.MakeSeed(), limit: limit, empty: empty}
}

// find returns the value of a key, nil if there is none. It is valid until a key is added.
func (l *latest[K, V]) find(key K) *V {
	if len(l.values) == 0 {
		return nil
	}
	if n, known := l.places.Find(maphash.Comparable(l.seed, key)); known {
		return &l.values[n]
	}
	return nil
}

// of returns the value of a key, and adds the key if it is new. The value is valid until the next call.
func (l *latest[K, V]) of(key K) *V {
	hash := maphash.Comparable(l.seed, key)
	if n, known := l.places.Find(hash); known {
		return &l.values[n]
	}
	n := l.next
	if len(l.values) < l.limit {
		n = len(l.values)
		l.values, l.hashes = append(l.values, *new(V)), append(l.hashes, hash)
	} else {
		l.places.Drop(l.hashes[n])
		l.empty(&l.values[n])
		l.hashes[n] = hash
		l.next = (n + 1) % l.limit
	}
	l.places.Put(hash, uint32(n))
	return &l.values[n]
}
