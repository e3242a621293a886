package compare

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// This file finds pairs of connections that a proxy joins. The proxy ends one and opens the other, so no segment of one
// is a segment of the other.

// A half is a connection that seems to end, or to begin, at a stretch.
type half struct {
	number     uint64
	start, end int64
	client     result.ComparedEndpoint
	server     result.ComparedEndpoint
	at         []result.ComparedLeg
	seenAt     []string
	bytes      [2]uint64
	opened     result.Way
}

// maxHalves bounds the halves that are kept of each side of a stretch.
const maxHalves = 100_000

// keepHalf keeps a connection in which both sides talked and which only some neighbouring points saw.
func (c *comparer) keepHalf(t *trail) {
	if !t.talks[0] || !t.talks[1] {
		return
	}
	first, last := -1, -1
	for p, l := range t.legs {
		if l == nil {
			continue
		}
		if first < 0 {
			first = p
		}
		last = p
	}
	opener := c.opener(t)
	h := half{
		number: t.number, start: t.first, end: t.last, client: c.endpoint(t, opener), server: c.endpoint(t, 1-opener),
		opened: t.wayOf(opener).record(),
	}
	for p, l := range t.legs {
		if l != nil {
			h.seenAt = append(h.seenAt, c.sources[p].Name)
			h.at = append(h.at, c.legRecord(p, l, opener))
			if l.end != nil {
				h.bytes = l.end.bytes
			}
		}
	}
	keep := func(list *[]half) {
		if len(*list) < maxHalves {
			*list = append(*list, h)
		}
	}
	if last < len(t.legs)-1 {
		keep(&c.halves[last][0])
	}
	if first > 0 {
		keep(&c.halves[first-1][1])
	}
}

// A couple is two halves that may belong together.
type couple struct {
	left, right *half
	points      int
	why         []string
}

// tellTwo emits the pairs of connections that a proxy joins.
func (c *comparer) tellTwo() error {
	for stretch := range c.halves {
		lefts, rights := c.halves[stretch][0], c.halves[stretch][1]
		byStart := func(a, b half) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.number, b.number)) }
		slices.SortFunc(lefts, byStart)
		slices.SortFunc(rights, byStart)
		var couples []couple
		from := 0
		for i := range lefts {
			l := &lefts[i]
			for from < len(rights) && rights[from].start < l.start-int64(openedWithin) {
				from++
			}
			for k := from; k < len(rights) && rights[k].start <= l.start+int64(openedWithin) && k < from+maxAlike; k++ {
				if x := match(l, &rights[k]); x.points >= enoughAlike {
					couples = append(couples, x)
				}
			}
		}
		slices.SortStableFunc(couples, func(a, b couple) int {
			near := func(x couple) int64 { return max(x.right.start-x.left.start, x.left.start-x.right.start) }
			return cmp.Or(cmp.Compare(b.points, a.points), cmp.Compare(near(a), near(b)))
		})
		taken := map[*half]bool{}
		for _, x := range couples {
			if taken[x.left] || taken[x.right] {
				continue
			}
			taken[x.left], taken[x.right] = true, true
			if err := c.emit(c.twoRecord(&x, stretch)); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	openedWithin = 2 * time.Second // of each other
	enoughAlike  = 3               // points
)

// match holds what two halves have in common.
func match(l, r *half) (x couple) {
	if l.opened != r.opened {
		return x
	}
	x.left, x.right = l, r
	add := func(points int, format string, args ...any) {
		x.points += points
		x.why = append(x.why, fmt.Sprintf(format, args...))
	}
	socket := func(e *result.ComparedEndpoint) netip.AddrPort { return netip.AddrPortFrom(e.IP, e.Port) }
	switch client, server := socket(&l.client) == socket(&r.client), socket(&l.server) == socket(&r.server); {
	case client && server:
		add(3, "both have the same addresses and ports")
	case server:
		add(1, "both are to %s", socket(&l.server))
	case client:
		add(1, "both are from %s", socket(&l.client))
	}
	switch up, down := l.bytes[0] == r.bytes[0] && l.bytes[0] > 0, l.bytes[1] == r.bytes[1] && l.bytes[1] > 0; {
	case up && down:
		add(3, "both carry %s of the client and %d of the server", counted(l.bytes[0]), l.bytes[1])
	case up:
		add(2, "both carry %s of the client", counted(l.bytes[0]))
	case down:
		add(2, "both carry %s of the server", counted(l.bytes[1]))
	}
	if d := r.end - l.end; max(d, -d) < int64(time.Second) {
		x.points++
	}
	return x
}

