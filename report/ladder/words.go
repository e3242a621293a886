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
		text := "it changes nothing: nobody waits for an answer to a SYN"
		if state := r.side(r.From).State; state.Known && state.State >= tcpstate.Established {
			text = "it changes nothing: the connection is synchronized"
		}
		r.Remarks = append(r.Remarks, Remark{text, "RFC 5927 §5.2"})
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
	state := r.side(to).State

	switch {
	case r.Of != 0 && syn && !ack:
		say("", "it opens connection %d of the same ports", r.Of)
		return
	case r.Of != 0 && ack && !rst && state.Known && state.State == tcpstate.SynSent:
		say("RFC 9293 §3.10.7.3, first step", "of connection %d of the same ports: it does not acknowledge this SYN, the %s sends an RST", r.Of, to)
		return
	case r.Of != 0:
		say("", "of connection %d of the same ports", r.Of)
		return
	case r.duplicate:
		say("", "the capture holds packet %d twice: this is it again, and does not count", r.duplicateOf)
		return
	case r.badChecksum:
		say("RFC 9293 §3.1", "the checksum is wrong: the %s drops it", to)
		return
	case has(tcpstate.Foreign):
		r.remarkForeign(say)
		return
	}

	// What it repeats.
	switch {
	case has(tcpstate.Keepalive):
		say("RFC 9293 §3.8.4", "keepalive: SEG.SEQ = SND.NXT-1, which has been acknowledged, asks whether the %s is there", to)
	case has(tcpstate.ZeroWindowProbe):
		say("RFC 9293 §3.8.6.1", "zero-window probe: the %s offers no window, the %s asks for it", to, from)
	case has(tcpstate.Again) && r.original != 0 && (syn || fin):
		say("RFC 6298 §5.4", "retransmission of packet %d", r.original)
	case has(tcpstate.Again) && r.original != 0:
		say("RFC 9293 §3.8", "retransmission of packet %d", r.original)
	case has(tcpstate.Again):
		say("RFC 9293 §3.8", "retransmission")
	case r.synText:
		say("RFC 7413 §4.2.2", "the text of the SYN again, for it was not accepted with that")
	case r.fills:
		say("RFC 9293 §3.10.7.4, seventh step", "it brings text that was missing before what has come already")
	case r.oldAck && !rst:
		say("RFC 9293 §3.10.7.4, fifth step", "SEG.ACK is older than what has been acknowledged: overtaken on its way, ignored")
	}

	// What it is for.
	if syn && s.Len > 0 {
		say("RFC 7413 §4.2.2", "the SYN carries %s", text.Counted(uint64(s.Len), "octet"))
	}
	if syn && ack && s.AckRelative != nil && s.AckCheck == CheckGood && *s.AckRelative > 1 {
		say("RFC 7413 §4.2.2", "the SYN's text is accepted with it")
	}
	if has(tcpstate.BadSynAck) {
		say("RFC 9293 §3.10.7.3, first step", "SEG.ACK is not %s: this answers another SYN, the %s sends an RST", relative(1, to), to)
	}
	if has(tcpstate.ResetDoubted) {
		say("RFC 5961 §3.2", "in the window, but not SEG.SEQ = RCV.NXT: the %s sends a challenge ACK and goes on", to)
	}
	if self := r.side(from); rst && len(self.Changes) == 0 && self.State.Known && self.State.State == tcpstate.Closed {
		if r.anew {
			say("RFC 9293 §3.10.7.3, first step", "the %s is in SYN_SENT of its other connection of these ports, and refuses what does not acknowledge that SYN", from)
		} else {
			say("RFC 9293 §3.10.7.1", "from CLOSED: the %s has no such connection", from)
		}
	}
	if rst && !has(tcpstate.ResetAccepted) && !has(tcpstate.ResetDoubted) {
		switch {
		case !state.Known: // see remarkAnswer
		case state.State == tcpstate.Closed:
			say("", "nothing is left at the %s that it could reset", to)
		default:
			say("", "nothing shows that it reached the %s, which had not answered before", to)
		}
	}
	if has(tcpstate.FinsCross) {
		say("RFC 9293 §3.6, figure 13", "the FINs cross: this one left before the other arrived at the %s", from)
	}
	if fin && has(tcpstate.FinAhead) {
		say("RFC 9293 §3.10.7.4, eighth step", "text before this FIN is missing: it does nothing at the %s until that has come", to)
	} else if has(tcpstate.FinAhead) {
		say("", "text before it is missing at the %s", to)
	}
	if has(tcpstate.Unsent) && c.Client.Packets > 0 && c.Server.Packets > 0 {
		say("RFC 9293 §3.4", "it acknowledges what the capture does not hold")
	}
	if has(tcpstate.TimeWaitRestarted) {
		say("RFC 9293 §3.10.7.4, eighth step", "the FIN again in TIME_WAIT: the %s acknowledges it and starts 2MSL again", to)
	}

	// What it disproves.
	if has(tcpstate.SynAckLost) {
		say("RFC 9293 §3.8.1", "so the SYN-ACK did not reach the %s", from)
	}
	if has(tcpstate.AckNotAccepted) {
		say("RFC 9293 §3.10.7.4", "so the ACK of its SYN was lost or not accepted: the %s is in SYN_RCVD still", from)
	}
	if has(tcpstate.AckOfFinLost) {
		say("RFC 9293 §3.8.1", "so the acknowledgement of its FIN did not reach the %s", from)
	}
	if has(tcpstate.FinLost) {
		if fin && has(tcpstate.Again) && (s.AckOfFin || !has(tcpstate.FinsCross)) {
			say("RFC 9293 §3.8.1", "so the FIN had not reached the %s", to)
		} else {
			say("RFC 9293 §3.4", "SEG.ACK stops short of the other side's FIN: that has not reached the %s", from)
		}
	}
	if has(tcpstate.ResetOutlived) {
		say("RFC 5961 §3.2", "the %s goes on: the RST was not its own, or it did not take it", from)
	}
}

