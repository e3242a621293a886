package crowd

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// AddTo adds the listeners and verdicts to a result.
func (c *Crowd) AddTo(r *record.Result) {
	listeners, all := c.Listeners()
	r.Summary.Listeners, r.Summary.LeftOut.Listeners = all, all-uint64(len(listeners))
	for i := range listeners {
		r.Listeners = append(r.Listeners, listener(&listeners[i]))
	}
	floods := c.Floods()
	r.FloodSyns = c.floodSyns(floods)
	for _, f := range floods {
		if f.Verdict != FlashCrowd {
			r.Summary.SynFloods++
		}
		r.SynFloods = append(r.SynFloods, synFlood(&f))
	}
	scans, backscatter := c.Scans()
	for i := range scans {
		r.Scans = append(r.Scans, scanRecord(&scans[i]))
	}
	for i := range backscatter {
		r.Backscatter = append(r.Backscatter, backscatterRecord(&backscatter[i]))
	}
	r.Summary.Unjudged = c.Unjudged()
	r.Summary.Scans, r.Summary.Backscatter = uint64(len(scans)), uint64(len(backscatter))
}

func scanRecord(s *Scan) record.Scan {
	r := record.Scan{
		Record: "scan", Schema: record.Schema, Kind: s.Kind.String(), Direction: "vertical",
		Source:  flows.IP(s.Addr, s.V6),
		Targets: s.Targets, Ports: s.Ports, Found: record.Found{Open: s.Open, Closed: s.Closed, Filtered: s.Filtered,
			Unfiltered: s.Unfiltered},
		Start: record.Time(s.Start), End: record.Time(s.End), Probes: s.Probes, Used: s.Used,
		Open: []record.OpenPort{}, TargetList: []netip.Addr{}, PortRanges: ranges(s.PortList), Marks: names(s.Marks),
		MarkValues: values(s.Marks),
	}
	switch {
	case s.Horizontal && s.Vertical:
		r.Direction = "both"
	case s.Horizontal:
		r.Direction = "horizontal"
	}
	for _, o := range s.OpenSockets {
		r.Open = append(r.Open, record.OpenPort{IP: flows.IP(o.Addr, s.V6), Port: o.Port})
	}
	for _, t := range s.TargetList {
		r.TargetList = append(r.TargetList, flows.IP(t, s.V6))
	}
	about := ""
	if !s.Exact {
		about = "about "
	}
	r.Evidence = []string{
		fmt.Sprintf("tried: %s%s of %s", about, quantity(s.Pairs, "port"), quantity(s.Targets, "address")),
		fmt.Sprintf("answers: %s accepted, %s reset, %s silent", number(s.Open-s.OpenFiltered),
			number(s.Closed+s.Unfiltered), number(s.Filtered+s.OpenFiltered)),
		"connections that the source used: " + number(s.Used),
	}
	if s.OpenFiltered > 0 {
		r.Evidence = append(r.Evidence, "silence counts as open where the address answered other probes (nmap: "+
			"open|filtered)")
	}
	if s.OneSided {
		r.Evidence = append(r.Evidence,
			"no answer is in the capture: the source's RSTs show which ports are open, the others are closed or "+
				"filtered")
	}
	for _, m := range s.Marks {
		r.Evidence = append(r.Evidence, mark(m))
	}
	return r
}

func backscatterRecord(s *Scan) record.Backscatter {
	r := record.Backscatter{
		Record: "backscatter", Schema: record.Schema, Kind: s.Kind.String(), Victim: flows.IP(s.Addr, s.V6),
		Peers: s.Targets, Sockets: s.Pairs, Segments: s.Probes, Start: record.Time(s.Start), End: record.Time(s.End),
	}
	if s.Kind == Reflection {
		r.Evidence = []string{fmt.Sprintf("%s sent SYN-ACKs to an address that had sent no SYN",
			quantity(s.Targets, "address"))}
	} else {
		r.Evidence = []string{fmt.Sprintf("%s of %s got SYN-ACKs or RSTs that answer no SYN of theirs",
			quantity(s.Pairs, "socket"), quantity(s.Targets, "address"))}
	}
	return r
}

