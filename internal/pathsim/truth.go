package pathsim

import (
	"fmt"
	"time"

	"github.com/tcplife/tcplife/flows"
)

// A Verdict is something that happened to a frame between two points.
type Verdict struct {
	Kind     string // lost, born, altered, delayed, duplicated, reordered
	Between  [2]int // neighbouring points
	Way      Way
	At       int    // the point that Packet counts at
	Packet   uint64 // the frame's number there
	Row      *Row
	Knowable bool // the captures show it
	Toward   Way  // born

	Field       string // altered
	From, To    any
	Segments    int
	By          time.Duration // delayed
	OvertakenBy int
}

// String describes what happened, and where.
func (v *Verdict) String() string {
	return fmt.Sprintf("%s %s between %v, packet %d at point %d", v.Kind, v.Field, v.Between, v.Packet, v.At)
}

// Truth returns what happened to every frame.
func (s *Sim) Truth() []*Verdict {
	var list []*Verdict
	for _, r := range s.Rows {
		if r.Whole {
			continue
		}
		list = append(list, s.fate(r)...)
	}
	return append(list, s.alterations()...)
}

// around returns the points before and after an element on the way, -1 for none.
func (s *Sim) around(element int, w Way) (before, behind int) {
	before, behind = -1, -1
	for i, e := range s.elements {
		p, is := e.(*Point)
		if !is {
			continue
		}
		left := i < element
		if left == (w == ToServer) {
			if before < 0 || w == ToServer {
				before = p.index
			}
		} else if behind < 0 || w == ToClient {
			behind = p.index
		}
	}
	return before, behind
}

func pair(a, b int) [2]int { return [2]int{min(a, b), max(a, b)} }

func (s *Sim) fate(r *Row) (list []*Verdict) {
	add := func(v Verdict) {
		v.Way, v.Row = r.Way, r
		list = append(list, &v)
	}
	if r.Died >= 0 {
		if a, b := s.around(r.Died, r.Way); a >= 0 && b >= 0 && r.Passed[a].Passed {
			x := &r.Passed[a]
			add(Verdict{Kind: "lost", Between: pair(a, b), At: a, Packet: x.Packet,
				Knowable: x.Packet > 0 && s.Points[b].complete(x.At, &x.Frame, r.Way) && x.At < s.lastSeen()-5e6})
		}
	}
	if r.MadeBy != "" && r.CopyOf == nil {
		if a, b := s.around(r.Born, r.Way); a >= 0 && b >= 0 && r.Passed[b].Passed {
			x := &r.Passed[b]
			add(Verdict{Kind: "born", Between: pair(a, b), At: b, Packet: x.Packet, Toward: r.Way,
				Knowable: x.Packet > 0 && s.Points[a].complete(x.At, &x.Frame, r.Way)})
		}
	}
	if r.CopyOf != nil {
		if a, b := s.around(r.doubledAt, r.Way); a >= 0 && b >= 0 && r.Passed[b].Passed {
			x := &r.Passed[b]
			add(Verdict{Kind: "duplicated", Between: pair(a, b), At: b, Packet: x.Packet,
				Knowable: x.Packet > 0 && r.Passed[a].Packet > 0 && r.CopyOf.Passed[b].Packet > 0})
		}
	}
	if r.HeldAt != "" && (r.CopyOf == nil || r.CopyOf.HeldAt != r.HeldAt) {
		for i, e := range s.elements {
			l, is := e.(*Link)
			if !is || l.Name != r.HeldAt {
				continue
			}
			a, b := s.around(i, r.Way)
			if a < 0 || b < 0 || !r.Passed[a].Passed || !r.Passed[b].Passed {
				continue
			}
			known := r.Passed[a].Packet > 0 && r.Passed[b].Packet > 0
			add(Verdict{Kind: "delayed", Between: pair(a, b), At: a, Packet: r.Passed[a].Packet, By: r.Held,
				Knowable: known})
			if n := s.overtakers(r, a, b); n > 0 && r.CopyOf == nil {
				add(Verdict{Kind: "reordered", Between: pair(a, b), At: a, Packet: r.Passed[a].Packet, OvertakenBy: n,
					Knowable: known})
			}
		}
	}
	return list
}

// lastSeen is the time of the last packet of all captures. A frame that was on its way then was not captured again.
func (s *Sim) lastSeen() (last int64) {
	for _, p := range s.Points {
		if n := len(p.records); n > 0 {
			last = max(last, p.records[n-1].at)
		}
	}
	return last
}