// remarkAnswer tells what a segment is the answer to, where that is not plain: an RST to one who has no connection, and
// an ACK to what may be an attack (RFC 5961), if the rung before draws one.
func (r *Rung) remarkAnswer(before *Rung) {
	if r.Kind != RungSegment || r.Of != 0 || r.dropped() || r.duplicate {
		return
	}
	drawn := before.Kind == RungSegment && before.From != r.From
	own, peer := r.side(r.From).State, r.side(other(r.From)).State
	say := func(source Source, format string, args ...any) {
		r.Remarks = append(r.Remarks, Remark{fmt.Sprintf(format, args...), source})
	}
	const control = flows.SYN | flows.FIN | flows.RST | flows.ACK
	switch {
	case r.flags.Has(flows.RST) && !peer.Known && drawn && own.Known && own.State == tcpstate.SynSent:
		say("RFC 9293 §3.10.7.3, first step", "the answer to packet %d", before.Packet)
	case r.flags.Has(flows.RST) && !peer.Known && drawn:
		say("RFC 9293 §3.10.7.1", "the answer to packet %d", before.Packet)
	case r.flags.Has(flows.RST) && !peer.Known:
		say("RFC 9293 §3.10.7.1", "the answer to a segment that is not in the capture")
	case r.flags&control != flows.ACK || r.Segment.Len > 0 || r.effect != 0 || !drawn:
	case before.effect.Has(tcpstate.ResetDoubted):
		say("RFC 5961 §3.2", "the answer to packet %d, a challenge: it tells what the %s expects", before.Packet, r.From)
	case before.flags.Has(flows.SYN) && (before.Of != 0 || before.dropped()) && own.Known && own.State >= tcpstate.Established:
		say("RFC 5961 §4.2", "the answer to packet %d, a challenge: it tells what the %s expects", before.Packet, r.From)
	}
}

// remarkForeign says why a segment changes nothing.
func (r *Rung) remarkForeign(say func(source, format string, args ...any)) {
	to := other(r.From)
	syn, ack, fin, rst := r.flags.Has(flows.SYN), r.flags.Has(flows.ACK), r.flags.Has(flows.FIN), r.flags.Has(flows.RST)
	state := r.side(to).State
	switch {
	case syn && fin, syn && rst:
		say("RFC 9293 §3.10.7", "no TCP sends these flags together: dropped")
	case rst && state.Known && state.State == tcpstate.SynSent:
		say("RFC 9293 §3.10.7.3, second step", "it does not acknowledge the SYN: the %s drops it", to)
	case rst:
		say("RFC 9293 §3.10.7.4, second step", "SEG.SEQ is outside of the window: the %s drops it in silence", to)
	case syn && ack:
		say("RFC 9293 §3.10.7", "a SYN-ACK with another number than this connection's: it changes nothing")
	case syn:
		say("RFC 5961 §4.2", "a SYN with another number inside the connection: the %s sends a challenge ACK and goes on", to)
	case state.Known && state.State == tcpstate.SynSent:
		say("RFC 9293 §3.10.7.3, first step", "it does not acknowledge this SYN but speaks of another connection: the %s sends an RST", to)
	case !ack && (!state.Known || state.State == tcpstate.Closed):
		say("RFC 9293 §3.10.7.1, §3.10.7.2", "it opens nothing: a listener drops it, a closed port answers by an RST")
	case !ack:
		say("RFC 9293 §3.10.7.4, fifth step", "without ACK: the %s drops it", to)
	case r.oldTimestamp:
		say("RFC 7323 §5.3", "its timestamp is older than what has arrived: the %s drops it and sends an ACK", to)
	case r.Segment.AckCheck == CheckBad && r.Segment.SeqCheck != CheckBad:
		say("RFC 9293 §3.10.7.4, fifth step", "it acknowledges what was never sent: the %s drops it and sends an ACK", to)
	default:
		say("RFC 9293 §3.10.7.4, first step", "its numbers are not this connection's: the %s drops it and sends an ACK", to)
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