// ranges writes sorted numbers as ranges.
func ranges(ports []uint16) []string {
	list := []string{}
	for i := 0; i < len(ports); {
		j := i
		for j+1 < len(ports) && ports[j+1] == ports[j]+1 {
			j++
		}
		if i == j {
			list = append(list, fmt.Sprint(ports[i]))
		} else {
			list = append(list, fmt.Sprintf("%d-%d", ports[i], ports[j]))
		}
		i = j + 1
	}
	return list
}

func names(marks []Mark) []string {
	list := []string{}
	for _, m := range marks {
		list = append(list, m.Name)
	}
	return list
}

func values(marks []Mark) []record.MarkValue {
	list := []record.MarkValue{}
	for _, m := range marks {
		v := record.MarkValue{Mark: m.Name, Share: rounded(m.Share)}
		if m.Value != "" {
			v.Value = &m.Value
		}
		list = append(list, v)
	}
	return list
}

func mark(m Mark) string {
	if m.Value != "" {
		return fmt.Sprintf("%s have the mark %s (%s)", percent(m.Share), m.Name, m.Value)
	}
	return fmt.Sprintf("%s have the mark %s", percent(m.Share), m.Name)
}

// percent writes a share of 0 to 1 in percent: 100% only if it is 1, and 0% only if it is 0.
func percent(share float64) string {
	if share == 0 || share == 1 {
		return fmt.Sprintf("%.0f%%", 100*share)
	}
	return fmt.Sprintf("%.1f%%", 100*min(max(share, 0.001), 0.999))
}

func listener(l *Listener) record.Listener {
	return record.Listener{
		Record: "listener", Schema: record.Schema, IP: flows.IP(l.Addr, l.V6), Port: l.Port,
		First: record.Time(l.First), Last: record.Time(l.Last),
		Attempts: l.Attempts, Syns: l.Syns,
		Answered: l.Answered, Completed: l.Completed, Refused: l.Refused, Unreachable: l.Unreachable,
		Unanswered: l.Unanswered,
		Abandoned:  l.Abandoned, ResetByClient: l.ResetByClient, Withdrawn: l.Withdrawn, Ignored: l.Ignored,
		FellBack:  l.FellBack,
		Embryonic: l.Embryonic, EmbryonicPeak: l.EmbryonicPeak,
		EmbryonicPeakAt: timeOf(l.EmbryonicPeakAt, l.EmbryonicPeak > 0),
		EmbryonicSeries: embryonicSeries(l.EmbryonicCourse),
		BacklogNeeded:   l.UnresolvedPeak, SynAckRetransmissions: l.Retransmissions,
		Handshake: latencies(l.Handshake), SynRcvd: latencies(l.SynRcvd), SynCookies: synCookies(l.Cookies),
		SynAckTimeout: latencies(l.SynAckTimeout).P50, BacklogOverflow: overflows(l),
		SynProxy: synProxy(&l.Proxy),
	}
}

func synProxy(p *Proxy) *record.SynProxy {
	if p.Connections == 0 {
		return nil
	}
	return &record.SynProxy{
		Since: record.Time(p.Since), Until: record.Time(p.Until), Connections: p.Connections, TTL: uint64(p.TTL),
		ServerTTL: uint64(p.ServerTTL),
	}
}

func overflows(l *Listener) []record.Overflow {
	list := []record.Overflow{}
	for i := range l.Overflows {
		o := &l.Overflows[i]
		r := record.Overflow{
			Queue: o.Queue.String(), From: record.Time(o.From), To: record.Time(o.To),
			Size:        record.Count{Number: o.Size, Known: o.Size > 0},
			IgnoredSyns: o.Ignored, IgnoredAcks: o.IgnoredAcks, ResetAcks: o.Reset, Delayed: o.Delayed,
			LongestWait: record.NoDuration,
			GaveUp:      o.GaveUp, Clients: []netip.Addr{}, Cookies: o.Cookies,
		}
		if o.Delayed > 0 {
			r.LongestWait = record.Duration(o.LongestWait)
		}
		for _, a := range o.Clients {
			r.Clients = append(r.Clients, flows.IP(a, l.V6))
		}
		list = append(list, r)
	}
	return list
}

func embryonicSeries(c *Course) *record.EmbryonicSeries {
	if c == nil {
		return nil
	}
	return &record.EmbryonicSeries{Start: record.Time(c.Start), Step: record.Duration(c.Step), Peaks: c.Peaks}
}

func timeOf(t int64, known bool) record.Time {
	if !known {
		return record.NoTime
	}
	return record.Time(t)
}

