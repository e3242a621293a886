package analyzer

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// note is a finding in the making: what happened, on which side, in which packets.
type note struct {
	code    record.FindingCode
	end     int8 // the end that did it, or -1
	count   uint64
	packets []uint64 // the first ones
}

// first is the first packet of a finding, 0 if it names none.
func (n *note) first() uint64 {
	if len(n.packets) == 0 {
		return 0
	}
	return n.packets[0]
}

// maxNotePackets bounds the packets that are named for one finding.
const maxNotePackets = 8

// note adds packets to a finding.
func (c *connection) note(k record.FindingCode, end int, packets ...uint64) *note {
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
	return n
}

// noted is the finding of a kind, nil if there is none.
func (c *connection) noted(k record.FindingCode) *note {
	for i := range c.notes {
		if c.notes[i].code == k {
			return &c.notes[i]
		}
	}
	return nil
}

// noteAll adds n of a finding, of which the first packets are given.
func (c *connection) noteAll(k record.FindingCode, end int, packets []uint64, n uint64) {
	c.note(k, end, packets...)
	c.notes[len(c.notes)-1].count = n
}

// unnote takes back what was noted of a packet that was dropped, and was not.
func (c *connection) unnote(end int, packet uint64) {
	for i := 0; i < len(c.notes); i++ {
		n := &c.notes[i]
		dropped := n.code == record.FindingForeignSegments || n.code == record.FindingSynInConnection || n.code == record.FindingBadSynAck ||
			n.code == record.FindingBadChecksums
		at := slices.Index(n.packets, packet)
		if !dropped || n.end != int8(end) || at < 0 {
			continue
		}
		n.packets = slices.Delete(n.packets, at, at+1)
		if n.count--; n.count == 0 {
			c.notes = slices.Delete(c.notes, i, i+1)
			i--
		}
	}
}

// remark notes what a segment that is not foreign says about the connection's health, after it has been counted.
func (c *connection) remark(from int, seg *flows.Segment, effect tcpstate.Effect) {
	x := &c.sides[from]
	syn, rst, ack := seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.RST), seg.Flags.Has(flows.ACK)
	p := seg.Packet
	switch {
	case syn && !ack && effect.Has(tcpstate.Again):
		c.note(record.FindingSynRetransmitted, from, p)
		if fewerOptions(x.firstSyn, synShape(seg)) {
			c.note(record.FindingOptionFallback, from, p)
		}
	case syn && ack && effect.Has(tcpstate.Again):
		c.note(record.FindingSynAckRetransmitted, from, p)
	}
	if syn && !ack && x.openings == 1 {
		x.firstSyn = synShape(seg)
	}
	if effect.Has(tcpstate.AckNotAccepted) {
		c.note(record.FindingAckNotAccepted, from, p)
	}
	if effect.Has(tcpstate.BadSynAck) {
		c.note(record.FindingBadSynAck, from, p)
	}
	if effect.Has(tcpstate.AckOfFinLost) {
		c.note(record.FindingAckOfFinLost, from, p)
	}
	if effect.Has(tcpstate.FinAhead) && !effect.Has(tcpstate.Again) {
		c.note(record.FindingFinBeforeData, from, p)
	}
	if effect.Has(tcpstate.BehindFin) {
		c.note(record.FindingForeignSegments, from, p)
	}
	if effect.Has(tcpstate.ZeroWindowProbe) {
		c.note(record.FindingZeroWindow, 1-from, p)
	}
	if rst && effect.Has(tcpstate.ResetDoubted) {
		c.note(record.FindingResetChallenged, from, p)
	}
	if effect.Has(tcpstate.ResetUntaken) {
		c.note(record.FindingResetChallenged, 1-from, c.resetPacket)
	}
	if effect.Has(tcpstate.ResetOutlived) {
		c.note(record.FindingResetOutlived, -1, c.resetPacket, p)
	}
	if rst && effect.Has(tcpstate.ResetAccepted) {
		c.resetPacket = p
		if y := &c.sides[1-from]; y.openings > 0 && x.synAcks+x.openings == 0 {
			c.note(record.FindingRefused, from, p)
		}
	}
}

