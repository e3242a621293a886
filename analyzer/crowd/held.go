package crowd

// held counts attempts for as long as a listener holds them: until they complete or end, for holdSlots × holdSlot = 64
// s at most. Linux gives up SYN_RCVD after five retransmissions in 63 s, BSD and Windows after at most 75 s (RFC 4987
// §2.2).
type held struct {
	slots   [holdSlots]uint32 // by the time when they began
	slot    int64             // the latest one
	n, peak uint64
	peakAt  int64
}

const (
	holdSlots = 16
	holdSlot  = int64(4e9) // ns
)

// advance forgets attempts that have been held for too long. For each slot that is now two slots old, it calls aged, if
// not nil, with the number of attempts that are still held.
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

// begin counts an attempt that is held since a time. now is the time of the last advance.
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

// end removes an attempt that was held since a time.
func (h *held) end(since int64) {
	slot := min(since/holdSlot, h.slot)
	if h.slot-slot >= holdSlots || h.slots[index(slot)] == 0 {
		return
	}
	h.slots[index(slot)]--
	h.n--
}

// old returns how many attempts are held from earlier slots than the latest two, and the beginning of the earliest slot
// that still holds a significant number.
func (h *held) old() (n uint64, since int64) {
	n, since = h.n-uint64(h.at(h.slot))-uint64(h.at(h.slot-1)), (h.slot-1)*holdSlot
	if n < manyHeld {
		return n, since // no caller uses since then
	}
	for slot := h.slot - 2; slot > h.slot-holdSlots; slot-- {
		if h.at(slot) >= manyHeld/holdSlots {
			since = slot * holdSlot
		}
	}
	return n, since
}
