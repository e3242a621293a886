// Package result defines what package compare finds: what became of each segment between several points of one path.
// `tcplife compare` writes it.
//
// Points are in the order of the path, from the client's side to the server's. Times are those of the first point's
// clock.
package result

import (
	"encoding/json"
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
)

// Way is a direction along the path, whoever opened the connection.
type Way string

// The two ways.
const (
	ToServer Way = "c2s" // from the first point towards the last
	ToClient Way = "s2c" // from the last point towards the first
)

// Point is one point of the path and its capture.
type Point struct {
	Record string `json:"record" const:"point"`
	Schema int    `json:"schema" const:"1"`
	Name   string `json:"name"`
	// Its capture.
	Files []string `json:"files"`
	// Packets in the capture.
	Packets uint64 `json:"packets"`
	// TCP segments among them.
	Segments uint64 `json:"segments"`
	// Packets that could not be decoded, so that a TCP segment in them was lost.
	Undecoded uint64 `json:"undecoded"`
	// Time of the first packet, by the point's own clock; null: there is none.
	First record.Time `json:"first" field:"null"`
	// Time of the last packet, by the point's own clock; null: there is none.
	Last  record.Time `json:"last" field:"null"`
	Clock Clock       `json:"clock"`
	// Packets that the kernel or an interface dropped while capturing, as the capture itself says; null: it does not
	// say.
	Dropped *uint64 `json:"dropped" field:"null"`
	// Connections that were seen here and at another point.
	Connections uint64 `json:"connections"`
	// Connections that were seen only here, and may not use this path.
	Alone uint64 `json:"alone"`
	// Why passed segments can be missing here.
	Blind []Blind `json:"blind"`
}

// Clock is a point's clock against the first point's.
type Clock struct {
	// How far the clock is ahead of the first point's, in seconds; null: not known.
	Offset record.Duration `json:"offset_s" field:"null"`
	// How far offset_s can be from the truth, in seconds: half of the fastest round trip between the points, and what
	// the drift leaves open. A path that is slower in one direction cannot be told from an offset. null: nothing bounds
	// it.
	Error record.Duration `json:"offset_error_s" field:"null"`
	// The moment for which offset_s is given; null: there is no packet.
	At record.Time `json:"offset_at" field:"null"`
	// How much faster the clock is than the first point's, in parts per million; null: not known.
	Drift record.NullableNumber `json:"drift_ppm" field:"null"`
	// How far drift_ppm can be from the truth; null: nothing bounds it.
	DriftError record.NullableNumber `json:"drift_error_ppm" field:"null"`
	// How it is known.
	Evidence ClockEvidence `json:"evidence"`
	// How many segments were compared for it.
	Segments uint64 `json:"segments"`
}

// ClockEvidence says how an offset is known.
type ClockEvidence string

// The kinds of evidence for a clock.
const (
	ClockReference ClockEvidence = "reference" // the first point's own
	ClockMeasured  ClockEvidence = "measured"  // from segments in both directions
	ClockOneWay    ClockEvidence = "one_way"   // from segments in one direction, as if the fastest took no time
	ClockGiven     ClockEvidence = "given"     // by the user
	ClockAssumed   ClockEvidence = "assumed"   // no segment in common, taken to be that of the point before
)

// Blind is a reason why a point's capture can lack segments that passed.
type Blind struct {
	Reason BlindReason `json:"reason"`
	// The direction it concerns; null: both.
	Way Way `json:"way" field:"null"`
	// When it begins; null: with the capture.
	From record.Time `json:"from" field:"null"`
	// When it ends; null: with the capture.
	Until record.Time `json:"until" field:"null"`
	// How it is known.
	Detail string `json:"detail"`
}

// BlindReason says why a point lacks a segment that may have passed it.
type BlindReason string

// The reasons.
const (
	BlindDropped  BlindReason = "dropped"       // the capture lost packets
	BlindLater    BlindReason = "began_later"   // the capture began later
	BlindEarlier  BlindReason = "ended_earlier" // the capture ended earlier
	BlindFiltered BlindReason = "filtered"      // the capture holds no such segments
	BlindOneWay   BlindReason = "one_direction" // the capture holds the other direction only
)

