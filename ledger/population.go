package ledger

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// The limits of a Population: about 100 MB, if every host has endpoints in all states all the time.
const (
	maxMoments      = 1000 // if no step is given
	maxGivenMoments = 100_000
	maxHostMoments  = 5000
	maxHosts        = 250
)

// states counts endpoints by state; CLOSED and LISTEN are not counted.
type states [tcpstate.TimeWait + 1]timeline

// Population counts how many endpoints are in each state over time: of all hosts together and, optionally, of each of
// the hosts with most endpoints.
type Population struct {
	step        int64
	moments     int
	hostMoments int
	all         states
	byHost      bool
	hosts       bounded[netip.Addr, hostPopulation]
}

type hostPopulation struct {
	endpoints uint64
	states    states
}

// NewPopulation returns a Population that counts once in each step. A step of 0 means the shortest step with at most
// 1000 moments. A given step is lengthened if there are more than 100,000 moments, or 5000 for a host.
func NewPopulation(step time.Duration, byHost bool) *Population {
	p := &Population{step: int64(step), moments: maxGivenMoments, byHost: byHost}
	if step == 0 {
		p.step, p.moments = gridSteps[0], maxMoments
	}
	p.hostMoments = min(p.moments, maxHostMoments)
	p.hosts.limit = maxHosts
	p.hosts.weight = func(h *hostPopulation) weight { return weight{h.endpoints} }
	p.hosts.compare = func(a, b *netip.Addr) int { return a.Compare(*b) }
	return p
}

// Add adds the record of a connection. The order of the records does not matter until there are too many hosts.
func (p *Population) Add(c *record.Connection) {
	for _, e := range [...]*record.Endpoint{&c.Client, &c.Server} {
		if len(e.States) == 0 {
			continue
		}
		p.stays(&p.all, e, c, p.moments)
		if p.byHost {
			h := p.hosts.of(e.IP)
			h.endpoints++
			p.stays(&h.states, e, c, p.hostMoments)
		}
	}
}

// stays adds an endpoint's stays in its states. The last one lasts until the end of the record. A TIME_WAIT that was
// reported while it ran lasts until it expires.
func (p *Population) stays(to *states, e *record.Endpoint, c *record.Connection, moments int) {
	held := c.Held(e)
	for i := range held {
		s := &held[i]
		if s.State == tcpstate.Closed {
			continue
		}
		until := c.Ended
		if c.EndedBy == record.EndCaptureEnd {
			until++ // it still exists at the last moment
		}
		if i+1 < len(held) {
			until = min(until, held[i+1].At)
		} else if s.State == tcpstate.TimeWait {
			for _, w := range c.TimeWait {
				if w.EndedBy == record.TimeWaitRunning && w.Entered == s.At {
					until = w.Expires
				}
			}
		}
		p.stay(to, s.State, s.At, until, moments)
	}
}

// stay adds a stay in a state.
func (p *Population) stay(to *states, in tcpstate.State, from, until record.Time, moments int) {
	t := &to[in]
	if t.step == 0 {
		t.step = p.step
	}
	t.add(int64(from), int64(until), moments)
}

// Merge adds the counts of another Population with the same step.
func (p *Population) Merge(o *Population) {
	p.all.merge(&o.all, p.moments)
	for _, other := range o.hosts.sorted() {
		h := p.hosts.of(other.key)
		h.endpoints += other.value.endpoints
		h.states.merge(&other.value.states, p.hostMoments)
	}
	p.hosts.leftOut += o.hosts.leftOut
}

func (s *states) merge(o *states, moments int) {
	for i := range s {
		if o[i].step > 0 {
			if s[i].step == 0 {
				s[i].step = o[i].step
			}
			s[i].merge(&o[i], moments)
		}
	}
}

// Series returns the counts from the first moment at or after from to the last moment at or before to. The first series
// is that of all hosts together. With byHost, series of single hosts follow, the host with most endpoints first.
func (p *Population) Series(from, to record.Time) []record.PopulationSeries {
	if from == record.NoTime {
		return nil
	}
	list := []record.PopulationSeries{p.series(&p.all, nil, from, to, p.moments)}
	if p.byHost {
		p.hosts.trim()
		for _, h := range p.hosts.sorted() {
			host := h.key
			list = append(list, p.series(&h.value.states, &host, from, to, p.hostMoments))
		}
	}
	return list
}

// LeftOut is how many hosts have no series of their own, because other hosts had more endpoints.
func (p *Population) LeftOut() uint64 { return p.hosts.leftOut }

func (p *Population) series(s *states, host *netip.Addr, from, to record.Time, moments int) record.PopulationSeries {
	step := p.step
	for i := range s {
		if s[i].step > 0 {
			s[i].settle(moments)
			step = max(step, s[i].step)
		}
	}
	for int64(to)/step-int64(from)/step >= int64(moments) {
		step = longer(step)
	}
	first, last := roundUp(int64(from), step), roundDown(int64(to), step)
	r := record.PopulationSeries{
		Record: "population", Schema: record.Schema, Host: host, Start: record.Time(first * step),
		Step: record.Duration(step), Moments: int(max(0, last-first+1)),
		Peaks: map[string]record.Peak{}, States: map[string][]uint64{},
	}
	for i := range s {
		t := &s[i]
		if len(t.change) == 0 {
			continue
		}
		for t.step < step {
			t.coarsen(longer(t.step))
		}
		counts := t.counts(first, r.Moments)
		peak := record.Peak{At: record.NoTime}
		for m, n := range counts {
			if n > peak.Count {
				peak = record.Peak{Count: n, At: record.Time((first + int64(m)) * step)}
			}
		}
		if peak.Count > 0 {
			name := tcpstate.State(i).String()
			r.Peaks[name], r.States[name] = peak, counts
		}
	}
	return r
}
