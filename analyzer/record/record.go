package record

import (
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Schema is the number of the record's format. It changes only when a name or a meaning does.
const Schema = 1

// Connection is one incarnation of a 4-tuple, from its first segment to the moment after which nothing more can
// happen to it.
type Connection struct {
	Record string `json:"record" const:"connection"`
	Schema int    `json:"schema" const:"1"`
	ID     uint64 `json:"id" field:"ref=id"`
	// The incarnation of the same 4-tuple before this one; null: none was seen.
	PreviousID PacketNumber `json:"previous_id" field:"null,ref=id"`
	// Community ID v1 with seed 0, as other network tools write it.
	CommunityID flows.CommunityID `json:"community_id"`
	// The headers around the innermost IP header of the first packet, outermost first.
	Encapsulation []flows.Layer `json:"encapsulation" csv:"words=kind:id"`
	// Time of the first packet.
	Start Time `json:"start"`
	// The same in nanoseconds since 1970-01-01T00:00:00Z. Programs that compute with 64-bit floating point, such as jq
	// and JavaScript, round it to some 256 ns.
	StartNS int64 `json:"start_ns"`
	// Time of the last packet.
	End Time `json:"end"`
	// The same in nanoseconds since 1970-01-01T00:00:00Z.
	EndNS int64 `json:"end_ns"`
	// From the first packet to the last, in seconds.
	Duration Duration `json:"duration_s"`
	// Why the record ended: both sides closed, TIME_WAIT expired on the capture's clock, an accepted RST, a new
	// incarnation of the 4-tuple, the idle limit, the limit of memory, or the capture's end; open: it has not ended,
	// and this is its state when live was asked.
	EndedBy EndedBy `json:"ended_by"`
	Ended   Time    `json:"-"` // when that was: nothing later is known of it
	// The side that opened the connection; see role_evidence.
	Client Endpoint `json:"client"`
	// The other side.
	Server Endpoint `json:"server"`
	// How it is known which side opened, best first: a SYN, a SYN-ACK, the better known port, or only who sent the
	// first packet.
	RoleEvidence RoleEvidence `json:"role_evidence"`
	Handshake    Handshake    `json:"handshake"`
	Teardown     Teardown     `json:"teardown"`
	// Requests of the client that the server answered: how often data of the server followed data of the client. null:
	// a direction was not captured, or neither side sent data.
	Exchanges Count `json:"exchanges" field:"null"`
	// Times without new data; null: as for exchanges.
	Idle *Idle `json:"idle" field:"null"`
	// How the connection is used; null: as for exchanges, or no pattern fits.
	Pattern Pattern `json:"pattern" field:"null"`
	// Where on the path the capture was taken.
	Observer Observer `json:"observer"`
	// The stays in TIME_WAIT: none, one, or after a simultaneous close two.
	TimeWait []TimeWait `json:"time_wait" field:"items=2" csv:"by=side"`
	// Not null: one side lost the connection and the other did not know (RFC 9293 §3.5.1).
	HalfOpen *HalfOpen `json:"half_open" field:"null"`
	// Findings about the connection.
	Findings []Finding `json:"findings" csv:"words=code"`
	// Zeek's words for the connection; null: not determined.
	Zeek *Zeek `json:"zeek" field:"null"`
	// tshark's words for the connection; null: not determined.
	Tshark *Tshark `json:"tshark" field:"null"`
}

// Endpoint is what one side sent, and the states it went through.
type Endpoint struct {
	IP netip.Addr `json:"ip"`
	// TCP port.
	Port uint16 `json:"port" field:"ref=port"`
	// Initial sequence number; null: not known.
	ISN Seq `json:"isn" field:"null"`
	// inferred: the SYN is not in the capture, its acknowledgement is; null: isn is null.
	ISNEvidence Evidence `json:"isn_evidence" field:"null"`
	// Whether the SYN was acknowledged: by exactly isn+1, or beyond for data in the SYN. false: another number was
	// acknowledged. null: only an RST or nothing answered, or there was no SYN.
	SynAcked Answer `json:"syn_acked" field:"null"`
	// SYNs and SYN-ACKs sent, retransmissions included; capture duplicates count once.
	Syns uint64 `json:"syns"`
	// FINs sent, retransmissions included; capture duplicates count once.
	Fins uint64 `json:"fins"`
	// RSTs sent; capture duplicates count once.
	Rsts uint64 `json:"rsts"`
	// The first FIN; null: none was sent.
	Fin *Fin `json:"fin" field:"null"`
	// Every TCP packet of this side.
	Packets uint64 `json:"packets"`
	// Packets that the capture has a second time.
	CaptureDuplicates uint64 `json:"capture_duplicates"`
	// Payload in bytes of sequence space: retransmitted bytes count once.
	Bytes uint64 `json:"bytes"`
	// Bytes of all its packets from the IP header on, retransmissions and capture duplicates included.
	IPBytes uint64 `json:"ip_bytes"`
	// Retransmitted packets.
	RetransmittedPackets uint64 `json:"retransmitted_packets"`
	// Keepalive probes (RFC 9293 §3.8.4).
	Keepalives uint64 `json:"keepalives"`
	// Probes of a closed window (RFC 9293 §3.8.6.1).
	ZeroWindowProbes uint64 `json:"zero_window_probes"`
	// What its SYN or SYN-ACK offered; null: that was not captured.
	Options *Options `json:"options" field:"null"`
	// Its segments with marks of congestion or of urgency.
	Marks Marks `json:"marks"`
	// Why it retransmitted or probed: the runs of its timers, in the order in which they began. Of each kind the first
	// three and the last.
	Timers []Timer `json:"timers" csv:"words=kind"`
	// Further runs, between the third of a kind and the last.
	TimersLeftOut uint64 `json:"timers_left_out"`
	// At the end of the record; null, with no states: nothing is known of this side.
	State StateOrNone `json:"state" field:"null"`
	// The states it went through, in order; the first is the first one proven.
	States []StateEntry `json:"states" csv:"words=state"`
	// States that later evidence withdrew, in the order of withdrawal; the first eight.
	Withdrawn []Withdrawn `json:"withdrawn" csv:"words=state"`
	// Further withdrawn states, after the first eight.
	WithdrawnLeftOut uint64 `json:"withdrawn_left_out"`
}

// StateOrNone is a state of RFC 9293, or none if nothing is known of the endpoint.
type StateOrNone struct {
	State tcpstate.State
	Known bool
}

// MarshalJSON gives the state's name, or null.
func (s StateOrNone) MarshalJSON() ([]byte, error) {
	if !s.Known {
		return []byte("null"), nil
	}
	return marshalWord(s.State.String())
}

// StateEntry is the beginning of a state.
type StateEntry struct {
	State tcpstate.State `json:"state"`
	At    Time           `json:"at"`
	// The packet that caused or disclosed it; null: a timer did.
	Packet   PacketNumber `json:"packet" field:"null"`
	Evidence Evidence     `json:"evidence"`
	// The rule by which the endpoint came into it.
	Rule tcpstate.Rule `json:"rule"`
}

// Withdrawn is a state that later evidence withdrew.
type Withdrawn struct {
	State tcpstate.State `json:"state"`
	// When the state seemed to begin.
	At Time `json:"at"`
	// The packet that seemed to cause it; null: a timer.
	Packet PacketNumber `json:"packet" field:"null"`
	// The rule that withdrew it.
	Rule tcpstate.Rule `json:"rule"`
	// The packet that showed that it was wrong; null: silence did.
	ByPacket PacketNumber `json:"by_packet" field:"null"`
}

// Fin is a FIN.
type Fin struct {
	// Sequence number of the FIN itself, after the data of its segment.
	Seq uint32 `json:"seq" field:"ref=sequence_number"`
	// The packet that held it; null: it is inferred from its acknowledgement.
	Packet PacketNumber `json:"packet" field:"null"`
	// Whether it was acknowledged; null: the other direction was not captured.
	Acked Answer `json:"acked" field:"null"`
}

// Found reports whether the record has a finding of a kind.
func (c *Connection) Found(code FindingCode) bool {
	return slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.Code == code.String() })
}

