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

// note is an unfinished finding: what happened, on which side, in which packets.
type note struct {
	code    record.FindingCode
	end     int8 // the end that did it, or -1
	count   uint64
	packets []uint64 // the first ones
}

// first returns the first packet of a finding, 0 if it names none.
func (n *note) first() uint64 {
	if len(n.packets) == 0 {
		return 0
	}
	return n.packets[0]
}

// maxNotePackets is the most packets that one finding names.
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

// noted returns the finding of a kind, nil if there is none.
func (c *connection) noted(k record.FindingCode) *note {
	for i := range c.notes {
		if c.notes[i].code == k {
			return &c.notes[i]
		}
	}
	return nil
}

// noteAll adds n occurrences to a finding, and their first packets.
func (c *connection) noteAll(k record.FindingCode, end int, packets []uint64, n uint64) {
	if n > 0 {
		c.note(k, end, packets...).count += n - 1
	}
}

// compareSyns records a SYN that offers fewer options than the first SYN of its end.
func (c *connection) compareSyns(from int, seg *flows.Segment, effect tcpstate.Effect) {
	if seg.Flags&(flows.SYN|flows.ACK) != flows.SYN {
		return
	}
	switch x, offered := &c.sides[from], synShape(seg); {
	case x.openings <= 1:
		x.firstSyn = offered
	case effect.Has(tcpstate.Retransmission) && fewerOptions(x.firstSyn, offered):
		c.tcp.Note(tcpstate.FewerOptions, from, tcpstate.Seq(seg.Seq), seg.Packet)
	}
}

// findingOf has the finding for each kind of segment. It is about the end that sent them, or that sent the missing
// octet.
var findingOf = []struct {
	kind tcpstate.Kind
	code record.FindingCode
}{
	{tcpstate.SynRetransmitted, record.FindingSynRetransmitted},
	{tcpstate.SynAckRetransmitted, record.FindingSynAckRetransmitted},
	{tcpstate.FewerOptions, record.FindingOptionFallback},
	{tcpstate.Unaccepted, record.FindingAckNotAccepted},
	{tcpstate.OtherSynAck, record.FindingBadSynAck},
	{tcpstate.FinAfterItsAck, record.FindingAckOfFinLost},
	{tcpstate.FinBeforeText, record.FindingFinBeforeData},
	{tcpstate.SynInConnection, record.FindingSynInConnection},
	{tcpstate.Unacceptable, record.FindingForeignSegments},
	{tcpstate.ImpossibleFlags, record.FindingImpossibleFlags},
	{tcpstate.Explained, record.FindingResetReason},
	{tcpstate.RstInexact, record.FindingResetChallenged},
	{tcpstate.RstOutside, record.FindingResetOutsideWindow},
}

// concludeNoted adds findings about an end's noteworthy segments.
func (c *connection) concludeNoted(end int) {
	if !c.tcp.HasNoted() {
		return
	}
	for _, of := range findingOf {
		packets, n := c.tcp.Noted(of.kind, end)
		c.noteAll(of.code, end, packets, n)
	}
	packets, n := c.tcp.Noted(tcpstate.Probed, end)
	c.noteAll(record.FindingZeroWindow, 1-end, packets, n)
	if packets, n = c.tcp.Noted(tcpstate.Refusal, end); n > 0 {
		c.noteAll(record.FindingRefused, end, slices.Insert(packets, 0, c.sides[1-end].openingPacket), n)
	}
	if packets, n = c.tcp.Noted(tcpstate.WrongChecksum, end); n > 0 {
		repairs, _ := c.tcp.Noted(tcpstate.Repaired, end)
		packets = append(packets, repairs...)
		slices.Sort(packets)
		c.noteAll(record.FindingBadChecksums, end, packets, n)
	}
	packets, n = c.tcp.FinRetransmissions(end)
	c.noteAll(record.FindingFinRetransmitted, end, packets, n)
	if packets, n = c.tcp.Noted(tcpstate.Missed, end); c.sides[end].packets > 0 {
		c.noteAll(record.FindingCaptureLoss, end, packets, n)
	}
}

// concludeOutlived adds a finding about RSTs that the connection outlived, and the segments sent after them.
func (c *connection) concludeOutlived() {
	packets, n := c.tcp.Noted(tcpstate.RstOutlived, 0)
	more, m := c.tcp.Noted(tcpstate.RstOutlived, 1)
	packets = append(packets, more...)
	slices.Sort(packets)
	c.noteAll(record.FindingResetOutlived, -1, slices.Compact(packets), n+m)
}

// shape is what a SYN offers.
type shape struct{ ecn, fastOpen, options bool }

func synShape(seg *flows.Segment) shape {
	o := &seg.Options
	return shape{seg.Flags.Has(flows.ECE | flows.CWR), o.FastOpen, o.HasTimestamp || o.SACKPermitted || o.HasWScale}
}

