package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/internal/offers"
	"github.com/tcplife/tcplife/analyzer/internal/timers"
	"github.com/tcplife/tcplife/analyzer/internal/usage"
	"github.com/tcplife/tcplife/analyzer/internal/wire"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/peers"
)

// connection is one incarnation of a 4-tuple while it is followed. Its two ends are Key.A and Key.B. Fields that every
// segment changes stand together here and in side, so that they share few cache lines.
type connection struct {
	key    flows.Key   `rest:"-"`
	older  *connection `rest:"-"` // an earlier incarnation that is not decided yet
	place  uint32      `rest:"-"` // place of its 4-tuple in the table
	number uint32      `rest:"-"` // number in the pool, 0 if unused
	end    int64
	heard  int64 // time of its last packet
	// the end that opened, by the first SYN, else by the first SYN-ACK, else by the ports, else by the first packet
	opener     int
	role       record.RoleEvidence `rest:"-"`
	touched    bool                `rest:"-"` // changed by a segment since the pool last considered packing it
	noPeers    bool                // Options.NoPeers
	tshark     peers.Tshark
	offers     offers.Offers
	usage      usage.Usage
	timers     timers.Timers
	phase      phase     // of the attempt, as the crowd knows it
	told       crowd.End // how the attempt failed, as the crowd was told
	stands     standing  // in Live
	sides      [2]side
	zeek       peers.Zeek
	tcp        tcpstate.Conn
	numberings numberings

	id            uint64 `rest:"-"`
	previous      uint64
	encap         *flows.Encapsulation `rest:"-"`
	start         int64
	first         crowd.Probe // its first segment; empty once the handshake is completed
	reported      bool        // at its close
	waitedAtClose [2]bool     // which ends were in TIME_WAIT then

	notes      []note
	resets     distance.Resets
	reason     []byte // the text of the first RST that carried one; never changed
	synText    bool   // a SYN carried text (RFC 7413)
	challenged bool   // a SYN was answered by a plain ACK of other numbers
	icmp       quoted // the ICMP error about its SYN or SYN-ACK
	// its SYN may be stale: it interrupted another attempt, met TIME_WAIT, or its number is old
	stale           bool
	old             bool // its SYN is a copy, or has a lower number than the connection before
	copied          bool // an earlier SYN had its SYN's number
	gaveUp          bool // its client gave up an earlier attempt with the ISN givenUp
	givenUp         uint32
	linuxReuse      bool   // the successor's ISN proves that it was accepted in TIME_WAIT
	afterTimeWait   bool   // the incarnation before was in TIME_WAIT when this one began
	interrupted     uint64 // packet of the stale SYN that interrupted this attempt
	successor       uint64 // packet of the SYN that reused the ports
	challengePacket uint64
	finIdle         int64 // the silence before the first FIN, if finIdleKnown
	finIdleKnown    bool
	openUnseen      bool `rest:"-"` // settled: filtered, and only silence shows that it was completed
	filtered        bool `rest:"-"` // settled: a filter on control bits hid segments of it
	crossedFin      bool // text was sent before its sender had received the other side's FIN
}

// side has what one end has sent.
type side struct {
	packets, duplicates uint64
	bytes, ipBytes      uint64
	openings, synAcks   uint64 // SYNs without ACK, with ACK
	wrongSynAcks        uint64 // SYN-ACKs with a wrong checksum
	textEnd             uint32 // the number after the highest octet of text
	textKnown           bool
	firstIsOctet        bool // its first segment carried one octet, which counts as text
	sums                wire.Checksums
	path                wire.Path
	synAnswer           record.Answer // the acknowledgement number that answered its SYN
	finAcked            bool
	finAckUnseen        bool `rest:"-"` // finAcked is inferred: a filter on control bits hid the acknowledgement
	recentNext          uint8
	distance            distance.End
	recent              [4]fingerprint

	retransmitted, keepalives, probes uint64
	// SYNs that opened nothing: with FIN or RST, or inside a connection whose own SYN is not captured
	impossible                  uint64
	fins, rsts                  uint64
	openingAt, synAckAt         int64
	openingPacket, synAckPacket uint64
	finPacket                   uint64
	finAckedAt                  int64
	firstAckOfFin               bool // this side's FIN was its first segment to acknowledge the other's
	firstSyn                    shape
	firstSeq                    uint32
}