// Held returns the states of a side for counts of sockets. It leaves out a client's ESTABLISHED that only a SYN-ACK on
// its way shows: the client has sent nothing since, and its address may be forged.
func (c *Connection) Held(e *Endpoint) []StateEntry {
	last := len(e.States) - 1
	unspoken := e == &c.Client && c.Handshake.Outcome == OutcomeEmbryonic && last > 0 &&
		e.States[last].State == tcpstate.Established && e.States[last].Evidence == Inferred
	if unspoken {
		return e.States[:last]
	}
	return e.States
}

// Handshake is how the connection was opened (RFC 9293 §3.5).
type Handshake struct {
	Outcome Outcome `json:"outcome"`
	// Time of the client's first SYN; null: not seen.
	SynAt Time `json:"syn_at" field:"null"`
	// Its packet; null: not seen.
	SynPacket PacketNumber `json:"syn_packet" field:"null"`
	// Time of the first SYN-ACK; null: not seen.
	SynAckAt Time `json:"syn_ack_at" field:"null"`
	// Its packet; null: not seen.
	SynAckPacket PacketNumber `json:"syn_ack_packet" field:"null"`
	// Time of the ACK that completed the handshake; null: not seen.
	AckAt Time `json:"ack_at" field:"null"`
	// Its packet; null: not seen.
	AckPacket PacketNumber `json:"ack_packet" field:"null"`
	// SEG.SEQ of the segment that completed it. It is the client's ISN+1, the ISN of a keepalive, more if text before
	// it is missing, and another number if the SYN-ACK answers another SYN (bad_syn_ack). null: not seen.
	AckSeq Seq `json:"ack_seq" field:"null"`
	// SEG.ACK of that segment, which is the server's ISN+1 or more; null: not seen.
	AckAck Seq `json:"ack_ack" field:"null"`
	// Explicit Congestion Notification (RFC 3168 §6.1.1); null: the SYN or its answer was not captured.
	ECN ECN `json:"ecn" field:"null"`
	// Multipath TCP; null: the connection has no part in it.
	MPTCP *MPTCP `json:"mptcp" field:"null"`
	// The ICMP error about the SYN or the SYN-ACK that ended the attempt or, without one, the first; null: none was
	// seen.
	ICMP *ICMP `json:"icmp" field:"null"`
	// From SYN to SYN-ACK in seconds, of the transmissions that were answered: the round trip from the capture to the
	// server. null: not known.
	ServerRTT Duration `json:"server_rtt_s" field:"null"`
	// From SYN-ACK to ACK, in the same way: the round trip from the capture to the client. null: not known.
	ClientRTT Duration `json:"client_rtt_s" field:"null"`
}

