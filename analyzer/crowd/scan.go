package crowd

import (
	"cmp"
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// Kind is the kind of a scan, in nmap's words, or of backscatter.
type Kind uint8

// The kinds of scans and of backscatter.
const (
	SynScan Kind = iota // until judge tells them apart, also connect scans
	ConnectScan
	FinScan
	NullScan
	XmasScan
	MaimonScan
	AckScan
	WindowScan
	Backscatter // unrequested SYN-ACKs and RSTs: their sender is flooded with forged SYNs
	Reflection  // unrequested SYN-ACKs of many hosts to one
)

var kinds = [...]string{
	SynScan: "syn", ConnectScan: "connect", FinScan: "fin", NullScan: "null", XmasScan: "xmas",
	MaimonScan: "maimon", AckScan: "ack", WindowScan: "window",
	Backscatter: "backscatter", Reflection: "syn_ack_reflection",
}

// String is the kind as a record has it.
func (k Kind) String() string { return kinds[k] }

// answer is the answer to a probe; a more conclusive one has a greater value.
type answer uint8

const (
	silence answer = 1 + iota
	reset
	resetWithWindow
	accepted
)

// scans finds sources that probe many ports or addresses. Every source whose attempts fail is a candidate, in a table
// of fixed size where sources with more targets stay longer. A source with several targets is followed: its probes are
// recorded.
type scans struct {
	candidates [candidateSets]*[candidateWays]candidate
	tried      bool // there is a candidate, or was
	followed   map[prober]*scan
	missed     uint64 // probers that did not fit
}

const (
	candidateSets = 1 << 12
	candidateWays = 4
	candidateTry  = 8 // distinct probes after which a source is followed
	maxScans      = 256
	// probesKept is the number of probes kept of a scan, enough for every port; probesFew once manyScans are followed.
	probesKept = 1 << 16
	probesFew  = 1 << 12
	manyScans  = 8
)

// prober is the sender of probes of a kind; for Reflection it is their receiver.
type prober struct {
	addr flows.Addr
	v6   bool
	kind Kind
}

type candidate struct {
	prober
	n           uint8
	heard       bool // an answer of a target is in the capture
	used        uint64
	first, last int64
	probes      [candidateTry]tried
}

type tried struct {
	socket socket
	answer answer
}

// scan has the probes of one prober.
type scan struct {
	prober
	first, last   int64
	n             uint64 // probes
	heard         bool   // an answer of a target is in the capture
	used          uint64 // connections of the prober that were used
	resetByClient uint64
	idle          uint64 // completed, and nothing was sent
	ownStack      uint64 // probes with the options of an operating system
	pairs         sample[answer]
	marks         marks
}

// attempt records the end of an attempt. cut says that only the capture ended.
func (s *scans) attempt(a *Attempt, end End, cut bool, p *Probe) {
	who := prober{a.Source, a.V6, SynScan}
	var drew answer
	switch end {
	case Used:
		s.use(who)
		return
	case Idle:
		if cut {
			return
		}
		drew = accepted
	case ResetByClient, Abandoned:
		drew = accepted
	case Refused, Withdrawn:
		drew = reset
	default:
		drew = silence
	}
	heard := a.SynAckAt != 0 || drew == reset
	f := s.probe(a.SynAt, who, socket{addr: a.Target, port: a.TargetPort}, drew, heard)
	if f == nil {
		return
	}
	switch end {
	case ResetByClient:
		f.resetByClient++
	case Idle:
		f.idle++
	}
	if p.Flags != 0 {
		f.look(a, p)
	}
}

func (f *scan) look(a *Attempt, p *Probe) {
	f.marks.add(a, p)
	if p.Options&systemOptions != 0 {
		f.ownStack++
	}
}

// stray records a segment that opened nothing, and whether an RST answered it.
func (s *scans) stray(a *Attempt, p *Probe, drewRST bool) {
	drew := silence
	switch {
	case drewRST && p.RSTWindow:
		drew = resetWithWindow
	case drewRST:
		drew = reset
	}
	target := socket{addr: a.Target, port: a.TargetPort}
	const control = flows.FIN | flows.SYN | flows.RST | flows.PSH | flows.ACK | flows.URG
	kind := AckScan
	switch p.Flags & control {
	case flows.FIN:
		kind = FinScan
	case 0:
		kind = NullScan
	case flows.FIN | flows.PSH | flows.URG:
		kind = XmasScan
	case flows.FIN | flows.ACK:
		kind = MaimonScan
	case flows.ACK:
	case flows.SYN | flows.ACK:
		s.probe(a.SynAt, prober{a.Target, a.V6, Reflection}, socket{addr: a.Source}, drew, true)
		kind = Backscatter
	case flows.RST | flows.ACK:
		if p.Seq != 0 {
			return // not the answer to a SYN (RFC 9293 §3.10.7.1)
		}
		kind = Backscatter
	default:
		return
	}
	if f := s.probe(a.SynAt, prober{a.Source, a.V6, kind}, target, drew, drewRST); f != nil {
		f.look(a, p)
	}
}

// set returns the set of candidates that a prober belongs to.
func (s *scans) set(who prober) **[candidateWays]candidate {
	h := (&socket{addr: who.addr, port: uint16(who.kind)}).hash()
	return &s.candidates[h%candidateSets]
}

// use records that a candidate also used a connection.
func (s *scans) use(who prober) {
	if !s.tried {
		return
	}
	set := *s.set(who)
	if set == nil {
		return
	}
	if f := s.followed[who]; f != nil {
		f.used++
		return
	}
	for i := range set {
		if set[i].n > 0 && set[i].prober == who {
			set[i].used++
		}
	}
}

// probe records a probe. It returns the scan of the prober if that is followed.
func (s *scans) probe(at int64, who prober, target socket, drew answer, heard bool) *scan {
	if len(s.followed) > 0 {
		if f := s.followed[who]; f != nil {
			f.add(at, target, drew)
			f.heard = f.heard || heard
			return f
		}
	}
	set := s.set(who)
	if *set == nil {
		*set = new([candidateWays]candidate)
		s.tried = true
	}
	c := &(*set)[0]
	for i := range *set {
		o := &(*set)[i]
		if o.n > 0 && o.prober == who {
			c = o
			break
		}
		if o.n < c.n || o.n == c.n && o.last < c.last {
			c = o
		}
	}
	if c.n == 0 || c.prober != who {
		*c = candidate{prober: who, first: at, last: at}
	}
	c.first, c.last = min(c.first, at), max(c.last, at)
	c.heard = c.heard || heard
	for i := range c.probes[:c.n] {
		if t := &c.probes[i]; t.socket == target {
			t.answer = max(t.answer, drew)
			return nil
		}
	}
	c.probes[c.n] = tried{target, drew}
	if c.n++; c.n < candidateTry {
		return nil
	}
	f := s.follow(c)
	c.n = 0
	return f
}

// follow makes a scan of a candidate, if there is room.
func (s *scans) follow(c *candidate) *scan {
	if s.followed == nil {
		s.followed = map[prober]*scan{}
	}
	if len(s.followed) == maxScans {
		least := s.sorted()[0]
		if least.pairs.distinct() >= 2*candidateTry {
			s.missed++
			return nil
		}
		delete(s.followed, least.prober)
	}
	limit := probesKept
	if len(s.followed) >= manyScans {
		limit = probesFew
	}
	f := &scan{prober: c.prober, first: c.first, heard: c.heard, used: c.used, pairs: newSample[answer](limit)}
	for _, t := range c.probes {
		f.add(c.last, t.socket, t.answer)
	}
	s.followed[c.prober] = f
	return f
}

// sorted returns the followed scans, those with the fewest probes first.
func (s *scans) sorted() []*scan {
	list := make([]*scan, 0, len(s.followed))
	for _, f := range s.followed {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *scan) int {
		return cmp.Or(cmp.Compare(a.pairs.distinct(), b.pairs.distinct()), cmp.Compare(a.last, b.last),
			a.addr.Compare(&b.addr), cmp.Compare(a.kind, b.kind))
	})
	return list
}

