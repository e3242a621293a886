package compare

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// A sighting is a segment at one point.
type sighting struct {
	at     int64  // corrected to the first point's clock
	packet uint64 // its number in the point's capture; 0 for none

	seq, ack, len uint32 // as on the wire
	tsVal, tsEcr  uint32
	flags         flows.Flags
	window, id    uint16
	mss           uint16
	wscale, ttl   uint8
	ecn           flows.ECN
	options       optionSet
	twice         bool // the capture holds the packet a second time
	unsent        bool // it acknowledges what the capture lacks
}

// optionSet has a bit for each TCP option of a segment.
type optionSet uint16

const (
	hasMSS optionSet = 1 << iota
	hasWScale
	hasSACKPermitted
	hasSACK
	hasTimestamp
	hasFastOpen
	hasMPTCP
	hasSignature
	optionsCut // by the snaplen: there may be more
)

func newSighting(seg *flows.Segment, at int64) sighting {
	o := &seg.Options
	s := sighting{
		at: at, packet: seg.Packet, seq: seg.Seq, ack: seg.Ack, len: seg.Len, tsVal: o.TSVal, tsEcr: o.TSEcr,
		flags: seg.Flags, window: seg.Window, id: seg.IPID, mss: o.MSS, wscale: o.WScale, ttl: seg.TTL, ecn: seg.ECN,
	}
	for i, has := range [...]bool{o.HasMSS, o.HasWScale, o.SACKPermitted, o.HasSACK, o.HasTimestamp, o.FastOpen,
		o.MPTCP != flows.NoMPTCP, o.Signed, o.Cut} {
		if has {
			s.options |= 1 << i
		}
	}
	return s
}

func (s *sighting) seen() bool { return s.packet != 0 }

func (s *sighting) has(f flows.Flags) bool { return s.flags&f == f }

// space is how much sequence space the segment takes (RFC 9293 §3.4).
func (s *sighting) space() uint32 {
	n := s.len
	if s.has(flows.SYN) {
		n++
	}
	if s.has(flows.FIN) {
		n++
	}
	return n
}

// A legEnd has the record that a point's analyzer made of an ended connection.
type legEnd struct {
	client, server result.ComparedEndpoint // packets and times are the point's own
	bytes          [2]uint64               // of the client, of the server
	outcome        record.Outcome
	teardown       record.TeardownKind
	role           record.RoleEvidence
}

func newLegEnd(c *record.Connection) *legEnd {
	end := func(e *record.Endpoint) result.ComparedEndpoint {
		return result.ComparedEndpoint{
			IP: e.IP, Port: e.Port, ISN: e.ISN, State: e.State, States: append([]record.StateEntry{}, e.States...),
		}
	}
	return &legEnd{
		client: end(&c.Client), server: end(&c.Server), bytes: [2]uint64{c.Client.Bytes, c.Server.Bytes},
		outcome: c.Handshake.Outcome, teardown: c.Teardown.Kind, role: c.RoleEvidence,
	}
}
