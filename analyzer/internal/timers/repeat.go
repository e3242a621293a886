package timers

import "github.com/tcplife/tcplife/analyzer/tcpstate"

// Repeat is a segment without new data, or a probe, and what was known when it was seen.
type Repeat struct {
	At     int64
	Packet uint64
	Seq    uint32
	End    uint32 // the sequence number after the segment
	Una    uint32 // SND.UNA of its sender
	Nxt    uint32 // SND.NXT of its sender
	// Sent is when the sender's timer started, 0 if unknown: when the original was sent, or the last new
	// acknowledgement came. For a probe it is when the peer last sent a segment.
	Sent int64
	// First says that Sent is the time of the first transmission, not of the latest one.
	First bool
	// Unseen says that the capture lacks the original.
	Unseen bool
	Heard  int64 // when the peer last sent a segment, 0 if never
	// LastAt and Last are the time and packet of the sender's segment before.
	LastAt int64
	Last   uint64
	// Duplicates is the number of consecutive ACKs of the peer with the same SEG.ACK.
	Duplicates uint8
	// Answers says that it answers a retransmitted SYN of the peer.
	Answers bool
	// SACK says that both ends permitted SACK, as far as their SYNs show.
	SACK bool
	// Idle is when the peer sent its last segment that was no probe.
	Idle int64
	// Reply is the longest time from the passage of a segment to the passage of the sender's answer to it. RoundTrip is
	// the shortest time after which the peer's answer can affect what the sender sends.
	Reply, RoundTrip int64
	// Soonest is the shortest time of an answer of the sender, 0 if unknown.
	Soonest int64
}

// repeat records a retransmitted SYN or SYN-ACK, which have only one run.
func (e *end) repeat(k Kind, r *Repeat) {
	if wait := r.wait(); wait != unknown && wait < r.RoundTrip {
		return // too soon for a timer
	}
	now := e.current(k)
	if now == nil {
		now = e.begin(run{kind: k, seq: r.Seq})
	}
	now.fired(r.wait(), r.At, r.Packet)
}

// wait is how long the timer had run.
func (r *Repeat) wait() int64 {
	if r.Sent == 0 {
		return unknown
	}
	return max(0, r.At-r.Sent)
}

// probe records a probe of a closed window.
func (e *end) probe(r *Repeat) {
	now := e.current(Persist)
	if now == nil || now.closed != e.closedAt || now.opened != 0 {
		wait := int64(unknown)
		if e.closedAt != 0 {
			wait = max(0, r.At-e.closedAt)
		}
		e.begin(run{kind: Persist, seq: r.Seq, closed: e.closedAt}).fired(wait, r.At, r.Packet)
		return
	}
	now.fired(r.At-now.at, r.At, r.Packet)
}

// keepalive records a keepalive. Answered ones in a row are one run, unanswered ones another.
func (e *end) keepalive(r *Repeat) {
	now := e.current(Keepalive)
	switch {
	case now == nil || now.answered:
		now = e.begin(run{kind: Keepalive, seq: r.Seq})
		now.fired(r.wait(), r.At, r.Packet)
		now.streak = 1
	case r.Heard > now.at:
		now.fired(r.wait(), r.At, r.Packet)
		now.streak = 1
	default:
		if now.streak == 1 && now.count > 1 {
			now = e.split(now)
		}
		now.fired(r.At-now.at, r.At, r.Packet)
		now.streak++
	}
}

// split makes the last keepalive of a run the first of a new run.
func (e *end) split(r *run) *run {
	wait, at, packet := r.gap, r.at, r.packet
	r.count--
	r.answered = true
	if int(r.count) < len(r.packets) {
		r.packets = r.packets[:r.count]
		r.intervals = r.intervals[:r.count-1]
	}
	r = e.begin(run{kind: Keepalive, seq: r.seq, streak: 1})
	r.fired(wait, at, packet)
	return r
}

