package ladder

import (
	"fmt"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/text"
)

// remark says in words what a segment was, where its flags and numbers alone do not.
func (r *Rung) remark(c *record.Connection) {
	if r.Kind == RungICMP && len(r.side(r.From).Changes) == 0 {
		text, source := "it changes nothing: nobody waits for an answer to a SYN", Source("RFC 5927 §5.2")
		switch state := r.side(r.From).State; {
		case state.Known && state.State >= tcpstate.Established:
			text = "it changes nothing: the connection is synchronized"
		case state.Known && (state.State == tcpstate.SynSent || state.State == tcpstate.SynRcvd):
			text, source = fmt.Sprintf("a soft error: it does not end the %s's attempt", r.From), "RFC 1122 §4.2.3.9"
		}
		r.Remarks = append(r.Remarks, Remark{text, source})
	}
	if r.Kind != RungSegment {
		return
	}
	s := r.Segment
	has := r.effect.Has
	say := func(source, format string, args ...any) {
		r.Remarks = append(r.Remarks, Remark{fmt.Sprintf(format, args...), Source(source)})
	}
	syn, ack, fin, rst := r.flags.Has(flows.SYN), r.flags.Has(flows.ACK), r.flags.Has(flows.FIN), r.flags.Has(flows.RST)
	from, to := r.From, other(r.From)

	switch {
	case r.Of != 0 && syn && !ack:
		say("", "it opens connection %d of the same ports", r.Of)
		return
	case r.Of != 0:
		say("", "of connection %d of the same ports", r.Of)
		return
	case r.duplicate:
		say("", "a duplicate of packet %d in the capture; it does not count", r.duplicateOf)
		return
	case r.badChecksum:
		say("RFC 9293 §3.1", "the checksum is wrong: the %s drops it", to)
		return
	case r.provenBy != 0:
		say("", "the %s seemed to drop it; packet %d shows that it arrived", to, r.provenBy)
	case has(tcpstate.Rejected):
		by := r.effect.DroppedBy()
		text, source, _, _ := by.Describe(tcpstate.Closed, false)
		say(source, "%s", text)
	}
	if has(tcpstate.Challenge) {
		say("RFC 5961 §3.2, §4.2", "a challenge ACK: it shows what the %s expects", from)
	}
	if has(tcpstate.Rejected) {
		return
	}

	// What it repeats.
	switch {
	case has(tcpstate.Keepalive):
		say("RFC 9293 §3.8.4",
			"keepalive: SEG.SEQ = SND.NXT-1, which has been acknowledged, asks whether the %s is there", to)
	case has(tcpstate.ZeroWindowProbe):
		say("RFC 9293 §3.8.6.1", "zero-window probe: the window of the %s is closed, and the %s probes it", to, from)
	case has(tcpstate.Retransmission) && r.original != 0 && (syn || fin):
		say("RFC 6298 §5.4", "retransmission of packet %d", r.original)
	case has(tcpstate.Retransmission) && r.original != 0:
		say("RFC 9293 §3.8", "retransmission of packet %d", r.original)
	case has(tcpstate.Retransmission):
		say("RFC 9293 §3.8", "retransmission")
	case r.synText:
		say("RFC 7413 §4.2.2", "the data of the SYN again, because the SYN-ACK did not accept it")
	case r.fills:
		say("RFC 9293 §3.10.7.4, seventh step", "it fills a hole before data that has already arrived")
	case r.oldAck && !rst:
		say("RFC 9293 §3.10.7.4, fifth step",
			"SEG.ACK is older than an earlier acknowledgement: overtaken on the path, ignored")
	}

	sender := &c.Client
	if from == record.Server {
		sender = &c.Server
	}
	if timer, is := timerRemark(sender, r.Packet); is {
		r.Remarks = append(r.Remarks, timer)
	}

	// What it is for.
	if syn && s.Len > 0 {
		say("RFC 7413 §4.2.2", "the SYN carries %s", text.Counted(uint64(s.Len), "octet"))
	}
	if syn && ack && s.AckRelative != nil && s.AckCheck == CheckGood && *s.AckRelative > 1 {
		say("RFC 7413 §4.2.2", "it also accepts the data of the SYN")
	}
	if has(tcpstate.BadSynAck) {
		say("RFC 9293 §3.10.7.3, first step", "SEG.ACK is not %s: this answers another SYN, the %s sends an RST",
			relative(1, to), to)
	}
	if has(tcpstate.ResetDoubted) {
		say("RFC 5961 §3.2", "in the window, but not SEG.SEQ = RCV.NXT: the %s must answer with a challenge ACK", to)
	}
	if has(tcpstate.FinsCross) {
		say("RFC 9293 §3.6, figure 13", "the FINs cross: this one left before the other arrived at the %s", from)
	}
	if fin && has(tcpstate.FinAhead) {
		say("RFC 9293 §3.10.7.4, eighth step",
			"data before this FIN is missing: it has no effect at the %s until the data has arrived", to)
	} else if has(tcpstate.FinAhead) {
		say("", "data before it is missing at the %s", to)
	}
	if has(tcpstate.Unsent) && c.Client.Packets > 0 && c.Server.Packets > 0 {
		say("RFC 9293 §3.4", "it acknowledges data that the capture lacks")
	}
	if has(tcpstate.AnswersKeepalive) {
		say("RFC 9293 §3.8.4", "the %s's segment before it lay below this number: it was a keepalive", to)
	}
	if has(tcpstate.TimeWaitRestarted) {
		say("RFC 9293 §3.10.7.4, eighth step",
			"a retransmitted FIN in TIME_WAIT: the %s acknowledges it and restarts 2MSL", to)
	}
}

// relative is a relative number as text: x+1.
func relative(n int64, side record.Side) string {
	name := "x"
	if side == record.Server {
		name = "y"
	}
	if n == 0 {
		return name
	}
	return fmt.Sprintf("%s%+d", name, n)
}
