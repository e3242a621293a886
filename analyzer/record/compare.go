package record

import "net/netip"

// The records of this file are those of `tcplife compare`: what captures from several points of one path say together. Points
// are in the order of the path. Times are those of the first point's clock.

// Way is a direction along the path. The side of the first point counts as the client's, whoever opened the connection.
type Way string

// The two ways.
const (
	ToServer Way = "c2s" // from the first point towards the last
	ToClient Way = "s2c"
)

// Point is one point of the path and its capture.
type Point struct {
	Record    string   `json:"record"` // "point"
	Schema    int      `json:"schema"`
	Name      string   `json:"name"`
	Files     []string `json:"files"`
	Packets   uint64   `json:"packets"`
	Segments  uint64   `json:"segments"`  // TCP segments among the packets
	Undecoded uint64   `json:"undecoded"` // packets whose TCP, if they held any, was lost
	First     Time     `json:"first"`     // of the packets, by the point's own clock
	Last      Time     `json:"last"`
	Clock     Clock    `json:"clock"`
	// Dropped is how many packets the file says that the capture lacks; NullableNumber for files that do not tell.
	Dropped NullableNumber `json:"dropped"`
	// CaptureLosses counts segments of which this capture alone proves that it lacks what they acknowledge.
	CaptureLosses uint64 `json:"capture_losses"`
	// Connections counts those that were seen here and at another point; Alone those that were seen nowhere else.
	Connections uint64 `json:"connections"`
	Alone       uint64 `json:"alone"`
	// Blind lists why segments can be missing here that passed.
	Blind []Blind `json:"blind"`
}

// Clock is a point's clock against the first point's.
type Clock struct {
	// Offset is what the clock was ahead of the first point's at the moment At; NoDuration if nothing tells.
	Offset Duration `json:"offset_s"`
	// Error is how far Offset can be from the truth: half of the fastest round trip between the points, and what the drift
	// leaves open. A path that is slower in one direction cannot be told from an offset. NoDuration if nothing bounds it.
	Error      Duration       `json:"offset_error_s"`
	At         Time           `json:"offset_at"`
	Drift      NullableNumber `json:"drift_ppm"` // parts per million by which the clock is faster than the first point's
	DriftError NullableNumber `json:"drift_error_ppm"`
	Evidence   ClockEvidence  `json:"evidence"`
	Segments   uint64         `json:"segments"` // segments that the two captures have in common, of those that were compared for it
}

// ClockEvidence says how an offset is known.
type ClockEvidence string

// The kinds of evidence for a clock.
const (
	ClockReference ClockEvidence = "reference" // the first point's own
	ClockMeasured  ClockEvidence = "measured"  // from segments in both directions
	ClockOneWay    ClockEvidence = "one_way"   // from segments in one direction: the delay on the path is taken to be 0
	ClockGiven     ClockEvidence = "given"     // by the user
	ClockAssumed   ClockEvidence = "assumed"   // no segment in common: taken to be that of the point before
)

// Blind is a reason why a point can lack segments that passed it.
type Blind struct {
	Reason BlindReason `json:"reason"`
	Way    Way         `json:"way"`  // the direction it concerns; empty, null in JSON, for both
	From   Time        `json:"from"` // the time it concerns, NoTime for the capture's whole length
	Until  Time        `json:"until"`
	Detail string      `json:"detail"`
}

// BlindReason says why a point lacks segments.
type BlindReason string

// The reasons.
const (
	BlindDropped  BlindReason = "dropped"       // the capture lost packets
	BlindLater    BlindReason = "began_later"   // the capture began later
	BlindEarlier  BlindReason = "ended_earlier" // the capture ended earlier
	BlindFiltered BlindReason = "filtered"      // such segments are in no part of the capture
	BlindOneWay   BlindReason = "one_direction" // only the other direction is in the capture
)

// MarshalJSON gives the way, or null.
func (w Way) MarshalJSON() ([]byte, error) { return marshalWord(string(w)) }

// Stretch is what passed between two neighbouring points in one direction.
type Stretch struct {
	Record  string    `json:"record"` // "path"
	Schema  int       `json:"schema"`
	Between [2]string `json:"between"` // in the order of the path
	Way     Way       `json:"way"`
	// Segments were seen before the stretch. Of these Passed were seen behind it, Lost were not though they should have
	// been, and of NotCaptured nothing can be said.
	Segments    uint64         `json:"segments"`
	Passed      uint64         `json:"passed"`
	Lost        uint64         `json:"lost"`
	LostShare   NullableNumber `json:"lost_share"` // of Passed and Lost together, 0 to 1
	NotCaptured uint64         `json:"not_captured"`
	Born        uint64         `json:"born"`
	Altered     uint64         `json:"altered"` // segments with an alteration that is not always there
	Delayed     uint64         `json:"delayed"`
	Duplicated  uint64         `json:"duplicated"`
	Reordered   uint64         `json:"reordered"`
	Delay       Delay          `json:"delay"`
	Always      []Change       `json:"always"` // what nine in ten segments that passed had changed
}

