package record

import (
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// Schema is the number of the record's format. It changes only when a name or a meaning does.
const Schema = 1

// Connection is the record of one incarnation of a 4-tuple, from its first segment to the moment after which nothing
// more can happen to it.
type Connection struct {
	Record        string        `json:"record"` // "connection"
	Schema        int           `json:"schema"`
	ID            uint64        `json:"id"`          // number of its first packet
	PreviousID    PacketNumber  `json:"previous_id"` // the incarnation of the 4-tuple before this one
	CommunityID   CommunityID   `json:"community_id"`
	Encapsulation []flows.Layer `json:"encapsulation"` // of its first packet, outermost first
	Start         Time          `json:"start"`         // of the first packet
	End           Time          `json:"end"`           // of the last packet
	Duration      Duration      `json:"duration_s"`
	EndedBy       EndedBy       `json:"ended_by"`
	Ended         Time          `json:"-"`      // when that was: nothing is known of it from then on
	Client        Endpoint      `json:"client"` // the side that opened
	Server        Endpoint      `json:"server"`
	RoleEvidence  RoleEvidence  `json:"role_evidence"`
	Handshake     Handshake     `json:"handshake"`
	Teardown      Teardown      `json:"teardown"`
	TimeWait      []TimeWait    `json:"time_wait"`
	HalfOpen      *HalfOpen     `json:"half_open"`
	Findings      []Finding     `json:"findings"`
	Zeek          *Zeek         `json:"zeek"`
	Tshark        *Tshark       `json:"tshark"`
}

// Endpoint is what one side of a connection sent, and the states it went through.
type Endpoint struct {
	IP                   netip.Addr   `json:"ip"`
	Port                 uint16       `json:"port"`
	ISN                  Seq          `json:"isn"`
	ISNEvidence          Evidence     `json:"isn_evidence"`
	SynAcked             Answer       `json:"syn_acked"` // an acknowledgement of exactly isn+1 (beyond, for data in the SYN) came
	Syns                 uint64       `json:"syns"`      // SYNs and SYN-ACKs, retransmissions included
	Fins                 uint64       `json:"fins"`
	Rsts                 uint64       `json:"rsts"`
	Fin                  *Fin         `json:"fin"`
	Packets              uint64       `json:"packets"`
	CaptureDuplicates    uint64       `json:"capture_duplicates"` // those of Packets that the capture holds twice
	Bytes                uint64       `json:"bytes"`              // payload in sequence space
	IPBytes              uint64       `json:"ip_bytes"`           // of all Packets, from the IP header on
	RetransmittedPackets uint64       `json:"retransmitted_packets"`
	Keepalives           uint64       `json:"keepalives"`
	ZeroWindowProbes     uint64       `json:"zero_window_probes"`
	State                StateOrNone  `json:"state"`
	States               []StateEntry `json:"states"`
	Withdrawn            []Withdrawn  `json:"withdrawn"`          // states that later evidence denied, in the order in which it did
	WithdrawnLeftOut     uint64       `json:"withdrawn_left_out"` // more of them, beyond the first eight
}

// StateOrNone is a state of RFC 9293, or none where nothing is known of the endpoint.
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

// StateEntry is the beginning of one state of an endpoint.
type StateEntry struct {
	State    tcpstate.State `json:"state"`
	At       Time           `json:"at"`     // never NoTime
	Packet   PacketNumber   `json:"packet"` // the packet that caused or disclosed it; none for a timer
	Evidence Evidence       `json:"evidence"`
	Rule     tcpstate.Rule  `json:"rule"` // by which the endpoint came into it
}

// Withdrawn is a state that an endpoint was taken to be in until later evidence denied it.
type Withdrawn struct {
	State    tcpstate.State `json:"state"`
	At       Time           `json:"at"`        // when it was taken to begin
	Packet   PacketNumber   `json:"packet"`    // that was taken to have caused it
	Rule     tcpstate.Rule  `json:"rule"`      // that denied it
	ByPacket PacketNumber   `json:"by_packet"` // that showed it; none for silence
}

// Fin is the first FIN of an endpoint.
type Fin struct {
	Seq    uint32       `json:"seq"` // of the FIN itself, behind its segment's data
	Packet PacketNumber `json:"packet"`
	Acked  Answer       `json:"acked"`
}

// Held is the states of a side that counts of sockets take. It is without an ESTABLISHED of the client's that nothing but a passing
// SYN-ACK speaks for: the client has not spoken since, and its address may be forged.
func (c *Connection) Held(e *Endpoint) []StateEntry {
	last := len(e.States) - 1
	unspoken := e == &c.Client && c.Handshake.Outcome == OutcomeEmbryonic && last > 0 &&
		e.States[last].State == tcpstate.Established && e.States[last].Evidence == Inferred
	if unspoken {
		return e.States[:last]
	}
	return e.States
}

// Handshake is how the connection was opened (RFC 9293 §3.5). Client means the opener.
type Handshake struct {
	Outcome      Outcome      `json:"outcome"`
	SynAt        Time         `json:"syn_at"`
	SynPacket    PacketNumber `json:"syn_packet"`
	SynAckAt     Time         `json:"syn_ack_at"`
	SynAckPacket PacketNumber `json:"syn_ack_packet"`
	AckAt        Time         `json:"ack_at"`
	AckPacket    PacketNumber `json:"ack_packet"`
	ServerRTT    Duration     `json:"server_rtt_s"` // SYN to SYN-ACK, of the transmissions that were answered
	ClientRTT    Duration     `json:"client_rtt_s"` // SYN-ACK to ACK
}

// Teardown is how the connection was closed (RFC 9293 §3.6).
type Teardown struct {
	Kind       TeardownKind `json:"kind"`
	Initiator  Side         `json:"initiator"` // sent the first FIN, or without one the RST that ended it
	At         Time         `json:"at"`        // of that FIN or RST
	HalfClosed Duration     `json:"half_closed_s"`
	Reset      *Reset       `json:"reset"` // the first accepted RST
}

// Reset is an RST that its receiver accepted (RFC 9293 §3.10.7, RFC 5961 §3).
type Reset struct {
	By            Side         `json:"by"`
	Packet        PacketNumber `json:"packet"`
	ReceiverState StateOrNone  `json:"receiver_state"` // before it
	Answers       ResetAnswers `json:"answers"`        // the kind of segment it was the answer to
	Idle          Duration     `json:"idle_s"`         // the silence before it; of its sender, if it was an answer
}

// TimeWait is one endpoint's stay in TIME_WAIT (RFC 9293 §3.6.1).
type TimeWait struct {
	Side     Side            `json:"side"`
	Entered  Time            `json:"entered"`
	Restarts uint64          `json:"restarts"` // retransmitted FINs that started 2MSL again
	TwoMSL   Duration        `json:"two_msl_s"`
	Expires  Time            `json:"expires"`
	EndedBy  TimeWaitEndedBy `json:"ended_by"`
	// ReuseProven says of one that was reused whether the new connection's ISN shows that its host still held it
	// (Linux: the old SND.NXT + 65537); unknown for others.
	ReuseProven Answer   `json:"reuse_proven"`
	Observed    Duration `json:"observed_s"` // how much of it the capture shows
}

// HalfOpen is a connection that one side had lost without the other's knowledge (RFC 9293 §3.5.1).
type HalfOpen struct {
	Survivor     Side         `json:"survivor"`
	Since        Time         `json:"since"`
	At           Time         `json:"at"` // discovery; NoTime for never
	DiscoveredBy DiscoveredBy `json:"discovered_by"`
}

// Finding is something that a person should know about a connection.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Side     Side     `json:"side"`
	Packets  []uint64 `json:"packets"`
	Detail   string   `json:"detail"`
}

