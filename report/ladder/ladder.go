package ladder

import (
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// Explanation is what tcplife explain -o json writes.
type Explanation struct {
	Record string `json:"record" const:"explanation"`
	Schema int    `json:"schema" const:"1"`
	// Connections in the capture.
	Connections uint64 `json:"connections"`
	// Those of them from which the ladders' were chosen; 0 if the user named them (--conn).
	Offered uint64 `json:"offered"`
	// The ladders: as named, or those first that have most findings.
	Ladders []*Ladder `json:"ladders"`
}

// Ladder is the life of one connection segment by segment.
type Ladder struct {
	Record string `json:"record" const:"ladder"`
	Schema int    `json:"schema" const:"1"`
	// Other connections that were opened and closed in the same way and have the same findings, for which this one
	// stands.
	Alike      uint64             `json:"alike"`
	Connection *record.Connection `json:"connection"`
	// From where the client's relative numbers count.
	X Origin `json:"x"`
	// From where the server's relative numbers count.
	Y Origin `json:"y"`
	// What happened, in the order of the capture.
	Rungs []Rung `json:"rungs"`
	// What became of the connection, in sentences.
	Verdict []string `json:"verdict"`
}

// Origin is the number from which a side's relative numbers count.
type Origin struct {
	// The number; null: the side has none in the capture.
	Seq record.Seq `json:"seq" field:"null"`
	// It is the initial sequence number; false: it is the first one that the capture shows.
	ISN bool `json:"isn"`
}

// A RungKind is what a rung of a ladder shows.
type RungKind string

// The kinds of rung.
const (
	RungSegment RungKind = "segment"
	RungICMP    RungKind = "icmp"  // an ICMP error that quotes a segment of the connection
	RungFold    RungKind = "fold"  // ordinary segments, counted instead of shown
	RungEvent   RungKind = "event" // what happens without a packet of the connection
)

// String is the word.
func (k RungKind) String() string { return string(k) }

// Rung is one step of a ladder.
type Rung struct {
	// segment: one of the connection. icmp: an ICMP error about one. fold: ordinary segments, counted instead of
	// shown. event: what happens without a packet of the connection.
	Kind RungKind    `json:"kind"`
	At   record.Time `json:"at"`
	// Seconds since the first packet.
	Offset record.Duration `json:"offset_s"`
	// The packet; of a fold the first one, of an event the one that caused it; null: a timer did.
	Packet record.PacketNumber `json:"packet" field:"null"`
	// The sender of the segment, or of the one that the ICMP error is about; null for folds and events.
	From record.Side `json:"from" field:"null"`
	// The segment; null for other kinds.
	Segment *Segment `json:"segment" field:"null"`
	// The ICMP error; null for other kinds.
	ICMP *ICMP `json:"icmp" field:"null"`
	// What is not shown; null for other kinds.
	Fold *Fold `json:"fold" field:"null"`
	// The other connection of the same ports that the segment belongs to; null: it belongs to this one.
	Of record.PacketNumber `json:"of" field:"null,ref=id"`
	// The client.
	Client Side `json:"client"`
	// The server.
	Server Side `json:"server"`
	// What the segment was.
	Remarks []Remark `json:"remarks"`
	// The codes of the connection's findings that name the packet.
	Findings []string `json:"findings"`

	effect       tcpstate.Effect
	provenBy     record.PacketNumber // the packet that shows that it was not dropped; 0: it never seemed dropped
	flags        flows.Flags
	duplicate    bool                // the capture holds it twice
	duplicateOf  uint64              // packet
	original     record.PacketNumber // of a retransmission
	badChecksum  bool
	oldTimestamp bool // is older than the latest timestamp of its sender
	oldAck       bool // acknowledges less than has been acknowledged
	fills        bool // brings text that precedes what has come already
	synText      bool // brings the text of the SYN
}

// Segment is what a segment says, and how its numbers compare with those before it.
type Segment struct {
	// The control bits that are set.
	Flags []string `json:"flags" field:"enum=SYN|FIN|RST|PSH|URG|ECE|CWR|AE|ACK"`
	// SEG.SEQ.
	Seq uint32 `json:"seq" field:"ref=sequence_number"`
	// As its distance from x for the client's numbers, from y for the server's; it does not wrap. null: there is no x
	// or y.
	SeqRelative *int64 `json:"seq_relative" field:"null"`
	// SEG.SEQ against SND.NXT of its sender, for an RST against RCV.NXT of its receiver. good: it is what is expected.
	// bad: it is not. null: it repeats what came before, or there is nothing to compare with.
	SeqCheck Check `json:"seq_check" field:"null"`
	// SEG.ACK; null without the ACK bit.
	Ack record.Seq `json:"ack" field:"null"`
	// As its distance from x for the client's numbers, from y for the server's; it does not wrap. null: there is no x
	// or y.
	AckRelative *int64 `json:"ack_relative" field:"null"`
	// Whether SND.UNA =< SEG.ACK =< SND.NXT. good: it is what is expected. bad: it is not. null: it repeats what came
	// before, or there is nothing to compare with.
	AckCheck Check `json:"ack_check" field:"null"`
	// SEG.ACK is the number after the other side's FIN.
	AckOfFin bool `json:"ack_of_fin"`
	// Octets of text.
	Len uint32 `json:"len"`
	// SEG.WND as on the wire, not scaled.
	Window uint16 `json:"window"`
}

// A Check is the comparison of a number with what is expected: for SEG.SEQ its sender's SND.NXT (of an RST: the
// receiver's RCV.NXT), for SEG.ACK SND.UNA =< SEG.ACK =< SND.NXT (RFC 9293 §3.4). Neither is a number that repeats
// what came before, or one that there is nothing to compare with.
type Check string

// The results of a check.
const (
	CheckNone Check = ""
	CheckGood Check = "good"
	CheckBad  Check = "bad"
)

// String is the word.
func (c Check) String() string { return string(c) }

// MarshalJSON writes the word, or null.
func (c Check) MarshalJSON() ([]byte, error) { return encode.AppendWord(nil, string(c)), nil }

// ICMP is an ICMP or ICMPv6 error (RFC 792, RFC 4443).
type ICMP struct {
	// Its type.
	Type uint8 `json:"type"`
	// Its code.
	Code uint8 `json:"code"`
	// What the two say.
	Meaning string `json:"meaning"`
	// The sender of the error.
	From string `json:"from" field:"ref=ip"`
}

// Fold is segments that are counted instead of shown.
type Fold struct {
	// The client's.
	Client Counts `json:"client"`
	// The server's.
	Server Counts `json:"server"`
	// The last packet of them.
	Last record.PacketNumber `json:"last"`
	// Seconds from the first to the last.
	Duration record.Duration `json:"duration_s"`
}

// Counts is counts of one side's segments.
type Counts struct {
	// All of them.
	Segments uint64 `json:"segments"`
	// Octets of text, what was sent again included.
	Bytes uint64 `json:"bytes"`
	// Retransmissions, keepalives and window probes.
	Retransmitted uint64 `json:"again"`
	// Packets that the capture holds twice.
	Duplicates uint64 `json:"duplicates"`
	// Segments with numbers outside of the connection's.
	Rejected uint64 `json:"foreign"`
}

// Side is one endpoint at a rung.
type Side struct {
	// Its state after the rung; null: nothing is known of it yet.
	State record.StateOrNone `json:"state" field:"null"`
	// Of that state.
	Evidence record.Evidence `json:"evidence" field:"null"`
	// The states that it went through at the rung.
	Changes []Change `json:"changes"`
	// The state that the segment was taken to have begun until later evidence denied it; null: there is none.
	Withdrawn *Withdrawal `json:"withdrawn" field:"null"`

	before record.Evidence // of the state that the first change leaves
}

// Change is a change of state and its reason.
type Change struct {
	// The state before; null: the capture does not reach back.
	From record.StateOrNone `json:"from" field:"null"`
	// The state after.
	To tcpstate.State `json:"to"`
	// Of the state after.
	Evidence record.Evidence `json:"evidence"`
	// When the state began, where that is not when the segment was captured.
	Since record.Time `json:"since"`
	// The packet that caused or disclosed it, an earlier one than the rung's if another had to come first; null: a
	// timer did.
	Packet record.PacketNumber `json:"packet" field:"null"`
	// Why.
	Rule string `json:"rule"`
	// The section of the RFC that prescribes it.
	Source Source `json:"source"`
}

// Withdrawal is a state that was taken to be reached, and was not.
type Withdrawal struct {
	State tcpstate.State `json:"state"`
	// The packet that shows it; null: silence does.
	By record.PacketNumber `json:"by" field:"null"`
	// What it shows, in words.
	Rule string `json:"rule"`
	// The section of an RFC that says so; null: none does.
	Source Source `json:"source" field:"null"`
}

// Remark is what a segment was.
type Remark struct {
	// In words.
	Text string `json:"text"`
	// The section of an RFC that says so; null: none does.
	Source Source `json:"source" field:"null"`
}

// A Source is a section of an RFC, or empty for none, null in JSON.
type Source string

// MarshalJSON writes the text, or null.
func (s Source) MarshalJSON() ([]byte, error) { return encode.AppendWord(nil, string(s)), nil }

// Collector collects the segments of chosen connections while the capture is read once more, and makes their ladders.
// The memory of each is bounded.
type Collector struct {
	all   []*builder
	byID  map[uint64]*builder
	byKey map[flows.Key][]*builder // begun ones, by 4-tuple
	keys  Keys
}

// NewCollector prepares the ladders of connections.
func NewCollector(chosen []Chosen) *Collector {
	l := &Collector{byID: map[uint64]*builder{}, byKey: map[flows.Key][]*builder{}}
	for _, c := range chosen {
		b := newBuilder(c)
		l.all = append(l.all, b)
		l.byID[b.record.ID] = b
		client, server := &b.record.Client, &b.record.Server
		l.keys.Add(netip.AddrPortFrom(client.IP, client.Port), netip.AddrPortFrom(server.IP, server.Port))
	}
	for _, b := range l.all {
		for _, f := range b.record.Findings {
			if f.Code != "syn_in_connection" {
				continue
			}
			for _, p := range f.Packets {
				// For a while such a SYN was a connection of its own, named by its packet.
				if _, taken := l.byID[p]; !taken {
					l.byID[p] = b
				}
			}
		}
	}
	return l
}

// Traced is for analyzer.Options.Traced.
func (l *Collector) Traced(k *flows.Key) bool { return l.keys.Has(k) }

// Trace is for analyzer.Options.Trace.
func (l *Collector) Trace(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
	own := l.byID[id]
	switch {
	case own == nil:
	case id == own.record.ID:
		if len(own.rungs)+len(own.run) == 0 {
			l.byKey[seg.Key] = append(l.byKey[seg.Key], own)
		}
		own.take(seg, effect)
	default:
		own.take(seg, tcpstate.Dropped(tcpstate.SynInside))
	}
	for _, b := range l.byKey[seg.Key] {
		if b != own {
			b.takeOther(id, seg)
		}
	}
}

// Proven is for analyzer.Options.Proven.
func (l *Collector) Proven(id uint64, p *tcpstate.Proof) {
	if own := l.byID[id]; own != nil && id == own.record.ID {
		own.prove(p)
	}
}

// Finish makes the ladders, in the order in which the connections were chosen.
func (l *Collector) Finish() []*Ladder {
	ladders := make([]*Ladder, len(l.all))
	for i, b := range l.all {
		ladders[i] = b.ladder()
	}
	return ladders
}
