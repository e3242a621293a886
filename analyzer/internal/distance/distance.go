// Package distance estimates how far away the senders of packets are, from their TTLs (RFC 791 §3.2; hop limits in RFC
// 8200 §3). Senders begin with one of a few TTLs, and every router subtracts one, so the difference is the number of
// routers on the path.
package distance

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// End has the TTLs of the segments of one end, except RSTs, because these may come from another device.
type End struct {
	low, high uint8 // 0: there was no segment
	syn, rest uint8 // of the first segment with SYN, and of the first one without; 0: there was none
}

// Of returns an End that has sent one segment with SYN.
func Of(ttl uint8) End { return End{low: ttl, high: ttl, syn: ttl} }

// Segment records a segment of the end.
func (e *End) Segment(seg *flows.Segment) {
	ttl := seg.TTL
	switch {
	case e.rest != 0 || seg.Flags.Has(flows.RST):
	case seg.Flags.Has(flows.SYN):
		if e.syn == 0 {
			e.syn = ttl
		}
	default:
		e.rest = ttl
	}
	if ttl >= e.low && ttl <= e.high && e.low > 0 || ttl == 0 || seg.Flags.Has(flows.RST) {
		return
	}
	if e.low == 0 {
		e.low = ttl
	}
	e.low, e.high = min(e.low, ttl), max(e.high, ttl)
}

// Makers returns the TTLs of a segment with SYN and of one without, and whether two devices made them.
func (e *End) Makers() (syn, rest uint8, two bool) {
	return e.syn, e.rest, Differ(e.syn, e.rest)
}

// Differ reports whether two devices made segments with these TTLs, because no initial TTLs explain both. 0 is unknown.
func Differ(syn, rest uint8) bool { return syn > 0 && rest > 0 && !fits(syn, rest, initial[:]) }

// Near returns the end's TTL that is nearest to a given one, 0 if none is known.
func (e *End) Near(ttl uint8) uint8 {
	if int(e.high)-int(ttl) < int(ttl)-int(e.low) {
		return e.high
	}
	return e.low
}

// initial are the TTLs that senders begin with: the usual ones, and one of old systems.
var initial = [...]uint8{64, 128, 255, 32}

const usual = 3 // of initial

// fits reports whether the same number of routers explains both TTLs, each from an initial TTL.
func fits(a, b uint8, initial []uint8) bool {
	for _, i := range initial {
		for _, j := range initial {
			if i >= a && j >= b && i-a == j-b {
				return true
			}
		}
	}
	return false
}

// Origin judges whether the end itself made an RST with this TTL: whether it has passed as many routers as the end's
// other segments. A stack may begin its RSTs with another initial TTL.
func (e *End) Origin(ttl uint8) record.Origin {
	either := func(initial []uint8) bool { return fits(e.low, ttl, initial) || fits(e.high, ttl, initial) }
	switch {
	case e.low == 0 || ttl == 0 || e.low == 1 && ttl > 1:
		return record.NoOrigin // a sender of TTL 1 speaks only to neighbours (RFC 4271)
	case ttl == e.low || ttl == e.high || either(initial[:usual]):
		return record.OriginEndpoint
	case ttl > e.low && ttl < e.high || either(initial[:]): // the path changes, or it is an old system
		return record.NoOrigin
	}
	return record.OriginElsewhere
}

// mostHops is the most routers on a path. Longer paths are rare, and with them two initial TTLs fit.
const mostHops = 31

// hops is the number of routers on the path.
func (e *End) hops() record.Count {
	for _, i := range initial[:usual] {
		if e.high <= i && i-e.high <= mostHops && e.high > 0 {
			return record.Count{Number: uint64(i - e.high), Known: true}
		}
	}
	return record.Count{}
}

// Observer judges which end is nearer to the point of capture, by the TTLs and by the round-trip times of the
// handshake.
func Observer(client, server *End, h *record.Handshake) record.Observer {
	o := record.Observer{ClientHops: client.hops(), ServerHops: server.hops()}
	byTime, byTTL := record.NoSide, record.NoSide
	if x, y := h.ClientRTT, h.ServerRTT; x != record.NoDuration && y != record.NoDuration &&
		max(x, y)-min(x, y) >= apart {
		byTime = nearer(int64(x), int64(y))
	}
	if x, y := o.ClientHops, o.ServerHops; x.Known && y.Known {
		byTTL = nearer(int64(x.Number), int64(y.Number))
	}
	switch {
	case byTime == byTTL && byTime != record.NoSide:
		o.Nearer, o.Why = byTime, record.NearerByBoth
	case byTime != record.NoSide && (byTTL == record.NoSide ||
		difference(o.ClientHops.Number, o.ServerHops.Number) < fewHops):
		o.Nearer, o.Why = byTime, record.NearerByHandshake
	case byTime == record.NoSide && byTTL != record.NoSide:
		o.Nearer, o.Why = byTTL, record.NearerByTTL
	case byTime != record.NoSide:
		o.Why = record.NearerContradicted
	}
	return o
}

// fewHops prove less than the round-trip times, because one hop can be long.
const fewHops = 3

// difference is how many more hops one side is away than the other.
func difference(client, server uint64) uint64 { return max(client, server) - min(client, server) }

// apart is the least difference of the round-trip times that counts. A smaller one may be the time that a host takes to
// answer.
const apart = record.Duration(1e6) // ns

// nearer returns the side that is at most half as far away as the other.
func nearer(client, server int64) record.Side {
	switch {
	case client == server:
	case 2*client <= server:
		return record.Client
	case 2*server <= client:
		return record.Server
	}
	return record.NoSide
}

// A Reset is a captured RST.
type Reset struct {
	Packet uint64
	TTL    uint8
	From   uint8 // the end whose address it has as source
}

// Resets has the first RSTs of a connection.
type Resets []Reset

// most is the number of RSTs that are kept of a connection.
const most = 8

// Segment records a segment of either end.
func (r *Resets) Segment(seg *flows.Segment) {
	if seg.Flags.Has(flows.RST) && len(*r) < most {
		from := uint8(0)
		if seg.FromB {
			from = 1
		}
		*r = append(*r, Reset{seg.Packet, seg.TTL, from})
	}
}

// Of returns the RST of a packet, empty if it was not kept.
func (r Resets) Of(packet uint64) Reset {
	for _, s := range r {
		if s.Packet == packet {
			return s
		}
	}
	return Reset{}
}
