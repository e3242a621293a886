package ladder

import (
	"fmt"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// verdict tells the whole of a record in sentences.
func verdict(c *record.Connection) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }

	say("%s", verdictOpening(c))
	if s := verdictClosing(c); s != "" {
		say("%s", s)
	}
	if s := verdictOrigin(c); s != "" {
		say("%s", s)
	}
	for _, line := range append(verdictTimers(record.Client, &c.Client), verdictTimers(record.Server, &c.Server)...) {
		say("%s", line)
	}
	for i := range c.TimeWait {
		say("%s", verdictTimeWait(c, &c.TimeWait[i]))
	}
	if h := c.HalfOpen; h != nil && h.Survivor == record.NoSide {
		say("Half-open, or lost on both sides (RFC 9293 §3.5.1): one side gave up. The other had sent nothing since "+
			"%s, and nothing shows whether it still has the connection.",
			text.ClockShort(h.Since))
	} else if h != nil {
		how := "and nothing in the capture told it so"
		if h.DiscoveredBy != record.DiscoveredNever {
			by := map[record.DiscoveredBy]string{
				record.DiscoveredSyn: "that side's SYN", record.DiscoveredData: "its own data",
				record.DiscoveredFin: "its own FIN", record.DiscoveredKeepalive: "its own keepalive",
			}[h.DiscoveredBy]
			how = fmt.Sprintf("and learned it by %s, %s after the last sign of the connection there", by,
				text.Span(text.Between(h.Since, h.At)))
		}
		say("Half-open (RFC 9293 §3.5.1): the %s still had the connection when the other side had lost it, %s.",
			h.Survivor, how)
	}
	if s := verdictObserver(c); s != "" {
		say("%s", s)
	}
	say("%s", verdictEnd(c))
	return lines
}

func verdictOpening(c *record.Connection) string {
	h := &c.Handshake
	switch h.Outcome {
	case record.OutcomeComplete:
		s := "Opened by the client"
		if h.SynAckPacket != 0 && h.AckPacket != 0 {
			s += fmt.Sprintf(": SYN, SYN-ACK and ACK are packets %d, %d and %d", h.SynPacket, h.SynAckPacket,
				h.AckPacket)
		}
		if rtt := text.HandshakeRTT(c); rtt != record.NoDuration {
			s += fmt.Sprintf("; the round trip took %s", text.Span(rtt))
		}
		return s + "."
	case record.OutcomeFastOpen:
		return "Opened by the client with Fast Open (RFC 7413): the text in the SYN was accepted."
	case record.OutcomeSimultaneous:
		return "Opened by both sides at once (RFC 9293 §3.5, figure 7)."
	case record.OutcomeRefused:
		return "Refused: an RST answered the SYN, nobody listens there or a firewall says so."
	case record.OutcomeUnreachable:
		if i := h.ICMP; i != nil {
			return fmt.Sprintf("Not opened: an ICMP error of %s says that the SYN cannot be delivered: %s.", i.From,
				i.Meaning)
		}
		return "Not opened: an ICMP error says that the SYN cannot be delivered."
	case record.OutcomeChallenged:
		return "Not opened: the server answered the SYN by an ACK with other numbers, it still has an earlier " +
			"connection of these ports."
	case record.OutcomeUnanswered:
		return fmt.Sprintf("Not opened: nothing answered the SYN, which was sent %s.", often(c.Client.Syns))
	case record.OutcomeEmbryonic:
		return fmt.Sprintf("Not opened: the SYN-ACK, which was sent %s, was never acknowledged: an embryonic "+
			"connection (RFC 4987).", often(c.Server.Syns))
	case record.OutcomeAborted:
		if r := c.Teardown.Reset; r != nil && c.Teardown.Kind != record.TeardownReset {
			return fmt.Sprintf("Not opened: the SYN-ACK came, but an RST of the %s (packet %d) ended the attempt.",
				r.By, r.Packet)
		}
		return "Not opened: the SYN-ACK came, but an RST ended the attempt."
	case record.OutcomeUnseen:
		return "The opening is not in the capture."
	case record.OutcomePartial:
		return "Opened, but not the whole handshake is in the capture."
	}
	return "A stray: the packets seen do not make a connection."
}

