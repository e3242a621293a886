package ledger

import (
	"net/netip"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Totals adds up records, for the Summary and the lists beside it.
type Totals struct {
	Sums
	Lists
}

// Sums are the totals that do not depend on the order of the records. So records can be divided among several Sums,
// which are merged at the end.
type Sums struct {
	connections, halfOpen, embryonic uint64
	outcomes, teardowns, findings    wordCounts
	resets                           record.SideCounts
	serverRTT, clientRTT             samples
	population                       *Population
	failures                         failures
	retransmissions                  record.RetransmissionTotals
}

// Lists have an entry for each host, but leave out the lightest entries if there are too many. So they depend on the
// order of the records.
type Lists struct {
	notClosing notClosing
	usage      usage
	timeWaits  timeWaits
	ports      PortRange
}

func NewTotals(ports PortRange) Totals {
	return Totals{NewSums(), Lists{newNotClosing(), newUsage(), newTimeWaits(), ports}}
}

func NewSums() Sums {
	// The histograms hold round-trip times from 1 µs to an hour, to three significant digits.
	rtt := func() samples { return samples{histogram: hdrhistogram.New(1e3, 3600e9, 3)} }
	return Sums{serverRTT: rtt(), clientRTT: rtt(), population: NewPopulation(0, false), failures: newFailures()}
}

func (t *Totals) Add(r *record.Connection) {
	t.Sum(r)
	t.List(r)
}

// Sum adds a record.
func (t *Sums) Sum(r *record.Connection) {
	t.connections++
	t.outcomes.add(string(r.Handshake.Outcome), 1)
	t.teardowns.add(string(r.Teardown.Kind), 1)
	t.SumFindings(r.Findings)
	if r.HalfOpen != nil {
		t.halfOpen++
	}
	if r.Handshake.Outcome == record.OutcomeEmbryonic {
		t.embryonic++
	}
	if reset := r.Teardown.Reset; reset != nil {
		switch reset.By {
		case record.Client:
			t.resets.Client++
		case record.Server:
			t.resets.Server++
		}
	}
	retransmitted := r.Client.RetransmittedPackets + r.Server.RetransmittedPackets
	t.retransmissions.Packets += r.Client.Packets + r.Server.Packets
	t.retransmissions.Retransmitted += retransmitted
	if retransmitted > 0 {
		t.retransmissions.Connections++
	}
	t.population.Add(r)
	t.failures.add(r)
	t.serverRTT.add(r.Handshake.ServerRTT)
	t.clientRTT.add(r.Handshake.ClientRTT)
}

// Stay adds a stay of an endpoint in a state, for a record whose states Sum did not get.
func (t *Sums) Stay(in tcpstate.State, from, until record.Time) {
	t.population.stay(&t.population.all, in, from, until, t.population.moments)
}

// SumFindings counts findings that were added to a record after Sum was called.
func (t *Sums) SumFindings(list []record.Finding) {
	for i := range list {
		t.findings.add(list[i].Code, 1)
	}
}

// Merge adds the sums of other records.
func (t *Sums) Merge(o *Sums) {
	t.connections += o.connections
	t.halfOpen += o.halfOpen
	t.embryonic += o.embryonic
	t.outcomes.merge(o.outcomes)
	t.teardowns.merge(o.teardowns)
	t.findings.merge(o.findings)
	t.resets.Client += o.resets.Client
	t.resets.Server += o.resets.Server
	t.retransmissions.Packets += o.retransmissions.Packets
	t.retransmissions.Retransmitted += o.retransmissions.Retransmitted
	t.retransmissions.Connections += o.retransmissions.Connections
	t.population.Merge(o.population)
	t.failures.merge(&o.failures)
	t.serverRTT.merge(&o.serverRTT)
	t.clientRTT.merge(&o.clientRTT)
}

// List adds a record to the lists.
func (l *Lists) List(r *record.Connection) {
	l.notClosing.add(r)
	l.usage.add(r)
	l.timeWaits.add(r, l.ports)
}

// wordCounts counts a few different words. Frequent words come first, so that they are found fast.
type wordCounts []wordCount

type wordCount struct {
	word string
	n    uint64
}

func (w *wordCounts) add(word string, n uint64) {
	for i := range *w {
		if c := &(*w)[i]; c.word == word {
			if c.n += n; i > 0 && c.n > (*w)[i-1].n {
				(*w)[i-1], *c = *c, (*w)[i-1]
			}
			return
		}
	}
	*w = append(*w, wordCount{word, n})
}

func (w *wordCounts) merge(o wordCounts) {
	for _, c := range o {
		w.add(c.word, c.n)
	}
}

func (w wordCounts) byWord() map[string]uint64 {
	m := map[string]uint64{}
	for _, c := range w {
		m[c.word] = c.n
	}
	return m
}

// samples holds durations in a histogram, with the exact minimum and maximum.
type samples struct {
	histogram   *hdrhistogram.Histogram
	least, most record.Duration
}

// add adds a duration, clamped to the histogram's range.
func (s *samples) add(d record.Duration) {
	if d == record.NoDuration {
		return
	}
	if s.histogram.TotalCount() == 0 {
		s.least, s.most = d, d
	}
	s.least, s.most = min(s.least, d), max(s.most, d)
	_ = s.histogram.RecordValue(min(max(int64(d), 0), s.histogram.HighestTrackableValue())) // fails only out of range
}

func (s *samples) merge(o *samples) {
	switch {
	case o.histogram.TotalCount() == 0:
		return
	case s.histogram.TotalCount() == 0:
		s.least, s.most = o.least, o.most
	}
	s.least, s.most = min(s.least, o.least), max(s.most, o.most)
	s.histogram.Merge(o.histogram)
}

func (s *samples) percentiles() record.RTT {
	if s.histogram.TotalCount() == 0 {
		return record.RTT{P50: record.NoDuration, P90: record.NoDuration, P99: record.NoDuration,
			Max: record.NoDuration}
	}
	at := func(q float64) record.Duration {
		return min(max(record.Duration(s.histogram.ValueAtQuantile(q)), s.least), s.most)
	}
	return record.RTT{P50: at(50), P90: at(90), P99: at(99), Max: s.most}
}

func (t *Totals) summary() *record.Summary {
	s := &record.Summary{
		Record: "summary", Schema: record.Schema,
		Connections: t.connections, ByOutcome: t.outcomes.byWord(), ByTeardown: t.teardowns.byWord(),
		Resets: t.resets.Client + t.resets.Server, ResetsBySide: t.resets,
		FindingsByCode: t.findings.byWord(), ServerRTT: t.serverRTT.percentiles(), ClientRTT: t.clientRTT.percentiles(),
		HalfOpen: t.halfOpen, Embryonic: t.embryonic, Retransmissions: t.retransmissions,
	}
	if p := &s.Retransmissions; p.Packets > 0 {
		p.Ratio = float64(p.Retransmitted) / float64(p.Packets)
	}
	t.failures.summarize(s)
	t.notClosing.summarize(s)
	t.usage.summarize(s)
	return s
}

// Result returns the sums of all records. from and to are the limits of its population.
func (t *Totals) Result(from, to record.Time) *record.Result {
	r := &record.Result{Summary: t.summary(), Population: t.population.Series(from, to)}
	r.TimeWait, r.Summary.LeftOut.TimeWait = t.timeWaits.records(t.ports)
	r.Summary.TimeWait = t.timeWaits.totals
	for i := range r.TimeWait {
		p := &r.TimeWait[i].Ports
		if r.Summary.Ports.LockedMost = max(r.Summary.Ports.LockedMost, p.Locked); p.ExhaustedAt != record.NoTime {
			r.Summary.Ports.Exhausted++
		}
	}
	return r
}

// EndTimeWaits records how TIME_WAITs that were still running when their record was added have ended.
func (t *Totals) EndTimeWaits(r *record.Connection) {
	client, server := netip.AddrPortFrom(r.Client.IP, r.Client.Port), netip.AddrPortFrom(r.Server.IP, r.Server.Port)
	t.timeWaits.end(client, server, r.TimeWait, t.ports)
}