// Teardown is how the connection was closed (RFC 9293 §3.6).
type Teardown struct {
	Kind TeardownKind `json:"kind"`
	// Who sent the first FIN or, without one, the RST that ended it; null: neither was sent.
	Initiator Side `json:"initiator" field:"null"`
	// Time of that FIN or RST; null: neither was sent.
	At Time `json:"at" field:"null"`
	// The silence before the first FIN, in seconds; null: there was no FIN, or nothing before it.
	Idle Duration `json:"idle_s" field:"null"`
	// From the first FIN's acknowledgement to the second FIN, in seconds; null: one of them is missing.
	HalfClosed Duration `json:"half_closed_s" field:"null"`
	// The first RST that was accepted; null: none was.
	Reset *Reset `json:"reset" field:"null"`
}

// Reset is an RST that its receiver accepted (RFC 9293 §3.10.7, RFC 5961 §3).
type Reset struct {
	// Who sent it; null: not known.
	By Side `json:"by" field:"null"`
	// The packet that held it.
	Packet PacketNumber `json:"packet" field:"null"`
	// The receiver's state before it; null: not known.
	ReceiverState StateOrNone `json:"receiver_state" field:"null"`
	// The kind of segment that it answers.
	Answers ResetAnswers `json:"answers"`
	// The silence before it in seconds: of both sides, or of its sender if it answers something. null: not known.
	Idle Duration `json:"idle_s" field:"null"`
	// Its TTL or hop limit; null: not known, because the connection had more than eight RSTs before it.
	TTL Count `json:"ttl" field:"null"`
	// The TTL of its sender's other segments, the nearest if they differ; null: no other was captured.
	SenderTTL Count `json:"sender_ttl" field:"null"`
	// The text of the first RST of its sender that has one; null: none has.
	Text Reason `json:"text" field:"null"`
	// The device that made it, by the TTLs alone: whether equally many routers explain both TTLs, from an initial TTL
	// of 64, 128 or 255. null: there is nothing to compare, or only an initial TTL of 32 explains the difference, or
	// its sender's other segments differ themselves; or only its SYN differs, which may be forged, old, or from a
	// scanner.
	Origin Origin `json:"origin" field:"null"`
}