// Stretch is what passed between two neighbouring points in one direction.
type Stretch struct {
	Record string `json:"record" const:"path"`
	Schema int    `json:"schema" const:"1"`
	// The names of the two points, in the order of the path.
	Between []string `json:"between" field:"items=2"`
	Way     Way      `json:"way"`
	// Segments seen before the stretch: passed, lost and not_captured together.
	Segments uint64 `json:"segments"`
	// Segments that were also seen after the stretch.
	Passed uint64 `json:"passed"`
	// Segments that were not seen after the stretch, though they should have been.
	Lost uint64 `json:"lost"`
	// lost / (passed + lost), 0 to 1; null: there was no segment.
	LostShare record.NullableNumber `json:"lost_share" field:"null,min=0,max=1"`
	// Segments whose fate is not known.
	NotCaptured uint64 `json:"not_captured"`
	// Segments that were seen after the stretch and not before it, though they should have been.
	Born uint64 `json:"born"`
	// Alterations other than the usual TTL step, each counted once for a connection.
	Altered    uint64 `json:"altered"`
	Delayed    uint64 `json:"delayed"`
	Duplicated uint64 `json:"duplicated"`
	Reordered  uint64 `json:"reordered"`
	Delay      Delay  `json:"delay"`
	// What nine in ten of the segments that passed had changed, or of the SYNs, if only these can.
	Always []Change `json:"always"`
}

// Delay is how long segments took from one point to the next. A wrong clock offset lengthens all delays in one
// direction and shortens those in the other.
type Delay struct {
	// Shortest, in seconds; null: no segment passed.
	Min record.Duration `json:"min_s" field:"null"`
	// The median; null: no segment passed.
	P50 record.Duration `json:"p50_s" field:"null"`
	// The 99th percentile; null: no segment passed.
	P99 record.Duration `json:"p99_s" field:"null"`
	// Longest; null: no segment passed.
	Max record.Duration `json:"max_s" field:"null"`
	// From here on a segment counts as delayed; null: nothing is known to compare it with.
	Late record.Duration `json:"late_s" field:"null"`
}

// Change is a field that a stretch changes.
type Change struct {
	Field Field `json:"field"`
	// In the first segment that shows it.
	From Value `json:"from" field:"null"`
	// In that segment, behind the stretch.
	To Value `json:"to" field:"null"`
	// How many segments show it.
	Segments uint64 `json:"segments"`
}

// Field is what a device changes in a segment.
type Field string

// The fields. Of options without a number the values say whether they are there.
const (
	FieldTTL           Field = "ttl"
	FieldSource        Field = "src" // address
	FieldSourcePort    Field = "sport"
	FieldTarget        Field = "dst" // address
	FieldTargetPort    Field = "dport"
	FieldSeq           Field = "seq" // raw sequence number
	FieldAck           Field = "ack" // raw acknowledgement number
	FieldLen           Field = "len" // bytes of payload
	FieldFlags         Field = "flags"
	FieldWindow        Field = "window" // not scaled
	FieldIPID          Field = "ip_id"
	FieldECN           Field = "ecn" // codepoint in the IP header (RFC 3168 §5)
	FieldTSVal         Field = "tsval"
	FieldTSEcr         Field = "tsecr"
	FieldMSS           Field = "mss"
	FieldWScale        Field = "wscale"
	FieldSACKPermitted Field = "sack_permitted"
	FieldSACK          Field = "sack"
	FieldTimestamps    Field = "timestamps"
	FieldFastOpen      Field = "fast_open"
	FieldMPTCP         Field = "mptcp"
	FieldSignature     Field = "signature" // MD5 or TCP-AO
)

// Value is what a field held: a number, a text, true for an option that is there, or nothing.
type Value struct {
	kind   uint8
	number int64
	text   string
}

// The kinds of values.
const (
	valueNone uint8 = iota
	valueNumber
	valueText
	valueTrue
)

// Number returns the Value of a number.
func Number(n int64) Value { return Value{kind: valueNumber, number: n} }

// Text returns the Value of a text.
func Text(s string) Value { return Value{kind: valueText, text: s} }

// Present is the Value of an option that is there.
var Present = Value{kind: valueTrue}