// Delay is how long segments took from one point to the next. A wrong clock offset shifts all of it, one direction up and the
// other down.
type Delay struct {
	Min  Duration `json:"min_s"`
	P50  Duration `json:"p50_s"`
	P99  Duration `json:"p99_s"`
	Max  Duration `json:"max_s"`
	Late Duration `json:"late_s"` // beyond this a segment counts as delayed
}

// Change is a field that a stretch changes.
type Change struct {
	Field    Field  `json:"field"`
	From     any    `json:"from"` // at the first segment; null for what is not there
	To       any    `json:"to"`
	Segments uint64 `json:"segments"` // that have it
}

// Compared is one connection, or attempt, along the path.
type Compared struct {
	Record   string           `json:"record"` // "compared"
	Schema   int              `json:"schema"`
	ID       uint64           `json:"id"` // unique, rising with the first segments
	Start    Time             `json:"start"`
	End      Time             `json:"end"`
	Duration Duration         `json:"duration_s"`
	SeenAt   []string         `json:"seen_at"`
	Client   ComparedEndpoint `json:"client"` // the side that opened
	Server   ComparedEndpoint `json:"server"`
	Opened   Way              `json:"opened"` // the direction of the opener's segments
	At       []ComparedLeg    `json:"at"`     // for each point that saw it
	Pairing  Pairing          `json:"pairing"`
	Counts   VerdictCounts    `json:"counts"`
	Verdicts []Verdict        `json:"verdicts"`
	// LeftOut counts verdicts that are in Counts and not in Verdicts.
	LeftOut uint64 `json:"left_out"`
}

// ComparedEndpoint is a side of a connection as the point nearest to it saw it.
type ComparedEndpoint struct {
	Point  string       `json:"point"`
	IP     netip.Addr   `json:"ip"`
	Port   uint16       `json:"port"`
	ISN    Seq          `json:"isn"`
	State  StateOrNone  `json:"state"`
	States []StateEntry `json:"states"` // times by the first point's clock, packets by Point's capture
}

// ComparedLeg is a connection at one point.
type ComparedLeg struct {
	Point       string       `json:"point"`
	Connections []uint64     `json:"connections"` // the ids of `tcplife read` of the point's capture; several if it takes them for several
	Client      ComparedEnd  `json:"client"`
	Server      ComparedEnd  `json:"server"`
	Packets     uint64       `json:"packets"`
	Outcome     Outcome      `json:"outcome"`  // of the handshake, as this point alone saw it
	Teardown    TeardownKind `json:"teardown"` // likewise
}

// ComparedEnd is one socket, as one point sees it.
type ComparedEnd struct {
	IP   netip.Addr `json:"ip"`
	Port uint16     `json:"port"`
	ISN  Seq        `json:"isn"`
}

// Pairing says why connections at different points are taken to be one.
type Pairing struct {
	By string `json:"by"` // one of the PairedBy constants
	// Translated names what NAT changes: snat, dnat, both, or empty, null in JSON, for nothing.
	Translated Translation `json:"translated"`
	Renumbered bool        `json:"renumbered"` // a device shifts sequence numbers
	// With TwoConnections: where the first ends and the second begins, and why they are not one.
	Between *[2]string `json:"between"`
	Why     []string   `json:"why"`
}

// How connections at different points were paired.
const (
	PairedByAddresses   = "addresses"       // the same addresses, ports and numbers
	PairedByNumbers     = "numbers"         // other addresses or ports, the same numbers
	PairedByStamps      = "stamps"          // other numbers, the same timestamps, IP identifications and lengths
	PairedByAddressOnly = "addresses_only"  // the same addresses and ports, other numbers, nothing else to tell by
	PairedAlone         = "one_point"       // seen at one point
	TwoConnections      = "two_connections" // a proxy ends the one and opens the other
)

// Translation says whose address or port NAT changes.
type Translation string

// The kinds of translation.
const (
	NotTranslated Translation = ""
	SourceNAT     Translation = "snat" // the opener's
	TargetNAT     Translation = "dnat"
	BothNAT       Translation = "both"
)

// MarshalJSON gives the word, or null.
func (t Translation) MarshalJSON() ([]byte, error) { return marshalWord(string(t)) }

// VerdictCounts counts segments by what happened to them.
type VerdictCounts struct {
	Lost        uint64 `json:"lost"`
	Born        uint64 `json:"born"`
	Altered     uint64 `json:"altered"` // alterations, not segments, without routine ones
	Delayed     uint64 `json:"delayed"`
	Duplicated  uint64 `json:"duplicated"`
	Reordered   uint64 `json:"reordered"`
	NotCaptured uint64 `json:"not_captured"`
}

// VerdictKind is what happened to a segment between two points.
type VerdictKind string

