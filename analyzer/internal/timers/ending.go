package timers

import "github.com/tcplife/tcplife/analyzer/record"

// Ending is the state of an end when its record ended.
type Ending struct {
	At     int64  // when the record ended
	End    int64  // time of the connection's last packet
	Una    uint32 // SND.UNA
	Packet uint64 // its own last packet, except RSTs
	Reset  uint64 // its own RST that closed the connection, 0 for none

	Heard       int64  // when its peer last sent a segment, 0 if never
	HeardPacket uint64 // that segment, except RSTs
	PeerReset   uint64 // the peer's RST that closed the connection, 0 for none
	NoPeer      bool   // the other direction was not captured

	SynAckAnswered bool // the handshake was completed
	FinAnswered    bool // its FIN was acknowledged
}

// longestBackoff is the longest time between two retransmissions: TCP_RTO_MAX of Linux. By RFC 6298 §2.5 a limit must
// be at least a minute.
const longestBackoff = 120e9

// Of returns the runs of an end for a record, and how many were left out.
func (t *Timers) Of(i int, now *Ending) (list []record.Timer, leftOut uint64) {
	e := t.ends[i]
	if e == nil {
		return nil, 0
	}
	list = make([]record.Timer, len(e.runs))
	for n := range e.runs {
		e.runs[n].fill(&list[n], now, n == len(e.runs)-1)
	}
	return list, e.leftOut
}

var kinds = [...]record.TimerKind{
	Syn: record.TimerSyn, SynAck: record.TimerSynAck, RTO: record.TimerRTO, Fast: record.TimerFast,
	TLP: record.TimerTLP, Persist: record.TimerPersist, Keepalive: record.TimerKeepalive, Fin: record.TimerFin,
}

func (r *run) fill(t *record.Timer, now *Ending, last bool) {
	*t = record.Timer{
		Kind: kinds[r.kind], FirstAfter: record.NoDuration, Intervals: make([]record.Duration, len(r.intervals)),
		Count: r.count, Packets: append([]uint64{}, r.packets...),
		UnansweredSince: record.NoTime, WindowClosed: record.NoDuration,
	}
	if r.firstAfter != unknown {
		t.FirstAfter = record.Duration(r.firstAfter)
	}
	for n, wait := range r.intervals {
		t.Intervals[n] = record.Duration(wait)
	}
	r.follow(t, now, last)
	if r.kind == Persist && r.closed != 0 {
		t.WindowClosed, t.StillClosed = record.Duration(now.End-r.closed), record.Yes
		if r.opened != 0 {
			t.WindowClosed, t.StillClosed = record.Duration(r.opened-r.closed), record.No
		}
	}
	if r.kind == Keepalive {
		r.limit(t)
	}
}

// follow fills in what came after the last timeout.
func (r *run) follow(t *record.Timer, now *Ending, last bool) {
	refused := now.PeerReset > r.packet
	switch {
	case r.answers(now):
		t.Answered, t.FollowedBy = record.Yes, record.TimerAnswer
		return
	case last && refused:
		t.Answered, t.FollowedBy = record.Yes, record.TimerRefused
		return
	case !now.NoPeer:
		t.Answered = record.No
	}
	if !last {
		return
	}
	if now.Heard != 0 {
		t.UnansweredSince = record.Time(now.Heard)
	}
	due := r.due()
	switch {
	case now.Reset > r.packet:
		t.GaveUp, t.FollowedBy = true, record.TimerReset
	case now.Packet <= r.packet && due != unknown && now.At-r.at > due+due/2 && !now.NoPeer:
		t.GaveUp, t.FollowedBy = true, record.TimerSilence
	}
}

// answers reports whether a segment other than an RST answered the last segment of the run.
func (r *run) answers(now *Ending) bool {
	heard := now.HeardPacket > r.packet
	switch r.kind {
	case SynAck:
		return now.SynAckAnswered
	case Fin:
		return now.FinAnswered
	case RTO, Fast, TLP:
		return heard && int32(now.Una-r.seq) > 0
	}
	return heard || r.answered
}

// due is how long after the last timeout the timer would run out again, or unknown.
func (r *run) due() int64 {
	switch {
	case r.kind == Keepalive && r.streak < 2: // the interval of unanswered keepalives was not seen
		return unknown
	case r.kind == Keepalive || r.gap == unknown:
		return r.gap
	}
	return max(r.gap, min(2*r.gap, longestBackoff))
}

// keepaliveDefaults are the keepalive settings of common systems.
var keepaliveDefaults = [...]struct {
	idle, interval int64
	probes         uint64
	whose          record.KeepaliveDefaults
}{
	{7200e9, 75e9, 9, record.KeepaliveLinux},
	{7200e9, 75e9, 8, record.KeepaliveBSD},
	{7200e9, 75e9, 10, record.KeepaliveBSD43},
	{7200e9, 1e9, 10, record.KeepaliveWindows},
	{15e9, 15e9, 9, record.KeepaliveGo},
}

// limit fills in how many keepalives are sent before the end gives up, and whose defaults they follow.
func (r *run) limit(t *record.Timer) {
	if t.GaveUp {
		t.Limit = record.Count{Number: r.count, Known: true}
	}
	if r.firstAfter == unknown {
		return
	}
	if r.streak < 2 || r.answered { // only unanswered keepalives show the interval
		if about(r.firstAfter, 7200e9) {
			t.Defaults = record.KeepaliveRFC1122
		}
		return
	}
	for _, d := range &keepaliveDefaults {
		fits := r.count == d.probes || !t.GaveUp && r.count < d.probes
		if fits && about(r.firstAfter, d.idle) && about(r.gap, d.interval) {
			t.Defaults = d.whose
			t.Limit = record.Count{Number: d.probes, Known: true}
			return
		}
	}
}

// about reports whether a wait fits a timer that is late by at most a hundredth, or a quarter of a second.
func about(wait, timer int64) bool {
	late := wait - timer
	return -timer/100 <= late && late <= max(timer/100, 250e6)
}
