package timers

import "github.com/tcplife/tcplife/analyzer/tcpstate"

// Repeat is a segment without new data, or a probe, and what was known when it came.
type Repeat struct {
	At     int64
	Packet uint64
	Seq    uint32
	End    uint32 // the number after what it occupies
	Una    uint32 // SND.UNA of its sender
	Nxt    uint32 // SND.NXT
	// Sent is when the sender's timer started, 0 if unknown: when the original was sent, or the last new
	// acknowledgement came. For a probe: when its peer last sent a segment.
	Sent int64
	// First says that Sent is of the first transmission, and not of the last segment that was sent.
	First bool
	// Unseen says that the capture lacks the original.
	Unseen bool
	Heard  int64 // when its peer last sent a segment, 0 if never
	// LastAt is when the sender sent its last segment before, and Last which packet that was.
	LastAt int64
	Last   uint64
	// Duplicates is the number of consecutive ACKs of the peer with the same SEG.ACK.
	Duplicates uint8
	// Answers says that it answers a retransmitted SYN of the peer.
	Answers bool
	// SACK says that both agreed on SACK, as far as their SYNs show.
	SACK bool
	// Idle is when its peer sent its last segment that was no probe.
	Idle int64
	// Reply is how long at most the sender's answer to what passed takes to pass, and RoundTrip how long the peer's
	// answer takes to have an effect on what the sender sends.
	Reply, RoundTrip int64
	// Soonest is the least time of an answer of the sender, 0 if unknown.
	Soonest int64
}

// repeat is what has no more than one run: a SYN, a SYN-ACK.
func (e *end) repeat(k Kind, r *Repeat) {
	if wait := r.wait(); wait != unknown && wait < r.RoundTrip {
		return // nobody has waited for an answer
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

// probe is a probe of a closed window.
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

// keepalive is a keepalive. Those that are answered are one run; those in a row that are not are another.
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

// text is text or a FIN that has passed before.
func (e *end) text(fin bool, r *Repeat) {
	if e.repairs != nothing && int32(r.Una-e.recover) >= 0 {
		e.repairs = nothing
	}
	behind := e.hasSack && int32(e.sacked-r.End) >= 0 && int32(e.sacked-r.Una) > 0
	hole := (behind || r.Duplicates >= duplicates || r.isEarly()) && r.Nxt != r.Una
	pace := r.Reply
	if now := e.current(Fast); behind && (now == nil || now.seq != r.Seq) {
		// RFC 8985 §6.2: a quarter of the round trip for what was reordered
		pace = max(pace+r.RoundTrip/4+tick, quickest)
	}
	prompt := r.Heard != 0 && r.At-r.Heard <= pace
	switch {
	case prompt && e.repairs != byTimeout && (hole || e.repairs == byFast):
		e.fast(r)
	case prompt && e.repairs == byTimeout && int32(r.Seq-e.recover) < 0:
		// What the time-out took for lost follows at the pace of acknowledgements (RFC 5681 §3.1).
	default:
		e.timeout(fin, r)
	}
}

// duplicates is the threshold of RFC 5681 §3.2.
const duplicates = 3

// tick is that of the slowest clock of common kernels, HZ=100. No retransmission timer of theirs runs out in the
// quickest time: it is 30 ms of BSD and 200 ms of Linux.
const (
	tick     = 10e6
	quickest = 25e6
)

// isEarly reports whether so little is under way that three ACKs cannot come back: fewer are enough (RFC 5827 §3.1).
func (r *Repeat) isEarly() bool {
	return r.Duplicates > 0 && r.Nxt-r.Una <= (uint32(r.Duplicates)+1)*(r.End-r.Seq)
}

// fast is text that is retransmitted before its timer runs out.
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

// timeout is text or a FIN that is retransmitted after a wait.
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
			was.kind, now = RTO, was // it has waited twice as long as before
		}
	}
	goesOn := now != nil && (fin || r.Seq == now.seq)
	if goesOn {
		wait = r.At - now.at
	}
	if wait != unknown && wait < r.RoundTrip {
		return // nobody has waited for an answer: a copy that the path made, or a repair that it was not seen to be
	}
	e.repairs, e.recover = byTimeout, r.Nxt
	if r.Unseen && !goesOn {
		wait = unknown
	}
	if goesOn && kind == RTO && now.count == 1 && now.lone && r.SACK && now.firstAfter != unknown &&
		wait*4 < now.firstAfter*backsOff {
		now.kind, goesOn = TLP, false // a timer that has run out before waits twice as long
	}
	if !goesOn {
		now = e.begin(run{kind: kind, seq: r.Seq, lone: lone})
	}
	now.fired(wait, r.At, r.Packet)
}

// backsOff is how many quarters of its first wait a timer waits at least once it has run out. By RFC 6298 §5.5 it waits
// twice as long; clocks are not exact.
const backsOff = 7