// begin initializes a connection from its first segment, and keeps the memory of its lists.
func (c *connection) begin(seg *flows.Segment, older *connection) {
	number, notes, resets, room := c.number, c.notes[:0], c.resets[:0], c.tcp.Room()
	*c = connection{} // field by field, because a composite literal of this size would be copied
	c.number, c.notes, c.resets = number, notes, resets
	c.tcp.Use(room)
	c.id, c.key, c.encap, c.older, c.touched = seg.Packet, seg.Key, seg.Encap, older, true
	c.start, c.end, c.opener, c.first = seg.Time, seg.Time, -1, crowd.ProbeOf(seg)
	if older != nil {
		c.previous = older.id
	}
}

// sender returns the end that sent the segment. A connection from a socket to itself has only one end.
func sender(seg *flows.Segment) int {
	if seg.FromB {
		return 1
	}
	return 0
}

func (c *connection) self() bool { return c.key.A == c.key.B && c.key.APort == c.key.BPort }

// peer is the end that receives what an end sends.
func (c *connection) peer(end int) int {
	if c.self() {
		return end
	}
	return 1 - end
}

// passage describes how a segment reaches its connection.
type passage struct {
	other   bool // it was captured on the other side of a device that renumbers
	bridged bool // a filter on control bits seems to hide what was exchanged before a FIN or RST
	seen    bool // by package peers already, before it waited for the segment that it answers
}

// segment counts the segment and passes it to the state machine. It reports whether the segment was expected; such a
// segment has changed no state.
func (c *connection) segment(seg *flows.Segment, how passage) (effect tcpstate.Effect, expected bool) {
	from := sender(seg)
	to := c.peer(from)
	x, y := &c.sides[from], &c.sides[to]
	if !how.seen {
		c.peersSee(seg)
	}
	if x.packets == 0 {
		x.firstSeq = seg.Seq
	}
	x.count(seg)
	silence := max(0, seg.Time-c.end)
	c.end = max(c.end, seg.Time)
	if x.isDuplicate(seg, how.other, y) {
		x.duplicates++
		return tcpstate.Rejected | tcpstate.Duplicate, false
	}
	x.countFlags(seg)
	c.resets.Segment(seg)
	c.assignRoles(from, seg)
	if impossible(seg.Flags) {
		c.tcp.Note(tcpstate.ImpossibleFlags, from, tcpstate.Seq(seg.Seq), seg.Packet)
	}
	if seg.Reason != nil {
		c.tcp.Note(tcpstate.Explained, from, tcpstate.Seq(seg.Seq), seg.Packet)
		if c.reason == nil {
			c.reason = []byte(*seg.Reason)
		}
	}
	if nxt, sent := c.tcp.Ends[from].SndNxt(); x.sums.Rejects(seg) && y.packets > 0 {
		x.sums.Sent(seg, uint32(nxt), sent)
		var s tcpstate.Segment
		reduce(&s, seg)
		c.tcp.RejectSum(from, &s)
		return tcpstate.Rejected | tcpstate.BadChecksum, false
	}
	if how.bridged && seg.Flags&(flows.FIN|flows.RST) != 0 {
		var s tcpstate.Segment
		reduce(&s, seg)
		c.tcp.Bridge(from, &s)
	}
	return c.admit(seg, silence)
}

// admit passes a segment to the state machine, and counts it if its receiver accepts it. silence is the time since the
// packet before it, in ns.
func (c *connection) admit(seg *flows.Segment, silence int64) (effect tcpstate.Effect, expected bool) {
	from := sender(seg)
	to := c.peer(from)
	x := &c.sides[from]
	nxt, sent := c.tcp.Ends[from].SndNxt()
	var s tcpstate.Segment
	reduce(&s, seg)
	if c.tcp.Predict(from, &s) {
		c.predicted(from, to, seg, nxt)
		c.noteAnswers(from, to, seg, 0, silence)
		return 0, true
	}
	var again timers.Repeat
	mayRepeat := sent && s.MayRepeat(nxt)
	if mayRepeat {
		again = timers.Before(&c.tcp, from, to, seg, &s, c.offers.SACK())
	}
	if c.self() {
		effect = c.tcp.SelfSegment(&s)
	} else {
		effect = c.tcp.Segment(from, &s)
	}
	for _, p := range c.tcp.Proven() {
		c.arrived(&p)
	}
	if effect.Has(tcpstate.Rejected) {
		c.noteChallenge(from, seg, effect)
		return effect, false
	}
	x.sums.Sent(seg, uint32(nxt), sent)
	c.count(from, to, seg, effect, uint32(nxt), silence)
	if mayRepeat {
		c.timers.Sends(from, effect, seg, &again, x.keepalives)
	}
	return effect, false
}

