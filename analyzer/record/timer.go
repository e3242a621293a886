package record

// Timer is one run of a side's timers: what it sent each time a timer expired, until it was answered, gave up or the
// record ended. Keepalives of which each was answered before the next are one run.
type Timer struct {
	// Which timer, or what did its work.
	Kind TimerKind `json:"kind"`
	// The wait before the first timeout, in seconds: since the segment was sent or, if later, since the last new
	// acknowledgement; for a keepalive since the other side's last segment; for a persist timer since the window
	// closed. null: the capture does not show it.
	FirstAfter Duration `json:"first_after_s" field:"null"`
	// The waits before the later timeouts, in seconds, the first fifteen. They double if the timer backs off (RFC 6298
	// §5.5).
	Intervals []Duration `json:"intervals_s"`
	// How often it expired.
	Count uint64 `json:"count"`
	// The packets it sent: the first sixteen.
	Packets []uint64 `json:"packets" field:"ref=packet"`
	// Whether the last packet was answered, by an acknowledgement or an RST. null: the other direction was not
	// captured.
	Answered Answer `json:"answered" field:"null"`
	// The side stopped without an answer: it sent an RST, or the next packet was due and did not come.
	GaveUp bool `json:"gave_up"`
	// What came next; null: nothing by the end of the record, or another timer expired.
	FollowedBy TimerEnd `json:"followed_by" field:"null"`
	// Since when the other side has sent nothing, if the last packet was not answered. null: it was answered, or the
	// other side never sent anything.
	UnansweredSince Time `json:"unanswered_since" field:"null"`
	// How long the window was closed, in seconds, as far as the capture shows. null: the timer is no persist timer.
	WindowClosed Duration `json:"window_closed_s" field:"null"`
	// Whether it was still closed at the end of the record. null: the timer is no persist timer.
	StillClosed Answer `json:"still_closed" field:"null"`
	// For keepalives: how many the side sends before it gives up, from what it did or from its defaults. null: not
	// known.
	Limit Count `json:"limit" field:"null"`
	// For keepalives: the system whose defaults these times are. null: none, or too few were sent.
	Defaults KeepaliveDefaults `json:"defaults" field:"null"`
}

// TimerKind is a timer of TCP, or what does its work sooner.
type TimerKind string

// The kinds.
const (
	TimerSyn    TimerKind = "syn"     // the SYN was retransmitted (RFC 6298 §2.1).
	TimerSynAck TimerKind = "syn_ack" // the SYN-ACK was retransmitted, not to answer a repeated SYN.
	// the first unacknowledged text was retransmitted after a timeout (RFC 6298 §5.4).
	TimerRTO TimerKind = "rto"
	// text was retransmitted because of three duplicate ACKs or of SACK (RFC 5681 §3.2, RFC 6675).
	TimerFast      TimerKind = "fast"
	TimerTLP       TimerKind = "tlp"       // the last text was retransmitted to draw an acknowledgement (RFC 8985 §7).
	TimerPersist   TimerKind = "persist"   // a closed window was probed (RFC 9293 §3.8.6.1).
	TimerKeepalive TimerKind = "keepalive" // an idle peer was probed (RFC 9293 §3.8.4).
	TimerFin       TimerKind = "fin"       // the FIN was retransmitted.
)

// TimerEnd is what came after a run of a timer.
type TimerEnd string

// The ends; empty, null in JSON, if nothing came, or another timer expired.
const (
	TimerGoesOn  TimerEnd = ""
	TimerAnswer  TimerEnd = "answer"  // the other side answered.
	TimerRefused TimerEnd = "refused" // the other side answered by an RST.
	TimerReset   TimerEnd = "reset"   // the side gave up, with an RST of its own.
	TimerSilence TimerEnd = "silence" // the side gave up and sent nothing.
)

// KeepaliveDefaults names the system whose defaults keepalives have: idle time, interval and number of probes.
type KeepaliveDefaults string

// The defaults.
const (
	KeepaliveOther   KeepaliveDefaults = ""
	KeepaliveLinux   KeepaliveDefaults = "linux"   // 7,200 s, 75 s, 9; BSDs differ in the number alone.
	KeepaliveBSD     KeepaliveDefaults = "bsd"     // 7,200 s, 75 s, 8.
	KeepaliveBSD43   KeepaliveDefaults = "4.3bsd"  // 7,200 s, 75 s, 10.
	KeepaliveWindows KeepaliveDefaults = "windows" // 7,200 s, 1 s, 10.
	KeepaliveGo      KeepaliveDefaults = "go"      // 15 s, 15 s, 9: programs in Go.
	// 7,200 s, the least by default (§4.2.3.6); the interval was not seen.
	KeepaliveRFC1122 KeepaliveDefaults = "rfc1122"
)