func often(n uint64) string {
	if n == 1 {
		return "once"
	}
	if n == 2 {
		return "twice"
	}
	return text.Count(n) + " times"
}

func verdictClosing(c *record.Connection) string {
	t := &c.Teardown
	fin := func(side record.Side) string {
		e := &c.Client
		if side == record.Server {
			e = &c.Server
		}
		if e.Fin == nil {
			return "a FIN that is not in the capture"
		}
		return fmt.Sprintf("the FIN of packet %d", e.Fin.Packet)
	}
	halfClosed := ""
	if t.HalfClosed > max(text.HandshakeRTT(c), 0) {
		halfClosed = fmt.Sprintf("; for %s it was half-closed", text.Span(t.HalfClosed))
	}
	switch t.Kind {
	case record.TeardownFourWay:
		return fmt.Sprintf("Closed by the %s first, with %s; four segments close it (RFC 9293 §3.6, figure 12)%s.",
			t.Initiator, fin(t.Initiator), halfClosed)
	case record.TeardownThreeSegment:
		return fmt.Sprintf("Closed by the %s first, with %s; the other FIN is also its acknowledgement, so that "+
			"three segments close it (RFC 9293 §3.6)%s.", t.Initiator, fin(t.Initiator), halfClosed)
	case record.TeardownSimultaneous:
		return fmt.Sprintf("Closed by both sides at once: %s and %s cross (RFC 9293 §3.6, figure 13).",
			fin(record.Client), fin(record.Server))
	case record.TeardownHalfClosed:
		return fmt.Sprintf("Half-closed: the %s has closed its direction with %s, the other one is open.", t.Initiator,
			fin(t.Initiator))
	case record.TeardownIncomplete:
		if c.Client.Packets == 0 || c.Server.Packets == 0 {
			return fmt.Sprintf("The %s closes with %s; the other direction is not in the capture.", t.Initiator,
				fin(t.Initiator))
		}
		return fmt.Sprintf("The %s began to close with %s, but a FIN was never acknowledged.",
			t.Initiator, fin(t.Initiator))
	case record.TeardownReset:
		r := t.Reset
		s := fmt.Sprintf("Reset by the %s with the RST of packet %d", r.By, r.Packet)
		if r.Answers != record.AnswersNothing {
			s += ", the answer to " + answeredWords[r.Answers]
		} else {
			s += ", of its own accord"
		}
		if r.ReceiverState.Known {
			s += fmt.Sprintf("; the other side was in %s", r.ReceiverState.State)
		}
		if t.Initiator != record.NoSide && (c.Client.Fin != nil || c.Server.Fin != nil) {
			s += fmt.Sprintf(". The %s had begun to close with %s", t.Initiator, fin(t.Initiator))
		}
		return s + "."
	}
	return ""
}

// verdictOrigin tells who made the RST, where its TTL is not simply its sender's.
func verdictOrigin(c *record.Connection) string {
	r := c.Teardown.Reset
	if r == nil || !r.SenderTTL.Known || r.TTL == r.SenderTTL {
		return ""
	}
	s := fmt.Sprintf("The RST has a TTL of %d, the %s's other segments have %d: ", r.TTL.Number, r.By,
		r.SenderTTL.Number)
	switch r.Origin {
	case record.OriginEndpoint:
		return s + "it came over as many hops with another initial TTL, as some systems use for RSTs."
	case record.OriginElsewhere:
		return s + "another device on the path made it."
	}
	if c.Client.Packets == c.Client.Syns+c.Client.Rsts && r.By == record.Client {
		return s + "the SYN was forged, old, or made by a scanner, or another device made the RST."
	}
	return s + "its maker is not known."
}