// Any is the value as an int, a string, true, or nil.
func (v Value) Any() any {
	switch v.kind {
	case valueNumber:
		return int(v.number)
	case valueText:
		return v.text
	case valueTrue:
		return true
	}
	return nil
}

// MarshalJSON gives a number, a string, true, or null.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.Any()) }

// Compared is one connection, or attempt, along the path.
type Compared struct {
	Record string `json:"record" const:"compared"`
	Schema int    `json:"schema" const:"1"`
	// Unique, ascending in the order of the first segments, the same in every run.
	ID uint64 `json:"id" field:"min=1"`
	// Time of its first segment at any point.
	Start record.Time `json:"start"`
	// The same in nanoseconds since 1970-01-01T00:00:00Z.
	StartNS int64 `json:"start_ns"`
	// Time of its last segment at any point.
	End record.Time `json:"end"`
	// The same in nanoseconds since 1970-01-01T00:00:00Z.
	EndNS int64 `json:"end_ns"`
	// From start to end, in seconds.
	Duration record.Duration `json:"duration_s"`
	// The points that saw it.
	SeenAt []string `json:"seen_at"`
	// The side that opened, as the point nearest to it saw it.
	Client ComparedEndpoint `json:"client"`
	// The other side, as the point nearest to it saw it.
	Server ComparedEndpoint `json:"server"`
	// The direction of the client's segments.
	Opened Way `json:"opened"`
	// What each point that saw it makes of it alone.
	At      []ComparedLeg `json:"at"`
	Pairing Pairing       `json:"pairing"`
	Counts  VerdictCounts `json:"counts"`
	// In the order of time; then what was altered, then what was not captured.
	Verdicts []Verdict `json:"verdicts"`
	// Further verdicts, after the first 10,000.
	LeftOut uint64 `json:"left_out"`
}

// ComparedEndpoint is a side of a connection as the point nearest to it saw it.
type ComparedEndpoint struct {
	// The name of that point.
	Point string     `json:"point"`
	IP    netip.Addr `json:"ip"`
	// TCP port.
	Port uint16 `json:"port" field:"ref=port"`
	// Initial sequence number; null: not known.
	ISN record.Seq `json:"isn" field:"null"`
	// At the end of the point's record; null, with no states: nothing is known of this side.
	State record.StateOrNone `json:"state" field:"null"`
	// What it went through; packets are those of the point's capture.
	States []record.StateEntry `json:"states"`
}

// ComparedLeg is a connection as one point saw it alone.
type ComparedLeg struct {
	// The name of the point.
	Point string `json:"point"`
	// The ids that tcplife read gives it in the point's capture; several if it takes it for several connections.
	Connections []uint64    `json:"connections"`
	Client      ComparedEnd `json:"client"`
	Server      ComparedEnd `json:"server"`
	// Segments, capture duplicates included.
	Packets uint64 `json:"packets"`
	// The outcome of the handshake, as far as this point saw; null: it is part of another connection there.
	Outcome *record.Outcome `json:"outcome" field:"null"`
	// The kind of the close, as far as this point saw; null: likewise.
	Teardown *record.TeardownKind `json:"teardown" field:"null"`
}

// ComparedEnd is one socket as one point sees it.
type ComparedEnd struct {
	IP netip.Addr `json:"ip"`
	// TCP port.
	Port uint16 `json:"port" field:"ref=port"`
	// Initial sequence number; null: its SYN was not seen here.
	ISN record.Seq `json:"isn" field:"null"`
}

// Pairing says why records at different points are one connection.
type Pairing struct {
	By PairedBy `json:"by"`
	// The side whose address or port NAT changes; null: neither.
	Translated Translation `json:"translated" field:"null"`
	// A device shifts sequence numbers.
	Renumbered bool `json:"renumbered"`
	// With two_connections: the points before and behind the device that ends the one and opens the other. Otherwise
	// empty.
	Between []string `json:"between" field:"items=2"`
	// With two_connections: why they are not one, and why they belong together.
	Why []string `json:"why"`
}

// PairedBy says how connections at different points were found to be one.
type PairedBy string

