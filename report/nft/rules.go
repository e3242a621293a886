package nft

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

const (
	mostHit    = 0.01 // the largest share of completed connections that a rule may hit
	mostRules  = 4    // of one flood
	leastShare = 0.1  // the least share of the flood that a rule must hit
	separates  = 0.5  // the least share of the flood that all rules together must hit
	shared     = 0.9  // the share of the SYNs with one mark that must have a second mark
	nearlyAll  = 0.99 // the share of them for which a second mark makes a rule narrower at no cost
	several    = 8    // the least number of SYNs for a mark
	mostNets   = 16   // in a rule
)

// A mark is a property that SYNs have in common, as a match of nft, with the set of these SYNs.
type mark struct {
	match          string
	flood, clients set
}

// A rule hits the SYNs that have all of its marks.
type rule struct {
	matches []string
	flood   set // of the flood's SYNs
	clients int // how many of the completed connections it hits
}

// A set is a subset of a list, with one bit for each element.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s set) count() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// and returns the elements of both sets; without returns those that the other set lacks.
func (s set) and(o set) set     { return s.with(o, func(a, b uint64) uint64 { return a & b }) }
func (s set) without(o set) set { return s.with(o, func(a, b uint64) uint64 { return a &^ b }) }

func (s set) with(o set, f func(a, b uint64) uint64) set {
	r := make(set, len(s))
	for i := range s {
		r[i] = f(s[i], o[i])
	}
	return r
}

// where returns the numbers below n for which a condition holds.
func where(n int, holds func(i int) bool) set {
	s := newSet(n)
	for i := range n {
		if holds(i) {
			s.add(i)
		}
	}
	return s
}

// A comparison compares the SYNs of a flood with those of clients.
type comparison struct {
	flood, clients []record.Syn
	properties     []column
}

// A column is one property of all SYNs, as a match of nft.
type column struct{ flood, clients []string }

// rulesOf finds rules that hit as much of a flood as possible, and each at most mostHit of the clients. It returns none
// if they hit less than separates of the flood.
func rulesOf(flood, clients []record.Syn) (rules []rule) {
	if len(flood) < several {
		return nil
	}
	c := &comparison{flood: flood, clients: clients}
	for _, property := range properties {
		c.properties = append(c.properties, column{each(flood, property), each(clients, property)})
	}
	left := where(len(flood), func(int) bool { return true })
	for len(rules) < mostRules {
		best := c.narrow(left)
		if best == nil {
			break
		}
		rules = append(rules, *best)
		left = left.without(best.flood)
	}
	if float64(len(flood)-left.count()) < separates*float64(len(flood)) {
		return nil
	}
	return rules
}

// each returns a property of all SYNs.
func each(list []record.Syn, property func(*record.Syn) string) []string {
	values := make([]string, len(list))
	for i := range list {
		values[i] = property(&list[i])
	}
	return values
}

// narrow finds the rule that hits most of the rest of a flood, nil if none hits enough. It tries each mark together
// with the marks that nearly all of its SYNs have and, if these hit too many clients, with those that most have.
func (c *comparison) narrow(left set) (best *rule) {
	all, clients := float64(len(c.flood)), float64(len(c.clients))
	for _, first := range c.marks(left, leastShare*all) {
		flood, hit, matches := left.and(first.flood), first.clients, []string{first.match}
		n := float64(flood.count())
		for _, next := range c.marks(flood, shared*n) {
			both := flood.and(next.flood)
			if next.match == first.match ||
				float64(both.count()) < nearlyAll*n && float64(hit.count()) <= mostHit*clients {
				continue
			}
			flood, hit, matches = both, hit.and(next.clients), append(matches, next.match)
		}
		slices.Sort(matches)
		r := rule{matches, flood, hit.count()}
		hits := flood.count()
		if float64(r.clients) > mostHit*clients || float64(hits) < leastShare*all {
			continue
		}
		if best == nil || hits > best.flood.count() || hits == best.flood.count() && (r.clients < best.clients ||
			r.clients == best.clients && len(r.matches) > len(best.matches)) {
			best = &r
		}
	}
	return best
}