// twoRecord is the record of two connections that belong together.
func (c *comparer) twoRecord(x *couple, stretch int) *result.Compared {
	l, r := x.left, x.right
	c.trails++
	c.sums.comparison.TwoConnections++
	why := []string{}
	if l.client.ISN.Known && r.client.ISN.Known && l.server.ISN.Known && r.server.ISN.Known {
		why = append(why, fmt.Sprintf("the ISNs are %d and %d at %s, %d and %d at %s, and no segment is the same at "+
			"both",
			l.client.ISN.Number, l.server.ISN.Number, c.sources[stretch].Name, r.client.ISN.Number, r.server.ISN.Number,
			c.sources[stretch+1].Name))
	} else {
		why = append(why, "no segment is the same at both points")
	}
	why = append(why, x.why...)
	why = append(why, fmt.Sprintf("the second began %v after the first",
		time.Duration(r.start-l.start).Round(time.Microsecond)))
	start, end := min(l.start, r.start), max(l.end, r.end)
	return &result.Compared{
		Record: "compared", Schema: record.Schema, ID: c.trails, Start: record.Time(start), StartNS: start,
		End: record.Time(end), EndNS: end, Duration: record.Duration(end - start),
		SeenAt: slices.Concat(l.seenAt, r.seenAt), Client: l.client, Server: r.server, Opened: l.opened,
		At: slices.Concat(l.at, r.at),
		Pairing: result.Pairing{
			By: result.TwoConnections, Between: []string{c.sources[stretch].Name, c.sources[stretch+1].Name}, Why: why,
		},
		Verdicts: []result.Verdict{},
	}
}

// separate reports whether a trail is two connections: only addresses joined its legs, both sides of a stretch see the
// two hosts talk, and only the opening segments passed that stretch.
func (t *trail) separate() (stretch int, yes bool) {
	if t.joined != byShape {
		return 0, false
	}
	for k := range t.nat {
		a, b := t.legs[k], t.legs[k+1]
		if a == nil || b == nil || t.passing(k, 0).segments > 1 || t.passing(k, 1).segments > 1 {
			continue
		}
		if a.talk[0].some && a.talk[1].some && b.talk[0].some && b.talk[1].some {
			return k, true
		}
	}
	return 0, false
}

// tellSeparate makes the record of such a trail.
func (c *comparer) tellSeparate(t *trail, stretch int) {
	c.compared = result.Compared{Verdicts: []result.Verdict{}}
	c.fill(t)
	l, r := t.legs[stretch], t.legs[stretch+1]
	why := []string{"the numbers differ, and no data or acknowledgement is the same at both points"}
	for dir := range 2 {
		if l.isnSeen[dir] && r.isnSeen[dir] {
			why = append(why, fmt.Sprintf("the ISN of %s is %d at %s and %d at %s", socketText(l.socket(dir)),
				l.isn[dir], c.sources[stretch].Name,
				r.isn[dir], c.sources[stretch+1].Name))
		}
	}
	c.compared.Pairing = result.Pairing{
		By: result.TwoConnections, Between: []string{c.sources[stretch].Name, c.sources[stretch+1].Name},
		Why: append(why, "both have the same addresses and ports"),
	}
	c.sums.comparison.TwoConnections++
}

func socketText(s socket) string { return netip.AddrPortFrom(flows.IP(s.addr, s.v6), s.port).String() }

// counted writes a number of bytes: 1 byte, 2 bytes.
func counted(bytes uint64) string {
	if bytes == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", bytes)
}
