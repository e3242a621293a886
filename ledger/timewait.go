package ledger

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// PortRange is a range of ephemeral ports.
type PortRange struct{ Low, High uint16 }

// DefaultPortRange is Linux's net.ipv4.ip_local_port_range.
var DefaultPortRange = PortRange{32768, 60999}

// The limits of the ledger: about 10 MB.
const (
	maxTimeWaitPairs   = 4096 // client addresses with a server's socket
	maxTimeWaitMoments = 250
)

// timeWaits adds up the stays in TIME_WAIT.
type timeWaits struct {
	pairs  bounded[timeWaitPair, timeWaitAccount]
	totals record.TimeWaitTotals // of all pairs, including those that were left out
}

// timeWaitPair is two addresses and the server's port. (Hashing a netip.AddrPort takes several times as long.)
type timeWaitPair struct {
	client, server flows.Addr
	port           uint16
	v6             bool
}

func pairOf(client, server netip.AddrPort) timeWaitPair {
	return timeWaitPair{client.Addr().As16(), server.Addr().As16(), server.Port(), !server.Addr().Is4()}
}

func (p *timeWaitPair) compare(q *timeWaitPair) int {
	switch {
	case p.v6 != q.v6:
		if q.v6 {
			return -1
		}
		return 1
	case p.client != q.client:
		return p.client.Compare(&q.client)
	case p.server != q.server:
		return p.server.Compare(&q.server)
	}
	return cmp.Compare(p.port, q.port)
}

// timeWaitAccount has the stays of a pair in TIME_WAIT. Most pairs have a single stay, which is stored as it is,
// because timeWaitTotals takes several times the memory.
type timeWaitAccount struct {
	stay  record.TimeWait // Side is NoSide if there is none
	port  uint16          // the client's port in that stay
	many  *timeWaitTotals // nil until there are two
	linux bool            // the client's SYNs have Linux's options
}

type timeWaitTotals struct {
	client, server timeWaitSide
	twoMSL         record.Duration
	proven, denied uint64
	locked         uint64 // the client's ports in the range that are held now
}

type timeWaitSide struct {
	entered, left, restarts          uint64    // left: stays that ended, or ran until the capture ended
	ended                            [5]uint64 // by endOfTimeWait
	observed, longest                record.Duration
	firstEntered, lastEntered, until record.Time // until: the last expiry of the stays still held
	once                             [2]int64    // from when until when the first stay lasted
	held                             *timeline   // of all stays, once there are two
}

// The indexes of timeWaitSide.ended.
const (
	stillHeld = iota
	hasExpired
	wasReused
	wasReset
	wasEvicted
)

func endOfTimeWait(by record.TimeWaitEndedBy) int {
	switch by {
	case record.TimeWaitExpired:
		return hasExpired
	case record.TimeWaitReused:
		return wasReused
	case record.TimeWaitReset:
		return wasReset
	case record.TimeWaitEvicted:
		return wasEvicted
	}
	return stillHeld
}

func newTimeWaits() timeWaits {
	return timeWaits{pairs: bounded[timeWaitPair, timeWaitAccount]{
		limit: maxTimeWaitPairs, weight: (*timeWaitAccount).weight, compare: (*timeWaitPair).compare,
	}}
}

func (t *timeWaits) add(c *record.Connection, ports PortRange) {
	refused := false
	for i := range c.Findings {
		refused = refused || c.Findings[i].Code == record.FindingTimeWaitRefused.String()
	}
	if len(c.TimeWait) == 0 && !refused {
		return
	}
	pair := t.pairs.of(pairOf(netip.AddrPortFrom(c.Client.IP, c.Client.Port),
		netip.AddrPortFrom(c.Server.IP, c.Server.Port)))
	if refused {
		pair.totals(ports).denied++
	}
	if offersLikeLinux(c.Client.Options) {
		pair.linux = true
	}
	for i := range c.TimeWait {
		if t.totals.Entered++; endOfTimeWait(c.TimeWait[i].EndedBy) == stillHeld {
			t.totals.Held++
		}
		pair.enter(&c.TimeWait[i], c.Client.Port, ports)
	}
}

