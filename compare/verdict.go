package compare

import (
	"math"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// This file judges the segments of a connection that has ended at all points.

// judge decides what became of a segment.
func (c *comparer) judge(t *trail, j *journey) {
	first, last := -1, -1 // places along its way
	for place := range j.at {
		if j.at[t.pointAt(j.dir, place)].seen() {
			if first < 0 {
				first = place
			}
			last = place
		}
	}
	c.judgeTiming(t, j, first, last)
	for place := first + 1; place < last; place++ {
		if p := t.pointAt(j.dir, place); !j.at[p].seen() {
			c.lacking(t, j, p, c.whyMissed(t, p))
		}
	}
	c.judgeOrigin(t, j, first)
	c.judgeFate(t, j, last)
}

// whyMissed returns why a point lacks a segment that passed it.
func (c *comparer) whyMissed(t *trail, p int) result.BlindReason {
	if t.legs[p] == nil {
		return result.BlindFiltered
	}
	return result.BlindDropped
}

// lacking counts a segment that a point lacks, unless a known gap has counted it.
func (c *comparer) lacking(t *trail, j *journey, p int, reason result.BlindReason) {
	if c.blind(t, j, p) == "" {
		t.gap(j, p, reason)
	}
}

// blind is the known reason why a point lacks a segment, empty for none.
func (c *comparer) blind(t *trail, j *journey, p int) result.BlindReason {
	w, kind, at := t.wayOf(j.dir), kindOf(j.flags), c.expected(j, p)
	if t.place(j.dir, p) < t.place(j.dir, j.nearest(p)) {
		return c.blindFrom(p, w, kind, at)
	}
	return c.blindTo(p, w, kind, at)
}

// judgeTiming judges the timing of a segment between the first and the last point that saw it.
func (c *comparer) judgeTiming(t *trail, j *journey, first, last int) {
	from := t.pointAt(j.dir, first)
	for place := first + 1; place <= last; place++ {
		to := t.pointAt(j.dir, place)
		if !j.at[to].seen() {
			continue
		}
		stretch := min(from, to)
		delay := j.at[to].at - j.at[from].at
		usual, late, _ := c.usualBetween(j, from, to)
		isLate := delay > late
		if max(from, to)-stretch == 1 {
			isLate = j.late&(1<<stretch) != 0
		}
		v := result.Verdict{Delay: record.Duration(c.moved(delay, from, to)), By: record.Duration(delay - usual)}
		if isLate {
			v.Kind = result.Delayed
			c.tell(t, j, v, from, to, from)
		}
		if max(from, to)-stretch == 1 && j.overtaken != nil && j.overtaken[stretch] > 0 {
			v.Kind, v.OvertakenBy = result.Reordered, uint64(j.overtaken[stretch])
			c.tell(t, j, v, from, to, from)
		}
		from = to
	}
}

// moved returns a delay from one point to another by the clocks that the user gave.
func (c *comparer) moved(delay int64, from, to int) int64 {
	return delay + c.moves[to] - c.moves[from]
}

// judgeOrigin decides where a segment came from if earlier points did not see it.
func (c *comparer) judgeOrigin(t *trail, j *journey, first int) {
	to := t.pointAt(j.dir, first)
	for place := first - 1; place >= 0; place-- {
		from := t.pointAt(j.dir, place)
		if t.legs[from] == nil {
			if t.seenFrom(j.dir, 0, place) {
				c.lacking(t, j, from, result.BlindFiltered)
				continue
			}
			// Nothing of the connection comes from beyond. The answer to an attempt that got no further was made here,
			// if this point shows other segments from the side that the answer claims to come from.
			if j.dir == t.opener || t.talks[j.dir] || !c.knows(from, to, t, j.dir) {
				return
			}
		}
		copied := j.copyOf != nil && j.copyOf[from].seen()
		reason := c.blind(t, j, from)
		if reason == "" && t.legs[from] != nil {
			reason = c.missedOrigin(t, j, from)
		}
		if copied {
			reason = ""
		}
		if reason != "" {
			c.lacking(t, j, from, reason)
			continue
		}
		v := result.Verdict{Kind: result.Born, Idle: record.NoDuration}
		if j.idle > 0 {
			v.Idle = record.Duration(j.idle)
		}
		v.Toward = record.Server
		if t.wayOf(j.dir) == toClient {
			v.Toward = record.Client
		}
		if o := j.copyOf; copied {
			v = result.Verdict{Kind: result.Duplicated,
				Delay: record.Duration(c.moved(j.at[to].at-o[from].at, from, to))}
			for p := range place + 1 {
				at := t.pointAt(j.dir, p)
				j.at[at] = o[at]
			}
		}
		c.tell(t, j, v, from, to, to)
		return
	}
}

// missedOrigin is the reason why a point before its first sighting may have missed a segment; empty if it cannot have.
func (c *comparer) missedOrigin(t *trail, j *journey, p int) result.BlindReason {
	l := t.legs[p]
	seen := &l.passed[j.dir]
	if j.space() > 0 && !seen.has(j.seq, j.end()) {
		switch {
		case l.ackedAt[j.dir] && !after(j.end(), l.acked[j.dir]): // its receiver acknowledged it
			return result.BlindDropped
		case seen.begun && !j.flags.Has(flows.SYN) && after(seen.high, j.seq): // its sender continued after it
			return result.BlindDropped
		}
	}
	if j.flags&(flows.SYN|flows.RST) == 0 && t.hops(j, p) {
		return result.BlindDropped
	}
	return c.missedTime(t, j, p)
}

// hops reports whether a segment has, at its first point, the TTL of others that passed a point before it. Then it has
// come as far.
func (t *trail) hops(j *journey, before int) bool {
	first := t.pointAt(j.dir, 0)
	for place := range j.at {
		if first = t.pointAt(j.dir, place); j.at[first].seen() {
			break
		}
	}
	ttl, known := t.legs[first].ttl[j.dir], t.legs[before].segments[j.dir] > 0
	return known && ttl.known && ttl.value == j.at[first].ttl
}

// judgeFate decides what became of a segment if later points did not see it.
func (c *comparer) judgeFate(t *trail, j *journey, last int) {
	from := t.pointAt(j.dir, last)
	for place := last + 1; place < len(j.at); place++ {
		to := t.pointAt(j.dir, place)
		if t.legs[to] == nil {
			if t.seenFrom(j.dir, place+1, len(j.at)) {
				c.lacking(t, j, to, result.BlindFiltered)
				continue
			}
			// Nothing of the connection is seen beyond. If both sides talk, it takes another way, or the point's filter
			// leaves it out.
			if c.talksBeside(t, to) || !c.knows(to, from, t, 1-j.dir) {
				return
			}
			if l := t.legs[from]; j.space() > 0 && !j.repeated && t.talks[1-j.dir] && l.ackedAt[j.dir] &&
				!after(j.end(), l.acked[j.dir]) {
				c.lacking(t, j, to, result.BlindFiltered) // it was answered
				return
			}
		}
		reason := c.blind(t, j, to)
		if reason == "" && t.legs[to] != nil {
			reason = c.missedFate(t, j, to, place)
		}
		if reason == "" && t.legs[to] == nil {
			reason = c.outside(t, j, to)
		}
		if reason != "" {
			c.lacking(t, j, to, reason)
			continue
		}
		v := result.Verdict{Kind: result.Lost}
		if r := j.repair; r != nil && r.at[from].seen() {
			v.Repaired = &result.Repair{
				At: c.sources[from].Name, Packet: record.PacketNumber(r.at[from].packet),
				After: record.Duration(r.at[from].at - j.at[from].at),
			}
		}
		if l := t.legs[to]; l != nil && v.Repaired == nil && j.space() > 0 {
			v.Needless = l.passed[j.dir].has(j.seq, j.end())
		}
		v.ICMP = c.reported(t, j)
		c.tell(t, j, v, from, to, from)
		return
	}
}

// missedFate is the reason why a point behind its last sighting may have missed a segment; empty if it cannot have.
func (c *comparer) missedFate(t *trail, j *journey, p, place int) result.BlindReason {
	if l := t.legs[p]; j.space() > 0 && !j.repeated && !l.passed[j.dir].has(j.seq, j.end()) && !c.repeatsUnseen(j, p) &&
		c.acknowledged(t, j, p, place) {
		return result.BlindDropped
	}
	return c.missedTime(t, j, p)
}

// repeatsUnseen reports whether a segment repeats one that would have reached a point before its capture began. Then an
// acknowledgement may be for the earlier one.
func (c *comparer) repeatsUnseen(j *journey, p int) bool {
	from, _, _ := c.span(p)
	return slices.ContainsFunc(j.repeats, func(o *journey) bool { return c.expected(o, p) < from })
}

// acknowledged reports whether a segment's receiver has acknowledged it from beyond a point. The last point's own
// capture can lack the acknowledgement, so for that point one seen anywhere counts, except of a SYN: a device before
// the point may have answered it.
func (c *comparer) acknowledged(t *trail, j *journey, p, place int) bool {
	begin := place
	if place == len(j.at)-1 && !(j.flags.Has(flows.SYN) && t.legs[p].isnSeen[j.dir]) {
		begin = 0
	}
	for ; begin < len(j.at); begin++ {
		if l := t.legs[t.pointAt(j.dir, begin)]; l != nil && l.ackedAt[j.dir] && !after(j.end(), l.acked[j.dir]) {
			return true
		}
	}
	return false
}

// missedTime returns a reason that depends on when a segment would have reached a point that sees its connection.
func (c *comparer) missedTime(t *trail, j *journey, p int) result.BlindReason {
	l := t.legs[p]
	at := c.expected(j, p)
	// it sees the connection from its middle on
	if from, _, _ := c.span(p); at < l.first && t.opened && !l.isnSeen[0] && !l.isnSeen[1] {
		switch {
		case t.first > from: // its capture had begun by then: the connection took another way
			return result.BlindFiltered
		case at < from:
			return result.BlindLater
		}
	}
	if reason := c.outside(t, j, p); reason != "" {
		return reason
	}
	if (l.leaky || c.leaky(p)) && !(c.surveys[p].dropped() == 0 && j.repair != nil && j.repair.at[p].seen()) {
		return result.BlindDropped
	}
	return ""
}

// outside returns the reason why a point may have missed a segment that should have come before its first packet or
// after its last. The capture counts as covering that time unless something shows that it did not. Nothing is known of
// segments on their way when all captures ended.
func (c *comparer) outside(t *trail, j *journey, p int) result.BlindReason {
	from, until, ok := c.span(p)
	at := c.expected(j, p)
	switch {
	case !ok:
		return ""
	case at < from-certainly:
		if c.talksOutside(t, p, func(k *talk) bool { return k.first < from-certainly }, func(first, _ int64) bool {
			return first < from-certainly
		}) {
			return result.BlindLater
		}
	case at > until+certainly:
		if c.talksOutside(t, p, func(k *talk) bool { return k.last > until+certainly }, func(_, last int64) bool {
			return last > until+certainly
		}) {
			return result.BlindEarlier
		}
		end := int64(math.MinInt64)
		for i := range c.sources {
			if _, last, ok := c.span(i); ok {
				end = max(end, last)
			}
		}
		if at > end && !j.repeated && len(j.repeats) == 0 {
			return result.BlindEarlier
		}
	}
	return ""
}

// talksOutside reports whether a side of the trail sent something that passed a point at a time that its capture lacks:
// other points saw it behind the point and, if a capture there covers the time, before the point.
func (c *comparer) talksOutside(t *trail, p int, outside func(*talk) bool, covers func(first, last int64) bool) bool {
	for dir := range 2 {
		place := t.place(dir, p)
		seen := func(from, until int) bool {
			for ; from < until; from++ {
				if l := t.legs[t.pointAt(dir, from)]; l != nil && l.talk[dir].some && outside(&l.talk[dir]) {
					return true
				}
			}
			return false
		}
		covered := false
		for before := range place {
			q := t.pointAt(dir, before)
			first, last, ok := c.span(q)
			covered = covered || ok && t.legs[q] != nil && covers(first, last)
		}
		if seen(place+1, len(t.legs)) && (!covered || seen(0, place)) {
			return true
		}
	}
	return false
}

// seenFrom reports whether points from one place to another on the way of a direction see the trail.
func (t *trail) seenFrom(dir, from, until int) bool {
	for place := from; place < until; place++ {
		if t.legs[t.pointAt(dir, place)] != nil {
			return true
		}
	}
	return false
}

// talksBeside reports whether both sides of a trail talk while a point, which sees nothing of it, captures.
func (c *comparer) talksBeside(t *trail, p int) bool {
	from, until, ok := c.span(p)
	if !ok {
		return false
	}
	var talks [2]bool
	for _, l := range t.legs {
		for dir := range 2 {
			if l != nil && l.talk[dir].some && l.talk[dir].first <= until && l.talk[dir].last >= from {
				talks[dir] = true
			}
		}
	}
	return talks[0] && talks[1]
}

// knows reports whether a point that shows nothing of a trail has other segments of the end's host. Such a point would
// have shown the trail. NAT may have given the host another address there. Captures without a common segment may hold
// different traffic.
func (c *comparer) knows(p, seenAt int, t *trail, end int) bool {
	if c.groups[p] != c.groups[seenAt] {
		return false
	}
	addr := t.legs[seenAt].socket(end).addr
	return c.surveys[p].hosts[addr] || c.through[[2]int{seenAt, p}][addr]
}

// reported returns an ICMP error about a segment.
func (c *comparer) reported(t *trail, j *journey) *result.ICMPReport {
	for _, r := range t.reports {
		if r.dir != j.dir || r.seq != j.seq && r.quote.HasSeq {
			continue
		}
		near := j.nearestSeen(r.point)
		if after := r.at - j.at[near].at; after < -c.slack || after > c.horizon {
			continue
		}
		return &result.ICMPReport{
			At: c.sources[r.point].Name, Packet: record.PacketNumber(r.packet), Type: r.quote.Type, Code: r.quote.Code,
			From: r.quote.From,
		}
	}
	return nil
}

func (j *journey) nearestSeen(point int) int {
	if j.at[point].seen() {
		return point
	}
	return j.nearest(point)
}

// tell adds a verdict about a segment between two points. shown is the point whose sighting describes the segment.
func (c *comparer) tell(t *trail, j *journey, v result.Verdict, a, b, shown int) {
	w := t.wayOf(j.dir)
	v.Between = []string{c.sources[min(a, b)].Name, c.sources[max(a, b)].Name}
	v.Way = w.record()
	v.What = whatIs(j.flags, j.len).String()
	v.Segment = c.describe(shown, &j.at[shown])
	if j.parts&(1<<shown) != 0 {
		v.Segment.Seq, v.Segment.Len = j.seq+t.legs[shown].shift[j.dir], j.len
	}
	v.Packets = c.packetMap(j.packets())
	j.verdicts = append(j.verdicts, v.Kind)
	v.Segments, v.Of = 1, 1
	if v.Kind == result.Lost {
		v.Of = uint64(t.legs[shown].kinds[j.dir][whatIs(j.flags, j.len)])
	}
	c.add(t, v, min(a, b), w)
}

// add counts a verdict and, unless there are too many, keeps it.
func (c *comparer) add(t *trail, v result.Verdict, stretch int, w way) {
	if v.Kind != result.Born {
		v.Idle = record.NoDuration
	}
	if v.Kind != result.Delayed && v.Kind != result.Reordered && v.Kind != result.Duplicated {
		v.Delay = record.NoDuration
	}
	if v.Kind != result.Delayed && v.Kind != result.Reordered {
		v.By = record.NoDuration
	}
	r := &c.compared
	if !v.Routine {
		n := v.Segments
		if v.Kind == result.Altered {
			n = 1
		}
		count(&r.Counts, v.Kind, n)
		c.sums.verdict(stretch, w, v.Kind, n)
	}
	if len(r.Verdicts) >= maxVerdicts {
		r.LeftOut++
		return
	}
	r.Verdicts = append(r.Verdicts, v)
}

// maxVerdicts is how many verdicts are listed of one connection.
const maxVerdicts = 10_000

// what names the kind of a segment.
type what uint8

const (
	whatSYN what = iota
	whatSYNACK
	whatRST
	whatFIN
	whatData
	whatACK
	whats
)

var whatNames = [whats]string{"SYN", "SYN-ACK", "RST", "FIN", "data", "ACK"}

func whatIs(f flows.Flags, payload uint32) what {
	switch {
	case f.Has(flows.RST):
		return whatRST
	case f.Has(flows.SYN | flows.ACK):
		return whatSYNACK
	case f.Has(flows.SYN):
		return whatSYN
	case f.Has(flows.FIN):
		return whatFIN
	case payload > 0:
		return whatData
	}
	return whatACK
}

func (w what) String() string { return whatNames[w] }

// describe is a segment as a point saw it.
func (c *comparer) describe(point int, s *sighting) result.ComparedSegment {
	x := result.ComparedSegment{
		At: c.sources[point].Name, Packet: record.PacketNumber(s.packet), Time: record.Time(s.at),
		Flags: flagNames(s.flags),
		Seq:   s.seq, Ack: record.Seq{Number: s.ack, Known: s.has(flows.ACK)}, Len: s.len, TTL: s.ttl, IPID: s.id,
	}
	if s.options&hasTimestamp != 0 {
		x.TSVal, x.TSEcr = record.Seq{Number: s.tsVal, Known: true}, record.Seq{Number: s.tsEcr, Known: true}
	}
	return x
}

func (c *comparer) packetMap(numbers []uint64) map[string]record.PacketNumber {
	m := make(map[string]record.PacketNumber, len(numbers))
	for i := range c.sources {
		m[c.sources[i].Name] = 0
		if i < len(numbers) {
			m[c.sources[i].Name] = record.PacketNumber(numbers[i])
		}
	}
	return m
}

// flagNames lists the control bits in the order of the RFC's figures: FIN,ACK.
func flagNames(f flows.Flags) []string {
	names := []string{}
	for _, bit := range []struct {
		flag flows.Flags
		name string
	}{
		{flows.SYN, "SYN"}, {flows.FIN, "FIN"}, {flows.RST, "RST"}, {flows.PSH, "PSH"}, {flows.URG, "URG"},
		{flows.ECE, "ECE"}, {flows.CWR, "CWR"}, {flows.AE, "AE"}, {flows.ACK, "ACK"},
	} {
		if f.Has(bit.flag) {
			names = append(names, bit.name)
		}
	}
	return names
}

// judgeChanges reports what the path changed in a connection's segments.
func (c *comparer) judgeChanges(t *trail) {
	for i := range t.changes {
		ch := &t.changes[i]
		w := t.wayOf(ch.dir)
		from, to := c.values(t, ch)
		c.sums.changed(ch.stretch, w, ch, from, to)
		usual := &c.stretches[ch.stretch].ways[w]
		upstream := ch.stretch
		if w == toClient {
			upstream++
		}
		packets := ch.packets
		if packets == nil {
			packets = make([]uint64, len(c.sources))
			packets[upstream] = ch.segment.packet
		}
		c.add(t, result.Verdict{
			Kind: result.Altered, Between: []string{c.sources[ch.stretch].Name, c.sources[ch.stretch+1].Name},
			Way:  w.record(),
			What: whatIs(ch.segment.flags, ch.segment.len).String(), Segment: c.describe(upstream, &ch.segment),
			Packets:  c.packetMap(packets),
			Segments: uint64(ch.count), Of: uint64(t.passing(ch.stretch, ch.dir).segments),
			Field: fieldNames[ch.field], From: from, To: to,
			Routine: ch.field == fieldTTL && usual.ttlSeen && int(ch.step) == usual.ttl && ch.step > 0,
		}, ch.stretch, w)
	}
}

// values returns a field's value before and after a change, as the record gives them.
func (c *comparer) values(t *trail, ch *change) (from, to result.Value) {
	w := t.wayOf(ch.dir)
	a, b := t.legs[ch.stretch], t.legs[ch.stretch+1]
	if w == toClient {
		a, b = b, a
	}
	switch ch.field {
	case fieldSource, fieldTarget, fieldSourcePort, fieldTargetPort:
		end := ch.dir
		if ch.field == fieldTarget || ch.field == fieldTargetPort {
			end = 1 - end
		}
		x, y := a.socket(end), b.socket(end)
		if ch.field == fieldSource || ch.field == fieldTarget {
			return result.Text(flows.IP(x.addr, x.v6).String()), result.Text(flows.IP(y.addr, y.v6).String())
		}
		return result.Number(int64(x.port)), result.Number(int64(y.port))
	case fieldFlags:
		return result.Text(joinFlags(ch.from)), result.Text(joinFlags(ch.to))
	}
	return optionValue(ch.field, ch.from), optionValue(ch.field, ch.to)
}

func joinFlags(f uint32) string { return strings.Join(flagNames(flows.Flags(f)), ",") }

func optionValue(f field, n uint32) result.Value {
	switch {
	case f >= fieldMSS && n == absent:
		return result.Value{}
	case f >= fieldMSS && n == present:
		return result.Present
	}
	return result.Number(int64(n))
}

// judgeGaps reports what points lack through no fault of the path.
func (c *comparer) judgeGaps(t *trail) {
	for i := range t.gaps {
		g := &t.gaps[i]
		place := t.place(g.dir, g.point)
		neighbour := 1
		if place > 0 {
			neighbour = place - 1
		}
		stretch := min(g.point, t.pointAt(g.dir, neighbour))
		c.add(t, result.Verdict{
			Kind: result.NotCaptured, Between: []string{c.sources[stretch].Name, c.sources[stretch+1].Name},
			Way:  t.wayOf(g.dir).record(),
			What: whatIs(g.segment.flags, g.segment.len).String(), Segment: c.describe(g.at, &g.segment),
			Packets: c.packetMap(g.packets), Segments: uint64(g.count), Of: uint64(g.count), Reason: g.reason,
			MissingAt: result.PointName(c.sources[g.point].Name),
		}, stretch, t.wayOf(g.dir))
	}
}

// sortKept puts the journeys to be judged in the order of their first sightings.
func sortKept(kept []*journey) {
	slices.SortStableFunc(kept, func(a, b *journey) int {
		return int(min(max(a.first().at-b.first().at, -1), 1))
	})
}