// verdictObserver tells where the capture was taken.
func verdictObserver(c *record.Connection) string {
	o, h := &c.Observer, &c.Handshake
	if o.Why == record.NoObserverEvidence {
		return ""
	}
	times := fmt.Sprintf("the SYN-ACK came %s after the SYN, the ACK %s after that", text.Span(h.ServerRTT),
		text.Span(h.ClientRTT))
	hops := fmt.Sprintf("by their TTLs the client is %s away and the server %s",
		text.Counted(o.ClientHops.Number, "hop"),
		text.Counted(o.ServerHops.Number, "hop"))
	why := map[record.ObserverEvidence]string{
		record.NearerByHandshake: times, record.NearerByTTL: hops, record.NearerByBoth: times + "; " + hops,
		record.NearerContradicted: times + ", but " + hops,
	}[o.Why]
	if o.Nearer == record.NoSide {
		return "Where it was captured is not clear: " + why + "."
	}
	return fmt.Sprintf("Captured nearer the %s: %s.", o.Nearer, why)
}

var answeredWords = map[record.ResetAnswers]string{
	record.AnswersSyn: "a SYN", record.AnswersData: "data", record.AnswersFin: "a FIN", record.AnswersAck: "an ACK",
	record.AnswersKeepalive: "a probe",
}

func verdictTimeWait(c *record.Connection, w *record.TimeWait) string {
	s := fmt.Sprintf("The %s entered TIME_WAIT at %s", w.Side, text.ClockShort(w.Entered))
	if w.Restarts > 0 {
		s += fmt.Sprintf(", restarted it %s", often(w.Restarts))
	}
	assumed := fmt.Sprintf("with an assumed 2MSL of %s (--msl)", text.Span(w.TwoMSL))
	switch w.EndedBy {
	case record.TimeWaitExpired:
		return fmt.Sprintf("%s and left it at %s, %s.", s, text.ClockShort(w.Entered+record.Time(w.Observed)), assumed)
	case record.TimeWaitReused:
		return fmt.Sprintf("%s and ended it after %s for the next connection on these ports.", s, text.Span(w.Observed))
	case record.TimeWaitReset:
		return fmt.Sprintf("%s, which an RST ended after %s.", s, text.Span(w.Observed))
	}
	return fmt.Sprintf("%s and holds it until %s, %s.", s, text.ClockShort(w.Expires), assumed)
}

func verdictEnd(c *record.Connection) string {
	name := func(e *record.Endpoint) string {
		switch {
		case !e.State.Known:
			return "an unknown state"
		case e.States[len(e.States)-1].Evidence == record.Inferred:
			return "~" + e.State.State.String()
		}
		return e.State.State.String()
	}
	why := map[record.EndedBy]string{
		record.EndClosed:          "the connection is closed",
		record.EndTimeWaitExpired: "TIME_WAIT is over",
		record.EndReset:           "the connection was reset",
		record.EndSuperseded:      "the next connection of these ports took its place",
		record.EndIdle:            "it was silent for longer than --idle-limit or --embryonic-limit",
		record.EndEvicted:         "memory was short",
		record.EndCaptureEnd:      "the capture ends here",
		record.EndOpen:            "the capture goes on",
	}[c.EndedBy]
	if c.Client.State == c.Server.State && c.Client.State.Known {
		return fmt.Sprintf("At the end both sides are in %s: %s.", c.Client.State.State, why)
	}
	return fmt.Sprintf("At the end the client is in %s and the server in %s: %s.", name(&c.Client),
		name(&c.Server), why)
}

// advice is the catalogue's word on a finding.
func advice(code string) (kind record.FindingKind) {
	for _, k := range record.Catalogue() {
		if k.Code == code {
			return k
		}
	}
	return kind
}
