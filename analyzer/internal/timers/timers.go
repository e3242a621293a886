// Package timers finds why an end retransmits: which timer ran out, how long it had waited and how it backed off, or
// what caused the retransmission before the timer ran out. It sees only retransmissions, probes and closed windows,
// because in a normal connection no timer runs out.
package timers

import (
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// Kind is a kind of run, in the order of record's words.
type Kind uint8

// The kinds.
const (
	Syn Kind = iota
	SynAck
	RTO
	Fast
	TLP
	Persist
	Keepalive
	Fin
)

// The limits of what is kept. More is only counted.
const (
	maxPackets = 16 // the first packets of a run
	maxRuns    = 4  // the first three runs of a kind and an end, and the last
)

// Timers has the timers of both ends of a connection. The zero value is ready to use.
type Timers struct {
	ends [2]*end // nil if the end has no runs
	shut [2]bool // the end's peer has closed its window
}

// end has the timer runs of an end.
type end struct {
	runs     []run
	leftOut  uint64 // runs that were dropped
	sacked   uint32 // the sequence number after the highest octet that a SACK has named
	hasSack  bool
	closedAt int64  // when the peer closed its window last
	recover  uint32 // SND.NXT when the last loss was found; retransmissions before it repair that loss
	repairs  repairs
	hole     uint32 // the sequence number that the peer expects, while it has data after it
	holeAt   int64  // when the peer first said so, 0 if it has not
}

// repairs is why an end retransmits the rest of its data.
type repairs uint8

const (
	nothing repairs = iota
	byFast
	byTimeout
)

// run is one run of a timer.
type run struct {
	kind       Kind
	seq        uint32 // of the retransmitted segment
	firstAfter int64  // the first wait, unknown if the capture does not show it
	gap        int64  // the last wait
	at         int64  // the last timeout
	packet     uint64 // of the last timeout
	count      uint64
	intervals  []int64
	packets    []uint64
	streak     uint64 // of keepalives: how many in a row were unanswered, including the last one
	answered   bool   // of keepalives: the last one was answered, and later ones are another run
	lone       bool   // the segment was all the unacknowledged data
	closed     int64  // of a persist timer: when the window was closed
	opened     int64  // and when it was opened again, 0 if it was not
}

const unknown = -1

func (t *Timers) end(i int) *end {
	if t.ends[i] == nil {
		t.ends[i] = new(end)
	}
	return t.ends[i]
}

// Concerns reports whether a segment that an end receives may affect its timers. Few do.
func (t *Timers) Concerns(i int, seg *flows.Segment) bool {
	return seg.Options.HasSACK || seg.Window == 0 || t.shut[i]
}

// Hears records a segment that an end receives. closed says that its peer offers no window.
func (t *Timers) Hears(i int, seg *flows.Segment, closed bool) {
	if seg.Flags&(flows.SYN|flows.RST|flows.ACK) != flows.ACK {
		return
	}
	if o := &seg.Options; o.HasSACK && int32(o.SACKLeft-seg.Ack) > 0 { // otherwise it is a D-SACK (RFC 2883)
		e := t.end(i)
		if !e.hasSack || int32(o.SACKRight-e.sacked) > 0 {
			e.sacked, e.hasSack = o.SACKRight, true
		}
	}
	switch {
	case closed && !t.shut[i]:
		t.end(i).closedAt = seg.Time
	case !closed && t.shut[i]:
		e := t.end(i)
		if n := len(e.runs) - 1; n >= 0 && e.runs[n].kind == Persist && e.runs[n].closed == e.closedAt {
			e.runs[n].opened = seg.Time
		}
	}
	t.shut[i] = closed
}

// Misses records that the peer of an end expects the sequence number ack, and has received data after it.
func (t *Timers) Misses(i int, ack uint32, at int64) {
	if e := t.end(i); e.holeAt == 0 || e.hole != ack {
		e.hole, e.holeAt = ack, at
	}
}

// none reports whether an end has no runs.
func (t *Timers) none(i int) bool { return t.ends[i] == nil || len(t.ends[i].runs) == 0 }

// begin adds a run.
func (e *end) begin(r run) *run {
	n, last := 0, 0
	for i := range e.runs {
		if e.runs[i].kind == r.kind {
			n, last = n+1, i
		}
	}
	if n == maxRuns {
		e.leftOut++
		r.intervals, r.packets = e.runs[last].intervals[:0], e.runs[last].packets[:0]
		e.runs = slices.Delete(e.runs, last, last+1)
	}
	e.runs = append(e.runs, r)
	return &e.runs[len(e.runs)-1]
}

// current returns the last run, if it is of a kind.
func (e *end) current(k Kind) *run {
	if n := len(e.runs) - 1; n >= 0 && e.runs[n].kind == k {
		return &e.runs[n]
	}
	return nil
}

// fired records that the timer of a run has run out after a wait.
func (r *run) fired(wait, at int64, packet uint64) {
	if wait == unknown && r.count > 0 {
		wait = at - r.at
	}
	if r.count == 0 {
		r.firstAfter = wait
	} else if len(r.intervals) < maxPackets-1 {
		r.intervals = append(r.intervals, wait)
	}
	if len(r.packets) < maxPackets {
		r.packets = append(r.packets, packet)
	}
	r.count++
	r.gap, r.at, r.packet = wait, at, packet
}
