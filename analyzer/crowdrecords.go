package analyzer

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/flows"
)

// Listener is a socket that answered SYNs, and its backlog as the packets show it (RFC 4987).
type Listener struct {
	Record   string     `json:"record"` // "listener"
	Schema   int        `json:"schema"`
	IP       netip.Addr `json:"ip"`
	Port     uint16     `json:"port"`
	First    Time       `json:"first"` // SYN of the first attempt
	Last     Time       `json:"last"`  // SYN of the latest attempt
	Attempts uint64     `json:"attempts"`
	Syns     uint64     `json:"syns"` // retransmissions included

	Answered    uint64 `json:"answered"` // attempts, by what became of them
	Completed   uint64 `json:"completed"`
	Refused     uint64 `json:"refused"`
	Unreachable uint64 `json:"unreachable"`
	Unanswered  uint64 `json:"unanswered"`
	Abandoned   uint64 `json:"abandoned"`         // answered, and nothing more came
	Disowned    uint64 `json:"reset_by_client"`   // after the SYN-ACK
	Withdrawn   uint64 `json:"reset_by_listener"` // after the SYN-ACK

	Ignored  uint64 `json:"ignored_syns"`       // though others were answered: the queue was full
	FellBack uint64 `json:"syn_acks_after_ack"` // accept queue overflow, or TCP_DEFER_ACCEPT

	Embryonic       uint64           `json:"embryonic"`      // when the capture ended
	EmbryonicPeak   uint64           `json:"embryonic_peak"` // in SYN_RCVD at one time
	EmbryonicPeakAt Time             `json:"embryonic_peak_at"`
	EmbryonicSeries *EmbryonicSeries `json:"embryonic_series"` // nil: there were never eight at one time
	BacklogNeeded   uint64           `json:"backlog_needed"`   // to hold every attempt that was under way at one time, the ignored ones too

	SynAckRetransmissions []uint64 `json:"syn_ack_retransmissions"` // answered attempts by how often the SYN-ACK was sent again: 0, 1, …, 7 or more

	Handshake  RTT         `json:"handshake_s"` // SYN to ACK
	SynRcvd    RTT         `json:"syn_rcvd_s"`  // SYN-ACK to ACK
	SynCookies *SynCookies `json:"syn_cookies"` // nil: no sign of them
}

// EmbryonicSeries is how many attempts were in SYN_RCVD over time, from the moment at which there were eight.
type EmbryonicSeries struct {
	Start Time     `json:"start"`
	Step  Duration `json:"step_s"`
	Peaks []uint64 `json:"peaks"` // the most at one time in each step
}

// SynCookies are the signs that a listener kept nothing of an attempt (RFC 4987 §3.6).
type SynCookies struct {
	Since      Time   `json:"since"` // the first SYN-ACK that shows it
	Until      Time   `json:"until"` // the last one
	Unrepeated uint64 `json:"unrepeated_syn_acks"`
	Bare       uint64 `json:"optionless_syn_acks"` // neither window scale nor SACK, for SYNs without timestamps that offered them
}

// SynFlood is a target whose backlog filled with connections that were never completed (RFC 4987).
type SynFlood struct {
	Record          string         `json:"record"` // "syn_flood"
	Schema          int            `json:"schema"`
	Target          Target         `json:"target"`
	Verdict         string         `json:"verdict"` // spoofed_flood | single_source_flood | flash_crowd | suspicious
	Onset           Time           `json:"onset"`
	End             Time           `json:"end"`
	Syns            uint64         `json:"syns"`
	PeakRate        float64        `json:"peak_rate"` // SYNs per second, the best second
	MeanRate        float64        `json:"mean_rate"` // SYNs per second from onset to end
	HalfOpenPeak    uint64         `json:"half_open_peak"`
	CompletionRatio float64        `json:"completion_ratio"` // of the attempts, 0 to 1
	Sources         uint64         `json:"sources"`
	SourceEntropy   NullableNumber `json:"source_entropy_bits"`
	UsualRate       float64        `json:"usual_rate"` // SYNs per second before
	Answered        uint64         `json:"answered"`
	Retransmitted   uint64         `json:"retransmitted"`   // attempts whose SYN was sent again
	ResetBySource   uint64         `json:"reset_by_source"` // attempts whose SYN-ACK drew an RST
	Unreachable     uint64         `json:"unreachable"`     // attempts that an ICMP error answered
	SeenOnce        float64        `json:"seen_once_ratio"` // of the sources
	Networks        uint64         `json:"source_networks"` // /16 of IPv4, /32 of IPv6
	SynCookies      *SynCookies    `json:"syn_cookies"`
	Marks           []string       `json:"marks"`
	Evidence        []string       `json:"evidence"`
}