// The ways, the surest first.
const (
	PairedByAddresses PairedBy = "addresses" // the same addresses, ports and numbers
	PairedByNumbers   PairedBy = "numbers"   // other addresses or ports, the same numbers
	PairedByStamps    PairedBy = "stamps"    // other numbers, the same timestamps, IP identifications and lengths
	// the same addresses and ports, other numbers, and nothing else to tell by
	PairedByShape  PairedBy = "shape"
	PairedAlone    PairedBy = "one_point"       // an attempt that one point saw
	TwoConnections PairedBy = "two_connections" // a proxy ends the one and opens the other
)

// Translation says whose address or port NAT changes.
type Translation string

// The kinds of translation.
const (
	NotTranslated Translation = ""
	SourceNAT     Translation = "snat" // the client's
	TargetNAT     Translation = "dnat" // the server's
	BothNAT       Translation = "both"
)

// VerdictCounts counts segments by what happened to them.
type VerdictCounts struct {
	Lost uint64 `json:"lost"`
	Born uint64 `json:"born"`
	// Alterations other than the usual TTL step, each counted once for a connection, a stretch and a direction.
	Altered     uint64 `json:"altered"`
	Delayed     uint64 `json:"delayed"`
	Duplicated  uint64 `json:"duplicated"`
	Reordered   uint64 `json:"reordered"`
	NotCaptured uint64 `json:"not_captured"`
}

// VerdictKind is what happened to a segment between two points.
type VerdictKind string

// The verdicts.
const (
	Born        VerdictKind = "born"         // not seen at the point before: something between made it
	Lost        VerdictKind = "lost"         // not seen at the point behind
	Altered     VerdictKind = "altered"      // passed with a field changed
	Delayed     VerdictKind = "delayed"      // took longer than others there
	Reordered   VerdictKind = "reordered"    // segments sent after it arrived before it
	Duplicated  VerdictKind = "duplicated"   // came more often than it was sent
	NotCaptured VerdictKind = "not_captured" // missing at a point whose capture may lack it
)

// Verdict is what happened to a segment, or with altered and not_captured to several in the same way.
type Verdict struct {
	Kind VerdictKind `json:"kind"`
	// The names of two points, in the order of the path: neighbours, unless those between them are blind.
	Between []string `json:"between" field:"items=2"`
	Way     Way      `json:"way"`
	// The kind of segment.
	What string `json:"what" field:"enum=SYN|SYN-ACK|RST|FIN|data|ACK"`
	// The segment at the point where it was seen last; if it was born or duplicated, where it was seen first; if it was
	// delayed, reordered or altered, before that.
	Segment ComparedSegment `json:"segment"`
	// Its packet at every point, null where it was not seen. A duplicated segment shares those before the doubling with
	// the one that it copies.
	Packets map[string]record.PacketNumber `json:"packets" field:"values=null"`
	// How many segments it happened to.
	Segments uint64 `json:"segments"`
	// With altered: of how many that passed. With lost: of how many of the kind that this point saw.
	Of uint64 `json:"of"`
	// With lost: the later segment that carried the same past the stretch; null: none did.
	Repaired *Repair `json:"repaired_by" field:"null"`
	// With lost: an earlier segment had carried the same past the stretch.
	Needless bool `json:"needless"`
	// With born: towards which side of the path; null: another verdict.
	Toward record.Side `json:"toward" field:"null"`
	// With born: the silence of the connection at that point before; null: there was none, or another verdict.
	Idle record.Duration `json:"after_idle_s" field:"null"`
	// With lost: an ICMP error about it; null: none was seen.
	ICMP *ICMPReport `json:"icmp" field:"null"`
	// With altered: the field; null: another verdict.
	Field Field `json:"field" field:"null"`
	// With altered: its value before, in the first segment.
	From Value `json:"from" field:"null"`
	// With altered: its value after.
	To Value `json:"to" field:"null"`
	// With altered: it is the stretch's usual TTL step.
	Routine bool `json:"routine"`
	// From point to point, in seconds; null: it was not delayed, reordered or duplicated.
	Delay record.Duration `json:"delay_s" field:"null"`
	// How much longer that is than the median there, in seconds; null: it was not delayed or reordered.
	By record.Duration `json:"by_s" field:"null"`
	// With reordered: how many segments were sent after it and arrived before it.
	OvertakenBy uint64 `json:"overtaken_by"`
	// With not_captured: why; null: another verdict.
	Reason BlindReason `json:"reason" field:"null"`
	// With not_captured: the name of the point that lacks it; null: another verdict.
	MissingAt PointName `json:"missing_at" field:"null"`
}