// marks returns the properties that at least so many of some SYNs have in common, the most common first.
func (c *comparison) marks(some set, least float64) (marks []mark) {
	for _, p := range c.properties {
		counts := map[string]int{}
		for i, match := range p.flood {
			if match != "" && some.has(i) {
				counts[match]++
			}
		}
		for match, n := range counts {
			if float64(n) >= max(least, 2) {
				marks = append(marks, mark{match, where(len(c.flood), func(i int) bool { return p.flood[i] == match }),
					where(len(c.clients), func(i int) bool { return p.clients[i] == match })})
			}
		}
	}
	if nets := c.nets(some, least); nets != nil {
		marks = append(marks, *nets)
	}
	slices.SortFunc(marks, func(a, b mark) int {
		n, m := a.flood.and(some).count(), b.flood.and(some).count()
		return cmp.Or(cmp.Compare(m, n), strings.Compare(a.match, b.match))
	})
	return marks
}

// properties returns the properties of a SYN, each as a match of nft; "" is nothing to match.
var properties = []func(*record.Syn) string{
	func(s *record.Syn) string {
		if s.Source.Is6() {
			return fmt.Sprintf("ip6 hoplimit %d", s.TTL)
		}
		return fmt.Sprintf("ip ttl %d", s.TTL)
	},
	func(s *record.Syn) string { return fmt.Sprintf("tcp window %d", s.Window) },
	func(s *record.Syn) string { return fmt.Sprintf("tcp sequence %d", s.ISN) },
	func(s *record.Syn) string {
		if s.Source.Is6() || s.IPID == 0 { // Linux has 0 where fragments are forbidden (RFC 6864)
			return ""
		}
		return fmt.Sprintf("ip id %d", s.IPID)
	},
	options,
}

// options returns a match for the options that a SYN offers.
func options(s *record.Syn) string {
	match := "tcp option maxseg missing"
	if s.HasMSS {
		match = fmt.Sprintf("tcp option maxseg size %d", s.MSS)
	}
	for _, o := range []struct {
		name  string
		there bool
	}{{"sack-perm", s.SACKPermitted}, {"timestamp", s.Timestamps}, {"window", s.WindowScale}} {
		word := "missing"
		if o.there {
			word = "exists"
		}
		match += " tcp option " + o.name + " " + word
	}
	return match
}

// nets finds the smallest networks, few enough for a rule, from which at least so many of some SYNs came; nil: there
// are none.
func (c *comparison) nets(some set, least float64) *mark {
	for _, lengths := range [][2]int{{32, 128}, {24, 64}, {16, 48}} {
		counts := map[netip.Prefix]int{}
		for i := range c.flood {
			if some.has(i) {
				counts[net(c.flood[i].Source, lengths)]++
			}
		}
		nets := slices.SortedFunc(maps.Keys(counts), func(a, b netip.Prefix) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), a.Addr().Compare(b.Addr()))
		})
		enough, covered := 0, 0
		for ; enough < min(len(nets), mostNets) && float64(covered) < nearlyAll*float64(some.count()); enough++ {
			covered += counts[nets[enough]]
		}
		nets = nets[:enough]
		slices.SortFunc(nets, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
		from := func(list []record.Syn) set {
			return where(len(list), func(i int) bool { return slices.Contains(nets, net(list[i].Source, lengths)) })
		}
		m := mark{flood: from(c.flood)}
		if n := float64(m.flood.and(some).count()); n > 0 && n >= max(least, shared*float64(some.count())) {
			m.match, m.clients = matchNets(nets), from(c.clients)
			return &m
		}
	}
	return nil
}

// net returns the network of an address, with the given prefix length for IPv4 or IPv6.
func net(a netip.Addr, lengths [2]int) netip.Prefix {
	length := lengths[0]
	if a.Is6() {
		length = lengths[1]
	}
	p, _ := a.Prefix(length) // no address is shorter
	return p
}

func matchNets(nets []netip.Prefix) string {
	words := make([]string, len(nets))
	for i, n := range nets {
		if words[i] = n.String(); n.IsSingleIP() {
			words[i] = n.Addr().String()
		}
	}
	family := "ip"
	if nets[0].Addr().Is6() {
		family = "ip6"
	}
	if len(words) == 1 {
		return family + " saddr " + words[0]
	}
	return family + " saddr { " + strings.Join(words, ", ") + " }"
}
