package crowd

// held counts attempts that are neither completed nor ended, as a listener holds them: for holdSlots × holdSlot, 64 s.
// Linux gives a SYN_RCVD up after five retransmissions in 63 s, BSD and Windows after 75 s or less (RFC 4987 §2.2).
type held struct {
	slots   [holdSlots]uint32 // by the time of their beginning
	slot    int64             // the latest one
	n, peak uint64
	peakAt  int64
}

const (
	holdSlots = 16
	holdSlot  = int64(4e9) // ns
)

// advance forgets what has been held for too long. It hands the number of those that were still held in each slot which
// is two slots old now to aged, if that is not nil.
func (h *held) advance(now int64, aged func(left uint32, slotEnd int64)) {
	slot := now / holdSlot
	if slot <= h.slot {
		return
	}
	if h.slot == 0 || slot-h.slot >= holdSlots {
		if h.n > 0 && aged != nil {
			aged(h.at(h.slot), (h.slot+1)*holdSlot)
		}
		h.slots, h.slot, h.n = [holdSlots]uint32{}, slot, 0
		return
	}
	for h.slot < slot {
		h.slot++
		if aged != nil {
			aged(h.at(h.slot-2), (h.slot-1)*holdSlot)
		}
		old := &h.slots[index(h.slot)]
		h.n -= uint64(*old)
		*old = 0
	}
}

func index(slot int64) int64 { return slot & (holdSlots - 1) }

func (h *held) at(slot int64) uint32 { return h.slots[index(slot)] }

// begin holds one more from now on, the time that it was advanced to, as if it had been held since a time.
func (h *held) begin(now, since int64) {
	slot := min(since/holdSlot, h.slot)
	if h.slot-slot >= holdSlots {
		return
	}
	h.slots[index(slot)]++
	if h.n++; h.n > h.peak {
		h.peak, h.peakAt = h.n, now
	}
}

// end holds one less, that has been held since a time.
func (h *held) end(since int64) {
	slot := min(since/holdSlot, h.slot)
	if h.slot-slot >= holdSlots || h.slots[index(slot)] == 0 {
		return
	}
	h.slots[index(slot)]--
	h.n--
}

// old is how many have been held for one to two slots or longer, and since when the oldest slot is held that has a good
// share of them.
func (h *held) old() (n uint64, since int64) {
	n, since = h.n-uint64(h.at(h.slot))-uint64(h.at(h.slot-1)), (h.slot-1)*holdSlot
	if n < manyHeld {
		return n, since // nobody asks since when
	}
	for slot := h.slot - 2; slot > h.slot-holdSlots; slot-- {
		if h.at(slot) >= manyHeld/holdSlots {
			since = slot * holdSlot
		}
	}
	return n, since
}