// PointName is the name of a point, or empty for none.
type PointName string

// ComparedSegment is a segment as one point saw it.
type ComparedSegment struct {
	// The name of the point.
	At     string              `json:"at"`
	Packet record.PacketNumber `json:"packet"`
	// By the first point's clock.
	Time  record.Time `json:"time"`
	Flags []string    `json:"flags"`
	Seq   uint32      `json:"seq" field:"ref=sequence_number"`
	// null: it acknowledges nothing.
	Ack record.Seq `json:"ack" field:"null"`
	// Bytes of payload.
	Len uint32 `json:"len"`
	// TTL or hop limit of the IP header.
	TTL uint8 `json:"ttl"`
	// Identification in an IPv4 header; 0 in IPv6.
	IPID uint16 `json:"ip_id"`
	// TSval (RFC 7323 §3.2); null: it has no timestamps.
	TSVal record.Seq `json:"tsval" field:"null,ref=timestamp"`
	// TSecr; null: it has no timestamps.
	TSEcr record.Seq `json:"tsecr" field:"null,ref=timestamp"`
}

// Repair is the segment that carried past the stretch what another had lost.
type Repair struct {
	// The name of the point at which the lost one was seen last.
	At     string              `json:"at"`
	Packet record.PacketNumber `json:"packet"`
	// After the lost one, at that point, in seconds.
	After record.Duration `json:"after_s"`
}

// ICMPReport is an ICMP or ICMPv6 error about a segment.
type ICMPReport struct {
	// The name of the point that captured it.
	At     string              `json:"at"`
	Packet record.PacketNumber `json:"packet"`
	Type   uint8               `json:"type"`
	Code   uint8               `json:"code"`
	// The sender of the error.
	From netip.Addr `json:"from"`
}

// Comparison sums up a comparison.
type Comparison struct {
	Record string `json:"record" const:"comparison"`
	Schema int    `json:"schema" const:"1"`
	Points uint64 `json:"points"`
	// Connections and attempts that were seen at two points or more, or were lost before the second.
	Connections uint64 `json:"connections"`
	// Those with a verdict that is neither a usual TTL step nor not_captured.
	Affected uint64 `json:"affected"`
	// Connections that one point saw and no other, and that nothing shows to be of this path.
	Alone uint64 `json:"alone"`
	// Pairs of connections that a proxy joins.
	TwoConnections uint64 `json:"two_connections"`
	// Connections whose addresses or ports change.
	Translated uint64 `json:"translated"`
	// Connections whose sequence numbers change.
	Renumbered uint64 `json:"renumbered"`
	// Segments of all connections, each counted once however many points saw it.
	Segments uint64        `json:"segments"`
	Counts   VerdictCounts `json:"counts"`
}

// ComparedLadder is a connection with the journeys of its segments.
type ComparedLadder struct {
	Compared Compared `json:"compared"`
	// The segments, by the time at which they were seen first.
	Journeys []Journey `json:"journeys"`
	// Further segments, which the ladder leaves out.
	LeftOut uint64 `json:"left_out"`
}

// Journey is one segment on its way along the path.
type Journey struct {
	Way Way `json:"way"`
	// The kind of segment.
	What  string   `json:"what" field:"enum=SYN|SYN-ACK|RST|FIN|data|ACK"`
	Flags []string `json:"flags"`
	// Counted from the sender's ISN, or from the first number seen of it.
	Seq int64 `json:"seq"`
	// Counted from the other side's; null: it acknowledges nothing.
	Ack *int64 `json:"ack" field:"null"`
	// Bytes of payload.
	Len uint32 `json:"len"`
	// Its packet at every point, null where it was not seen.
	Packets map[string]record.PacketNumber `json:"packets" field:"values=null"`
	// When it passed every point, by the first point's clock; null where it was not seen.
	Times map[string]record.Time `json:"times" field:"values=null"`
	// What happened to it; kinds of verdicts.
	Verdicts []VerdictKind `json:"verdicts"`
}