// The verdicts.
const (
	Lost        VerdictKind = "lost"         // seen at one point, not at the next
	Born        VerdictKind = "born"         // not seen at the point before
	Altered     VerdictKind = "altered"      // passed with a field changed
	Delayed     VerdictKind = "delayed"      // took longer than others
	Duplicated  VerdictKind = "duplicated"   // came more often than it was sent
	Reordered   VerdictKind = "reordered"    // segments sent after it arrived before it
	NotCaptured VerdictKind = "not_captured" // missing at a point where that says nothing
)

// VerdictKinds lists them all, worst first.
func VerdictKinds() []VerdictKind {
	return []VerdictKind{Born, Lost, Altered, Delayed, Reordered, Duplicated, NotCaptured}
}

// Verdict is what happened to a segment, or with Altered and NotCaptured to several in the same way.
type Verdict struct {
	Kind VerdictKind `json:"kind"`
	// Between names two points: neighbours, unless those between them are blind.
	Between [2]string `json:"between"`
	Way     Way       `json:"way"`
	What    string    `json:"what"` // SYN, SYN-ACK, RST, FIN, data, ACK
	// Segment is it at the point where it was seen last; of one born or duplicated, first.
	Segment ComparedSegment `json:"segment"`
	// Packets are its numbers at every point, null where it was not seen. A duplicated segment shares those before the
	// doubling with the segment that it copies.
	Packets  map[string]PacketNumber `json:"packets"`
	Segments uint64                  `json:"segments"` // to which it happened
	Of       uint64                  `json:"of"`       // with Altered: that passed

	Repaired *Repair  `json:"repaired_by"` // lost: the segment that brought the same through; nil if none did
	Toward   Side     `json:"toward"`      // born: the side of the path it went to
	Idle     Duration `json:"after_idle_s"`
	// Reported is an ICMP error about it (RFC 792).
	Reported *ICMPReport `json:"icmp"`

	Field   Field `json:"field"` // altered
	From    any   `json:"from"`
	To      any   `json:"to"`
	Routine bool  `json:"routine"` // the stretch's usual TTL step

	Delay       Duration    `json:"delay_s"` // delayed, reordered: from point to point
	By          Duration    `json:"by_s"`    // how much more than half of the stretch's segments take
	OvertakenBy uint64      `json:"overtaken_by"`
	Reason      BlindReason `json:"reason"` // not captured
}

// Field is what a device changes in a segment: ttl, src, sport, dst, dport, seq, ack, len, flags, window, ip_id, tsval, tsecr, mss,
// wscale, sack_permitted, sack, timestamps, fast_open, mptcp or signature; empty, null in JSON, for none. Of options without a
// number From and To say whether they are there.
type Field string

// MarshalJSON gives the name, or null.
func (f Field) MarshalJSON() ([]byte, error) { return marshalWord(string(f)) }

// MarshalJSON gives the word, or null.
func (r BlindReason) MarshalJSON() ([]byte, error) { return marshalWord(string(r)) }

// ComparedSegment is a segment as one point saw it.
type ComparedSegment struct {
	At     string         `json:"at"` // the point
	Packet PacketNumber   `json:"packet"`
	Time   Time           `json:"time"` // by the first point's clock
	Flags  []string       `json:"flags"`
	Seq    uint32         `json:"seq"`
	Ack    Seq            `json:"ack"`
	Len    uint32         `json:"len"`
	TTL    uint8          `json:"ttl"`
	IPID   uint16         `json:"ip_id"`
	TSVal  NullableUint32 `json:"tsval"`
	TSEcr  NullableUint32 `json:"tsecr"`
}

// Repair is the segment that brought through what another had lost.
type Repair struct {
	At     string       `json:"at"` // the point at which the lost one was seen last
	Packet PacketNumber `json:"packet"`
	After  Duration     `json:"after_s"` // the lost one, at that point
}

// ICMPReport is an ICMP or ICMPv6 error about a segment.
type ICMPReport struct {
	At     string       `json:"at"`
	Packet PacketNumber `json:"packet"`
	Type   uint8        `json:"type"`
	Code   uint8        `json:"code"`
	From   netip.Addr   `json:"from"`
}

// Comparison sums a comparison up.
type Comparison struct {
	Record      string        `json:"record"` // "comparison"
	Schema      int           `json:"schema"`
	Points      uint64        `json:"points"`
	Connections uint64        `json:"connections"` // seen at two points or more, or lost before the second
	Affected    uint64        `json:"affected"`    // of these, with a verdict that is neither routine nor not_captured
	Alone       uint64        `json:"alone"`       // connections that only one point saw, and that nothing shows to be of this path
	Two         uint64        `json:"two_connections"`
	Translated  uint64        `json:"translated"`
	Renumbered  uint64        `json:"renumbered"`
	Segments    uint64        `json:"segments"` // seen anywhere, each once
	Counts      VerdictCounts `json:"counts"`
}

// NullableUint32 is a number, or null where Known is not set.
type NullableUint32 = Seq