// Zeek is how Zeek would log the connection. JSON has the two words. The counts are for conn.log itself: they differ from
// those of the record, for Zeek has its own idea of when a connection ends and what belongs to it.
type Zeek struct {
	ConnState string `json:"conn_state"`
	History   string `json:"history"`

	Duration    Duration `json:"-"` // without what came after both FINs; NoDuration if all has one time
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
	Completeness int `json:"completeness"`
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

// Evidence says how something is known; empty is not at all, null in JSON.
type Evidence string

// The kinds of evidence.
const (
	NoEvidence Evidence = ""
	Seen       Evidence = "seen"
	Inferred   Evidence = "inferred"
)

// MarshalJSON gives the word, or null.
func (e Evidence) MarshalJSON() ([]byte, error) { return marshalWord(string(e)) }

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
	EndOpen            EndedBy = "open" // it has not: this is how it stands
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

// Outcome is what became of an attempt to open a connection.
type Outcome string

// The outcomes of a handshake.
const (
	OutcomeComplete     Outcome = "complete"
	OutcomeSimultaneous Outcome = "simultaneous"
	OutcomeFastOpen     Outcome = "fast_open"
	OutcomeRefused      Outcome = "refused"
	OutcomeUnreachable  Outcome = "unreachable"
	OutcomeChallenged   Outcome = "challenged"
	OutcomeUnanswered   Outcome = "unanswered"
	OutcomeEmbryonic    Outcome = "embryonic"
	OutcomeAborted      Outcome = "aborted"
	OutcomeUnseen       Outcome = "unseen"
	OutcomePartial      Outcome = "partial"
	OutcomeStray        Outcome = "stray"
)

// Outcomes lists them all.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeComplete, OutcomeSimultaneous, OutcomeFastOpen, OutcomeRefused, OutcomeUnreachable, OutcomeChallenged,
		OutcomeUnanswered, OutcomeEmbryonic, OutcomeAborted, OutcomeUnseen, OutcomePartial, OutcomeStray,
	}
}

// TeardownKind is the shape of a close.
type TeardownKind string

// The kinds of teardown.
const (
	TeardownFourWay      TeardownKind = "four_way"
	TeardownThreeSegment TeardownKind = "three_segment"
	TeardownSimultaneous TeardownKind = "simultaneous"
	TeardownReset        TeardownKind = "reset"
	TeardownHalfClosed   TeardownKind = "half_closed"
	TeardownIncomplete   TeardownKind = "incomplete"
	TeardownNone         TeardownKind = "none"
)

// TeardownKinds lists them all.
func TeardownKinds() []TeardownKind {
	return []TeardownKind{
		TeardownFourWay, TeardownThreeSegment, TeardownSimultaneous, TeardownReset, TeardownHalfClosed, TeardownIncomplete, TeardownNone,
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

// MarshalJSON gives the word, or null.
func (d DiscoveredBy) MarshalJSON() ([]byte, error) { return marshalWord(string(d)) }

// Severity ranks findings.
type Severity string

// The severities, lowest first.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Error   Severity = "error"
)