// Scan is a search for what answers: one source that tries many ports or addresses, most of them in vain.
type Scan struct {
	Record    string     `json:"record"` // "scan"
	Schema    int        `json:"schema"`
	Kind      string     `json:"kind"`      // syn | connect | fin | null | xmas | maimon | ack | window
	Direction string     `json:"direction"` // horizontal | vertical | both
	Source    netip.Addr `json:"source"`
	Targets   uint64     `json:"targets"` // distinct addresses
	Ports     uint64     `json:"ports"`   // distinct ports
	Found     Found      `json:"found"`
	Open      []Target   `json:"open"` // the first of Found.Open
	Start     Time       `json:"start"`
	End       Time       `json:"end"`
	Probes    uint64     `json:"probes"` // repeated ones included
	Used      uint64     `json:"used_connections"`

	TargetList []netip.Addr `json:"target_list"` // the first of them
	PortRanges []string     `json:"port_ranges"`
	Marks      []string     `json:"marks"`
	Evidence   []string     `json:"evidence"`
}

// Found counts what the probes found, in nmap's words: distinct ports of distinct addresses.
type Found struct {
	Open       uint64 `json:"open"`
	Closed     uint64 `json:"closed"`
	Filtered   uint64 `json:"filtered"`
	Unfiltered uint64 `json:"unfiltered"`
}

// Backscatter is what comes from a flood somewhere else: the answers of its victim to forged SYNs, or of reflectors to SYNs that
// were forged in the victim's name.
type Backscatter struct {
	Record   string     `json:"record"` // "backscatter"
	Schema   int        `json:"schema"`
	Kind     string     `json:"kind"` // backscatter | syn_ack_reflection
	Victim   netip.Addr `json:"victim"`
	Peers    uint64     `json:"peers"` // the addresses that got its answers; the reflectors
	Sockets  uint64     `json:"sockets"`
	Segments uint64     `json:"segments"`
	Start    Time       `json:"start"`
	End      Time       `json:"end"`
	Evidence []string   `json:"evidence"`
}

func (a *accounts) crowded(r *Result) {
	listeners, all := a.crowd.Listeners()
	r.Summary.Listeners = all
	for i := range listeners {
		r.Listeners = append(r.Listeners, listener(&listeners[i]))
	}
	for _, f := range a.crowd.Floods() {
		if f.Verdict != crowd.FlashCrowd {
			r.Summary.SynFloods++
		}
		r.SynFloods = append(r.SynFloods, synFlood(&f))
	}
	scans, backscatter := a.crowd.Scans()
	for i := range scans {
		r.Scans = append(r.Scans, scan(&scans[i]))
	}
	for i := range backscatter {
		r.Backscatter = append(r.Backscatter, returned(&backscatter[i]))
	}
	r.Summary.Unjudged = a.crowd.Unjudged()
	r.Summary.Scans, r.Summary.Backscatter = uint64(len(scans)), uint64(len(backscatter))
}

var probeKinds = [...]string{
	crowd.SynScan: "syn", crowd.ConnectScan: "connect", crowd.FinScan: "fin", crowd.NullScan: "null", crowd.XmasScan: "xmas",
	crowd.MaimonScan: "maimon", crowd.AckScan: "ack", crowd.WindowScan: "window",
	crowd.Backscatter: "backscatter", crowd.Reflection: "syn_ack_reflection",
}