// end records how stays that were still running when they were added have ended.
func (t *timeWaits) end(client, server netip.AddrPort, stays []record.TimeWait, ports PortRange) {
	for i := range stays {
		if endOfTimeWait(stays[i].EndedBy) != stillHeld {
			t.totals.Held--
		}
	}
	account := t.pairs.find(pairOf(client, server))
	if account == nil {
		return // the pair has been dropped
	}
	pair := account.totals(ports)
	for i := range stays {
		if pair.side(stays[i].Side).ended[stillHeld] > 0 { // otherwise the pair was dropped and added again
			pair.leave(&stays[i], client.Port(), ports)
		}
	}
}

// enter adds a stay, and records how it ended if it has ended.
func (a *timeWaitAccount) enter(w *record.TimeWait, port uint16, ports PortRange) {
	if a.many == nil && a.stay.Side == record.NoSide {
		a.stay, a.port = *w, port
		return
	}
	a.totals(ports).enter(w, port, ports)
}

// totals returns the sums of the account's stays.
func (a *timeWaitAccount) totals(ports PortRange) *timeWaitTotals {
	if a.many == nil {
		t := a.alone(ports)
		a.many = &t
	}
	return a.many
}

// alone returns the totals of the account's only stay.
func (a *timeWaitAccount) alone(ports PortRange) (t timeWaitTotals) {
	if a.stay.Side != record.NoSide {
		t.enter(&a.stay, a.port, ports)
	}
	return t
}

func (a *timeWaitAccount) weight() weight {
	switch p := a.many; {
	case p != nil:
		return weight{p.client.ended[stillHeld] + p.server.ended[stillHeld], p.client.entered + p.server.entered}
	case endOfTimeWait(a.stay.EndedBy) == stillHeld:
		return weight{1, 1}
	}
	return weight{0, 1}
}

func (p *timeWaitTotals) side(s record.Side) *timeWaitSide {
	if s == record.Server {
		return &p.server
	}
	return &p.client
}

// enter adds a stay, and records how it ended if it has ended.
func (p *timeWaitTotals) enter(w *record.TimeWait, port uint16, ports PortRange) {
	p.twoMSL = w.TwoMSL
	p.side(w.Side).enter(w)
	if w.Side == record.Client && ports.Low <= port && port <= ports.High {
		p.locked++
	}
	if w.EndedBy != record.TimeWaitRunning {
		p.leave(w, port, ports)
	}
}

// leave records how a stay ended.
func (p *timeWaitTotals) leave(w *record.TimeWait, port uint16, ports PortRange) {
	p.side(w.Side).leave(w)
	if w.ReuseProven == record.Yes {
		p.proven++
	}
	if w.Side == record.Client && w.EndedBy != record.TimeWaitCaptureEnd && ports.Low <= port && port <= ports.High {
		p.locked--
	}
}

// enter adds a stay that has not ended.
func (s *timeWaitSide) enter(w *record.TimeWait) {
	if s.entered == 0 {
		s.firstEntered, s.lastEntered, s.until = w.Entered, w.Entered, record.NoTime
	}
	s.entered++
	s.ended[stillHeld]++
	if w.EndedBy == record.TimeWaitRunning {
		s.until = max(s.until, w.Expires)
	}
	s.firstEntered, s.lastEntered = min(s.firstEntered, w.Entered), max(s.lastEntered, w.Entered)
}

// leave records how a stay ended.
func (s *timeWaitSide) leave(w *record.TimeWait) {
	s.restarts += w.Restarts
	s.observed += w.Observed
	s.longest = max(s.longest, w.Observed)
	s.ended[stillHeld]--
	until := w.Entered + record.Time(w.Observed)
	end := endOfTimeWait(w.EndedBy)
	s.ended[end]++
	if end == stillHeld {
		s.until = max(s.until, w.Expires)
		until++ // it still exists at the last moment
	}
	switch s.left++; s.left { // most clients have one stay, and a timeline takes memory
	case 1:
		s.once = [2]int64{int64(w.Entered), int64(until)}
		return
	case 2:
		s.held = &timeline{step: gridSteps[0]}
		s.held.add(s.once[0], s.once[1], maxTimeWaitMoments)
	}
	s.held.add(int64(w.Entered), int64(until), maxTimeWaitMoments)
}

