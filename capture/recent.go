package capture

import (
	"encoding/binary"
	"slices"
)

// Recent keeps the last packets of a capture within a bound of memory, so that what led to an event can be examined. It
// belongs to one goroutine; any goroutine may use the result of Kept.
type Recent struct {
	limit int
	held  int // bytes of all slabs
	// Slabs are never overwritten, only the last one is appended to. So Kept copies no packet, and a removed slab lives
	// as long as it is in use.
	slabs [][]byte
}

// recentSlab is how many bytes are allocated and removed at once.
const recentSlab = 1 << 20

// recentHead is what precedes a packet's data in a slab: number, time, bytes on the wire, link type, length of the
// data.
const recentHead = 8 + 8 + 8 + 4 + 4

// NewRecent keeps packets in at most limit bytes, and at least the last MiB of them.
func NewRecent(limit int) *Recent { return &Recent{limit: max(limit, 2*recentSlab)} }

// Add keeps a copy of a packet, and removes the oldest ones if there is no room.
func (r *Recent) Add(p *Packet) {
	need := recentHead + len(p.Data)
	last := len(r.slabs) - 1
	if last < 0 || cap(r.slabs[last])-len(r.slabs[last]) < need {
		r.slabs = append(r.slabs, make([]byte, 0, max(recentSlab, need)))
		last++
		r.held += cap(r.slabs[last])
		gone := 0
		for ; gone < last && r.held > r.limit; gone++ {
			r.held -= cap(r.slabs[gone])
		}
		r.slabs = slices.Delete(r.slabs, 0, gone)
		last -= gone
	}
	b := r.slabs[last]
	b = binary.LittleEndian.AppendUint64(b, p.Number)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Time))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Length))
	b = binary.LittleEndian.AppendUint32(b, uint32(p.Link))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Data)))
	r.slabs[last] = append(b, p.Data...)
}

// Kept returns the present packets. Later calls of Add do not change it.
func (r *Recent) Kept() Kept { return Kept{slices.Clone(r.slabs)} }

// Kept are packets that a Recent kept at one moment. The zero value holds none.
type Kept struct{ slabs [][]byte }

// Packets yields them in the order in which they were added. A packet is valid until the next one.
func (k Kept) Packets(yield func(*Packet) bool) {
	var p Packet
	for _, b := range k.slabs {
		for len(b) > 0 {
			n := recentHead + int(binary.LittleEndian.Uint32(b[28:]))
			p = Packet{
				Number: binary.LittleEndian.Uint64(b),
				Time:   int64(binary.LittleEndian.Uint64(b[8:])),
				Length: int(binary.LittleEndian.Uint64(b[16:])),
				Link:   LinkType(binary.LittleEndian.Uint32(b[24:])),
				Data:   b[recentHead:n:n],
			}
			if !yield(&p) {
				return
			}
			b = b[n:]
		}
	}
}