func latencies(p Percentiles) record.RTT {
	if !p.Known {
		return record.RTT{P50: record.NoDuration, P90: record.NoDuration, P99: record.NoDuration,
			Max: record.NoDuration}
	}
	return record.RTT{P50: record.Duration(p.P50), P90: record.Duration(p.P90), P99: record.Duration(p.P99),
		Max: record.Duration(p.Max)}
}

func synCookies(c Cookies) *record.SynCookies {
	if !c.Found() {
		return nil
	}
	return &record.SynCookies{Since: record.Time(c.Since), Until: record.Time(c.Until), Unrepeated: c.Unrepeated,
		Bare: c.Bare}
}

func synFlood(f *Flood) record.SynFlood {
	r := record.SynFlood{
		Record: "syn_flood", Schema: record.Schema, Target: record.Target{IP: flows.IP(f.Target, f.V6)},
		Verdict: f.Verdict.String(),
		Onset:   record.Time(f.Onset), End: record.Time(f.End), Syns: f.Syns, PeakRate: tenths(f.PeakRate),
		MeanRate: tenths(f.MeanRate), UsualRate: tenths(f.UsualRate),
		HalfOpenPeak: f.UnresolvedPeak, UnresolvedPeak: f.UnresolvedPeak,
		CompletionRatio: share(f.Completed, f.Attempts), Sources: f.Sources,
		SourceEntropy: record.NullableNumber{Value: rounded(f.Entropy), Known: true},
		Answered:      f.Answered, Retransmitted: f.SynRetransmitted, ResetBySource: f.ResetBySource,
		Unreachable: f.Unreachable,
		SeenOnce:    rounded(f.OnceShare), Networks: uint64(f.Prefixes[0]), SynCookies: synCookies(f.Cookies),
		Marks:      names(f.Marks),
		MarkValues: values(f.Marks),
	}
	if !f.Whole {
		r.Target.Port = &f.Port
	}
	r.Evidence = evidence(f)
	return r
}

// rounded removes insignificant digits.
func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func tenths(x float64) float64 { return math.Round(x*10) / 10 }

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return rounded(float64(part) / float64(whole))
}

// evidence lists the numbers behind the verdict.
func evidence(f *Flood) []string {
	list := []string{
		fmt.Sprintf("%s of %s attempts were completed", number(f.Completed), number(f.Attempts)),
		number(f.UnresolvedPeak) + " attempts were unresolved at one time",
	}
	about := ""
	if !f.SourcesExact {
		about = fmt.Sprintf("about (by a sample of %s) ", number(uint64(f.Sampled)))
	}
	list = append(list, fmt.Sprintf("%s%s in %s, %s of them seen once", about, quantity(f.Sources, "source"),
		quantity(uint64(f.Prefixes[0]), "network"), percent(f.OnceShare)))
	if f.Sources > 1 {
		list = append(list, fmt.Sprintf("their entropy is %.3g of at most %.3g bits", f.Entropy,
			math.Log2(float64(f.Sources))))
	}
	if f.TopShare >= 0.1 {
		list = append(list, fmt.Sprintf("one source made %s of the attempts", percent(f.TopShare)))
	}
	list = append(list, fmt.Sprintf("attempts whose SYN was sent again: %s; whose SYN-ACK drew an RST: %s; that an "+
		"ICMP error ended: %s", number(f.SynRetransmitted), number(f.ResetBySource), number(f.Unreachable)))
	if f.UsualRate > 0 {
		list = append(list, fmt.Sprintf("before, %.3g SYNs came per second", f.UsualRate))
	}
	if f.Cookies.Unrepeated > 0 {
		list = append(list, fmt.Sprintf("SYN cookies: %s SYN-ACKs were not sent again when due",
			number(f.Cookies.Unrepeated)))
	}
	if f.Cookies.Bare > 0 {
		list = append(list, fmt.Sprintf("SYN cookies: %s SYN-ACKs granted nothing to SYNs without timestamps",
			number(f.Cookies.Bare)))
	}
	for _, m := range f.Marks {
		list = append(list, mark(m))
	}
	return list
}

// quantity writes a number with its noun, in the plural if it is not one.
func quantity(n uint64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "address":
		return number(n) + " addresses"
	}
	return number(n) + " " + noun + "s"
}

// number writes n with commas between thousands, as the tables do: 2,401,282.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
