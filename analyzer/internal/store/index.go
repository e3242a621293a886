package store

// Index maps hashes to numbers. No sender of packets may be able to choose the hashes. The zero value is empty. A slot
// takes 16 bytes, and at most three quarters of the slots are filled (open addressing, linear probing).
type Index struct {
	slots []slot // the length is a power of two
	used  int
}

type slot struct {
	hash uint64
	next uint32 // the number plus one; 0 for none
}

const leastSlots = 16

// Find returns the number of a hash, and whether it has one.
func (x *Index) Find(hash uint64) (n uint32, known bool) {
	if x.used == 0 {
		return 0, false
	}
	s := &x.slots[x.place(hash)]
	return s.next - 1, s.next != 0
}

// Put sets the number of a hash.
func (x *Index) Put(hash uint64, n uint32) {
	if x.used >= len(x.slots)/4*3 {
		old := x.slots
		x.slots, x.used = make([]slot, max(leastSlots, 2*len(old))), 0
		clear(x.slots) // a page that is read before it is written would cost two page faults
		for _, s := range old {
			if s.next != 0 {
				x.Put(s.hash, s.next-1)
			}
		}
	}
	s := &x.slots[x.place(hash)]
	if s.next == 0 {
		x.used++
	}
	*s = slot{hash, n + 1}
}

// Drop removes a hash. The entries after it move up, so that no search ends early (Knuth, The Art of Computer
// Programming, volume 3, algorithm 6.4 R).
func (x *Index) Drop(hash uint64) {
	if _, known := x.Find(hash); !known {
		return
	}
	x.used--
	mask := len(x.slots) - 1
	gap := x.place(hash)
	for i := (gap + 1) & mask; x.slots[i].next != 0; i = (i + 1) & mask {
		if home := int(x.slots[i].hash) & mask; (i-home)&mask >= (i-gap)&mask {
			x.slots[gap] = x.slots[i]
			gap = i
		}
	}
	x.slots[gap] = slot{}
}

// Clear removes all hashes.
func (x *Index) Clear() {
	clear(x.slots)
	x.used = 0
}

// place returns the slot of a hash, or the free slot for it.
func (x *Index) place(hash uint64) int {
	mask := len(x.slots) - 1
	i := int(hash) & mask
	for x.slots[i].next != 0 && x.slots[i].hash != hash {
		i = (i + 1) & mask
	}
	return i
}