// TimeWait is one side's stay in TIME_WAIT (RFC 9293 §3.6.1).
type TimeWait struct {
	Side    Side `json:"side"`
	Entered Time `json:"entered"`
	// Retransmitted FINs that started 2MSL again.
	Restarts uint64 `json:"restarts"`
	// The time it lasts, by the chosen MSL, in seconds.
	TwoMSL Duration `json:"two_msl_s"`
	// When TIME_WAIT will be over.
	Expires Time `json:"expires"`
	// What ended it: the capture, its time, a new incarnation of the 4-tuple, an RST, or the limit of memory; running:
	// it was reported before its end.
	EndedBy TimeWaitEndedBy `json:"ended_by"`
	// If it was reused: whether the ISN of the new connection shows that its host was in TIME_WAIT until then (Linux:
	// the old SND.NXT + 65537). null: it was not reused.
	ReuseProven Answer `json:"reuse_proven" field:"null"`
	// How much of it the capture shows, in seconds.
	Observed Duration `json:"observed_s"`
}

// HalfOpen is a connection that one side had lost without the other's knowledge.
type HalfOpen struct {
	// The side that continued; null: the other side gave it up because it did not answer, and nothing shows that it
	// still exists.
	Survivor Side `json:"survivor" field:"null"`
	// Since when: the last sign of the connection on the side that lost it or, if survivor is null, on the side that
	// was given up. null: not known.
	Since Time `json:"since" field:"null"`
	// When it was discovered; null: never.
	At Time `json:"at" field:"null"`
	// The kind of the survivor's segment, or of the other side's (syn), that disclosed it; null: never.
	DiscoveredBy DiscoveredBy `json:"discovered_by" field:"null"`
}

// Finding is a statement about a connection.
type Finding struct {
	// The name of what was found.
	Code string `json:"code"`
	// Its severity.
	Severity Severity `json:"severity"`
	// The side it is about; null: both, or neither.
	Side Side `json:"side" field:"null"`
	// The packets that show it.
	Packets []uint64 `json:"packets" field:"ref=packet"`
	// One sentence about this case.
	Detail string `json:"detail"`
}

// Zeek is how Zeek would log the connection in conn.log.
type Zeek struct {
	// SF, S0, REJ, …
	ConnState string `json:"conn_state"`
	// A letter for each event, the originator's in upper case.
	History string `json:"history"`

	Duration    Duration `json:"-"` // without what came after both FINs; NoDuration if all packets have one time
	OrigBytes   uint64   `json:"-"` // by sequence numbers, so with what was not captured
	RespBytes   uint64   `json:"-"`
	MissedBytes uint64   `json:"-"` // acknowledged, and not captured
	OrigPackets uint64   `json:"-"`
	OrigIPBytes uint64   `json:"-"`
	RespPackets uint64   `json:"-"`
	RespIPBytes uint64   `json:"-"`
}

// Tshark is how tshark would judge the connection.
type Tshark struct {
	// tcp.completeness: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST, added up.
	Completeness int `json:"completeness" field:"min=0,max=63"`
}

// Side is one of the two endpoints by its role.
type Side uint8

// The sides; NoSide is neither, or not known.
const (
	NoSide Side = iota
	Client
	Server
)

// String is client, server, or empty for NoSide.
func (s Side) String() string { return [...]string{"", "client", "server"}[s] }

// MarshalJSON gives the name, or null.
func (s Side) MarshalJSON() ([]byte, error) { return marshalWord(s.String()) }

// Evidence is how something is known.
type Evidence string

// The kinds of evidence.
const (
	NoEvidence Evidence = ""
	Seen       Evidence = "seen"     // packets show it.
	Inferred   Evidence = "inferred" // it follows from packets that are not the thing itself.
)

// EndedBy says why a record ended.
type EndedBy string

// The ends of a record.
const (
	EndClosed          EndedBy = "closed"
	EndTimeWaitExpired EndedBy = "time_wait_expired"
	EndReset           EndedBy = "reset"
	EndSuperseded      EndedBy = "superseded"
	EndIdle            EndedBy = "idle"
	EndEvicted         EndedBy = "evicted"
	EndCaptureEnd      EndedBy = "capture_end"
	EndOpen            EndedBy = "open" // it has not ended: this is its state now
)

// RoleEvidence says how it is known which side opened.
type RoleEvidence string

// The kinds of role evidence, best first.
const (
	RoleSyn         RoleEvidence = "syn"
	RoleSynAck      RoleEvidence = "syn_ack"
	RolePorts       RoleEvidence = "ports"
	RoleFirstPacket RoleEvidence = "first_packet"
)

// Outcome is what became of the handshake.
type Outcome string

