package crowd

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// A syn is the first SYN of an attempt.
type syn struct {
	source flows.Addr
	at     int64
	v6     bool
	probe  Probe
}

// syns is a uniform sample of SYNs, like sample: all of them while they are few, then those whose hash begins with
// level zeros. Of the same SYNs, two samples of one level keep the same ones.
type syns struct {
	level int
	seen  uint64
	list  []syn // in the order of the capture
}

// synSamples has the sample of all completed attempts, and the limits of all samples.
type synSamples struct {
	on    bool
	limit int // of one sample
	kept  int // upper bound of the SYNs in all samples
	all   syns
}

const (
	sampledSyns      = 1 << 13
	sampledSynsFew   = 1 << 4
	sampledSynsInAll = 1 << 19
)

// KeepSyns makes the Crowd keep SYNs of floods and of completed attempts, for Result.FloodSyns. It must be called
// before the first event.
func (c *Crowd) KeepSyns() { c.samples = synSamples{on: true, limit: sampledSyns} }

// Completed records the SYN of an attempt for which Complete was called.
func (c *Crowd) Completed(a *Attempt, first *Probe) {
	if !c.samples.on {
		return
	}
	s := syn{a.Source, a.SynAt, a.V6, *first}
	c.keepSyn(&c.samples.all, &s)
	if port, _ := c.find(a); port != nil {
		if port.sample == nil {
			port.sample = &syns{}
		}
		c.keepSyn(port.sample, &s)
	}
}

// keepSyn adds a SYN to a sample, and shrinks all samples if they have too many together.
func (c *Crowd) keepSyn(to *syns, s *syn) {
	o := &c.samples
	to.seen++
	if !s.within(to.level) {
		return
	}
	to.list = append(to.list, *s)
	to.shrink(o.limit)
	if o.kept++; o.kept < sampledSynsInAll {
		return
	}
	for ; ; o.limit /= 2 {
		o.kept = 0
		for each := range c.eachSample {
			each.shrink(o.limit)
			o.kept += len(each.list)
		}
		if o.kept < sampledSynsInAll/2 || o.limit <= sampledSynsFew {
			return
		}
	}
}

// eachSample yields all samples.
func (c *Crowd) eachSample(yield func(*syns) bool) {
	if !yield(&c.samples.all) {
		return
	}
	for i := range c.floods {
		if !yield(&c.floods[i].sample) {
			return
		}
	}
	for _, t := range c.order {
		if t.sample != nil && !yield(t.sample) || t.flood != nil && !yield(&t.flood.sample) ||
			t.flood != nil && t.flood.fresh != nil && !yield(&t.flood.fresh.sample) {
			return
		}
	}
}

// within reports whether samples of a level keep a SYN.
func (s *syn) within(level int) bool {
	if level == 0 {
		return true
	}
	var b [28]byte
	copy(b[:], s.source[:])
	binary.BigEndian.PutUint64(b[16:], uint64(s.at))
	binary.BigEndian.PutUint32(b[24:], s.probe.Seq)
	return bits.LeadingZeros64(xxhash.Sum64(b[:])) >= level
}

// shrink raises the level until no more than limit SYNs are left.
func (s *syns) shrink(limit int) {
	for len(s.list) > limit {
		s.raise(s.level + 1)
	}
}

// raise raises the level at least to level, and removes the SYNs that do not belong to it.
func (s *syns) raise(level int) {
	s.level = max(s.level, level)
	s.list = slices.DeleteFunc(s.list, func(one syn) bool { return !one.within(s.level) })
}

// forget removes a SYN whose attempt only seemed completed.
func (s *syns) forget(a *Attempt) {
	if s == nil {
		return
	}
	s.seen = less(s.seen)
	for i := range s.list {
		if one := &s.list[i]; one.at == a.SynAt && one.source == a.Source {
			s.list = slices.Delete(s.list, i, i+1)
			return
		}
	}
}

// uncompleted removes a SYN from the samples of completed attempts.
func (c *Crowd) uncompleted(a *Attempt) {
	if !c.samples.on {
		return
	}
	c.samples.all.forget(a)
	if port, _ := c.find(a); port != nil {
		port.sample.forget(a)
	}
}

// floodSyns returns the kept SYNs of floods and of completed attempts; nil without KeepSyns.
func (c *Crowd) floodSyns(floods []Flood) []record.FloodSyns {
	if !c.samples.on {
		return nil
	}
	list := make([]record.FloodSyns, len(floods))
	for i := range floods {
		f := &floods[i]
		completed := c.completedAt(f)
		left := syns{level: f.sample.level, list: slices.Clone(f.sample.list)}
		left.raise(completed.level) // at a lower level some completed attempts would stay
		known := map[syn]bool{}
		for _, s := range completed.list {
			known[s.identity()] = true
		}
		left.list = slices.DeleteFunc(left.list, func(s syn) bool { return known[s.identity()] })
		list[i] = record.FloodSyns{
			Flood: left.record(), Completed: completed.record(), CompletedAll: completed.seen,
			Anywhere: c.samples.all.record(), AnywhereAll: c.samples.all.seen,
		}
	}
	return list
}

// completedAt is the sample of the completed attempts on a flood's target.
func (c *Crowd) completedAt(f *Flood) syns {
	var all syns
	for _, t := range c.order {
		if t.sample != nil && t.addr == f.Target && (f.Whole || t.port == f.Port) {
			all.raise(t.sample.level)
			all.list = append(all.list, t.sample.list...)
			all.raise(all.level)
			all.seen += t.sample.seen
		}
	}
	return all
}

// identity identifies a SYN.
func (s *syn) identity() syn { return syn{source: s.source, at: s.at, probe: Probe{Seq: s.probe.Seq}} }

func (s *syns) record() []record.Syn {
	list := make([]record.Syn, len(s.list))
	for i := range s.list {
		from := &s.list[i]
		p := &from.probe
		list[i] = record.Syn{
			Source: flows.IP(from.source, from.v6), ISN: p.Seq, Window: p.Window, IPID: p.IPID, TTL: p.TTL,
			MSS:    uint16(p.Options),
			HasMSS: p.Options&hasMSS != 0, WindowScale: p.Options&hasWScale != 0, SACKPermitted: p.Options&hasSACK != 0,
			Timestamps: p.Options&hasTimestamp != 0,
		}
	}
	return list
}
