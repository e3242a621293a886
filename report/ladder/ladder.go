package ladder

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// An Explanation is what tcplife explain tells.
type Explanation struct {
	Record      string    `json:"record"`      // "explanation"
	Schema      int       `json:"schema"`      // analyzer.Schema
	Connections uint64    `json:"connections"` // in the capture
	Offered     uint64    `json:"offered"`     // those of them from which a choice was made; 0 if the user named them
	Ladders     []*Ladder `json:"ladders"`
}

// A Ladder is the life of one connection segment by segment, as a teacher draws it: time runs down, the client stands on
// the left and the server on the right. Its states are those of the connection's record, so that what was believed for a
// while and withdrawn later is shown as withdrawn.
type Ladder struct {
	Record     string             `json:"record"` // "ladder"
	Schema     int                `json:"schema"` // analyzer.Schema
	Alike      uint64             `json:"alike"`  // other connections of its kind that it stands for, if it was chosen for its kind
	Connection *record.Connection `json:"connection"`
	X          Origin             `json:"x"` // the client's numbers count from it
	Y          Origin             `json:"y"` // the server's
	Rungs      []Rung             `json:"rungs"`
	Verdict    []string           `json:"verdict"` // sentences
}

// An Origin is the number from which a side's relative numbers count.
type Origin struct {
	Seq record.Seq `json:"seq"` // none if the side has no number in the capture
	ISN bool       `json:"isn"` // it is the initial sequence number; else the first that the capture shows
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

// A Rung is one step of a ladder.
type Rung struct {
	Kind     RungKind            `json:"kind"`
	At       record.Time         `json:"at"`
	Offset   record.Duration     `json:"offset_s"` // since the first packet
	Packet   record.PacketNumber `json:"packet"`   // of a fold the first one
	From     record.Side         `json:"from"`     // sender of the segment, of the quoted one for an ICMP error
	Segment  *Segment            `json:"segment"`
	ICMP     *ICMP               `json:"icmp"`
	Fold     *Fold               `json:"fold"`
	Of       record.PacketNumber `json:"of"` // id of the other connection of the same ports that the segment belongs to; 0 for this one's
	Client   Side                `json:"client"`
	Server   Side                `json:"server"`
	Remarks  []Remark            `json:"remarks"`
	Findings []string            `json:"findings"` // codes of those that name this packet

	effect       tcpstate.Effect
	flags        flows.Flags
	duplicate    bool                // the capture holds it twice
	duplicateOf  uint64              // packet
	original     record.PacketNumber // of a retransmission
	badChecksum  bool
	oldTimestamp bool // is from before what its sender has sent last
	oldAck       bool // acknowledges less than has been acknowledged
	fills        bool // brings text before what has come already
	synText      bool // brings the text of the SYN
}

// A LadderSegment is what a segment says of itself, and how its numbers compare with those before it.
type Segment struct {
	Flags       []string   `json:"flags"`
	Seq         uint32     `json:"seq"`
	SeqRelative *int64     `json:"seq_relative"` // to x or y, does not wrap
	SeqCheck    Check      `json:"seq_check"`
	Ack         record.Seq `json:"ack"`
	AckRelative *int64     `json:"ack_relative"`
	AckCheck    Check      `json:"ack_check"`
	AckOfFin    bool       `json:"ack_of_fin"` // SEG.ACK is the number after the other side's FIN
	Len         uint32     `json:"len"`        // octets of text
	Window      uint16     `json:"window"`     // as on the wire, not scaled
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

// MarshalJSON gives the word, or null.
func (c Check) MarshalJSON() ([]byte, error) { return encode.AppendWord(nil, string(c)), nil }

// A LadderICMP is an ICMP error about a segment of the connection (RFC 792, RFC 4443).
type ICMP struct {
	Type uint8  `json:"type"`
	Code uint8  `json:"code"`
	From string `json:"from"` // who reports it
}

// A LadderFold counts segments that a ladder does not show.
type Fold struct {
	Client   Counts              `json:"client"`
	Server   Counts              `json:"server"`
	Last     record.PacketNumber `json:"last"` // packet
	Duration record.Duration     `json:"duration_s"`
}

// Counts are what one side sent of a fold.
type Counts struct {
	Segments   uint64 `json:"segments"`
	Bytes      uint64 `json:"bytes"` // of text, what was sent again included
	Again      uint64 `json:"again"` // of segments: retransmissions, keepalives, probes
	Duplicates uint64 `json:"duplicates"`
	Foreign    uint64 `json:"foreign"` // of segments: outside of the connection's numbers
}

// A LadderSide is one endpoint at a rung.
type Side struct {
	State     record.StateOrNone `json:"state"`    // after the rung
	Evidence  record.Evidence    `json:"evidence"` // of State
	Changes   []Change           `json:"changes"`
	Withdrawn *Withdrawal        `json:"withdrawn"`

	before record.Evidence // of the state that the first change leaves
}

// A LadderChange is a transition of RFC 9293 figure 5 and why it was made.
type Change struct {
	From     record.StateOrNone  `json:"from"` // none where the capture does not reach back
	To       tcpstate.State      `json:"to"`
	Evidence record.Evidence     `json:"evidence"`
	Since    record.Time         `json:"since"`  // the rung's time but where the segment arrived later, or earlier, than it seemed
	Packet   record.PacketNumber `json:"packet"` // that caused or disclosed it, an earlier one than the rung's if that had to come first; 0 for a timer
	Rule     string              `json:"rule"`
	Source   Source              `json:"source"`
}

// A Withdrawal is a state that a segment was taken to have begun until later evidence denied it.
type Withdrawal struct {
	State  tcpstate.State      `json:"state"`
	By     record.PacketNumber `json:"by"`   // the packet that shows it; 0 for silence
	Rule   string              `json:"rule"` // what it shows
	Source Source              `json:"source"`
}

// A Remark says what a segment was.
type Remark struct {
	Text   string `json:"text"`
	Source Source `json:"source"`
}

// A Source is a section of an RFC, or empty for none, null in JSON.
type Source string

// MarshalJSON gives the text, or null.
func (s Source) MarshalJSON() ([]byte, error) { return encode.AppendWord(nil, string(s)), nil }

// Collector collects the segments of chosen connections while the capture is read once more, and makes their ladders. The
// memory of each is bounded.
type Collector struct {
	all   []*builder
	byID  map[uint64]*builder
	byKey map[flows.Key][]*builder // from their first segments on
}

// NewCollector prepares the ladders of connections.
func NewCollector(chosen []Chosen) *Collector {
	l := &Collector{byID: map[uint64]*builder{}, byKey: map[flows.Key][]*builder{}}
	for _, c := range chosen {
		b := newBuilder(c)
		l.all = append(l.all, b)
		l.byID[b.record.ID] = b
	}
	for _, b := range l.all {
		for _, f := range b.record.Findings {
			if f.Code != "syn_in_connection" {
				continue
			}
			for _, p := range f.Packets {
				// Such a SYN has for a while been a connection of its own, named by its packet.
				if _, taken := l.byID[p]; !taken {
					l.byID[p] = b
				}
			}
		}
	}
	return l
}

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

// Finish makes the ladders, in the order in which the connections were chosen.
func (l *Collector) Finish() []*Ladder {
	ladders := make([]*Ladder, len(l.all))
	for i, b := range l.all {
		ladders[i] = b.ladder()
	}
	return ladders
}