func (f *scan) add(at int64, target socket, drew answer) {
	f.n++
	f.first, f.last = min(f.first, at), max(f.last, at)
	if f.pairs.has(&target) {
		f.pairs.values[target] = max(f.pairs.values[target], drew)
		f.pairs.shrink()
	}
}

// Scan is a scan or, of kind Backscatter and Reflection, answers to forged SYNs.
type Scan struct {
	Addr                  flows.Addr // the scanner, or the attacked host
	V6                    bool
	Kind                  Kind
	Horizontal, Vertical  bool
	Start, End            int64
	Probes                uint64
	Used                  uint64
	Targets, Ports, Pairs uint64 // distinct
	Exact                 bool
	// OneSided: the capture has no answer of a target; sockets that are not open may be closed or filtered.
	OneSided                           bool
	Open, Closed, Filtered, Unfiltered uint64
	OpenFiltered                       uint64 // of Open, those that only silence shows
	OpenSockets                        []Socket
	TargetList                         []flows.Addr
	PortList                           []uint16
	Marks                              []Mark
}

// Socket is an address and a port.
type Socket struct {
	Addr flows.Addr
	Port uint16
}

const (
	// manyProbes of one port on several addresses, or of several ports on one address, are a scan.
	manyProbes = 16
	// oddProbes are a scan if no connection begins with such segments.
	oddProbes = 8
	// periodic is the least number of times that a monitor tries each open port. A scanner needs only one answer.
	periodic = 2
	// mostListed is the most open sockets, and the most targets, that are named for a scan.
	mostListed = 256
)

