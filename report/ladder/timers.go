package ladder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// timerOf is the run of a side's timers that sent a packet, and which of its segments the packet is, from 0.
func timerOf(e *record.Endpoint, packet record.PacketNumber) (t *record.Timer, nth int) {
	for i := range e.Timers {
		if n := slices.Index(e.Timers[i].Packets, uint64(packet)); n >= 0 {
			return &e.Timers[i], n
		}
	}
	return nil, 0
}

var timerSources = map[record.TimerKind]Source{
	record.TimerSyn: "RFC 6298 §2.1", record.TimerSynAck: "RFC 6298 §2.1", record.TimerRTO: "RFC 6298 §5.4",
	record.TimerFast: "RFC 5681 §3.2", record.TimerTLP: "RFC 8985 §7.3", record.TimerPersist: "RFC 9293 §3.8.6.1",
	record.TimerKeepalive: "RFC 9293 §3.8.4", record.TimerFin: "RFC 6298 §5.4",
}

// timerRemark says which timer sent the segment and how long it had waited.
func timerRemark(e *record.Endpoint, packet record.PacketNumber) (r Remark, is bool) {
	t, nth := timerOf(e, packet)
	if t == nil {
		return r, false
	}
	wait := t.FirstAfter
	if nth > 0 {
		wait = t.Intervals[nth-1]
	}
	known := wait != record.NoDuration
	after := "after " + text.Span(wait)
	var words string
	switch {
	case t.Kind == record.TimerFast && nth == 0:
		words = "fast retransmit: duplicate ACKs or SACK showed the loss before the timer ran out"
	case t.Kind == record.TimerFast:
		words = "fast recovery goes on"
	case t.Kind == record.TimerTLP && known:
		words = "tail loss probe " + after + " without an acknowledgement"
	case t.Kind == record.TimerTLP:
		words = "tail loss probe"
	case t.Kind == record.TimerKeepalive:
		words = fmt.Sprintf("probe %d", nth+1)
		if t.Limit.Known {
			words += fmt.Sprintf(" of %d", t.Limit.Number)
		}
		switch {
		case known && nth == 0:
			words += " " + after + " in which the other side sent nothing"
		case known:
			words += " " + after
		}
	case t.Kind == record.TimerPersist && known && nth == 0:
		words = "the persist timer ran out " + after + " of a closed window"
	case t.Kind == record.TimerPersist:
		words = "the persist timer ran out"
		if known {
			words += " again, " + after
		}
	case !known:
		words = "time-out"
	case nth == 0:
		words = "time-out " + after
	default:
		words = "time-out again, " + after
	}
	return Remark{words, timerSources[t.Kind]}, true
}

// verdictTimers tells what the timers of a side have done.
func verdictTimers(side record.Side, e *record.Endpoint) (lines []string) {
	for i := range e.Timers {
		lines = append(lines, verdictTimer(side, &e.Timers[i]))
	}
	if e.TimersLeftOut > 0 {
		lines = append(lines, fmt.Sprintf("The %s has more timer runs: %s are left out.", side,
			text.Counted(e.TimersLeftOut, "run")))
	}
	return lines
}

func verdictTimer(side record.Side, t *record.Timer) string {
	s := fmt.Sprintf(timerVerdicts[t.Kind], side, often(t.Count))
	if w := waits(t); w != "" && t.Kind != record.TimerFast {
		s += ": " + w
	}
	if t.Kind == record.TimerPersist && t.WindowClosed != record.NoDuration {
		s += fmt.Sprintf(". The window was closed for %s", text.Span(t.WindowClosed))
		if t.StillClosed == record.Yes {
			s += ", and is still closed"
		}
	}
	if t.Kind == record.TimerKeepalive {
		s += keepaliveLimit(t)
	}
	switch {
	case t.FollowedBy == record.TimerAnswer && t.Kind != record.TimerPersist:
		s += ". The other side answered"
	case t.FollowedBy == record.TimerRefused:
		s += ". The other side answered with an RST"
	case t.FollowedBy == record.TimerReset:
		s += fmt.Sprintf(". Nothing answered, and the %s gave up with an RST", side)
	case t.FollowedBy == record.TimerSilence:
		s += fmt.Sprintf(". Nothing answered, and the %s gave up in silence", side)
	}
	if t.UnansweredSince != record.NoTime {
		s += ". The last segment of the other side came at " + text.ClockShort(t.UnansweredSince)
	}
	return s + " (" + string(timerSources[t.Kind]) + ")."
}