// text records retransmitted text, or a retransmitted FIN.
func (e *end) text(fin bool, r *Repeat) {
	if e.repairs != nothing && int32(r.Una-e.recover) >= 0 {
		e.repairs = nothing
	}
	behind := e.hasSack && int32(e.sacked-r.End) >= 0 && int32(e.sacked-r.Una) > 0
	hole := (behind || r.Duplicates >= duplicates || r.isEarly()) && r.Nxt != r.Una
	pace := r.Reply
	if now := e.current(Fast); behind && (now == nil || now.seq != r.Seq) {
		// RFC 8985 §6.2 waits a quarter of the round trip for reordered segments.
		pace = max(pace+r.RoundTrip/4+tick, quickest)
	}
	prompt := r.Heard != 0 && r.At-r.Heard <= pace
	switch {
	case prompt && e.repairs != byTimeout && (hole || e.repairs == byFast):
		e.fast(r)
	case prompt && e.repairs == byTimeout && int32(r.Seq-e.recover) < 0:
		// After a time-out, the rest of the data is sent again as acknowledgements come (RFC 5681 §3.1).
	default:
		e.timeout(fin, r)
	}
}

// duplicates is the threshold of RFC 5681 §3.2.
const duplicates = 3

const (
	tick     = 10e6 // of the slowest clock of common kernels (HZ=100)
	quickest = 25e6 // below the shortest retransmission time-outs: 30 ms of BSD, 200 ms of Linux
)

// isEarly reports whether so little is in flight that three ACKs cannot come back, so fewer are enough (RFC 5827 §3.1).
func (r *Repeat) isEarly() bool {
	return r.Duplicates > 0 && r.Nxt-r.Una <= (uint32(r.Duplicates)+1)*(r.End-r.Seq)
}

// fast records text that is retransmitted before its timer runs out.
func (e *end) fast(r *Repeat) {
	now := e.current(Fast)
	if now == nil || e.repairs != byFast {
		now = e.begin(run{kind: Fast, seq: r.Seq})
		wait := int64(unknown)
		if r.First {
			wait = r.wait()
		}
		now.fired(wait, r.At, r.Packet)
		e.repairs, e.recover = byFast, r.Nxt
		return
	}
	now.fired(r.At-now.at, r.At, r.Packet)
	now.seq = r.Seq
}

// timeout records text, or a FIN, that is retransmitted after a wait.
func (e *end) timeout(fin bool, r *Repeat) {
	kind, last := RTO, r.End == r.Nxt
	first := int32(r.Seq-r.Una) <= 0 || r.Heard == 0
	lone := last && first && !fin
	wait := r.wait()
	switch {
	case last && !first:
		kind = TLP
	case fin:
		kind = Fin
	case lone && r.SACK && wait != unknown && wait < tcpstate.SoonestTimeout:
		kind = TLP
	}
	now := e.current(kind)
	if was := e.current(TLP); kind == RTO && was != nil && was.lone && was.seq == r.Seq && was.count == 1 {
		if again := r.At - was.at; again*4 >= was.firstAfter*backsOff && again <= was.firstAfter*2+tick {
			was.kind, now = RTO, was // the second wait was twice the first, as a time-out's is
		}
	}
	goesOn := now != nil && (fin || r.Seq == now.seq)
	if goesOn {
		wait = r.At - now.at
	}
	if wait != unknown && wait < r.RoundTrip {
		return // too soon for a timer: the path duplicated it, or it is a fast retransmission that was not recognized
	}
	e.repairs, e.recover = byTimeout, r.Nxt
	if r.Unseen && !goesOn {
		wait = unknown
	}
	if goesOn && kind == RTO && now.count == 1 && now.lone && r.SACK && now.firstAfter != unknown &&
		wait*4 < now.firstAfter*backsOff {
		now.kind, goesOn = TLP, false // the second wait of a time-out would have been twice the first
	}
	if !goesOn {
		now = e.begin(run{kind: kind, seq: r.Seq, lone: lone})
	}
	now.fired(wait, r.At, r.Packet)
}

// backsOff is the least second wait of a timer, in quarters of its first. By RFC 6298 §5.5 it is twice the first, but
// clocks are not exact.
const backsOff = 7