func scan(s *crowd.Scan) Scan {
	r := Scan{
		Record: "scan", Schema: Schema, Kind: probeKinds[s.Kind], Direction: "vertical", Source: flows.IP(s.Addr, s.V6),
		Targets: s.Targets, Ports: s.Ports, Found: Found{s.Open, s.Closed, s.Filtered, s.Unfiltered},
		Start: Time(s.Start), End: Time(s.End), Probes: s.Probes, Used: s.Used,
		Open: []Target{}, TargetList: []netip.Addr{}, PortRanges: ranges(s.PortList), Marks: names(s.Marks),
	}
	switch {
	case s.Horizontal && s.Vertical:
		r.Direction = "both"
	case s.Horizontal:
		r.Direction = "horizontal"
	}
	for _, o := range s.OpenSockets {
		r.Open = append(r.Open, Target{flows.IP(o.Addr, s.V6), &o.Port})
	}
	for _, t := range s.TargetList {
		r.TargetList = append(r.TargetList, flows.IP(t, s.V6))
	}
	about := ""
	if !s.Exact {
		about = "about "
	}
	r.Evidence = []string{
		fmt.Sprintf("tried: %s%s of %s", about, counted(s.Pairs, "port"), counted(s.Targets, "address")),
		fmt.Sprintf("answers: %d accepted, %d reset, %d silent", s.Open-s.OpenFiltered, s.Closed+s.Unfiltered, s.Filtered+s.OpenFiltered),
		fmt.Sprintf("connections that the source used: %d", s.Used),
	}
	if s.OpenFiltered > 0 {
		r.Evidence = append(r.Evidence, "silence counts as open where the address answered other probes (nmap: open|filtered)")
	}
	for _, m := range s.Marks {
		r.Evidence = append(r.Evidence, mark(m))
	}
	return r
}

func returned(s *crowd.Scan) Backscatter {
	r := Backscatter{
		Record: "backscatter", Schema: Schema, Kind: probeKinds[s.Kind], Victim: flows.IP(s.Addr, s.V6),
		Peers: s.Targets, Sockets: s.Pairs, Segments: s.Probes, Start: Time(s.Start), End: Time(s.End),
	}
	if s.Kind == crowd.Reflection {
		r.Evidence = []string{fmt.Sprintf("%s sent SYN-ACKs to one that had sent no SYN", counted(s.Targets, "address"))}
	} else {
		r.Evidence = []string{fmt.Sprintf("%s of %s got SYN-ACKs or RSTs that answer no SYN of theirs", counted(s.Pairs, "socket"), counted(s.Targets, "address"))}
	}
	return r
}

// ranges writes rising numbers as ranges.
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

func names(marks []crowd.Mark) []string {
	list := []string{}
	for _, m := range marks {
		list = append(list, m.Name)
	}
	return list
}

func mark(m crowd.Mark) string { return fmt.Sprintf("%s have the mark %s", percent(m.Share), m.Name) }

func percent(x float64) string { return fmt.Sprintf("%.3g %%", 100*x) }

func listener(l *crowd.Listener) Listener {
	return Listener{
		Record: "listener", Schema: Schema, IP: flows.IP(l.Addr, l.V6), Port: l.Port, First: Time(l.First), Last: Time(l.Last),
		Attempts: l.Attempts, Syns: l.Syns,
		Answered: l.Answered, Completed: l.Completed, Refused: l.Refused, Unreachable: l.Unreachable, Unanswered: l.Unanswered,
		Abandoned: l.Abandoned, Disowned: l.Disowned, Withdrawn: l.Withdrawn, Ignored: l.Ignored, FellBack: l.FellBack,
		Embryonic: l.Embryonic, EmbryonicPeak: l.EmbryonicPeak, EmbryonicPeakAt: timeOf(l.EmbryonicPeakAt, l.EmbryonicPeak > 0),
		EmbryonicSeries: embryonicSeries(l.EmbryonicCourse),
		BacklogNeeded:   l.HalfOpenPeak, SynAckRetransmissions: l.Retransmissions,
		Handshake: latencies(l.Handshake), SynRcvd: latencies(l.SynRcvd), SynCookies: synCookies(l.Cookies),
	}
}

func embryonicSeries(c *crowd.Course) *EmbryonicSeries {
	if c == nil {
		return nil
	}
	return &EmbryonicSeries{Time(c.Start), Duration(c.Step), c.Peaks}
}

