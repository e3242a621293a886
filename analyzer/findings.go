package analyzer

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// note is a finding in the making: what happened, on which side, in which packets.
type note struct {
	code    FindingCode
	end     int8 // the end that did it, or -1
	count   uint64
	packets []uint64 // the first ones
}

// maxNotePackets bounds the packets that are named for one finding.
const maxNotePackets = 8

// note adds a packet to a finding.
func (c *connection) note(k FindingCode, end int, packets ...uint64) {
	var n *note
	for i := range c.notes {
		if c.notes[i].code == k && c.notes[i].end == int8(end) {
			n = &c.notes[i]
		}
	}
	if n == nil {
		c.notes = append(c.notes, note{code: k, end: int8(end)})
		n = &c.notes[len(c.notes)-1]
	}
	n.count++
	for _, p := range packets {
		if len(n.packets) < maxNotePackets && p != 0 {
			n.packets = append(n.packets, p)
		}
	}
}

// remark notes what a segment that is not foreign says about the connection's health, after it has been counted.
func (c *connection) remark(from int, seg *flows.Segment, effect tcpstate.Effect) {
	x := &c.sides[from]
	syn, fin, rst, ack := seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.FIN), seg.Flags.Has(flows.RST), seg.Flags.Has(flows.ACK)
	p := seg.Packet
	switch {
	case syn && !ack && effect.Has(tcpstate.Again):
		c.note(synRetransmitted, from, p)
		if fewerOptions(x.firstSyn, synShape(seg)) {
			c.note(optionFallback, from, p)
		}
	case syn && ack && effect.Has(tcpstate.Again):
		c.note(synAckRetransmitted, from, p)
	case fin && effect.Has(tcpstate.Again):
		c.note(finRetransmitted, from, p)
	}
	if syn && !ack && x.openings == 1 {
		x.firstSyn = synShape(seg)
	}
	if effect.Has(tcpstate.AckNotAccepted) {
		c.note(ackNotAccepted, from, p)
	}
	if effect.Has(tcpstate.BadSynAck) {
		c.note(badSynAck, from, p)
	}
	if effect.Has(tcpstate.AckOfFinLost) {
		c.note(ackOfFinLost, from, p)
	}
	if effect.Has(tcpstate.FinAhead) && !effect.Has(tcpstate.Again) {
		c.note(finBeforeData, from, p)
	}
	if effect.Has(tcpstate.Unsent) && c.sides[1-from].packets > 0 {
		c.note(captureLoss, 1-from, p)
	}
	if effect.Has(tcpstate.ZeroWindowProbe) {
		c.note(zeroWindow, 1-from, p)
	}
	if rst && effect.Has(tcpstate.ResetDoubted) {
		c.note(resetInexact, from, p)
	}
	if effect.Has(tcpstate.ResetOutlived) {
		c.note(resetOutlived, -1, c.resetPacket, p)
	}
	if rst && effect.Has(tcpstate.ResetAccepted) {
		c.resetPacket = p
	}
}

// remarkForeign notes a segment that changed nothing.
func (c *connection) remarkForeign(from int, seg *flows.Segment) {
	syn, rst := seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.RST)
	switch {
	case syn && seg.Flags.Has(flows.FIN):
		c.note(impossibleFlags, from, seg.Packet)
	case rst && reached(&c.tcp.Ends[1-from]):
		c.note(resetOutside, from, seg.Packet)
	case syn && c.open():
		c.note(synInConnection, from, seg.Packet)
	case !rst && c.open():
		c.note(foreignSegments, from, seg.Packet)
	}
}

// shape is what a SYN offers.
type shape struct{ ecn, fastOpen, options bool }

func synShape(seg *flows.Segment) shape {
	o := &seg.Options
	return shape{seg.Flags.Has(flows.ECE | flows.CWR), o.FastOpen, o.HasTimestamp || o.SACKPermitted || o.HasWScale}
}

// fewerOptions reports whether a repeated SYN leaves out what the first had (RFC 3168 §6.1.1.1, RFC 7413 §4.1.3).
func fewerOptions(first, again shape) bool {
	return first.ecn && !again.ecn || first.fastOpen && !again.fastOpen || first.options && !again.options
}

// conclude adds to the notes what the whole of the record says.
func (c *connection) conclude(r *Connection, at int64) {
	client, server := c.opener, 1-c.opener
	x, y := &c.sides[client], &c.sides[server]
	switch r.Handshake.Outcome {
	case OutcomeRefused:
		c.note(refused, server, uint64(r.Handshake.SynPacket), c.tcp.Reset.Packet)
	case OutcomeUnanswered:
		if x.rsts == 0 && x.openings > 0 {
			c.note(unanswered, server, x.openingPacket)
		}
	case OutcomeUnreachable:
		c.note(unreachableSyn, server, x.openingPacket, c.quotedPacket)
	case OutcomeEmbryonic:
		c.note(embryonicAtEnd, server, y.synAckPacket)
	case OutcomeAborted:
		c.concludeAborted(r, client)
	case OutcomeSimultaneous:
		c.note(simultaneousOpen, -1, x.openingPacket, y.openingPacket)
	case OutcomeComplete:
		if c.synText && !c.tcp.SynDataAcked {
			c.note(fastOpenIgnored, server, x.openingPacket, y.synAckPacket)
		}
	}
	if c.challenged {
		k := challenged
		if c.beforeWaits {
			k = timeWaitRefused
		}
		c.note(k, server, x.openingPacket, c.challengePacket)
	}
	if c.interrupted != 0 {
		c.note(staleSyn, client, c.interrupted)
	}
	if d := x.duplicates + y.duplicates; d > 0 {
		c.note(captureDuplicates, -1)
		c.notes[len(c.notes)-1].count = d
	}
	if (x.packets == 0) != (y.packets == 0) && !c.self() && (reached(&c.tcp.Ends[0]) || reached(&c.tcp.Ends[1])) {
		c.note(oneWay, -1)
	}
	c.concludeReset(r)
	if h := c.tcp.HalfOpen; h != nil {
		c.note(halfOpenDiscovered, 1-h.Survivor, c.tcp.HalfOpenPacket)
	}
	for i := range c.sides {
		c.concludeSide(i, at)
	}
	for _, w := range r.TimeWait {
		end := client
		if w.Side == Server {
			end = server
		}
		switch w.EndedBy {
		case TimeWaitReused:
			c.note(timeWaitReused, end, c.successor)
		case TimeWaitReset:
			c.note(timeWaitReset, end, c.tcp.Ends[end].History[len(c.tcp.Ends[end].History)-1].Packet)
		}
	}
}