// predicted counts a segment that the state machine has predicted. nxt is the sender's SND.NXT before it.
func (c *connection) predicted(from, to int, seg *flows.Segment, nxt tcpstate.Seq) {
	if seg.Len > 0 {
		c.countText(from, seg)
	}
	c.offers.Segment(from, seg)
	c.sides[from].sums.Sent(seg, uint32(nxt), true)
	c.sides[to].sums.Acknowledged(seg.Ack)
	c.trackPath(from, to, seg, uint32(nxt))
	if c.timers.Concerns(to, seg) {
		c.timers.Hears(to, seg, c.tcp.WindowClosed(from))
	}
}

// count counts a segment that its receiver accepts. nxt is the sender's SND.NXT before it.
func (c *connection) count(from, to int, seg *flows.Segment, effect tcpstate.Effect, nxt uint32, silence int64) {
	x, y := &c.sides[from], &c.sides[to]
	if seg.Flags.Has(flows.ACK) {
		y.sums.Acknowledged(seg.Ack)
	}
	c.trackPath(from, to, seg, nxt)
	if seg.Flags.Has(flows.SYN) {
		y.sums.MSS = seg.Options.MSS
	}
	c.synText = c.synText || opens(seg) && seg.Len > 0
	switch {
	case effect.Has(tcpstate.Keepalive):
		x.keepalives++
		if x.firstIsOctet && !c.tcp.Ends[from].ISSKnown && x.bytes == 1 && x.firstSeq == seg.Seq {
			x.bytes, x.keepalives = 0, x.keepalives+1 // the first segment was one too, but its octet counted as text
		}
	case effect.Has(tcpstate.ZeroWindowProbe):
		x.probes++
	case effect.Has(tcpstate.Retransmission):
		x.retransmitted++
	}
	if seg.Len > 0 && !seg.Flags.Has(flows.RST) && !effect.Has(tcpstate.Keepalive) && !effect.Has(tcpstate.BehindFin) {
		c.countText(from, seg)
	}
	c.offers.Segment(from, seg)
	if c.tcp.HandshakeAcked {
		c.usage.Opened(seg.Time)
	}
	if seg.Flags&(flows.FIN|flows.RST) != 0 {
		c.usage.Closed(seg.Time)
	}
	if effect.Has(tcpstate.AnswersKeepalive) {
		y.keepalives++
		c.timers.WasProbe(to, &c.tcp)
	}
	if seg.Flags.Has(flows.ACK) && c.tcp.HasHole(from) {
		c.timers.Misses(to, seg.Ack, seg.Time)
	}
	if c.timers.Concerns(to, seg) {
		c.timers.Hears(to, seg, c.tcp.WindowClosed(from))
	}
	c.noteAnswers(from, to, seg, effect, silence)
	c.compareSyns(from, seg, effect)
}

// peersSee passes the segment to the models of Zeek and tshark.
func (c *connection) peersSee(seg *flows.Segment) {
	if c.noPeers {
		return
	}
	from := sender(seg)
	c.zeek.Segment(from, seg, seg.Checksum >= flows.ChecksumUnfinished && c.sides[from].sums.Good)
	c.tshark.Segment(seg)
}

// arrived counts a segment that its receiver first seemed to drop.
func (c *connection) arrived(p *tcpstate.Proof) {
	s, from := &p.Segment, p.From
	to := c.peer(from)
	seg := flows.Segment{
		Packet: s.Packet, Time: s.At, Key: c.key, FromB: from == 1, Flags: flagsOf(s),
		Seq: uint32(s.Seq), Ack: uint32(s.Ack), Len: s.Len, Window: uint16(s.Window),
		Options: flows.Options{HasWScale: s.HasWScale, WScale: s.WScale, HasTimestamp: s.HasTS, TSVal: s.TSVal,
			TSEcr: s.TSEcr},
	}
	c.sides[from].sums.Acknowledged(uint32(s.End())) // wrong flags do no harm here
	c.count(from, to, &seg, p.Effect, seg.Seq, 0)
}

// flagsOf converts flags for the state machine.
func flagsOf(s *tcpstate.Segment) (f flows.Flags) {
	for _, has := range []struct {
		is   bool
		flag flows.Flags
	}{{s.Syn, flows.SYN}, {s.Fin, flows.FIN}, {s.HasAck, flows.ACK}} {
		if has.is {
			f |= has.flag
		}
	}
	return f
}

