package crowd

import (
	"github.com/tcplife/tcplife/flows"
)

// target is the target of attempts: a listener, a closed port, or a whole address.
type target struct {
	socket
	v6        bool
	forgotten bool
	spare     bool // in Crowd.spare

	first, last int64 // attempts
	attempts    uint64
	syns        uint64 // retransmissions included
	answered    uint64 // attempts
	completed   uint64
	ends        [ends]uint64
	ignored     uint64 // SYNs without an answer, although the target answered others at that time
	fellBack    uint64 // SYN-ACKs sent again after the ACK

	retransmissions [maxRetransmissions + 1]uint64 // answered attempts, by how often a timer resent the SYN-ACK

	unresolved held      // attempts that are neither completed nor ended
	embryonic  held      // those of them that were answered
	course     *course   // of embryonic, once there were eight
	pendings   *pendings // of embryonic recently, once there were two
	spells     []spell   // in which it ignored SYNs or ACKs
	proxy      Proxy
	prompt     int64   // SYN of the latest attempt whose first SYN was answered
	timeouts   latency // from the SYN-ACK to its first retransmission that no SYN caused

	answeredIn         [4]uint64 // a ring of bits, one for each second: whether a SYN of it was answered
	answeredAt         int64     // the latest second in the ring
	lastAnswered       int64     // SYN of the latest attempt that was answered
	handshake, synRcvd latency   // SYN to ACK, SYN-ACK to ACK

	grants  bool     // it has granted window scale or SACK
	cookies *cookies // once there were eight unresolved attempts
	rates   cusum
	recent  [early]begun // the latest attempts
	flood   *flood       // evidence for a flood, while many attempts are unresolved
	sample  *syns        // of completed attempts; nil without samples
	lately  *[early]syn  // the SYNs of recent; nil without samples
}

// begun is when an attempt began, and by whom.
type begun struct {
	at     int64
	source flows.Addr
}

const (
	maxRetransmissions = 7
	// early is the number of unresolved attempts from which on more is recorded of a target.
	early = 8
)

// tick updates the target to a time. Once in each period of cusum is enough: the other steps are multiples of it.
func (t *target) tick(now int64, c *Crowd) {
	if t.unresolved.slot != now/holdSlot {
		t.unresolved.advance(now, t.flood.aged)
		t.expire(now)
	}
	if t.cookies != nil {
		t.cookies.advance(now)
	}
	t.closePeriod(now, c)
}

// expire forgets attempts that were pending for too long, and records when their number changed.
func (t *target) expire(now int64) {
	e := &t.embryonic
	for t.course != nil && e.n > 0 && e.slot+1 < now/holdSlot {
		e.advance((e.slot+1)*holdSlot, nil)
		t.course.note(e.slot*holdSlot, e.n)
	}
	e.advance(now, nil)
	t.noteEmbryonic(now)
}

// noteEmbryonic records the present number of pending attempts.
func (t *target) noteEmbryonic(now int64) {
	if t.whole {
		return
	}
	if t.pendings == nil && t.embryonic.n >= fewPending {
		t.pendings = &pendings{}
	}
	if t.pendings != nil {
		t.pendings.note(now, t.embryonic.n)
	}
	if t.course == nil {
		if t.embryonic.n < early {
			return
		}
		t.course = &course{}
	}
	t.course.note(now, t.embryonic.n)
}

// markAnswered records that a SYN of this second was answered.
func (t *target) markAnswered(second int64) {
	const ring = int64(len(t.answeredIn) * 64)
	switch {
	case second-t.answeredAt >= ring:
		t.answeredIn, t.answeredAt = [4]uint64{}, second
	case second > t.answeredAt:
		for s := t.answeredAt + 1; s <= second; s++ {
			t.answeredIn[s&(ring-1)/64] &^= 1 << (s & 63)
		}
		t.answeredAt = second
	case t.answeredAt-second >= ring:
		return
	}
	t.answeredIn[second&(ring-1)/64] |= 1 << (second & 63)
}

// answeredAround reports whether a SYN of this second, or of the next one, was answered.
func (t *target) answeredAround(second int64) bool {
	const ring = int64(len(t.answeredIn) * 64)
	for s := second; s <= second+1; s++ {
		if s <= t.answeredAt && t.answeredAt-s < ring && t.answeredIn[s&(ring-1)/64]&(1<<(s&63)) != 0 {
			return true
		}
	}
	return false
}

// listens reports whether a listener answered, or must have answered.
func (t *target) listens() bool { return t.answered+t.completed+t.ends[Idle]+t.ends[Used] > 0 }
