package crowd

// cookies looks for signs of SYN cookies (RFC 4987 §3.6). A listener that sends them keeps no state, so it cannot
// retransmit a SYN-ACK, and cannot grant options for which a cookie has no room. SYN-ACKs are counted in slots of
// 0.2 s until their retransmission is due.
type cookies struct {
	slots [cookieSlots]cookieSlot
	slot  int64
	due   int64 // how long after the first SYN-ACK this listener sends it again, with some reserve

	run   Cookies // in slots without retransmission until now
	found Cookies // in runs that are long enough

	bareRun, bare Cookies // likewise, of SYN-ACKs that granted nothing

	on   bool   // the run is long enough: the listener sends cookies now
	open uint64 // SYN-ACKs sent since then that nobody has answered
}

type cookieSlot struct {
	answered, gone, retransmitted uint32 // attempts
	first                         int64  // SYN-ACK
	lastRetransmitted             int64  // first SYN-ACK of the latest attempt whose SYN-ACK was sent again
}

// left is the number of unanswered SYN-ACKs that were not retransmitted.
func (s *cookieSlot) left() uint64 {
	return uint64(s.answered) - min(uint64(s.gone)+uint64(s.retransmitted), uint64(s.answered))
}

// Cookies are the signs that a listener sends SYN cookies.
type Cookies struct {
	Unrepeated   uint64 // SYN-ACKs that nobody answered and that were not sent again when due
	Bare         uint64 // SYN-ACKs that granted none of the options offered, although earlier ones granted some
	Since, Until int64  // the first and the last of them
}

// Found reports whether there is a sign.
func (k *Cookies) Found() bool { return k.Unrepeated+k.Bare > 0 }

const (
	cookieSlots = 32
	cookieTick  = int64(200e6) // ns
	// defaultDue is above the 3 s of RFC 1122, which some systems still wait. Linux waits 1 s (RFC 6298).
	defaultDue = int64(35e8) // ns
	// manyUnrepeated is the least length of a run.
	manyUnrepeated = 16
	// manyBare is the least length of a run of SYN-ACKs that granted nothing.
	manyBare = 8
)

func newCookies() *cookies { return &cookies{due: defaultDue} }

func (k *cookies) at(t int64) *cookieSlot {
	slot := t / cookieTick
	if slot > k.slot || k.slot-slot >= cookieSlots {
		return nil
	}
	return &k.slots[slot&(cookieSlots-1)]
}

func (k *cookies) answered(now int64) {
	k.advance(now)
	if s := k.at(now); s != nil {
		if s.answered == 0 {
			s.first = now
		}
		s.answered++
	}
	if k.on {
		k.open++
	}
}

// gone records that an attempt was completed or ended. repeated says whether its SYN-ACK was retransmitted.
func (k *cookies) gone(synAckAt int64, repeated bool) {
	if s := k.at(synAckAt); s != nil {
		s.gone++
	}
	if !repeated {
		k.close(synAckAt)
	}
}

// close removes a SYN-ACK from the open ones.
func (k *cookies) close(synAckAt int64) {
	if k.found.Unrepeated > 0 && synAckAt >= k.found.Since {
		k.open = less(k.open)
	}
}

// sent reports whether the SYN-ACK sent at a time was a cookie. A run lasts until a SYN-ACK is retransmitted, or grants
// options.
func (k *cookies) sent(at int64, acks bool) bool {
	unrepeated := acks && k.found.Unrepeated > 0 && at >= k.found.Since && (k.on || at <= k.found.Until)
	bare := k.bare.Bare > 0 && at >= k.bare.Since && (k.bareRun.Bare >= manyBare || at <= k.bare.Until)
	return unrepeated || bare
}

// retransmitted records the first retransmission of a SYN-ACK that no SYN caused.
func (k *cookies) retransmitted(synAckAt, now int64) {
	if gap := now - synAckAt; gap > 0 {
		k.due = min(max(gap*3/2, cookieTick), defaultDue)
	}
	if s := k.at(synAckAt); s != nil {
		s.retransmitted++
		s.lastRetransmitted = max(s.lastRetransmitted, synAckAt)
	}
	k.close(synAckAt)
}

// advance judges the slots whose SYN-ACKs are due for retransmission by now.
func (k *cookies) advance(now int64) {
	slot := now / cookieTick
	if slot <= k.slot {
		return
	}
	if k.slot == 0 {
		k.slot = slot
		return
	}
	// Judge the slots that became due since the last call.
	due := k.due/cookieTick + 1
	for s := max(k.slot-due+1, k.slot-cookieSlots+1); s <= min(slot-due, k.slot); s++ {
		k.judge(&k.slots[s&(cookieSlots-1)])
	}
	for s := max(k.slot+1, slot-cookieSlots+1); s <= slot; s++ {
		k.slots[s&(cookieSlots-1)] = cookieSlot{}
	}
	k.slot = slot
}

func (k *cookies) judge(s *cookieSlot) {
	if s.answered == 0 {
		return
	}
	left := s.left()
	since := s.first
	switch {
	case uint64(s.retransmitted)*3 > left:
		k.run, k.on = Cookies{}, false
		*s = cookieSlot{}
		return
	case s.retransmitted > 0:
		since = max(since, s.lastRetransmitted) // the listener began to send cookies during this slot
	}
	if left > 0 {
		if k.run.Unrepeated == 0 {
			k.run.Since = since
		}
		k.run.Unrepeated += left
		k.run.Until = s.first
	}
	*s = cookieSlot{} // judge it only once, even if due changes
	if k.run.Unrepeated < manyUnrepeated {
		return
	}
	if k.found.Unrepeated == 0 {
		k.found.Since = k.run.Since
	}
	if !k.on {
		k.on = true
		k.open += k.run.Unrepeated
		for i := range k.slots { // those that are not due yet
			k.open += k.slots[i].left()
		}
	}
	k.found.Unrepeated += k.run.Unrepeated
	k.found.Until = k.run.Until
	k.run = Cookies{Since: k.run.Since}
}

// grants reports whether a SYN-ACK with some options grants any that cookies lose, and whether the SYN offered any.
func grants(syn *Probe, synAck uint32) (granted, offered bool) {
	const lost = hasWScale | hasSACK
	return syn.Options&synAck&lost != 0, syn.Options&lost != 0
}

// options records what a SYN-ACK grants, once the listener has granted something. Linux stores the window scale and
// SACK permission of a cookie in its timestamp (net/ipv4/syncookies.c), so it can grant neither to a SYN without one.
func (k *cookies) options(now int64, syn *Probe, synAck uint32) {
	granted, offered := grants(syn, synAck)
	switch {
	case !offered || syn.Options&hasTimestamp != 0:
		return
	case granted:
		k.bareRun = Cookies{}
		return
	case k.bareRun.Bare == 0:
		k.bareRun.Since = now
	}
	k.bareRun.Bare++
	k.bareRun.Until = now
	if k.bareRun.Bare < manyBare {
		return
	}
	if k.bare.Bare == 0 {
		k.bare.Since = k.bareRun.Since
	}
	if k.bareRun.Bare == manyBare {
		k.bare.Bare += manyBare - 1
	}
	k.bare.Bare++
	k.bare.Until = now
}

// all returns both signs, or only Bare if the capture has no ACKs: then it does not show who answered a SYN-ACK.
func (k *cookies) all(acks bool) Cookies {
	switch {
	case !k.found.Found() || !acks:
		return k.bare
	case !k.bare.Found():
		return k.found
	}
	return Cookies{k.found.Unrepeated, k.bare.Bare, min(k.found.Since, k.bare.Since), max(k.found.Until, k.bare.Until)}
}