// reduce sets s to what the state machine needs of a segment. It sets single fields and s is not copied, because a
// processor stalls when it reads in one piece what it has just written in several.
func reduce(s *tcpstate.Segment, seg *flows.Segment) {
	s.At, s.Packet = seg.Time, seg.Packet
	s.Syn, s.Fin = seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.FIN)
	s.Rst, s.HasAck = seg.Flags.Has(flows.RST), seg.Flags.Has(flows.ACK)
	s.Seq, s.Ack, s.Len, s.Window = tcpstate.Seq(seg.Seq), tcpstate.Seq(seg.Ack), seg.Len, uint32(seg.Window)
	s.HasWScale, s.WScale = seg.Options.HasWScale, seg.Options.WScale
	s.HasTS, s.TSVal, s.TSEcr = seg.Options.HasTimestamp, seg.Options.TSVal, seg.Options.TSEcr
}

// count counts any captured segment.
func (s *side) count(seg *flows.Segment) {
	s.packets++
	s.ipBytes += uint64(seg.Headers) + uint64(seg.Len)
	s.distance.Segment(seg)
}

func (s *side) countFlags(seg *flows.Segment) {
	switch {
	case impossible(seg.Flags):
		s.impossible++
	case seg.Flags.Has(flows.SYN | flows.ACK):
		if s.synAcks == 0 {
			s.synAckAt, s.synAckPacket = seg.Time, seg.Packet
		}
		s.synAcks++
		if seg.Checksum == flows.ChecksumWrong {
			s.wrongSynAcks++
		}
	case seg.Flags.Has(flows.SYN):
		if s.openings == 0 {
			s.openingAt, s.openingPacket = seg.Time, seg.Packet
		}
		s.openings++
	}
	if seg.Flags.Has(flows.FIN) {
		s.fins++
	}
	if seg.Flags.Has(flows.RST) {
		s.rsts++
	}
}

// impossible reports whether no state of RFC 9293 sends this combination of flags.
func impossible(f flows.Flags) bool {
	return f.Has(flows.SYN|flows.RST) || f&(flows.SYN|flows.FIN|flows.ACK) == flows.SYN|flows.FIN
}

// countText counts the octets beyond those that the end has sent before.
func (c *connection) countText(from int, seg *flows.Segment) {
	s, e := &c.sides[from], &c.tcp.Ends[from]
	end := seg.Seq + seg.Len
	if seg.Flags.Has(flows.SYN) {
		end++
	}
	if !s.textKnown {
		s.textKnown, s.textEnd = true, seg.Seq
		if e.ISSKnown {
			s.textEnd = uint32(e.ISS) + 1
		}
		s.firstIsOctet = s.packets == 1 && seg.Len == 1
	}
	if fresh := int32(end - s.textEnd); fresh > 0 {
		s.bytes += uint64(fresh)
		s.textEnd = end
		c.usage.Text(from, c.opener, seg.Time, uint32(fresh), seg.Packet)
	}
}

// assignRoles decides who opened, by the best evidence so far (a SYN beats a SYN-ACK beats ports).
func (c *connection) assignRoles(from int, seg *flows.Segment) {
	switch {
	case seg.Flags&(flows.SYN|flows.ACK|flows.RST|flows.FIN) == flows.SYN && c.role != record.RoleSyn:
		c.opener, c.role = from, record.RoleSyn
	case seg.Flags.Has(flows.SYN|flows.ACK) && !impossible(seg.Flags) && c.role != record.RoleSyn &&
		c.role != record.RoleSynAck:
		c.opener, c.role = 1-from, record.RoleSynAck
	case c.role == "":
		if server, known := serverByPort(&c.key); known {
			c.opener, c.role = 1-server, record.RolePorts
		} else {
			c.opener, c.role = from, record.RoleFirstPacket
		}
	}
	if c.self() {
		c.opener = 0
	}
}

// serverByPort finds the server by its port, if only one of the two ports is below the ephemeral range of RFC 6335 §6,
// extended by the default ranges of Linux and BSD.
func serverByPort(k *flows.Key) (end int, known bool) {
	const system, ephemeral = 1024, 32768
	a, b := k.APort, k.BPort
	switch {
	case a < system && b >= system || a < ephemeral && b >= ephemeral:
		return 0, true
	case b < system && a >= system || b < ephemeral && a >= ephemeral:
		return 1, true
	}
	return 0, false
}

