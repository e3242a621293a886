package report

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// TableGroups lists what TableOptions.By can be.
func TableGroups() []text.Column {
	return []text.Column{
		{Name: "server", Meaning: "address and port of the server"},
		{Name: "client", Meaning: "address of the client"},
		{Name: "finding", Meaning: "each finding; a connection with several is in several groups"},
	}
}

// mostGroups bounds the groups: connections of those that come later are counted together.
const mostGroups = 1 << 16

// groups are groups of connections.
type groups struct {
	by     string
	groups map[string]*group
	others *group // nil: none
	total  uint64 // connections
}

// group has the totals of its connections.
type group struct {
	name                                  string
	socket                                netip.AddrPort // for an order by address
	cell                                  text.Cell
	connections, complete, failed         uint64
	closed, reset, packets, retransmitted uint64
	errors, warnings                      uint64
	rtt                                   rttCounts
}

func newGroups(by string) (*groups, error) {
	if by == "" {
		return nil, nil
	}
	var names []string
	for _, g := range TableGroups() {
		names = append(names, g.Name)
	}
	if !slices.Contains(names, by) {
		return nil, fmt.Errorf("--by: unknown value %q: it can be %s", by, strings.Join(names, ", "))
	}
	return &groups{by: by, groups: map[string]*group{}}, nil
}

func (g *groups) add(c *record.Connection) {
	g.total++
	switch g.by {
	case "server":
		socket := netip.AddrPortFrom(c.Server.IP, c.Server.Port)
		g.of(socket.String(), func() group { return group{socket: socket, cell: text.SocketCell(socket)} }).add(c)
	case "client":
		g.of(c.Client.IP.String(), func() group {
			return group{socket: netip.AddrPortFrom(c.Client.IP, 0), cell: text.IPCell(c.Client.IP)}
		}).add(c)
	default:
		for i := range c.Findings {
			f := &c.Findings[i]
			if slices.ContainsFunc(c.Findings[:i], has(f.Code)) {
				continue
			}
			g.of(f.Code, func() group {
				return group{cell: text.Cell{Full: f.Code, Tone: severityTone(f.Severity)}}
			}).add(c)
		}
		if len(c.Findings) == 0 {
			g.of("", func() group { return group{cell: text.Cell{Full: "(none)", Tone: text.Faint}} }).add(c)
		}
	}
}

func (g *groups) of(name string, begin func() group) *group {
	if known := g.groups[name]; known != nil {
		return known
	}
	if len(g.groups) == mostGroups {
		if g.others == nil {
			g.others = &group{cell: text.Cell{Full: "(others)", Tone: text.Faint}}
		}
		return g.others
	}
	n := begin()
	n.name = name
	g.groups[name] = &n
	return &n
}

func (g *group) add(c *record.Connection) {
	g.connections++
	switch {
	case c.FailureClass() != "":
		g.failed++
	case c.Handshake.Outcome == record.OutcomeComplete || c.Handshake.Outcome == record.OutcomeSimultaneous ||
		c.Handshake.Outcome == record.OutcomeFastOpen:
		g.complete++
	}
	switch c.Teardown.Kind {
	case record.TeardownFourWay, record.TeardownThreeSegment, record.TeardownSimultaneous:
		g.closed++
	case record.TeardownReset:
		g.reset++
	}
	g.packets += c.Client.Packets + c.Server.Packets
	g.retransmitted += c.Client.RetransmittedPackets + c.Server.RetransmittedPackets
	switch {
	case slices.ContainsFunc(c.Findings, func(f record.Finding) bool { return f.Severity == record.Error }):
		g.errors++
	case slices.ContainsFunc(c.Findings, func(f record.Finding) bool { return f.Severity == record.Warning }):
		g.warnings++
	}
	if rtt := text.HandshakeRTT(c); rtt != record.NoDuration {
		g.rtt.add(rtt)
	}
}

