package tcpstate

import "strings"

// Effect says what a segment did or showed in its connection. The highest bits are the Rule by which it was dropped.
type Effect uint32

// The effects; a segment can have several.
const (
	// Rejected: its numbers do not fit what the alleged sender and receiver have exchanged. It changed nothing.
	Rejected Effect = 1 << iota
	// Retransmission: all of its sequence space had passed before.
	Retransmission
	// Keepalive: RFC 9293 §3.8.4.
	Keepalive
	// ZeroWindowProbe: RFC 9293 §3.8.6.1.
	ZeroWindowProbe
	// ResetAccepted: an RST that closed its receiver.
	ResetAccepted
	// ResetDoubted: an RST in the window, not exact: the receiver should ask (RFC 5961 §3.2).
	ResetDoubted
	// SynAckLost: a SYN retransmitted after a SYN-ACK that should have reached its sender.
	SynAckLost
	// AckNotAccepted: a SYN-ACK retransmitted after the ACK that should have completed the handshake.
	AckNotAccepted
	// FinLost: its sender had not received the FIN that should have reached it, or its receiver had not received it
	// the first time.
	FinLost
	// FinsCross: a FIN that left before the other one, already seen, arrived.
	FinsCross
	// AckOfFinLost: a FIN retransmitted after an acknowledgement that should have reached its sender.
	AckOfFinLost
	// FinAhead: a FIN before which text is missing: its receiver can do nothing yet.
	FinAhead
	// ResetOutlived: its sender continues after an RST that it sent or should have accepted.
	ResetOutlived
	// Unsent: it acknowledges data that the capture lacks.
	Unsent
	// TimeWaitRestarted: a retransmitted FIN arrived in TIME_WAIT (RFC 9293 §3.10.7.4, eighth step).
	TimeWaitRestarted
	// BadSynAck: a SYN-ACK that acknowledges another number than the SYN's (RFC 9293 §3.10.7.3).
	BadSynAck
	// Challenge: a challenge ACK. It answers an RST in the window or a SYN inside the connection (RFC 5961 §3.2, §4.2),
	// or a SYN for which its sender has another connection, and shows what its sender expects.
	Challenge
	// AnswersKeepalive: it shows that the first segment of its sender's peer was a keepalive.
	AnswersKeepalive
	// BehindFin: its receiver ignores its text or FIN, because they lie behind a FIN that has arrived.
	BehindFin
	// Duplicate: the capture holds it a second time. The caller finds this, not the state machine.
	Duplicate
	// BadChecksum: its receiver drops it (RFC 9293 §3.1). The caller finds this too.
	BadChecksum
	// ResetNotExact: it shows that its sender had received an RST, but expected another number.
	ResetNotExact
)

const ruleShift = 24 // above the effects

// Dropped returns the effect of a segment that changes nothing, because of a rule.
func Dropped(by Rule) Effect { return Rejected | Effect(by)<<ruleShift }

// DroppedBy returns the rule by which a segment was dropped, NoRule for others.
func (e Effect) DroppedBy() Rule { return Rule(e >> ruleShift) }

// Has reports whether e has all effects of want.
func (e Effect) Has(want Effect) bool { return e&want == want }

// effects are the words of the effects, in the order of their bits.
var effects = [...]string{
	"foreign",
	"again",
	"keepalive",
	"zero_window_probe",
	"reset_accepted",
	"reset_doubted",
	"syn_ack_lost",
	"ack_not_accepted",
	"fin_lost",
	"fins_cross",
	"ack_of_fin_lost",
	"fin_ahead",
	"reset_outlived",
	"unsent",
	"time_wait_restarted",
	"bad_syn_ack",
	"challenge",
	"answers_keepalive",
	"behind_fin",
	"duplicate",
	"bad_checksum",
	"reset_untaken",
}

// String returns the words of the effects, separated by |, and the rule that dropped the segment.
func (e Effect) String() string {
	var words []string
	for i, word := range effects {
		if e.Has(1 << i) {
			words = append(words, word)
		}
	}
	if by := e.DroppedBy(); by != NoRule {
		words = append(words, "by "+by.String())
	}
	return strings.Join(words, "|")
}