// noteAnswers records what the segment acknowledges. silence is the time since the packet before it.
func (c *connection) noteAnswers(from, to int, seg *flows.Segment, effect tcpstate.Effect, silence int64) {
	x, y, peer := &c.sides[from], &c.sides[to], &c.tcp.Ends[to]
	if seg.Flags.Has(flows.FIN) && x.finPacket == 0 && c.tcp.Ends[from].FinSent {
		x.finPacket = seg.Packet
		if y.finPacket == 0 {
			c.finIdle, c.finIdleKnown = silence, x.packets+y.packets > 1
		}
		x.firstAckOfFin = peer.FinSent && !y.finAcked
	}
	if !seg.Flags.Has(flows.ACK) || seg.Flags.Has(flows.RST) {
		return
	}
	ack := tcpstate.Seq(seg.Ack)
	if peer.ISSKnown && y.synAnswer != record.Yes {
		if ack.After(peer.ISS) && !effect.Has(tcpstate.BadSynAck) {
			y.synAnswer = record.Yes
		} else {
			y.synAnswer = record.No
		}
	}
	if seg.Len > 0 && peer.FinSent && !y.finAcked && !ack.After(peer.FinSeq) && effect&(tcpstate.Retransmission|
		tcpstate.Keepalive) == 0 {
		c.crossedFin = true
	}
	if peer.FinSent && !y.finAcked && ack.After(peer.FinSeq) && !effect.Has(tcpstate.Rejected) {
		y.finAcked, y.finAckedAt = true, seg.Time
	}
}

// noteChallenge records an answer to a SYN that is neither SYN-ACK nor RST (RFC 5961 §4.2).
func (c *connection) noteChallenge(from int, seg *flows.Segment, effect tcpstate.Effect) {
	if effect.Has(tcpstate.Challenge) {
		if !c.challenged {
			c.challenged, c.challengePacket = true, seg.Packet
		}
		c.sides[1-from].synAnswer = max(c.sides[1-from].synAnswer, record.No)
	}
}

// embryonic reports whether the handshake is not complete.
func (c *connection) embryonic() bool {
	a, b := &c.tcp.Ends[0], &c.tcp.Ends[1]
	if c.over() {
		return false
	}
	syn := func(e *tcpstate.Endpoint) bool {
		return !e.Known() || e.State() == tcpstate.SynSent || e.State() == tcpstate.SynRcvd
	}
	if syn(a) && syn(b) {
		return true
	}
	return a.Known() && b.Known() && (a.State() == tcpstate.SynRcvd && b.State() == tcpstate.Established ||
		b.State() == tcpstate.SynRcvd && a.State() == tcpstate.Established)
}

// open reports whether both ends are open, or one is and the other is unknown.
func (c *connection) open() bool {
	for i := range c.tcp.Ends {
		if e := &c.tcp.Ends[i]; e.Known() && e.State() >= tcpstate.Established && e.State() != tcpstate.TimeWait {
			return true
		}
	}
	return false
}

// over reports whether the connection has ended, except for segments that may still be under way.
func (c *connection) over() bool {
	known := false
	for i := range c.tcp.Ends {
		if e := &c.tcp.Ends[i]; e.Known() {
			known = true
			if e.State() != tcpstate.Closed {
				return false
			}
		}
	}
	return known || c.sides[0].rsts+c.sides[1].rsts+c.sides[0].fins+c.sides[1].fins > 0
}

// endReason returns what closed the connection, or otherwise if nothing did.
func (c *connection) endReason(otherwise record.EndedBy) record.EndedBy {
	if !c.over() && !c.tcp.MaybeReset() {
		return otherwise
	}
	if c.tcp.Reset != nil || c.sides[0].rsts+c.sides[1].rsts > 0 {
		return record.EndReset
	}
	return record.EndClosed
}

// onlySyns reports whether the record has only SYNs of the opener.
func (c *connection) onlySyns() bool {
	x, y := &c.sides[c.opener], &c.sides[1-c.opener]
	return y.packets == 0 && x.openings+x.duplicates == x.packets
}

// anyInTimeWait reports whether an end is in TIME_WAIT.
func (c *connection) anyInTimeWait() bool {
	return c.inTimeWait(0) || c.inTimeWait(1)
}

func (c *connection) inTimeWait(i int) bool {
	e := &c.tcp.Ends[i]
	return e.Known() && e.State() == tcpstate.TimeWait
}
