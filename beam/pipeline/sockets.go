package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/flows"
)

// socketHash identifies the sockets of a connection. If two connections have the same hash, they are sent to a part
// without need, and the results stay the same.
type socketHash uint64

// hashBits is the number of bits of a hash. The first bits are the number of its bucket.
const (
	hashBits   = 48
	bucketBits = 8
)

func socketsOf(k *flows.Key) socketHash {
	var text [45]byte
	copy(text[:], k.A[:])
	copy(text[16:], k.B[:])
	binary.LittleEndian.PutUint16(text[32:], k.APort)
	binary.LittleEndian.PutUint16(text[34:], k.BPort)
	binary.LittleEndian.PutUint64(text[36:], k.Domain)
	if k.V6 {
		text[44] = 1
	}
	return socketHash(xxhash.Sum64(text[:]) >> (64 - hashBits))
}

// bucket is where the hash is compared with those of other stretches.
func (h socketHash) bucket() int { return int(h >> (hashBits - bucketBits)) }

// part is the one of n parts that follows the connections of the hash.
func (h socketHash) part(n int) int { return int(h % socketHash(n)) }

// sockets collects hashes as they come, and then has each once, in order.
type sockets struct {
	list   []socketHash
	latest [1 << 12]socketHash // most segments belong to a connection that had another one shortly before
}

func (s *sockets) add(h socketHash) {
	if latest := &s.latest[h%socketHash(len(s.latest))]; *latest != h || h == 0 {
		*latest = h
		s.list = append(s.list, h)
	}
}

// buckets returns the hashes by bucket.
func (s *sockets) buckets() iter.Seq2[int, hashList] {
	slices.Sort(s.list)
	s.list = slices.Compact(s.list)
	return func(yield func(int, hashList) bool) {
		for rest := s.list; len(rest) > 0; {
			n := slices.IndexFunc(rest, func(h socketHash) bool { return h.bucket() != rest[0].bucket() })
			if n < 0 {
				n = len(rest)
			}
			if !yield(rest[0].bucket(), hashList(rest[:n])) {
				return
			}
			rest = rest[n:]
		}
	}
}

// hashList are hashes in order.
type hashList []socketHash

// pack encodes the hashes as varints of their differences.
func (l hashList) pack() (b []byte) {
	before := socketHash(0)
	for _, h := range l {
		b = binary.AppendUvarint(b, uint64(h-before))
		before = h
	}
	return b
}

// unpackHashes calls do with each of packed hashes.
func unpackHashes(b []byte, do func(socketHash)) error {
	h := socketHash(0)
	for len(b) > 0 {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return errors.New("unpack hashes of sockets: the bytes end too early")
		}
		h, b = h+socketHash(step), b[n:]
		do(h)
	}
	return nil
}

// crossFn finds the connections of a bucket of hashes that cross from one stretch to another: they have segments in
// both, and can last from the first to the second. The key of each result is the stretch.
type crossFn struct{ Config Config }

func (f *crossFn) ProcessElement(_ context.Context, bucket int64, lists func(*[]byte) bool, joined []byte,
	emit func(int64, []byte)) error {
	var w whole
	if _, err := packedWhole.Read(joined, &w); err != nil {
		return err
	}
	s, err := newSpool(lists)
	if err != nil {
		return err
	}
	defer s.close()
	cross, err := crossing(s, &w.Course, f.Config.tracking().Lasts())
	if err != nil {
		return err
	}
	for stretch, list := range cross {
		slices.Sort(list)
		emit(int64(stretch), tagged(isCrossing, newChunk(source{of: uint64(bucket)}, 0, slices.Compact(list).pack())))
	}
	return nil
}

// crossing returns the hashes that cross, by stretch; some occur twice.
func crossing(s *spool, w *course.Whole, lasts int64) (map[uint64]hashList, error) {
	cross, before := map[uint64]hashList{}, map[socketHash]uint64{}
	for _, stretch := range s.all() {
		for b, err := range s.of(stretch) {
			if err == nil {
				err = unpackHashes(b, func(h socketHash) {
					if earlier, there := before[h]; there && !w.Apart(earlier, stretch.of, lasts) {
						cross[earlier], cross[stretch.of] = append(cross[earlier], h), append(cross[stretch.of], h)
					}
					before[h] = stretch.of
				})
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return cross, nil
}
