package crowd

import (
	"math"

	"github.com/tcplife/tcplife/flows"
)

// flood collects evidence while a target has many unresolved attempts. Usually they are no flood, and the evidence is
// discarded.
type flood struct {
	begun     int64
	alarmed   bool
	byCusum   bool
	attempts  uint64
	completed uint64
	syns      uint64
	before    float64 // usual SYNs in a period before
	facts             // since begun
	fresh     *facts  // of the present period alone, if it may be the one in which attempts begin to rise

	until  int64   // the last attempt while they were too many
	last   int64   // attempt
	counts counted // at until
}

// facts are what a flood's attempts have in common, and what became of them.
type facts struct {
	answered         uint64
	synRetransmitted uint64 // attempts whose source retransmitted the SYN

	synAckRetransmitted uint64 // attempts whose SYN-ACK was sent again
	resetBySource       uint64 // attempts that the source reset
	refused             uint64
	icmp                uint64 // attempts that an ICMP error ended
	peakRate            uint64
	peak                uint64 // of unresolved attempts
	sources             sources
	marks               marks
	sample              syns // if Crowd.samples is on
}

func newFacts(limit int) *facts {
	return &facts{sources: sources{sample: newSample[uint32](limit)}}
}

// add adds an attempt that begins.
func (f *facts) add(now int64, a *Attempt, first *Probe, c *Crowd) {
	f.sources.add(a.Source)
	f.marks.add(a, first)
	if c.samples.on {
		c.keepSyn(&f.sample, &syn{a.Source, now, a.V6, *first})
	}
}

// count records how many attempts there are.
func (f *facts) count(t *target) {
	f.peak = max(f.peak, t.unresolved.n)
	f.peakRate = max(f.peakRate, t.rates.inSecond())
}

// reset forgets all facts.
func (f *facts) reset() {
	f.sources.reset()
	*f = facts{sources: f.sources}
}

// counted has the counts that every attempt changes.
type counted struct{ syns, attempts uint64 }

const (
	// manyHeld unresolved attempts at once make a flood: the default backlog of many servers is 128.
	manyHeld = 128
	// floodPause without too many attempts ends a flood.
	floodPause = int64(30e9) // ns
	// sampledSources is the number of sources kept for a flood; sampledFew once manyFloods are observed.
	sampledSources = 1 << 14
	sampledFew     = 1 << 9
	manyFloods     = 64
)

// look records a new attempt that was counted in t.
func (t *target) look(now int64, a *Attempt, first *Probe, c *Crowd, spread bool) {
	last := &t.recent[t.attempts%early]
	last.at, last.source = now, a.Source
	if c.samples.on {
		if t.lately == nil {
			t.lately = new([early]syn)
		}
		t.lately[t.attempts%early] = syn{a.Source, now, a.V6, *first}
	}
	f := t.flood
	if f == nil {
		if t.unresolved.n < early && t.rates.syns-min(t.rates.completed, t.rates.syns) < early {
			return
		}
		f = c.newFlood()
		f.begun = t.recent[(t.attempts+1)%early].at
		f.before = t.rates.usualSyns
		f.attempts = early - 1
		if t.rates.syns >= early/2 { // it began in this period
			f.begun, f.attempts, f.completed = t.rates.first, t.rates.syns-1, t.rates.completed
		}
		f.syns = f.attempts
		f.answered = min(t.embryonic.n, f.attempts)
		t.flood = f
		if !t.whole {
			for i := uint64(1); i < early; i++ {
				if o := &t.recent[(t.attempts+i)%early]; o.at >= f.begun {
					f.sources.add(o.source)
					if c.samples.on {
						c.keepSyn(&f.sample, &t.lately[(t.attempts+i)%early])
					}
				}
			}
		}
	}
	f.attempts++
	f.syns++
	f.last = now
	f.count(t)
	fresh := t.onset()
	if fresh != nil {
		fresh.count(t)
	}
	over := f.byCusum && !t.rates.rose && !t.rates.rising() // apparently
	if !over && (!t.whole || spread) {
		f.add(now, a, first, c)
		if fresh != nil {
			fresh.add(now, a, first, c)
		}
	}
	if f.alarmed {
		return
	}
	if old, since := t.unresolved.old(); old >= manyHeld {
		f.alarmed, f.fresh = true, nil
		f.begun = max(f.begun, since)
		f.extend(now)
	}
}

