package analyzer

import (
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/flows"
)

// attempts are those of which nothing but one SYN has been seen, by number.
type attempts struct {
	slim  store.Slabs[slim]
	whole store.Slabs[attempt] // the few that a slim does not hold
}

// slim is an attempt between IPv4 addresses without what is nearly always 0. A SYN flood is made of these.
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

// isWhole marks the numbers of those that are kept whole.
const isWhole = 1 << 31

func newAttempts() attempts {
	return attempts{store.NewSlabs[slim](12), store.NewSlabs[attempt](8)}
}

// put keeps an attempt, and gives its number.
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

// at is the attempt of a number.
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

// mapped is an IPv4 address in the place of an IPv6 address (RFC 4291 §2.5.5.2).
func mapped(ip [4]byte) flows.Addr {
	return flows.Addr{10: 0xff, 11: 0xff, 12: ip[0], 13: ip[1], 14: ip[2], 15: ip[3]}
}

// is reports whether the attempt of a number has a key.
func (t *attempts) is(n uint32, k *flows.Key) bool {
	if n&isWhole != 0 {
		return t.whole.At(n&^isWhole).key == *k
	}
	s := t.slim.At(n)
	return s.ports == [2]uint16{k.APort, k.BPort} && s.addrs[0] == [4]byte(k.A[12:]) &&
		s.addrs[1] == [4]byte(k.B[12:]) && !k.V6 && k.Domain == 0
}

// drop takes a number back.
func (t *attempts) drop(n uint32) {
	if n&isWhole != 0 {
		t.whole.Drop(n &^ isWhole)
		return
	}
	t.slim.Drop(n)
}

// live is how many there are.
func (t *attempts) live() uint64 { return t.slim.Live() + t.whole.Live() }

// used is how many bytes they take.
func (t *attempts) used() uint64 {
	return t.slim.Live()*uint64(unsafe.Sizeof(slim{})) + t.whole.Live()*uint64(unsafe.Sizeof(attempt{}))
}