// groupLegend explains the columns of the table of groups.
var groupLegend = []string{
	"ERRORS, WARNINGS: connections by their worst finding; CLOSED: by both FINs",
	"RETR: retransmitted packets; RTT: of the handshakes, median and 99th percentile",
}

// section is the table of groups: those with errors first, then those with warnings, then by size.
func (g *groups) section(top int) section {
	s := section{title: strings.ToUpper(g.by) + "S", grid: groupGrid(strings.ToUpper(g.by)),
		note: "of " + text.Counted(g.total, "connection"), elsewhere: "--top 0 shows all", after: groupLegend}
	list := make([]*group, 0, len(g.groups)+1)
	for _, one := range g.groups {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.errors, a.errors), cmp.Compare(b.warnings, a.warnings),
			cmp.Compare(b.connections, a.connections), a.socket.Compare(b.socket), cmp.Compare(a.name, b.name))
	})
	if g.others != nil {
		list = append(list, g.others)
	}
	s.total = uint64(len(list))
	if top > 0 && len(list) > top {
		list = list[:top]
	}
	for _, one := range list {
		retransmitted := text.Cell{Full: text.Unknown}
		if one.retransmitted > 0 {
			retransmitted.Full = text.Percent(float64(one.retransmitted) / float64(one.packets))
		}
		s.grid.Rows = append(s.grid.Rows, []text.Cell{
			one.cell, {Full: text.Count(one.connections)},
			toned(text.Some(one.errors), text.Bad), toned(text.Some(one.warnings), text.Alert),
			text.Some(one.complete), toned(text.Some(one.failed), text.Alert),
			text.Some(one.closed), toned(text.Some(one.reset), text.Alert), retransmitted,
			{Full: text.Span(one.rtt.at(0.5))}, {Full: text.Span(one.rtt.at(0.99))},
		})
	}
	return s
}

func groupGrid(what string) text.Grid {
	right := func(name, header string) text.GridColumn {
		return text.GridColumn{Name: name, Header: text.Cell{Full: header}, Right: true}
	}
	return text.Grid{
		Columns: []text.GridColumn{
			{Name: "group", Header: text.Cell{Full: what}}, right("connections", "CONNS"), right("errors", "ERRORS"),
			right("warnings", "WARNINGS"), right("complete", "COMPLETE"), right("failed", "FAILED"),
			right("closed", "CLOSED"), right("reset", "RESET"), right("retransmitted", "RETR"), right("p50", "RTT P50"),
			right("p99", "RTT P99"),
		},
		Steps: []text.Step{text.Shorten("group"), text.Drop("p50"), text.Drop("closed"), text.Drop("p99"),
			text.Drop("retransmitted"), text.Drop("complete")},
	}
}

// rttCounts counts round-trip times by size: eight steps to a power of two, so that a percentile is right to 12%.
type rttCounts struct {
	counts map[uint16]uint32
	total  uint64
	max    record.Duration
}

func (r *rttCounts) add(d record.Duration) {
	if r.counts == nil {
		r.counts = map[uint16]uint32{}
	}
	r.counts[rttStep(d)]++
	r.total++
	r.max = max(r.max, d)
}

// rttStep is the step a time belongs to.
func rttStep(d record.Duration) uint16 {
	v := uint64(max(d, 0)) + 8
	n := bits.Len64(v) - 4 // at least 0
	return uint16(n)<<3 | uint16(v>>n&7)
}

// at returns a percentile: the upper end of its step, and at most the largest value.
func (r *rttCounts) at(share float64) record.Duration {
	if r.total == 0 {
		return record.NoDuration
	}
	steps := make([]uint16, 0, len(r.counts))
	for step := range r.counts {
		steps = append(steps, step)
	}
	slices.Sort(steps)
	sum := uint64(0)
	for _, step := range steps {
		if sum += uint64(r.counts[step]); float64(sum) >= share*float64(r.total) {
			n := step >> 3
			return min(record.Duration((uint64(step&7)+9)<<n)-9, r.max)
		}
	}
	return r.max
}