// onset returns the facts of the present period alone, if the flood began before it and attempts may begin to rise in
// it. Otherwise it returns nil.
func (t *target) onset() *facts {
	f := t.flood
	if f.alarmed || t.rates.y > 0 || t.rates.first <= f.begun {
		return nil
	}
	if f.fresh == nil {
		f.fresh = newFacts(f.sources.limit)
	}
	return f.fresh
}

// freshOf returns the facts of the present period alone, if there are any and an attempt belongs to it.
func (t *target) freshOf(a *Attempt) *facts {
	if t.flood.fresh == nil || t.rates.syns == 0 || a.SynAt < t.rates.first {
		return nil
	}
	return t.flood.fresh
}

// closePeriod closes the period of the rates, and looks for the beginning and end of a flood.
func (t *target) closePeriod(now int64, c *Crowd) {
	r := &t.rates
	closed, rose := r.advance(now)
	f := t.flood
	if !closed || f == nil {
		return
	}
	if rose && r.high > 0 && !f.alarmed && r.begun > f.begun {
		f.restart(r)
	}
	if f.fresh != nil {
		f.fresh.reset()
	}
	if rose && f.alarmed {
		f.extend(f.last)
	}
	left := f.attempts - min(f.completed, f.attempts)
	switch {
	case !f.alarmed && r.high >= cusumAlarm && left >= manyHeld:
		f.alarmed, f.byCusum = true, true
		if rose {
			f.extend(f.last)
			if now-f.until > floodPause { // no attempt has come since
				t.conclude(c)
			}
		}
	case !f.alarmed && r.y == 0 && t.unresolved.n < early:
		c.drop(f)
		t.flood = nil
	case f.alarmed && now-f.until > floodPause:
		t.conclude(c)
	}
}

// finish closes the period of the rates in which the capture ends, if no handshake was completed in it. If one was,
// other attempts may have been about to complete.
func (t *target) finish(c *Crowd) {
	if t.rates.syns > 0 && t.rates.completed == 0 {
		t.closePeriod((t.rates.period+1)*cusumPeriod, c)
	}
}

// restart moves the onset to that of the CUSUM, because the traffic before was normal.
func (f *flood) restart(r *cusum) {
	if f.begun >= r.begun {
		return
	}
	const soon = int64(1e9)
	sudden := r.begun-f.begun < soon
	f.begun = r.begun
	f.before = r.synsBefore
	f.attempts = r.attempts - r.attemptsAtBegin
	f.syns = f.attempts
	f.completed = min(r.completions-r.completionsAtBegin, f.attempts)
	if sudden || f.fresh == nil {
		return // the facts include only a few attempts too many
	}
	f.facts, f.fresh = *f.fresh, nil
}

// extend records that attempts were still too many at a time.
func (f *flood) extend(at int64) {
	f.until = max(f.until, at)
	f.counts = counted{f.syns, f.attempts}
}

// aged records how many attempts of a slot are still held after some seconds.
func (f *flood) aged(left uint32, slotEnd int64) {
	if f == nil {
		return
	}
	if f.alarmed && left >= early {
		f.extend(min(slotEnd, f.last))
	}
}

// conclude ends a flood and stores its verdict.
func (t *target) conclude(c *Crowd) {
	c.keep(t.judge(t.flood, c))
	c.drop(t.flood)
	t.flood = nil
}

// Flood is an attack on a target, or a flash crowd.
type Flood struct {
	Target         flows.Addr
	Port           uint16
	Whole          bool // the address, with all of its ports
	V6             bool
	Verdict        Verdict
	Onset          int64
	End            int64
	Syns           uint64
	Attempts       uint64
	Completed      uint64
	Answered       uint64
	PeakRate       float64
	MeanRate       float64
	UnresolvedPeak uint64

	Sources          uint64
	SourcesExact     bool
	Entropy          float64
	OnceShare        float64
	TopShare         float64 // of the attempts, the busiest source; 0 if the sources were too many to know
	Prefixes         [2]int  // networks among the sampled sources: /16 and /24, or /32 and /64 for IPv6
	Sampled          int     // sources
	SynRetransmitted uint64  // attempts whose SYN was sent again
	ResetBySource    uint64
	Refused          uint64
	Unreachable      uint64
	UsualRate        float64 // SYNs per second before
	Cookies          Cookies
	Marks            []Mark
	sample           syns
}

// Verdict is the judgement on a flood.
type Verdict uint8

// The verdicts.
const (
	None Verdict = iota
	SpoofedFlood
	SingleSource
	FlashCrowd
	Suspicious
)