// overtakers counts the captured frames of the same connection that passed a after a frame, and b before it.
func (s *Sim) overtakers(r *Row, a, b int) (n int) {
	for _, o := range s.Rows {
		if o.Conn == r.Conn && o.Way == r.Way && o.CopyOf == nil && !o.Whole &&
			o.Passed[a].Packet > r.Passed[a].Packet &&
			o.Passed[b].Packet > 0 && o.Passed[b].Packet < r.Passed[b].Packet {
			n++
		}
	}
	return n
}

// alterations returns the changes of fields between points, one for each connection, stretch, direction and field.
func (s *Sim) alterations() (list []*Verdict) {
	type key struct {
		conn, stretch int
		w             Way
		field         string
	}
	type crossing struct {
		stretch int
		w       Way
		x, y    uint64
	}
	found := map[key]*Verdict{}
	crossed := map[crossing]bool{} // a frame and its later duplicate have these sightings in common
	for _, r := range s.Rows {
		if r.Whole || r.Conn < 0 {
			continue
		}
		for k := range len(s.Points) - 1 {
			a, b := k, k+1
			if r.Way == ToClient {
				a, b = b, a
			}
			x, y := &r.Passed[a], &r.Passed[b]
			if x.Packet == 0 || y.Packet == 0 {
				continue
			}
			if at := (crossing{k, r.Way, x.Packet, y.Packet}); crossed[at] {
				continue
			} else {
				crossed[at] = true
			}
			for _, d := range differences(&x.Frame, &y.Frame) {
				if r.PartOf != nil && (d.field == "seq" || d.field == "ip_id") {
					continue // these were those of the whole before it was split
				}
				at := key{r.Conn, k, r.Way, d.field}
				v := found[at]
				if v == nil {
					v = &Verdict{Kind: "altered", Between: pair(a, b), Way: r.Way, At: a, Packet: x.Packet, Row: r,
						Knowable: true, Field: d.field, From: d.from, To: d.to}
					found[at] = v
					list = append(list, v)
				}
				if x.Packet < v.Packet {
					v.Packet, v.From, v.To, v.Row = x.Packet, d.from, d.to, r
				}
				v.Segments++
			}
		}
	}
	return list
}

type difference struct {
	field    string
	from, to any
}

func differences(a, b *Frame) (list []difference) {
	differ := func(field string, from, to any) {
		if from != to {
			list = append(list, difference{field, from, to})
		}
	}
	differ("ttl", int(a.TTL), int(b.TTL))
	differ("src", a.Src.Addr().String(), b.Src.Addr().String())
	differ("sport", int(a.Src.Port()), int(b.Src.Port()))
	differ("dst", a.Dst.Addr().String(), b.Dst.Addr().String())
	differ("dport", int(a.Dst.Port()), int(b.Dst.Port()))
	differ("seq", int(a.Seq), int(b.Seq))
	if a.Flags.Has(flows.ACK) {
		differ("ack", int(a.Ack), int(b.Ack))
	}
	differ("ip_id", int(a.ID), int(b.ID))
	option := func(has bool, n int) any {
		if !has {
			return nil
		}
		return n
	}
	differ("mss", option(a.Options.HasMSS, int(a.Options.MSS)), option(b.Options.HasMSS, int(b.Options.MSS)))
	differ("wscale", option(a.Options.HasWScale, int(a.Options.WScale)),
		option(b.Options.HasWScale, int(b.Options.WScale)))
	present := func(has bool) any {
		if has {
			return true
		}
		return nil
	}
	differ("sack_permitted", present(a.Options.SACKPermitted), present(b.Options.SACKPermitted))
	differ("timestamps", present(a.Options.HasTimestamp), present(b.Options.HasTimestamp))
	return list
}

// Alike reports whether a point has another packet that equals this one.
func (s *Sim) Alike(point int, packet uint64) bool {
	first := s.Canonical(point, packet)
	for other, of := range s.same[point] {
		if of == first && other != packet {
			return true
		}
	}
	return false
}

// Canonical returns the first of a point's packets that equal this one. Nothing distinguishes them.
func (s *Sim) Canonical(point int, packet uint64) uint64 {
	if s.same == nil {
		s.same = make([]map[uint64]uint64, len(s.Points))
		for i, p := range s.Points {
			first := map[Frame]uint64{}
			s.same[i] = map[uint64]uint64{}
			for n, c := range p.records {
				number := uint64(n + 1)
				if _, known := first[c.frame]; !known {
					first[c.frame] = number
				}
				s.same[i][number] = first[c.frame]
			}
		}
	}
	return s.same[point][packet]
}
