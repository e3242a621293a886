package crowd

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tcplife/tcplife/flows"
)

// sample holds every distinct key with its value while there are at most limit. Of more keys it holds those whose hash
// begins with level zeros: a uniform sample (P. Gibbons, "Distinct Sampling for Highly-Accurate Answers to Distinct
// Values Queries and Event Reports", VLDB 2001). Its relative error is about 1/sqrt(len(values)). It does not depend on
// the order of the keys.
type sample[V any] struct {
	limit  int
	level  int
	values map[socket]V
}

func newSample[V any](limit int) sample[V] {
	return sample[V]{limit: limit, values: map[socket]V{}}
}

// hash is the hash of a key. It has no random seed, because the same capture must give the same report.
func (s *socket) hash() uint64 {
	var b [19]byte
	copy(b[:], s.addr[:])
	binary.BigEndian.PutUint16(b[16:], s.port)
	return xxhash.Sum64(b[:])
}

// has reports whether a key belongs to the sample.
func (s *sample[V]) has(key *socket) bool { return bits.LeadingZeros64(key.hash()) >= s.level }

// shrink raises the level until no more than limit keys are left.
func (s *sample[V]) shrink() {
	for len(s.values) > s.limit {
		s.level++
		for key := range s.values {
			if !s.has(&key) {
				delete(s.values, key)
			}
		}
	}
}

// exact reports whether every key is in the sample.
func (s *sample[V]) exact() bool { return s.level == 0 }

// distinct is the number of distinct keys, an estimate if the sample is not exact.
func (s *sample[V]) distinct() uint64 { return s.scale(len(s.values)) }

// scale estimates the number of keys from n in the sample.
func (s *sample[V]) scale(n int) uint64 { return uint64(n) << min(s.level, 32) }

// sorted returns the keys of the sample by address, then by port.
func (s *sample[V]) sorted() []socket {
	keys := make([]socket, 0, len(s.values))
	for key := range s.values {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compareSockets)
	return keys
}

func compareSockets(a, b socket) int {
	return cmp.Or(a.addr.Compare(&b.addr), cmp.Compare(a.port, b.port))
}

// sources counts how often each source was seen. The latest ones wait to be counted, because the counts are rarely
// read.
type sources struct {
	sample[uint32]
	waiting []flows.Addr
}

const waitingSources = 1 << 10

func (s *sources) add(source flows.Addr) {
	if s.waiting = append(s.waiting, source); len(s.waiting) >= min(waitingSources, s.limit) {
		s.count()
	}
}

// count counts the waiting sources.
func (s *sources) count() {
	var key socket
	for i := range s.waiting {
		if key.addr = s.waiting[i]; s.has(&key) {
			s.values[key]++
			s.shrink()
		}
	}
	s.waiting = s.waiting[:0]
}

func (s *sources) reset() {
	s.waiting = s.waiting[:0]
	s.level = 0
	clear(s.values)
}

// entropy is the Shannon entropy of the sources in bits: log2 n minus the sum of (c log2 c)/n, where c is the count of
// each source and n the sum of the counts. Both sums are those of the sample, scaled.
func (s *sources) entropy() float64 {
	counts := make([]uint32, 0, len(s.values))
	for _, n := range s.values {
		counts = append(counts, n)
	}
	slices.Sort(counts) // the sum must not depend on the map's order
	var n, sum float64
	for _, c := range counts {
		n += float64(c)
		sum += float64(c) * math.Log2(float64(c))
	}
	if n == 0 {
		return 0
	}
	return max(0, math.Log2(n)-sum/n+float64(s.level))
}

// onceShare is the share of the sources that were seen once.
func (s *sources) onceShare() float64 {
	once := 0
	for _, n := range s.values {
		if n == 1 {
			once++
		}
	}
	return ratio(uint64(once), uint64(len(s.values)))
}

// top is the source in the sample that was seen most often; of several, the lowest address.
func (s *sources) top() (source flows.Addr, n uint32) {
	for key, count := range s.values {
		if count > n || count == n && key.addr.Compare(&source) < 0 {
			source, n = key.addr, count
		}
	}
	return source, n
}

// prefixes is the number of networks in the sample: of distinct prefixes of v4 bytes of an IPv4 address, or of v6 bytes
// of an IPv6 address.
func (s *sources) prefixes(v4, v6 int) int {
	seen := map[flows.Addr]bool{}
	for key := range s.values {
		prefix, n := key.addr, v6
		if isMapped(&key.addr) {
			n = 12 + v4
		}
		clear(prefix[n:])
		seen[prefix] = true
	}
	return len(seen)
}

func isMapped(a *flows.Addr) bool {
	return [10]byte(a[:10]) == [10]byte{} && a[10] == 0xff && a[11] == 0xff
}

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