// timerVerdicts begin the sentences. The first %s is the side, the second how often its timer ran out.
var timerVerdicts = map[record.TimerKind]string{
	record.TimerSyn:    "The %s retransmitted its SYN, %s",
	record.TimerSynAck: "The %s retransmitted its SYN-ACK, %s",
	record.TimerRTO:    "The retransmission timer of the %s ran out, %s",
	record.TimerFast: "The %s retransmitted data that duplicate ACKs or SACK reported lost, %s, before its " +
		"timer ran out",
	record.TimerTLP:       "The %s probed for a lost tail, %s",
	record.TimerPersist:   "The persist timer of the %s ran out, %s",
	record.TimerKeepalive: "The %s sent a keepalive to test whether the other side is there, %s",
	record.TimerFin:       "The %s retransmitted its FIN, %s",
}

// waits are the waits of a run: after 0.2 s, 0.4 s, …; equal ones are counted.
func waits(t *record.Timer) string {
	var parts []string
	var last string
	var equal uint64
	end := func() {
		switch {
		case equal > 1:
			parts = append(parts, text.Count(equal)+" × "+last)
		case equal == 1:
			parts = append(parts, last)
		}
	}
	for _, d := range append([]record.Duration{t.FirstAfter}, t.Intervals...) {
		if d == record.NoDuration {
			continue
		}
		if span := text.Span(d); span != last {
			end()
			last, equal = span, 0
		}
		equal++
	}
	end()
	const shown = 8
	if len(parts) > shown {
		parts = append(parts[:shown], "…")
	}
	if len(parts) == 0 {
		return ""
	}
	s := "after " + strings.Join(parts, ", ")
	if backsOff(t) {
		s += ", the wait doubles (RFC 6298 §5.5)"
	}
	return s
}

// backsOff reports that each wait of a run is about twice the one before.
func backsOff(t *record.Timer) bool {
	switch t.Kind {
	case record.TimerFast, record.TimerTLP, record.TimerKeepalive:
		return false
	}
	before := t.FirstAfter
	for _, d := range t.Intervals {
		if before != record.NoDuration && (d < before*7/4 || d > before*9/4) {
			return false
		}
		before = d
	}
	return len(t.Intervals) > 0 && t.FirstAfter != record.NoDuration || len(t.Intervals) > 1
}

// keepaliveLimit says whose keepalives these are and how many more there would be.
func keepaliveLimit(t *record.Timer) (s string) {
	if t.Limit.Known && !t.GaveUp && t.Limit.Number > t.Count && t.Answered == record.No {
		s = fmt.Sprintf(", of %d before it gives up", t.Limit.Number)
	}
	if whose, known := keepaliveWords[t.Defaults]; known {
		s += "; " + whose
	}
	return s
}

var keepaliveWords = map[record.KeepaliveDefaults]string{
	record.KeepaliveLinux:   "these are the defaults of Linux: 7200 s, 75 s, 9 probes",
	record.KeepaliveBSD:     "these are the defaults of BSD: 7200 s, 75 s, 8 probes",
	record.KeepaliveBSD43:   "these are the defaults of 4.3BSD: 7200 s, 75 s, 10 probes",
	record.KeepaliveWindows: "these are the defaults of Windows: 7200 s, 1 s, 10 probes",
	record.KeepaliveGo:      "these are the defaults of programs in Go: 15 s, 15 s, 9 probes",
	record.KeepaliveRFC1122: "7200 s are the default of RFC 1122 §4.2.3.6",
}