// remarkForeign notes a segment that changed nothing.
func (c *connection) remarkForeign(from int, seg *flows.Segment) {
	syn, rst := seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.RST)
	switch {
	case impossible(seg.Flags):
	case rst && reached(&c.tcp.Ends[1-from]):
		c.note(record.FindingResetOutsideWindow, from, seg.Packet)
	case syn && c.open():
		c.note(record.FindingSynInConnection, from, seg.Packet)
	case !rst && c.open():
		c.note(record.FindingForeignSegments, from, seg.Packet)
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

// seemsOnly reports a finding that rests on what a filter on control bits hid, and on nothing else.
func seemsOnly(n note) bool {
	switch n.code {
	case record.FindingFinBeforeData, record.FindingResetChallenged, record.FindingForeignSegments, record.FindingResetOutsideWindow:
		return true
	}
	return false
}

// conclude adds to the notes what the whole of the record says.
func (c *connection) conclude(r *record.Connection, at int64) {
	client, server := c.opener, 1-c.opener
	x, y := &c.sides[client], &c.sides[server]
	if c.filtered {
		c.notes = slices.DeleteFunc(c.notes, seemsOnly)
	}
	switch r.Handshake.Outcome {
	case record.OutcomeUnanswered:
		if x.rsts == 0 && x.openings > 0 {
			c.note(record.FindingUnanswered, server, x.openingPacket)
		}
	case record.OutcomeUnreachable:
		c.note(record.FindingUnreachable, server, x.openingPacket, c.quotedPacket)
	case record.OutcomeEmbryonic:
		if c.filtered && c.tcp.OpenUnseen(server) {
			break // its ACK may be among what was left out
		}
		c.note(record.FindingEmbryonic, server, y.synAckPacket)
	case record.OutcomeAborted:
		c.concludeAborted(r, client)
	case record.OutcomeSimultaneous:
		c.note(record.FindingSimultaneousOpen, -1, x.openingPacket, y.openingPacket)
	case record.OutcomeComplete:
		if c.synText && !c.tcp.SynDataAcked {
			c.note(record.FindingFastOpenIgnored, server, x.openingPacket, y.synAckPacket)
		}
	}
	if n := c.noted(record.FindingRefused); n != nil {
		n.packets = slices.Insert(n.packets, 0, x.openingPacket)
	}
	if !c.tcp.HandshakeAcked && y.synAcks > 0 && y.wrongSynAcks == y.synAcks && max(x.openings, y.synAcks) > 1 {
		c.note(record.FindingSynAckChecksum, server, y.synAckPacket)
		c.notes[len(c.notes)-1].count = y.synAcks
	}
	if c.challenged {
		k := record.FindingChallenged
		if c.beforeWaits {
			k = record.FindingTimeWaitRefused
		}
		c.note(k, server, x.openingPacket, c.challengePacket)
	}
	if (c.copied || c.old && y.synAcks > 0) && !reached(&c.tcp.Ends[server]) && c.noted(record.FindingStaleSyn) == nil {
		c.note(record.FindingStaleSyn, client, x.openingPacket, y.synAckPacket, c.challengePacket)
	}
	if c.interrupted != 0 {
		c.note(record.FindingStaleSyn, client, c.interrupted)
	}
	if d := x.duplicates + y.duplicates; d > 0 {
		c.note(record.FindingCaptureDuplicates, -1).count = d
	}
	if (x.packets == 0) != (y.packets == 0) && !c.self() && (reached(&c.tcp.Ends[0]) || reached(&c.tcp.Ends[1])) {
		c.note(record.FindingOneWay, -1)
	}
	for i := range c.sides {
		if packets, n := c.tcp.FinsAgain(i); n > 0 {
			c.noteAll(record.FindingFinRetransmitted, i, packets, n)
		}
		if packets, n := c.tcp.Gaps(i); n > 0 && c.sides[i].packets > 0 && !c.filtered {
			c.noteAll(record.FindingCaptureLoss, i, packets, n)
		}
	}
	c.concludeReset(r)
	if h := c.tcp.HalfOpen; h != nil {
		c.note(record.FindingHalfOpen, 1-h.Survivor, c.tcp.HalfOpenPacket)
	}
	for i := range c.sides {
		c.concludeSide(i, at)
	}
	for _, w := range r.TimeWait {
		end := client
		if w.Side == record.Server {
			end = server
		}
		switch w.EndedBy {
		case record.TimeWaitReused:
			c.note(record.FindingTimeWaitReused, end, c.successor)
		case record.TimeWaitReset:
			c.note(record.FindingTimeWaitReset, end, c.tcp.Ends[end].History[len(c.tcp.Ends[end].History)-1].Packet)
		}
	}
}

// concludeAborted tells the reasons apart for which an attempt that was answered was not completed.
func (c *connection) concludeAborted(r *record.Connection, client int) {
	x, y := &c.sides[client], &c.sides[1-client]
	reset := c.tcp.Reset
	switch {
	case reset != nil && reset.By != client && c.tcp.HandshakeAcked && x.rsts == 0 && c.noted(record.FindingAckNotAccepted) == nil:
		c.note(record.FindingAckReset, 1-client, c.tcp.HandshakeAckPacket, reset.Packet)
	case !c.disowned():
	case c.stale:
		c.note(record.FindingStaleSyn, client, x.openingPacket, y.synAckPacket, reset.Packet)
	case x.openings > 1 && y.synAckAt-x.openingAt > int64(time.Second):
		c.note(record.FindingLateSynAck, 1-client, x.openingPacket, y.synAckPacket, reset.Packet)
	default:
		c.note(record.FindingSynScanned, client, x.openingPacket, y.synAckPacket, reset.Packet)
	}
}

// idleBeforeClose is how long a connection must be silent before a close is that of an idle one.
const idleBeforeClose = int64(time.Second)

func (c *connection) concludeReset(r *record.Connection) {
	reset := c.tcp.Reset
	if reset == nil || r.Handshake.Outcome == record.OutcomeRefused || r.Handshake.Outcome == record.OutcomeAborted {
		return
	}
	closer := &c.tcp.Ends[reset.By]
	switch {
	case c.tcp.HalfOpen != nil:
	case closer.FinSent && c.crossedFin && c.finIdleKnown && c.finIdle >= idleBeforeClose &&
		(reset.Answers == tcpstate.AnsweredData || reset.Answers == tcpstate.Nothing):
		c.note(record.FindingCloseCrossed, 1-reset.By, c.sides[reset.By].finPacket, reset.Packet)
	case closer.FinSent && reset.Answers == tcpstate.AnsweredData:
		c.note(record.FindingDataAfterClose, 1-reset.By, reset.Packet)
	case r.Teardown.Kind == record.TeardownReset:
		c.note(record.FindingReset, reset.By, reset.Packet)
	}
}

// concludeSide adds what a side waited for in vain.
func (c *connection) concludeSide(i int, at int64) {
	const patience = 60 * int64(time.Second) // what Linux gives an orphan (tcp_fin_timeout)
	e, x, y := &c.tcp.Ends[i], &c.sides[i], &c.sides[1-i]
	if e.FinSent && x.finPacket > 0 && !x.finAcked && y.packets > 0 && c.tcp.Reset == nil && !(c.filtered && c.sides[i].fins == 1) {
		c.note(record.FindingFinUnacknowledged, i, x.finPacket)
	}
	if e.Known() && e.State() == tcpstate.CloseWait && y.finAcked && at-y.finAckedAt >= patience && at-c.tcp.LastAt(i) >= patience {
		c.note(record.FindingNotClosed, i, y.finPacket)
	}
	if n, first, last := c.tcp.Unanswered(i); n >= 3 && e.Known() && e.State() != tcpstate.SynSent && e.State() != tcpstate.SynRcvd && y.packets > 0 && !e.FinSent {
		k := record.FindingDataUnanswered
		if c.tcp.LastWasProbe(i) {
			k = record.FindingKeepaliveUnanswered
		}
		c.note(k, 1-i, first, last).count = n
	} else if again, first, last, often := x.path.Unanswered(); often && (c.tcp.Reset == nil || c.tcp.Reset.By == i) {
		c.note(record.FindingDataUnanswered, 1-i, first, last).count = again
	}
	if x.path.TooLong() {
		c.noteLost(i)
	}
}

// findings makes the record's list of the notes, in the order of the catalogue.
func (c *connection) findings(list []record.Finding, t *texts) []record.Finding {
	slices.SortStableFunc(c.notes, func(x, y note) int { return cmp.Or(cmp.Compare(x.code, y.code), cmp.Compare(x.first(), y.first())) })
	for i := range c.notes {
		list = append(list, c.finding(&c.notes[i], t))
		c.notes[i].packets = nil // they are the record's now
	}
	return list
}

func (c *connection) finding(n *note, t *texts) record.Finding {
	kind := n.code.Kind()
	f := record.Finding{Code: kind.Code, Severity: kind.Severity, Packets: n.packets}
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
	if n.code == record.FindingCloseCrossed {
		b = append(record.Duration(c.finIdle).Append(append(b, ", after "...)), " s without a packet"...)
	}
	if n.code == record.FindingResetReason {
		b = strconv.AppendQuoteToASCII(append(b, ": "...), string(c.reason))
	}
	if n.code == record.FindingTimeWaitReused && c.linuxReuse {
		b = append(b, ", by a Linux host: its new ISN is the old SND.NXT + 65537"...)
	}
	if n.code == record.FindingStaleSyn && c.interrupted == 0 {
		b = c.appendStale(b)
	}
	if n.code == record.FindingPathMTU {
		b = c.sides[n.end].path.Append(b)
	}
	if n.code == record.FindingCaptureDuplicates {
		b = c.appendNumberings(b)
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
