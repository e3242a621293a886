package compare

import (
	"container/heap"
	"encoding/binary"

	"github.com/tcplife/tcplife/flows"
)

// sketchSize is how many segments of a capture are kept to compare it with others. Of a shorter capture all are kept.
const sketchSize = 1 << 15

// A sketch keeps the segments with the smallest hashes (a bottom-k sketch). The hash covers fields that a segment has
// at every point of its path, so the sketches of two captures hold the same segments, however long the captures are.
type sketch struct {
	byHash map[uint64]*sample
	order  sampleHeap // the largest hash first
}

// A sample is a segment in a sketch.
type sample struct {
	hash     uint64
	repeated bool // another segment of the capture has the same hash: the two cannot be told apart
	segment  flows.Segment
}

func newSketch() *sketch { return &sketch{byHash: map[uint64]*sample{}} }

func (s *sketch) add(hash uint64, seg *flows.Segment) {
	full := len(s.order) == sketchSize
	if full && hash > s.order[0].hash {
		return
	}
	if known := s.byHash[hash]; known != nil {
		known.repeated = true
		return
	}
	var x *sample
	if full {
		x = heap.Pop(&s.order).(*sample)
		delete(s.byHash, x.hash)
	} else {
		x = &sample{}
	}
	*x = sample{hash: hash, segment: *seg}
	x.segment.Encap = nil
	s.byHash[hash] = x
	heap.Push(&s.order, x)
}

// lacks reports that no segment of the capture has the hash of seg, as far as the sketch reaches.
func (s *sketch) lacks(seg *flows.Segment) bool {
	hash, _ := numbersHash(seg)
	if len(s.order) == sketchSize && hash > s.order[0].hash {
		return false
	}
	return s.byHash[hash] == nil
}

// sampleHeap is a heap with the largest hash on top.
type sampleHeap []*sample

func (h sampleHeap) Len() int           { return len(h) }
func (h sampleHeap) Less(i, j int) bool { return h[i].hash > h[j].hash }
func (h sampleHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *sampleHeap) Push(x any)        { *h = append(*h, x.(*sample)) }
func (h *sampleHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// mix scrambles a number (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hash2(a, b uint64) uint64 { return mix(mix(a)*0x9e3779b97f4a7c15 ^ b) }

const controlFlags = flows.SYN | flows.FIN | flows.RST | flows.ACK

// numbersHash hashes what stays the same behind NAT: the numbers and the length. A SYN has one number only, which
// scanners repeat, so its timestamp is included. ok is false for a segment with too little of its own.
func numbersHash(seg *flows.Segment) (hash uint64, ok bool) {
	ack := seg.Ack
	if !seg.Flags.Has(flows.ACK) {
		if seg.Flags.Has(flows.RST) && seg.Seq == 0 {
			return 0, false
		}
		ack = seg.Options.TSVal
	}
	return hash2(uint64(seg.Seq)<<32|uint64(ack), uint64(seg.Flags&controlFlags)<<32|uint64(seg.Len)), true
}

// stampsHash hashes what stays the same where a device shifts sequence numbers, even behind NAT: the timestamps, the IP
// identification and the length.
func stampsHash(seg *flows.Segment) (hash uint64, ok bool) {
	o := &seg.Options
	return hash2(uint64(o.TSVal)<<32|uint64(o.TSEcr),
		uint64(seg.IPID)<<48|uint64(seg.Flags&controlFlags)<<32|uint64(seg.Len)), o.HasTimestamp
}

// socketsHash hashes what stays the same without NAT where a device shifts sequence numbers and timestamps.
func socketsHash(seg *flows.Segment) (hash uint64, ok bool) {
	direction := uint64(0)
	if seg.FromB {
		direction = 1
	}
	return hash2(keyHash(&seg.Key), direction<<63|uint64(seg.IPID)<<40|uint64(seg.Flags&controlFlags)<<32|
		uint64(seg.Len)), seg.IPID != 0
}

func keyHash(k *flows.Key) uint64 {
	h := uint64(k.APort)<<16 | uint64(k.BPort)
	for _, a := range [2]*flows.Addr{&k.A, &k.B} {
		h = hash2(h, binary.BigEndian.Uint64(a[:8]))
		h = hash2(h, binary.BigEndian.Uint64(a[8:]))
	}
	return h
}
