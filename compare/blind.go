package compare

import (
	"fmt"
	"math"

	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// A blind is a reason why a point's capture can lack segments that passed, found in the first reading.
type blind struct {
	reason      result.BlindReason
	ways        [2]bool            // which directions it concerns
	kinds       [segmentKinds]bool // which segments
	from, until int64              // when, by the first point's clock
	detail      string
}

var (
	bothWays = [2]bool{true, true}
	anyKind  = [segmentKinds]bool{true, true, true, true}
)

const (
	alwaysFrom  = math.MinInt64
	alwaysUntil = math.MaxInt64
)

// blindTo returns the reason why a point lacks a segment that should have reached it at a time. It returns none if no
// reason is certain, as in a capture that lost packets. The segment may have come later, by as much as others did.
func (p *path) blindTo(point int, w way, kind segmentKind, at int64) result.BlindReason {
	return p.blindWithin(point, w, kind, at, at+p.spread(point))
}

// blindFrom is blindTo for a segment that was seen behind the point: it may have passed the point earlier.
func (p *path) blindFrom(point int, w way, kind segmentKind, at int64) result.BlindReason {
	return p.blindWithin(point, w, kind, at-p.spread(point), at)
}

func (p *path) blindWithin(point int, w way, kind segmentKind, earliest, latest int64) result.BlindReason {
	for i := range p.blinds[point] {
		b := &p.blinds[point][i]
		if b.reason != result.BlindDropped && b.ways[w] && b.kinds[kind] && b.from <= latest && earliest <= b.until {
			return b.reason
		}
	}
	return ""
}

// leaky reports a capture that lost packets.
func (p *path) leaky(point int) bool {
	for i := range p.blinds[point] {
		if p.blinds[point][i].reason == result.BlindDropped {
			return true
		}
	}
	return false
}

func (p *path) findBlind() [][]blind {
	blinds := make([][]blind, len(p.sources))
	for i, v := range p.surveys {
		var list []blind
		w, one := p.oneWay(i)
		if one {
			b := blind{reason: result.BlindOneWay, kinds: anyKind, from: alwaysFrom, until: alwaysUntil,
				detail: "it acknowledges the other direction, of which it has nothing"}
			b.ways[1-w] = true
			list = append(list, b)
		}
		if v.kinds[kindOther] == 0 && v.kinds[kindFin] > 0 && p.elsewhere(i, kindOther) {
			list = append(list, blind{reason: result.BlindFiltered, ways: bothWays,
				kinds: [segmentKinds]bool{kindOther: true},
				from:  alwaysFrom, until: alwaysUntil, detail: "it has segments with SYN, FIN or RST only"})
		}
		dropped := v.read.Drops.Kernel + v.read.Drops.Interface
		if from, until, ok := p.span(i); ok {
			before, within, after := p.provenMissing(i, list, from, until)
			if before > 0 {
				list = append(list, blind{reason: result.BlindLater, ways: bothWays, kinds: anyKind, from: alwaysFrom,
					until:  from,
					detail: fmt.Sprintf("of the segments compared, %d passed it before its first packet", before)})
			}
			if after > 0 {
				list = append(list, blind{reason: result.BlindEarlier, ways: bothWays, kinds: anyKind, from: until,
					until:  alwaysUntil,
					detail: fmt.Sprintf("of the segments compared, %d passed it after its last packet", after)})
			}
			lost := blind{reason: result.BlindDropped, ways: bothWays, kinds: anyKind, from: alwaysFrom,
				until: alwaysUntil}
			switch {
			case dropped > 0:
				lost.detail = fmt.Sprintf("packets dropped while it was made, as it says itself: %d", dropped)
				list = append(list, lost)
			case within > 0:
				lost.detail = fmt.Sprintf("of the segments compared, %d passed it that it does not hold", within)
				list = append(list, lost)
			case v.unsent >= few && !one:
				lost.detail = fmt.Sprintf("connections with a segment that acknowledges what it does not hold: %d",
					v.unsent)
				list = append(list, lost)
			}
		}
		blinds[i] = list
	}
	return blinds
}

// spread returns how much later than usual segments reached a point, or the next point after it. So near to the ends of
// a capture it is unknown whether a segment passed while the point captured.
func (p *path) spread(point int) (most int64) {
	for i := max(point-1, 0); i <= point && i < len(p.stretches); i++ {
		for _, u := range p.stretches[i].ways {
			most = max(most, u.longest-u.delay)
		}
	}
	return most
}

// oneWay is the direction of all segments of a capture, if they acknowledge segments that it lacks.
func (p *path) oneWay(point int) (w way, one bool) {
	var seen [2]int
	acknowledges := false
	for _, x := range p.surveys[point].sketches[0].byHash {
		s := &x.segment
		seen[wayOf(s, p.sides[point])]++
		acknowledges = acknowledges || s.Flags.Has(flows.ACK) && !s.Flags.Has(flows.RST)
	}
	if seen[toServer] > 0 {
		return toServer, seen[toClient] == 0 && acknowledges
	}
	return toClient, seen[toClient] > 0 && acknowledges
}

// elsewhere reports whether another point that has segments in common with this one has some of a kind.
func (p *path) elsewhere(point int, kind segmentKind) bool {
	for i, v := range p.surveys {
		if i != point && (p.parents[i] == point && p.clocks[i] != nil ||
			p.parents[point] == i && p.clocks[point] != nil) && v.kinds[kind] > 0 {
			return true
		}
	}
	return false
}

// few is how many connections a strange device may have disturbed: if a capture seems to lack something only in so few,
// they prove nothing.
const few = 2

// certainly is how far outside of a capture's span a segment must be, because clocks are not exact.
const certainly = 1e6 // ns

// missing counts the compared segments that must have passed a point but are not in its capture: before its first
// packet, after its last one, and within.
type missing struct{ before, within, after int }

// provenMissing finds what a point must have missed. Both its neighbours have it, or one has it from beyond the point:
// no middlebox makes data or bare acknowledgements. What known reasons explain is left out.
func (p *path) provenMissing(point int, known []blind, from, until int64) (before, within, after int) {
	var most missing
	if 0 < point && point < len(p.sources)-1 {
		most = p.missedBetween(point, known, from, until)
	}
	for _, neighbour := range [2]int{point - 1, point + 1} {
		if neighbour < 0 || neighbour == len(p.sources) {
			continue
		}
		m := p.missedFromBeyond(point, neighbour, known, from, until)
		most.before, most.after = max(most.before, m.before), max(most.after, m.after)
		if point == 0 || point == len(p.sources)-1 {
			most.within = m.within
		}
	}
	return most.before, most.within, most.after
}

// missedBetween counts what both neighbours have.
func (p *path) missedBetween(point int, known []blind, from, until int64) (m missing) {
	v, left, right := p.surveys[point], p.surveys[point-1], p.surveys[point+1]
	shared, _ := p.sharedWith(point-1, point)
	for _, c := range newCommon(left, right).pairs {
		same := shared[c.left.Key] && c.left.Seq == c.right.Seq
		if same && v.sketches[0].lacks(c.left) && comparable(c.left, v, left, right) {
			p.countMissing(&m, c.left, point-1, point, known, from, until, true)
		}
	}
	return m
}

// missedFromBeyond counts the segments of a neighbour that came to it through the point.
func (p *path) missedFromBeyond(point, neighbour int, known []blind, from, until int64) (m missing) {
	coming := toServer
	if neighbour < point {
		coming = toClient
	}
	v, beside := p.surveys[point], p.surveys[neighbour]
	shared, hosts := p.sharedWith(neighbour, point)
	for _, x := range beside.sketches[0].order {
		s := &x.segment
		kind := kindOf(s.Flags)
		host, to := ends(s)
		if p.sideOf(neighbour, host, to) == 0 {
			continue // its origin is a guess
		}
		if x.repeated || kind != kindOther && kind != kindFin || wayOf(s, p.sides[neighbour]) != coming ||
			!v.sketches[0].lacks(s) ||
			!comparable(s, v, beside) {
			continue
		}
		if shared[s.Key] || hosts[host] {
			p.countMissing(&m, s, neighbour, point, known, from, until, shared[s.Key])
		}
	}
	return m
}

// countMissing counts a segment that another point saw. within is whether it also counts if it passed while the point
// captured.
func (p *path) countMissing(m *missing, s *flows.Segment, seenAt, point int, known []blind, from, until int64,
	within bool) {
	w := wayOf(s, p.sides[seenAt])
	for i := range known {
		if known[i].ways[w] && known[i].kinds[kindOf(s.Flags)] {
			return
		}
	}
	at := p.corrected(seenAt, s.Time)
	if (w == toServer) == (seenAt < point) {
		at += p.usualDelay(seenAt, point)
	} else {
		at -= p.usualDelay(point, seenAt)
	}
	switch {
	case at < from-certainly:
		m.before++
	case at > until+certainly:
		m.after++
	case within && at-p.spread(point) >= from && at+p.spread(point) <= until:
		m.within++
	}
}

// sharedWith has the connections at one point, by its addresses, that share segments with the other point: no device
// between the two changes their numbers. It also has their hosts.
func (p *path) sharedWith(of, with int) (shared map[flows.Key]bool, hosts map[flows.Addr]bool) {
	shared, hosts = map[flows.Key]bool{}, map[flows.Addr]bool{}
	for _, c := range newCommon(p.surveys[min(of, with)], p.surveys[max(of, with)]).pairs {
		if !c.left.Flags.Has(flows.ACK) || c.left.Seq != c.right.Seq || c.left.Ack != c.right.Ack {
			continue
		}
		key := c.left.Key
		if of > with {
			key = c.right.Key
		}
		shared[key], hosts[key.A], hosts[key.B] = true, true, true
	}
	return shared, hosts
}

// comparable reports whether a segment should look the same in the captures: offload merges and splits those with data.
func comparable(s *flows.Segment, captures ...*survey) bool {
	const ethernet = 1460
	for _, v := range captures {
		if s.Len > 0 && v.biggest > ethernet {
			return false
		}
	}
	return true
}