// The outcomes of a handshake.
const (
	OutcomeComplete     Outcome = "complete"     // SYN, SYN-ACK, ACK.
	OutcomeSimultaneous Outcome = "simultaneous" // both sent a SYN, and it was established.
	OutcomeFastOpen     Outcome = "fast_open"    // data in the SYN was acknowledged (RFC 7413).
	OutcomeRefused      Outcome = "refused"      // an RST answered the SYN.
	OutcomeUnreachable  Outcome = "unreachable"  // only an ICMP error answered the SYN.
	OutcomeChallenged   Outcome = "challenged"   // a plain ACK answered the SYN (RFC 5961), and no SYN-ACK came.
	OutcomeUnanswered   Outcome = "unanswered"   // nothing answered the SYN.
	OutcomeEmbryonic    Outcome = "embryonic"    // SYN and SYN-ACK, no final ACK by the end of the record.
	OutcomeAborted      Outcome = "aborted"      // SYN and SYN-ACK, then an RST before it was complete.
	OutcomeUnseen       Outcome = "unseen"       // established before the capture began.
	OutcomePartial      Outcome = "partial"      // some of the handshake was seen, and the rest must have happened.
	OutcomeStray        Outcome = "stray"        // segments that neither open a connection nor belong to one.
)

// Outcomes lists them all.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeComplete, OutcomeSimultaneous, OutcomeFastOpen, OutcomeRefused, OutcomeUnreachable, OutcomeChallenged,
		OutcomeUnanswered, OutcomeEmbryonic, OutcomeAborted, OutcomeUnseen, OutcomePartial, OutcomeStray,
	}
}

// TeardownKind is the shape of the close.
type TeardownKind string

// The kinds of teardown.
const (
	TeardownFourWay      TeardownKind = "four_way"      // FIN, ACK, FIN, ACK.
	TeardownThreeSegment TeardownKind = "three_segment" // the second FIN is the first segment to acknowledge the first.
	TeardownSimultaneous TeardownKind = "simultaneous"  // each FIN was sent before the other arrived.
	// one side at least had reached ESTABLISHED, and an accepted RST ended it before both FINs were acknowledged.
	TeardownReset      TeardownKind = "reset"
	TeardownHalfClosed TeardownKind = "half_closed" // one FIN, acknowledged, by the end of the record.
	TeardownIncomplete TeardownKind = "incomplete"  // FINs, but not every acknowledgement.
	TeardownNone       TeardownKind = "none"        // no FIN and, once established, no accepted RST.
)

// TeardownKinds lists them all.
func TeardownKinds() []TeardownKind {
	return []TeardownKind{
		TeardownFourWay, TeardownThreeSegment, TeardownSimultaneous, TeardownReset, TeardownHalfClosed,
		TeardownIncomplete, TeardownNone,
	}
}

// ResetAnswers is the kind of segment an RST answers.
type ResetAnswers string

// What an RST can answer.
const (
	AnswersSyn       ResetAnswers = "syn"
	AnswersData      ResetAnswers = "data"
	AnswersFin       ResetAnswers = "fin"
	AnswersAck       ResetAnswers = "ack"
	AnswersKeepalive ResetAnswers = "keepalive"
	AnswersNothing   ResetAnswers = "nothing"
)

// TimeWaitEndedBy says what ended a TIME_WAIT.
type TimeWaitEndedBy string

// The ends of a TIME_WAIT.
const (
	TimeWaitCaptureEnd TimeWaitEndedBy = "capture_end"
	TimeWaitExpired    TimeWaitEndedBy = "expired"
	TimeWaitReused     TimeWaitEndedBy = "reused"
	TimeWaitReset      TimeWaitEndedBy = "reset"
	TimeWaitEvicted    TimeWaitEndedBy = "evicted"
	TimeWaitRunning    TimeWaitEndedBy = "running"
)

// DiscoveredBy is the kind of segment that disclosed a half-open connection; empty is never, null in JSON.
type DiscoveredBy string

// The ways of discovery.
const (
	DiscoveredNever     DiscoveredBy = ""
	DiscoveredData      DiscoveredBy = "data"
	DiscoveredSyn       DiscoveredBy = "syn"
	DiscoveredKeepalive DiscoveredBy = "keepalive"
	DiscoveredFin       DiscoveredBy = "fin"
)

// Severity ranks findings.
type Severity string

// The severities, lowest first.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Error   Severity = "error"
)
