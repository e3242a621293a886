package analyzer

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// floods watches the backlog of every target: what fills under a SYN flood is not the rate of SYNs but the number of
// connections that nobody completes (RFC 4987 §2).
//
// A target whose backlog has emptied before it was a flood's is forgotten, so that what is remembered is bounded by what is
// alive, not by how many addresses and ports a scan has touched.
type floods struct {
	targets []target
	free    []uint32                  // of targets
	index   map[netip.AddrPort]uint32 // of targets
}

func newFloods() floods { return floods{index: map[netip.AddrPort]uint32{}} }

// target is one listener's, or would-be listener's, backlog.
type target struct {
	at                  netip.AddrPort
	attempts, completed uint64
	embryos, peak       uint64
	onset, last         int64
	second              int64
	inSecond, best      uint64
	sources             map[flows.Addr]uint64
	manySources         bool
}

const (
	// floodBacklog embryos at once make a flood: the default backlog of many servers is 128.
	floodBacklog = 128
	// floodCompletion is the share of attempts whose completion speaks against a flood.
	floodCompletion = 0.5
	// maxSources bounds what is remembered of a target's sources. Beyond it the count says "at least".
	maxSources = 1 << 20
)

// follow accounts for a connection after a segment of it. One that falls back (the ACK was not accepted) counts again.
func (a *Analyzer) follow(c *connection) {
	embryonic := c.role == RoleSyn && c.embryonic()
	switch {
	case embryonic && !c.counted:
		c.target = a.floods.target(&c.key, c.opener)
		a.floods.targets[c.target].attempt(&c.key, c.opener, c.end)
		c.counted = true
	case !embryonic && c.counted:
		if reached(&c.tcp.Ends[1-c.opener]) {
			a.floods.targets[c.target].completed++
		}
		a.leave(c)
	}
}

// leave takes a connection out of its target's backlog.
func (a *Analyzer) leave(c *connection) {
	if !c.counted {
		return
	}
	c.counted = false
	f := &a.floods
	t := &f.targets[c.target]
	if t.embryos--; t.embryos == 0 && t.peak < floodBacklog {
		delete(f.index, t.at)
		*t = target{}
		f.free = append(f.free, c.target)
	}
}

// target is the index of the one that the opener, an end of the key, wants.
func (f *floods) target(key *flows.Key, opener int) uint32 {
	at := key.AddrPortB()
	if opener == 1 {
		at = key.AddrPortA()
	}
	i, known := f.index[at]
	if !known {
		if n := len(f.free); n > 0 {
			i, f.free = f.free[n-1], f.free[:n-1]
		} else {
			i = uint32(len(f.targets))
			f.targets = append(f.targets, target{})
		}
		f.index[at] = i
		f.targets[i] = target{at: at, sources: map[flows.Addr]uint64{}}
	}
	return i
}

// attempt is a new SYN of the opener.
func (t *target) attempt(key *flows.Key, opener int, now int64) {
	if t.attempts == 0 {
		t.onset = now
	}
	t.attempts++
	t.embryos++
	t.peak = max(t.peak, t.embryos)
	t.last = max(t.last, now)
	if s := now / 1e9; s != t.second {
		t.second, t.inSecond = s, 0
	}
	t.inSecond++
	t.best = max(t.best, t.inSecond)
	source := key.A
	if opener == 1 {
		source = key.B
	}
	if _, known := t.sources[source]; known || len(t.sources) < maxSources {
		t.sources[source]++
	} else {
		t.manySources = true
	}
}

// records gives the targets under attack, by address and port.
func (f *floods) records() []SynFlood {
	var hit []*target
	for i := range f.targets {
		t := &f.targets[i]
		if t.peak >= floodBacklog && float64(t.completed) < floodCompletion*float64(t.attempts) {
			hit = append(hit, t)
		}
	}
	slices.SortFunc(hit, func(x, y *target) int { return x.at.Compare(y.at) })
	records := []SynFlood{}
	for _, t := range hit {
		records = append(records, t.record())
	}
	return records
}

func (t *target) record() SynFlood {
	port := t.at.Port()
	ratio := float64(t.completed) / float64(t.attempts)
	r := SynFlood{
		Record: "syn_flood", Schema: Schema, Target: Target{IP: t.at.Addr(), Port: &port},
		Onset: Time(t.onset), End: Time(t.last), Syns: t.attempts, PeakRate: float64(t.best),
		HalfOpenPeak: t.peak, CompletionRatio: ratio, Sources: uint64(len(t.sources)), Marks: []string{},
		Evidence: []string{
			fmt.Sprintf("%d embryonic connections at once, of %d attempts", t.peak, t.attempts),
			fmt.Sprintf("completed attempts: %d", t.completed),
		},
	}
	if seconds := float64(t.last-t.onset) / 1e9; seconds > 0 {
		r.MeanRate = float64(t.attempts) / seconds
	}
	r.SourceEntropy = NullableNumber{t.entropy(), true}
	if t.manySources {
		r.SourceEntropy = NullableNumber{}
		r.Evidence = append(r.Evidence, fmt.Sprintf("more than %d sources", maxSources))
	}
	switch {
	case len(t.sources) == 1:
		r.Verdict = "single_source_flood"
	case float64(len(t.sources)) > 0.5*float64(t.attempts):
		r.Verdict = "spoofed_flood"
	default:
		r.Verdict = "suspicious"
	}
	return r
}

// entropy is the Shannon entropy of the sources in bits, added up in an order that does not depend on the map's.
func (t *target) entropy() float64 {
	counts := make([]uint64, 0, len(t.sources))
	var n uint64
	for _, k := range t.sources {
		counts = append(counts, k)
		n += k
	}
	slices.Sort(counts)
	var bits float64
	for _, k := range counts {
		p := float64(k) / float64(n)
		bits -= p * math.Log2(p)
	}
	return bits
}