// judge reports whether the probes are a scan or backscatter.
func (f *scan) judge() (r Scan, found bool) {
	r = Scan{
		Addr: f.addr, V6: f.v6, Kind: f.kind, Start: f.first, End: f.last, Probes: f.n, Used: f.used,
		Pairs: f.pairs.distinct(), Exact: f.pairs.exact(), Marks: f.marks.found(),
	}
	targets, ports := map[flows.Addr]int{}, map[uint16]int{}
	answered := map[flows.Addr]bool{}
	mostPorts, mostTargets := 0, 0
	var drew [accepted + 1]int
	for key, a := range f.pairs.values {
		targets[key.addr]++
		ports[key.port]++
		mostPorts = max(mostPorts, targets[key.addr])
		mostTargets = max(mostTargets, ports[key.port])
		drew[a]++
		if a > silence {
			answered[key.addr] = true
		}
	}
	scale := func(n int) uint64 { return f.pairs.scale(n) }
	many := uint64(manyProbes)
	if f.kind == FinScan || f.kind == NullScan || f.kind == XmasScan {
		many = oddProbes
	}
	r.Vertical, r.Horizontal = scale(mostPorts) >= many, scale(mostTargets) >= many
	r.Targets, r.Ports = uint64(len(targets)), uint64(len(ports))
	if !r.Exact && r.Targets > r.Pairs>>f.pairs.level/2 { // most were probed once, so their number scales like pairs
		r.Targets = scale(len(targets))
	}
	resets := drew[reset] + drew[resetWithWindow]
	switch f.kind {
	case SynScan:
		// A source that uses more connections than it probes sockets is a client with many failures, or many clients
		// behind one address. A source that returns to open ports checks that they are still open.
		bad := scale(drew[silence] + resets)
		if f.n < periodic*r.Pairs {
			bad += f.resetByClient
		}
		if f.used > r.Pairs || 2*bad < r.Pairs {
			return r, false
		}
		r.Open, r.Closed, r.Filtered = scale(drew[accepted]), scale(resets), scale(drew[silence])
		r.OneSided = r.Open > 0 && !f.heard
		if f.resetByClient == 0 && (f.idle > 0 || r.Open == 0 && 2*f.ownStack > f.marks.n) {
			r.Kind = ConnectScan
		}
	case AckScan:
		if 2*resets < len(f.pairs.values) && r.Pairs < 4*manyProbes {
			return r, false // segments of connections that began before the capture
		}
		if drew[resetWithWindow] > 0 && drew[reset] > 0 {
			r.Kind = WindowScan
			r.Open, r.Closed, r.Filtered = scale(drew[resetWithWindow]), scale(drew[reset]), scale(drew[silence])
		} else {
			r.Unfiltered, r.Filtered = scale(resets), scale(drew[silence])
		}
	case MaimonScan, FinScan, NullScan, XmasScan:
		if f.kind == MaimonScan && 2*resets < len(f.pairs.values) && r.Pairs < 4*manyProbes {
			return r, false
		}
		r.Closed = scale(resets)
		silent := 0
		for key, a := range f.pairs.values {
			if a == silence && answered[key.addr] {
				silent++
			}
		}
		// Silence means an open port or a filter; if the address answered other probes, an open port.
		r.Open, r.OpenFiltered, r.Filtered = scale(silent), scale(silent), scale(drew[silence]-silent)
	case Reflection:
		return r, r.Targets >= many
	case Backscatter:
		return r, r.Pairs >= many
	}
	if !r.Horizontal && !r.Vertical {
		return r, false
	}
	for _, key := range f.pairs.sorted() {
		a := f.pairs.values[key]
		isOpen := a == accepted && r.Kind <= ConnectScan || a == resetWithWindow && r.Kind == WindowScan ||
			a == silence && r.Kind >= FinScan && r.Kind <= MaimonScan && answered[key.addr]
		if isOpen && len(r.OpenSockets) < mostListed {
			r.OpenSockets = append(r.OpenSockets, Socket{key.addr, key.port})
		}
	}
	for target := range targets {
		r.TargetList = append(r.TargetList, target)
	}
	slices.SortFunc(r.TargetList, func(a, b flows.Addr) int { return a.Compare(&b) })
	r.TargetList = r.TargetList[:min(len(r.TargetList), mostListed)]
	for port := range ports {
		r.PortList = append(r.PortList, port)
	}
	slices.Sort(r.PortList)
	return r, true
}

// Stray records a segment that opened no connection and belongs to none. drewRST says that an RST answered it.
func (c *Crowd) Stray(now int64, a *Attempt, p *Probe, drewRST bool) {
	c.advance(now)
	c.scans.stray(a, p, drewRST)
}

// Scans returns the scans and the backscatter, by their start, then by address and kind.
func (c *Crowd) Scans() (scans, backscatter []Scan) {
	for _, f := range c.scans.sorted() {
		switch r, found := f.judge(); {
		case !found:
		case r.Kind >= Backscatter:
			backscatter = append(backscatter, r)
		default:
			scans = append(scans, r)
		}
	}
	for _, list := range [...][]Scan{scans, backscatter} {
		slices.SortFunc(list, func(a, b Scan) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), a.Addr.Compare(&b.Addr),
				cmp.Compare(a.Kind, b.Kind))
		})
	}
	return scans, backscatter
}
