package tcpstate

import "slices"

// Entry is the beginning of one state in an endpoint's life.
type Entry struct {
	At     int64  // nanoseconds
	Packet uint64 // the packet that caused or disclosed it, 0 for a timer
	State  State
	Rule   Rule // by which the endpoint came into it
	// Inferred is set if no captured segment of this endpoint or its peer shows the state, and it only follows from
	// others.
	Inferred bool

	onReceipt bool // entered because a segment probably arrived: later evidence may contradict it
}

// Withdrawal is an entry that later evidence contradicts.
type Withdrawal struct {
	Entry
	By       Rule   // that withdrew it
	ByPacket uint64 // the packet that showed it, 0 for silence
}

// maxWithdrawn is how many withdrawn entries each endpoint keeps: the first ones. Others are counted.
const maxWithdrawn = 8

// Known reports whether anything is known of the endpoint's state.
func (e *Endpoint) Known() bool { return len(e.History) > 0 }

// State returns the endpoint's present state, CLOSED while nothing is known of it.
func (e *Endpoint) State() State {
	if len(e.History) == 0 {
		return Closed
	}
	return e.History[len(e.History)-1].State
}

// in reports whether the endpoint is known to be in one of the states.
func (e *Endpoint) in(states ...State) bool { return e.Known() && slices.Contains(states, e.State()) }

func (e *Endpoint) synchronized() bool { return e.Known() && e.State() >= Established }

// enter changes the state by a rule because of a segment. A state that only the peer's segments show is inferred.
func (e *Endpoint) enter(by Rule, s *Segment) { e.enterAt(by, s.At, s.Packet) }

func (e *Endpoint) enterAt(by Rule, at int64, packet uint64) {
	e.push(Entry{Rule: by, At: at, Packet: packet, Inferred: !e.HasSent})
}

// infer changes the state by a rule without a captured segment that shows it.
func (e *Endpoint) infer(by Rule, at int64, packet uint64) {
	e.push(Entry{Rule: by, At: at, Packet: packet, Inferred: true})
}

// push adds the state to which the entry's rule leads from the present one. If the rule does not apply to the present
// state, nothing happens. CLOSED is left only if the endpoint refused before it opened.
func (e *Endpoint) push(next Entry) {
	to := next.Rule.arrowFrom(e.from())
	if to == nil || e.Known() && e.State() == Closed && len(e.History) > 1 {
		return
	}
	next.State, next.onReceipt = to.to, next.Rule.onReceipt()
	if n := len(e.History); n > 0 {
		next.At = max(next.At, e.History[n-1].At) // states are in the order of events, even if merged clocks differ
	}
	e.History = append(e.History, next)
}

// from returns the state that the next entry leaves.
func (e *Endpoint) from() State {
	if len(e.History) == 0 {
		return unknown
	}
	return e.State()
}

// onReceipt reports whether the rule rests on a segment that probably arrived.
func (r Rule) onReceipt() bool { return r.Event() == Arrives || r.Event() == ArrivesICMP }

// insert puts a state between two others, and its time between theirs. The next state then gets another rule.
func (e *Endpoint) insert(i int, between Entry, next Rule) {
	between.At = min(between.At, e.History[i].At)
	if i > 0 {
		between.At = max(between.At, e.History[i-1].At)
	}
	e.History[i].Rule = next
	e.History = slices.Insert(e.History, i, between)
}

// inferSince marks the states since a packet as inferred.
func (e *Endpoint) inferSince(packet uint64) {
	if n := len(e.History) - 1; n >= 0 && e.History[n].Packet == packet {
		e.History[n].Inferred = true
	}
}

// cut withdraws the states from the n-th on, by a rule, because of a packet.
func (e *Endpoint) cut(n int, by Rule, packet uint64) {
	for i := len(e.History) - 1; i >= n; i-- {
		e.withdrawn(e.History[i], by, packet)
	}
	e.History = e.History[:n]
}

// withdrawn keeps an entry that was withdrawn.
func (e *Endpoint) withdrawn(h Entry, by Rule, packet uint64) {
	if len(e.Withdrawn) < maxWithdrawn {
		e.Withdrawn = append(e.Withdrawn, Withdrawal{h, by, packet})
	} else {
		e.WithdrawnMore++
	}
}

// withdraw withdraws the latest states, down to the last one that keep accepts.
func (e *Endpoint) withdraw(by Rule, packet uint64, keep func(State) bool) {
	n := len(e.History)
	for n > 0 && !keep(e.History[n-1].State) {
		n--
	}
	e.cut(n, by, packet)
}

// withdrawTo withdraws every state after the latest stay in st. Without such a stay it does nothing.
func (e *Endpoint) withdrawTo(st State, by Rule, packet uint64) {
	for i := len(e.History) - 1; i >= 0; i-- {
		if e.History[i].State == st {
			e.cut(i+1, by, packet)
			return
		}
	}
}

// confirm records that the endpoint's own segment shows st: later evidence cannot withdraw it.
func (e *Endpoint) confirm(st State) {
	for i := range e.History {
		if e.History[i].State == st {
			e.History[i].onReceipt = false
		}
	}
}

// postpone moves the beginning of the present state to s. The endpoint sent s before the segment that changed its state
// arrived, although s passed the observer later.
func (e *Endpoint) postpone(s *Segment) {
	if last := &e.History[len(e.History)-1]; last.onReceipt && s.At > last.At {
		last.At = s.At
	}
}

// postponeTo moves the beginning of the present state to a later segment that may have caused it as well.
func (e *Endpoint) postponeTo(cause *lastSegment) {
	if last := &e.History[len(e.History)-1]; last.onReceipt && cause.at > last.At {
		last.At, last.Packet = cause.at, cause.packet
	}
}

func (e *Endpoint) since() int64 {
	if len(e.History) == 0 {
		return 0
	}
	return e.History[len(e.History)-1].At
}

// left returns when the endpoint last left st, or when its present state began if it never was in st.
func (e *Endpoint) left(st State) int64 {
	for i := len(e.History) - 2; i >= 0; i-- {
		if e.History[i].State == st {
			return e.History[i+1].At
		}
	}
	return e.since()
}