func timeOf(t int64, known bool) Time {
	if !known {
		return NoTime
	}
	return Time(t)
}

func latencies(p crowd.Percentiles) RTT {
	if !p.Known {
		return RTT{NoDuration, NoDuration, NoDuration, NoDuration}
	}
	return RTT{Duration(p.P50), Duration(p.P90), Duration(p.P99), Duration(p.Max)}
}

func synCookies(c crowd.Cookies) *SynCookies {
	if !c.Found() {
		return nil
	}
	return &SynCookies{Time(c.Since), Time(c.Until), c.Unrepeated, c.Bare}
}

var verdicts = [...]string{
	crowd.SpoofedFlood: "spoofed_flood", crowd.SingleSource: "single_source_flood", crowd.FlashCrowd: "flash_crowd", crowd.Suspicious: "suspicious",
}

func synFlood(f *crowd.Flood) SynFlood {
	r := SynFlood{
		Record: "syn_flood", Schema: Schema, Target: Target{IP: flows.IP(f.Target, f.V6)}, Verdict: verdicts[f.Verdict],
		Onset: Time(f.Onset), End: Time(f.End), Syns: f.Syns, PeakRate: tenths(f.PeakRate), MeanRate: tenths(f.MeanRate), UsualRate: tenths(f.UsualRate),
		HalfOpenPeak: f.HalfOpen, CompletionRatio: share(f.Completed, f.Attempts), Sources: f.Sources,
		SourceEntropy: NullableNumber{rounded(f.Entropy), true},
		Answered:      f.Answered, Retransmitted: f.Again, ResetBySource: f.Disowned, Unreachable: f.Unreachable,
		SeenOnce: rounded(f.OnceShare), Networks: uint64(f.Prefixes[0]), SynCookies: synCookies(f.Cookies), Marks: names(f.Marks),
	}
	if !f.Whole {
		r.Target.Port = &f.Port
	}
	r.Evidence = evidence(f)
	return r
}

// rounded leaves out digits that say nothing.
func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func tenths(x float64) float64 { return math.Round(x*10) / 10 }

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return rounded(float64(part) / float64(whole))
}

// evidence tells the numbers that led to the verdict.
func evidence(f *crowd.Flood) []string {
	list := []string{
		fmt.Sprintf("%d of %d attempts were completed", f.Completed, f.Attempts),
		fmt.Sprintf("%d attempts were half-open at one time", f.HalfOpen),
	}
	about := ""
	if !f.SourcesExact {
		about = fmt.Sprintf("about (by a sample of %d) ", f.Sampled)
	}
	list = append(list, fmt.Sprintf("%s%s in %s, %s of them seen once", about, counted(f.Sources, "source"), counted(uint64(f.Prefixes[0]), "network"), percent(f.OnceShare)))
	if f.Sources > 1 {
		list = append(list, fmt.Sprintf("their entropy is %.3g of at most %.3g bits", f.Entropy, math.Log2(float64(f.Sources))))
	}
	if f.TopShare >= 0.1 {
		list = append(list, fmt.Sprintf("one source made %s of the attempts", percent(f.TopShare)))
	}
	list = append(list, fmt.Sprintf("attempts whose SYN was sent again: %d; whose SYN-ACK drew an RST: %d; that an ICMP error ended: %d", f.Again, f.Disowned, f.Unreachable))
	if f.UsualRate > 0 {
		list = append(list, fmt.Sprintf("before, %.3g SYNs came per second", f.UsualRate))
	}
	if f.Cookies.Unrepeated > 0 {
		list = append(list, fmt.Sprintf("SYN cookies: %d SYN-ACKs were not sent again when due", f.Cookies.Unrepeated))
	}
	if f.Cookies.Bare > 0 {
		list = append(list, fmt.Sprintf("SYN cookies: %d SYN-ACKs granted nothing to SYNs without timestamps", f.Cookies.Bare))
	}
	for _, m := range f.Marks {
		list = append(list, mark(m))
	}
	return list
}

// counted writes a number with its noun, in the plural if it is not one.
func counted(n uint64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "address":
		return fmt.Sprintf("%d addresses", n)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