// records returns the pairs, those with most held TIME_WAITs first, and how many other pairs were left out.
func (t *timeWaits) records(ports PortRange) (list []record.TimeWaitHolding, leftOut uint64) {
	t.pairs.trim()
	entries := t.pairs.sorted()
	list, servers := slices.Grow(list, len(entries)), make([]uint16, len(entries))
	for i, e := range entries {
		key, pair := e.key, e.value.many
		if pair == nil {
			alone := e.value.alone(ports)
			pair = &alone
		}
		servers[i] = key.port
		h := record.TimeWaitHolding{
			Record: "time_wait", Schema: record.Schema,
			Client: pair.client.holder(flows.IP(key.client, key.v6)),
			Server: pair.server.holder(flows.IP(key.server, key.v6)),
			TwoMSL: pair.twoMSL, ReusesProven: pair.proven, ReusesDenied: pair.denied,
			Ports: pair.client.ports(ports, pair.twoMSL, e.value.linux),
		}
		h.Server.Port = &servers[i]
		h.Ports.Locked = pair.locked
		list = append(list, h)
	}
	return list, t.pairs.leftOut
}

func (s *timeWaitSide) holder(ip netip.Addr) record.TimeWaitHolder {
	h := record.TimeWaitHolder{
		IP: ip, Entered: s.entered, Held: s.ended[stillHeld], Observed: s.observed, Longest: s.longest,
		Restarts: s.restarts,
		Expired:  s.ended[hasExpired], Reused: s.ended[wasReused], Reset: s.ended[wasReset],
		Evicted:    s.ended[wasEvicted],
		HeldPeakAt: record.NoTime, LastExpiry: record.NoTime,
	}
	if s.entered == 0 {
		return h
	}
	h.HeldPeak, h.HeldPeakAt = s.peak()
	if h.Held > 0 {
		h.LastExpiry = s.until
	}
	switch {
	case h.HeldPeak < h.Held: // the last stays began after the last moment
		h.HeldPeak, h.HeldPeakAt = h.Held, s.lastEntered
	case h.HeldPeak == 0: // no stay lasted from one moment to the next
		h.HeldPeak, h.HeldPeakAt = 1, s.firstEntered
	}
	return h
}

// peak returns the greatest number of finished stays at one moment, and the first moment that had it.
func (s *timeWaitSide) peak() (count uint64, at record.Time) {
	if s.held != nil {
		s.held.settle(maxTimeWaitMoments)
		return s.held.peak()
	}
	// There is at most one stay. It counts from the first moment that a timeline of it would have.
	step := gridSteps[0]
	for roundUp(s.once[1], step)-roundUp(s.once[0], step) >= maxTimeWaitMoments {
		step = longer(step)
	}
	if first := roundUp(s.once[0], step); first < roundUp(s.once[1], step) {
		return 1, record.Time(first * step)
	}
	return 0, record.NoTime
}

// linuxTimeWait is Linux's TCP_TIMEWAIT_LEN. No setting changes it.
const linuxTimeWait = record.Duration(60 * time.Second)

// offersLikeLinux reports whether a SYN has Linux's options: selective acknowledgements, timestamps, and a window scale
// of at least 7. BSDs and macOS offer a smaller scale, and Windows offers no timestamps.
func offersLikeLinux(o *record.Options) bool {
	return o != nil && o.SACKPermitted && o.Timestamps && o.WScale.Known && o.WScale.Number >= 7
}

// ports says how fast the client's TIME_WAITs lock its ports. Fewer than ten of them, or those of less than a second,
// give no rate. There is no forecast if the client reused a port in TIME_WAIT, because then it holds its ports for less
// time than assumed.
func (s *timeWaitSide) ports(r PortRange, twoMSL record.Duration, linux bool) record.EphemeralPorts {
	const enough, longEnough = 10, record.Time(time.Second)
	p := record.EphemeralPorts{Low: r.Low, High: r.High, TwoMSL: twoMSL, ExhaustedAt: record.NoTime}
	if linux {
		p.TwoMSL = min(twoMSL, linuxTimeWait)
	}
	if s.ended[wasReused] > 0 {
		p.TwoMSL = record.NoDuration
	}
	size := float64(r.High) - float64(r.Low) + 1
	if twoMSL > 0 {
		p.ExhaustingRate = size / time.Duration(twoMSL).Seconds()
	}
	lasted := s.lastEntered - s.firstEntered
	if s.entered < enough || lasted < longEnough {
		return p
	}
	p.Rate = record.NullableNumber{Value: float64(s.entered-1) / time.Duration(lasted).Seconds(), Known: true}
	if p.TwoMSL > 0 && p.Rate.Value > size/time.Duration(p.TwoMSL).Seconds() {
		p.ExhaustedAt = s.firstEntered + record.Time(size/p.Rate.Value*float64(time.Second))
	}
	return p
}