// concludeAborted tells the reasons apart for which an attempt that was answered was not completed.
func (c *connection) concludeAborted(r *Connection, client int) {
	x, y := &c.sides[client], &c.sides[1-client]
	reset := c.tcp.Reset
	if !c.disowned() {
		return
	}
	switch {
	case c.stale:
		c.note(staleSyn, client, x.openingPacket, y.synAckPacket, reset.Packet)
	case x.openings > 1 && y.synAckAt-x.openingAt > int64(time.Second):
		c.note(lateSynAck, 1-client, x.openingPacket, y.synAckPacket, reset.Packet)
	default:
		c.note(synScanned, client, x.openingPacket, y.synAckPacket, reset.Packet)
	}
}

func (c *connection) concludeReset(r *Connection) {
	reset := c.tcp.Reset
	if reset == nil || r.Handshake.Outcome == OutcomeRefused || r.Handshake.Outcome == OutcomeAborted {
		return
	}
	closer := &c.tcp.Ends[reset.By]
	switch {
	case c.tcp.HalfOpen != nil:
	case closer.FinSent && reset.Answers == tcpstate.AnsweredData:
		c.note(dataAfterClose, 1-reset.By, reset.Packet)
	case r.Teardown.Kind == TeardownReset:
		c.note(resetByPeer, reset.By, reset.Packet)
	}
}

// concludeSide adds what a side waited for in vain.
func (c *connection) concludeSide(i int, at int64) {
	const patience = 60 * int64(time.Second) // what Linux gives an orphan (tcp_fin_timeout)
	e, x, y := &c.tcp.Ends[i], &c.sides[i], &c.sides[1-i]
	if e.FinSent && x.finPacket > 0 && !x.finAcked && y.packets > 0 && c.tcp.Reset == nil {
		c.note(finUnacknowledged, i, x.finPacket)
	}
	if e.Known() && e.State() == tcpstate.CloseWait && y.finAcked && at-y.finAckedAt >= patience && at-c.tcp.LastAt(i) >= patience {
		c.note(notClosed, i, y.finPacket)
	}
	if n, first, last := c.tcp.Unanswered(i); n >= 3 && e.Known() && e.State() != tcpstate.SynSent && e.State() != tcpstate.SynRcvd && y.packets > 0 && !e.FinSent {
		k := dataUnanswered
		if c.tcp.LastWasProbe(i) {
			k = keepaliveUnanswered
		}
		c.note(k, 1-i, first, last)
		c.notes[len(c.notes)-1].count = n
	}
}

// findings makes the record's list of the notes, in the order of the catalogue.
func (c *connection) findings(list []Finding, t *texts) []Finding {
	slices.SortStableFunc(c.notes, func(x, y note) int { return cmp.Compare(x.code, y.code) })
	for i := range c.notes {
		list = append(list, c.finding(&c.notes[i], t))
		c.notes[i].packets = nil // they are the record's now
	}
	return list
}

func (c *connection) finding(n *note, t *texts) Finding {
	kind := n.code.Kind()
	f := Finding{Code: kind.Code, Severity: kind.Severity, Packets: n.packets}
	if f.Packets == nil {
		f.Packets = []uint64{}
	}
	b := t.room()
	if n.end >= 0 {
		f.Side = c.side(int(n.end))
		b = append(append(b, f.Side.String()...), ": "...)
	}
	b = append(b, kind.Meaning...)
	if n.count > 1 {
		b = append(strconv.AppendUint(append(b, " ("...), n.count, 10), " times)"...)
	}
	if n.code == timeWaitReused && c.linuxReuse {
		b = append(b, ", by a Linux host: its new ISN is the old SND.NXT + 65537"...)
	}
	if len(n.packets) > 0 {
		b = appendPackets(b, n.packets, n.count)
	}
	f.Detail = t.string(b)
	return f
}

// appendPackets appends the packets as a person writes them: packets 3, 7 and 9.
func appendPackets(b []byte, packets []uint64, count uint64) []byte {
	b = append(b, "; packet"...)
	if len(packets) > 1 {
		b = append(b, 's')
	}
	for i, p := range packets {
		switch {
		case i == 0:
			b = append(b, ' ')
		case i == len(packets)-1 && count <= uint64(len(packets)):
			b = append(b, " and "...)
		default:
			b = append(b, ", "...)
		}
		b = strconv.AppendUint(b, p, 10)
	}
	if count > uint64(len(packets)) {
		b = append(b, ", …"...)
	}
	return b
}