var verdicts = [...]string{
	SpoofedFlood: "spoofed_flood", SingleSource: "single_source_flood", FlashCrowd: "flash_crowd",
	Suspicious: "suspicious",
}

// String is the verdict as a record has it, empty for None.
func (v Verdict) String() string { return verdicts[v] }

// judge returns the verdict on the target's attempts.
func (t *target) judge(f *flood, c *Crowd) Flood {
	f.sources.count()
	end, counts := f.until, f.counts
	if t.rates.rising() {
		end, counts = f.last, counted{f.syns, f.attempts}
	}
	r := Flood{
		Target: t.addr, Port: t.port, Whole: t.whole, V6: t.v6,
		Onset: f.begun, End: max(end, f.begun),
		Syns: counts.syns, Attempts: counts.attempts, Completed: f.completed,
		Answered: min(f.answered, counts.attempts), PeakRate: float64(f.peakRate), UnresolvedPeak: f.peak,
		Sources: f.sources.distinct(), SourcesExact: f.sources.exact(), Entropy: f.sources.entropy(),
		OnceShare: f.sources.onceShare(),
		Prefixes:  [2]int{f.sources.prefixes(2, 4), f.sources.prefixes(3, 8)}, Sampled: len(f.sources.values),
		SynRetransmitted: f.synRetransmitted, ResetBySource: f.resetBySource, Refused: f.refused, Unreachable: f.icmp,
		UsualRate: f.before * float64(1e9/cusumPeriod),
		Marks:     f.marks.found(), sample: f.sample,
	}
	if t.cookies != nil {
		if found := t.cookies.all(c.acks); found.Until >= r.Onset {
			r.Cookies = found
		}
	}
	r.MeanRate = float64(r.Syns) / max(float64(r.End-r.Onset)/1e9, 1)
	r.PeakRate = min(max(r.PeakRate, r.MeanRate), float64(r.Syns))
	if _, n := f.sources.top(); f.sources.exact() {
		r.TopShare = ratio(uint64(n), f.attempts)
	}
	r.Verdict = r.verdict(t, f, c)
	return r
}

// verdict returns the verdict for the numbers.
func (r *Flood) verdict(t *target, f *flood, c *Crowd) Verdict {
	completed := ratio(f.completed, f.attempts)
	const (
		few    = 8  // sources
		crowd  = 16 // sources, at least
		warmUp = int64(2e9)
		spread = 0.9 // of the entropy that as many sources can have
		surge  = 4.0 // times the usual rate
	)
	switch {
	case f.attempts-min(f.completed, f.attempts) < manyHeld && completed < 0.5:
		return None
	case completed >= 0.5:
		// This is normal for a busy server, unless it came suddenly.
		perPeriod := float64(f.peakRate) / float64(1e9/cusumPeriod)
		if f.byCusum && r.Sources >= crowd && f.begun-c.begun >= warmUp && perPeriod >= surge*max(f.before, 1) {
			return FlashCrowd
		}
		return None
	case f.answered == 0 && 2*f.synRetransmitted >= f.attempts:
		return None // no host has the address, and ordinary clients retry
	case !c.acks && !r.Cookies.Found() && f.maybeOrdinary(r, c.now):
		return None
	case t.whole && r.Sources < crowd:
		return None // a scan of its ports
	case r.Sources <= few || r.TopShare >= 0.5:
		return SingleSource
	case ratio(f.synRetransmitted, f.attempts) < someShare &&
		(r.seenOnce() || r.Entropy >= spread*math.Log2(float64(r.Sources))):
		return SpoofedFlood
	}
	return Suspicious
}

// someShare of the attempts is more than loss explains.
const someShare = 0.05

// maybeOrdinary judges captures without ACKs, in which no attempt seems completed. Ordinary clients cause few
// retransmissions of SYNs and SYN-ACKs, and no tool made their SYNs. If retransmissions were not due yet, or no host
// answered, the sources decide.
func (f *flood) maybeOrdinary(r *Flood, now int64) bool {
	if ratio(f.synRetransmitted, f.attempts) >= someShare || ratio(f.synAckRetransmitted, f.answered) >= someShare ||
		f.marks.ofTool() {
		return false
	}
	return 2*f.answered >= f.attempts && now-f.begun > defaultDue || !r.seenOnce()
}

// seenOnce reports whether most sources made one attempt, as random addresses do.
func (r *Flood) seenOnce() bool { return r.OnceShare >= 0.5 }