// fewerOptions reports whether a retransmitted SYN lacks options of the first (RFC 3168 §6.1.1.1, RFC 7413 §4.1.3).
func fewerOptions(first, again shape) bool {
	return first.ecn && !again.ecn || first.fastOpen && !again.fastOpen || first.options && !again.options
}

// seemsOnly reports whether a filter on control bits can cause the finding, because it hides segments.
func seemsOnly(n note) bool {
	switch n.code {
	case record.FindingFinBeforeData, record.FindingResetChallenged, record.FindingForeignSegments,
		record.FindingResetOutsideWindow, record.FindingCaptureLoss:
		return true
	}
	return false
}

// conclude adds the findings that need the whole record.
func (c *connection) conclude(r *record.Connection, at int64) {
	client, server := c.opener, 1-c.opener
	x, y := &c.sides[client], &c.sides[server]
	switch r.Handshake.Outcome {
	case record.OutcomeUnanswered:
		if x.rsts == 0 && x.openings > 0 && c.key.Hosts() {
			c.note(record.FindingUnanswered, server, x.openingPacket)
		}
	case record.OutcomeUnreachable:
		if !c.icmp.prohibits(c.key.V6) {
			c.note(record.FindingUnreachable, server, x.openingPacket, c.icmp.packet)
		}
	case record.OutcomeEmbryonic:
		if c.filtered && c.tcp.OpenUnseen(server) {
			break // the filter may have left out its ACK
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
	c.concludeAddresses(client)
	if c.icmp.prohibits(c.key.V6) && !reached(&c.tcp.Ends[server]) {
		if c.icmp.ofSynAck {
			c.note(record.FindingFiltered, client, y.synAckPacket, c.icmp.packet)
		} else {
			c.note(record.FindingFiltered, server, x.openingPacket, c.icmp.packet)
		}
	}
	if !c.tcp.HandshakeAcked && y.synAcks > 0 && y.wrongSynAcks == y.synAcks && max(x.openings, y.synAcks) > 1 {
		c.note(record.FindingSynAckChecksum, server, y.synAckPacket)
		c.notes[len(c.notes)-1].count = y.synAcks
	}
	if c.challenged {
		k := record.FindingChallenged
		if c.afterTimeWait {
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
		c.concludeNoted(i)
	}
	if c.filtered {
		c.notes = slices.DeleteFunc(c.notes, seemsOnly)
	}
	c.concludeOutlived()
	c.concludeReset(r)
	if h := c.tcp.HalfOpen; h != nil {
		c.note(record.FindingHalfOpen, 1-h.Survivor, c.tcp.HalfOpenPacket)
	}
	for i := range c.sides {
		c.concludeSide(i, at)
	}
	c.concludeSilence(r, at)
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

// concludeAddresses records SYNs and SYN-ACKs to or from addresses that belong to no single host (RFC 9293 §3.9.2.3).
func (c *connection) concludeAddresses(client int) {
	x, y := &c.sides[client], &c.sides[1-client]
	if x.openings+y.synAcks == 0 || c.key.Hosts() {
		return
	}
	end := 0
	if c.key.A.NoHost(c.key.V6) == "" {
		end = 1
	}
	c.note(record.FindingImpossibleAddress, end, x.openingPacket, y.synAckPacket)
}

// concludeAborted adds the reason why an answered attempt was not completed.
func (c *connection) concludeAborted(r *record.Connection, client int) {
	x, y := &c.sides[client], &c.sides[1-client]
	reset := c.tcp.Reset
	_, unaccepted := c.tcp.Noted(tcpstate.Unaccepted, 1-client)
	switch {
	case reset != nil && reset.By != client && c.tcp.HandshakeAcked && x.rsts == 0 && unaccepted == 0:
		c.note(record.FindingAckReset, 1-client, c.tcp.HandshakeAckPacket, reset.Packet)
	case !c.openerReset():
	case c.stale:
		c.note(record.FindingStaleSyn, client, x.openingPacket, y.synAckPacket, reset.Packet)
	case x.openings > 1 && y.synAckAt-x.openingAt > int64(time.Second):
		c.note(record.FindingLateSynAck, 1-client, x.openingPacket, y.synAckPacket, reset.Packet)
	default:
		c.note(record.FindingSynScanned, client, x.openingPacket, y.synAckPacket, reset.Packet)
	}
}

// idleBeforeClose is the silence after which a close counts as the close of an idle connection.
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

// concludeSide adds findings about what a side waited for without success.
func (c *connection) concludeSide(i int, at int64) {
	const patience = 60 * int64(time.Second) // Linux's time for an orphan (tcp_fin_timeout)
	e, x, y := &c.tcp.Ends[i], &c.sides[i], &c.sides[1-i]
	if e.FinSent && x.finPacket > 0 && !x.finAcked && y.packets > 0 && c.tcp.Reset == nil &&
		!(c.filtered && c.sides[i].fins == 1) {
		c.note(record.FindingFinUnacknowledged, i, x.finPacket)
	}
	if e.Known() && e.State() == tcpstate.CloseWait && y.finAcked && at-y.finAckedAt >= patience &&
		at-c.tcp.LastAt(i) >= patience {
		c.note(record.FindingNotClosed, i, y.finPacket)
	}
	if n, first, last := c.tcp.Unanswered(i); n >= 3 && e.Known() && e.State() != tcpstate.SynSent &&
		e.State() != tcpstate.SynRcvd && y.packets > 0 && !e.FinSent {
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

// concludeSilence adds a finding about a server whose TCP acknowledges what its application does not answer.
func (c *connection) concludeSilence(r *record.Connection, at int64) {
	client := c.opener
	x, y := &c.sides[client], &c.sides[1-client]
	una, known := c.tcp.Ends[client].SndUna()
	unheard, _, _ := c.tcp.Unanswered(client)
	closed := r.Teardown.Initiator == record.Server || r.Teardown.Reset != nil && r.Teardown.Reset.By == record.Server
	guessed := c.filtered || c.self() || c.role == record.RoleFirstPacket
	received := known && x.textKnown && !una.Before(tcpstate.Seq(x.textEnd)) && unheard == 0
	if guessed || closed || c.tcp.HalfOpen != nil || y.packets == 0 || !received {
		return
	}
	if waited := c.usage.Silence(at); waited > 0 {
		packet, requests, _ := c.usage.Waiting()
		c.note(record.FindingApplicationSilent, 1-client, packet).count = requests
	}
}

// appendSilence appends how long the server's application was silent, and how long its answers usually take.
func (c *connection) appendSilence(b []byte, at int64) []byte {
	b = append(record.Duration(c.usage.Silence(at)).Append(append(b, ": "...)), " s"...)
	if _, _, usual := c.usage.Waiting(); c.usage.Turns() > 0 {
		b = append(record.Duration(usual).Append(append(b, ", where answers took "...)), " s at most"...)
	}
	return b
}

// findings makes the record's list from the notes, in the order of the catalogue.
func (c *connection) findings(list []record.Finding, t *texts, at int64) []record.Finding {
	slices.SortStableFunc(c.notes, func(x, y note) int {
		return cmp.Or(cmp.Compare(x.code, y.code), cmp.Compare(x.first(), y.first()))
	})
	for i := range c.notes {
		list = append(list, c.finding(&c.notes[i], t, at))
		c.notes[i].packets = nil // the record owns them now
	}
	return list
}

func (c *connection) finding(n *note, t *texts, at int64) record.Finding {
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
	b = c.appendWhy(b, n.code)
	b = c.appendOrigin(b, n)
	if n.code == record.FindingResetReason {
		b = strconv.AppendQuoteToASCII(append(b, ": "...), string(c.reason))
	}
	if n.code == record.FindingTimeWaitReused && c.linuxReuse {
		b = append(b, ", by a Linux host: its new ISN is the old SND.NXT + 65537"...)
	}
	if n.code == record.FindingStaleSyn && c.interrupted == 0 {
		b = c.appendStale(b)
	}
	if n.code == record.FindingApplicationSilent {
		b = c.appendSilence(b, at)
	}
	if h := c.tcp.HalfOpen; n.code == record.FindingHalfOpen && h.GaveUp {
		b = append(b, ": it gave up the other, which may be gone as well and was heard last "...)
		b = append(record.Duration(c.tcp.Ends[n.end].Since()-h.Since).Append(b), " s before"...)
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

// appendOrigin appends to a finding about an RST that another device made the RST, if its TTL shows that.
func (c *connection) appendOrigin(b []byte, n *note) []byte {
	switch n.code {
	case record.FindingReset, record.FindingAckReset, record.FindingResetOutlived, record.FindingResetChallenged,
		record.FindingResetOutsideWindow, record.FindingDataAfterClose, record.FindingCloseCrossed:
	default:
		return b
	}
	for _, p := range n.packets {
		r := c.resets.Of(p)
		if sender := &c.sides[r.From].distance; sender.Origin(r.TTL) == record.OriginElsewhere {
			b = strconv.AppendUint(append(b, ": another device made it, for its TTL is "...), uint64(r.TTL), 10)
			b = append(append(b, " and that of the "...), c.side(int(r.From)).String()...)
			return strconv.AppendUint(append(b, "'s other segments "...), uint64(sender.Near(r.TTL)), 10)
		}
	}
	return b
}

// appendPackets appends packets in words: packets 3, 7 and 9.
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
