package report

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// matters is the first section of the tables: what is wrong, worst first, one line each. Errors and warnings of
// connections are counted by what they are and by server while the connections pass.
type matters struct {
	connections uint64
	servers     map[netip.AddrPort]*uint64 // connections of each server that has a group
	groups      map[matter]*matterGroup
	server      netip.AddrPort // of the last connection: in a flood the next one has the same
	ofServer    *uint64        // its connections; nil if there was no room for it, or it is the first
	last        matter         // the last group that was looked up
	ofLast      *matterGroup
	others      map[string]*matterGroup // by matter.what: those that groups has no room for
	clock       func(record.Time) string
}

// matter is what a line is about.
type matter struct {
	what   string // the finding's code; of a reset, a space and its circumstances follow
	server netip.AddrPort
}

type matterGroup struct {
	count    uint64
	ids      []uint64 // the first three, in order
	since    record.Time
	client   netip.Addr // of the first one
	clients  bool       // there are several
	servers  uint64     // several, in a line that joins groups
	idle     []idleReset
	severity record.Severity
}

// idleReset is a connection that was reset after a silence.
type idleReset struct {
	id   uint64
	idle record.Duration
}

const (
	mostMatters       = 1 << 14 // groups, and servers
	mostIdleResets    = 64      // of a group
	shownMatters      = 12      // lines, unless all rows are asked for
	mostMatterServers = 3       // lines of the same finding
)

// attempts are the findings that a flood or a scan causes by the thousand; the line of the flood or scan replaces them.
var attempts = func() map[string]bool {
	codes := map[string]bool{}
	for _, code := range []record.FindingCode{record.FindingSynRetransmitted, record.FindingSynAckRetransmitted,
		record.FindingRefused, record.FindingUnanswered, record.FindingUnreachable, record.FindingEmbryonic,
		record.FindingAckReset, record.FindingAckNotAccepted, record.FindingLateSynAck, record.FindingReset,
		record.FindingImpossibleFlags, record.FindingStaleSyn} {
		codes[code.String()] = true
	}
	return codes
}()

// add counts a connection.
func (m *matters) add(c *record.Connection) {
	if m.groups == nil {
		m.servers, m.groups = map[netip.AddrPort]*uint64{}, map[matter]*matterGroup{}
		m.others = map[string]*matterGroup{}
	}
	m.connections++
	server := netip.AddrPortFrom(c.Server.IP, c.Server.Port)
	if n := m.countOf(server); n != nil {
		*n++
	}
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Severity == record.Info || slices.ContainsFunc(c.Findings[:i], has(f.Code)) ||
			text.Explained(f.Code, c.Findings) {
			continue
		}
		what := f.Code
		reset := c.Teardown.Reset
		if what == record.FindingReset.String() && reset != nil {
			what += " by the " + reset.By.String()
			if reset.ReceiverState.Known {
				what += " in " + reset.ReceiverState.State.String()
			}
		}
		if at := (matter{what, server}); m.ofLast == nil || m.last != at {
			m.last, m.ofLast = at, m.group(at)
		}
		g := m.ofLast
		g.add(c, f.Severity)
		if reset != nil && reset.Idle != record.NoDuration && len(g.idle) < mostIdleResets {
			g.idle = append(g.idle, idleReset{c.ID, reset.Idle})
		}
	}
}

// countOf returns the counter of a server's connections, nil if there is no room for another one.
func (m *matters) countOf(server netip.AddrPort) *uint64 {
	if m.ofServer == nil || m.server != server {
		n := m.servers[server]
		if n == nil && len(m.servers) < mostMatters {
			n = new(uint64)
			m.servers[server] = n
		}
		m.server, m.ofServer = server, n
	}
	return m.ofServer
}

func has(code string) func(record.Finding) bool {
	return func(f record.Finding) bool { return f.Code == code }
}

func (m *matters) group(at matter) *matterGroup {
	if g := m.groups[at]; g != nil {
		return g
	}
	g := &matterGroup{since: record.NoTime}
	if len(m.groups) < mostMatters {
		m.groups[at] = g
		return g
	}
	if old := m.others[at.what]; old != nil {
		return old
	}
	m.others[at.what] = g
	return g
}

func (g *matterGroup) add(c *record.Connection, severity record.Severity) {
	if g.count++; g.count == 1 {
		g.client, g.severity = c.Client.IP, severity
	}
	g.clients = g.clients || g.client != c.Client.IP
	g.see(c.ID)
	if g.since == record.NoTime || c.Start < g.since {
		g.since = c.Start
	}
}

// see keeps the lowest three ids.
func (g *matterGroup) see(id uint64) {
	at, known := slices.BinarySearch(g.ids, id)
	if !known && at < 3 {
		g.ids = slices.Insert(g.ids, at, id)
		g.ids = g.ids[:min(len(g.ids), 3)]
	}
}

// join adds another group.
func (g *matterGroup) join(o *matterGroup) {
	g.clients = g.clients || o.clients || g.count > 0 && g.client != o.client
	if g.count == 0 {
		g.client, g.severity, g.since = o.client, o.severity, o.since
	}
	g.count += o.count
	g.servers++
	g.since = min(g.since, o.since)
	for _, id := range o.ids {
		g.see(id)
	}
}

// matterLine is a line of the section.
type matterLine struct {
	severity record.Severity
	weight   uint64 // how many it is about: more come first
	text     string
	about    About
}

// lines returns the lines, worst first.
func (m *matters) lines(e *Ending, all bool) []matterLine {
	var list []matterLine
	r := e.Result
	const day = 24 * 3600e9
	if m.clock = text.ClockShort; e.Capture.First/day != e.Capture.Last/day {
		m.clock = text.Clock
	}
	if all {
		list = append(list, captureMatters(e.Capture)...)
		list = append(list, m.crowdMatters(r)...)
		list = append(list, m.summaryMatters(r.Summary)...)
		for i := range r.TimeWait {
			h := &r.TimeWait[i]
			if s := exhaustion(h); s != "" {
				server := netip.AddrPortFrom(h.Server.IP, *h.Server.Port)
				list = append(list, matterLine{record.Warning, h.Ports.Locked,
					"ports: " + h.Client.IP.String() + " to " + server.String() + ": " + s,
					aboutClient(h.Client.IP, server)})
			}
		}
	}
	list = append(list, m.findingLines(r, all)...)
	slices.SortStableFunc(list, func(a, b matterLine) int {
		return cmp.Or(text.SeverityRank(a.severity)-text.SeverityRank(b.severity), cmp.Compare(b.weight, a.weight))
	})
	return list
}

// captureMatters returns lines about what the capture lacks.
func captureMatters(c *Capture) (list []matterLine) {
	add := func(severity record.Severity, text string) {
		list = append(list, matterLine{severity, 0, "capture: " + text, About{}})
	}
	dropped := uint64(0)
	for _, n := range []*uint64{c.Dropped.Kernel, c.Dropped.Interface} {
		if n != nil {
			dropped += *n
		}
	}
	if dropped > 0 {
		add(record.Error, text.Counted(dropped, "packet")+" dropped while capturing: connections may look broken"+
			" that were not")
	}
	for _, d := range c.Damage {
		if d.Unread {
			add(record.Error, d.File+" was not read: "+d.Expected)
			continue
		}
		add(record.Error, d.File+" could not be read from byte "+text.Count(uint64(d.Offset))+" on: expected "+
			d.Expected)
	}
	if c.Evicted > 0 {
		add(record.Error, text.Counted(c.Evicted, "connection")+" evicted to stay within the limits")
	}
	if c.Shed > 0 {
		add(record.Error, text.Counted(c.Shed, "record")+" counted but not written: overloaded, or nobody read them")
	}
	undecoded := uint64(0)
	for _, n := range c.Undecoded {
		undecoded += n
	}
	if c.Packets > 0 && undecoded > c.Packets/2 {
		add(record.Warning, text.Count(undecoded)+" of "+text.Counted(c.Packets, "packet")+" could not be decoded")
	}
	return list
}

// crowdMatters returns lines about floods, scans and full queues.
func (m *matters) crowdMatters(r *record.Result) (list []matterLine) {
	for i := range r.SynFloods {
		f := &r.SynFloods[i]
		severity := record.Error
		if f.Verdict == "flash_crowd" {
			severity = record.Info
		}
		if f.Verdict == "suspicious" {
			severity = record.Warning
		}
		list = append(list, matterLine{severity, f.Syns, fmt.Sprintf(
			"%s: %s from %s to %s, %s to %s; %s of the attempts completed, %s unresolved at once", words(f.Verdict),
			text.Counted(f.Syns, "SYN"), text.Counted(f.Sources, "source"), text.Target(f.Target),
			m.clock(f.Onset), m.clock(f.End), text.Percent(f.CompletionRatio),
			text.Count(f.UnresolvedPeak)), aboutTarget(record.Server, f.Target)})
	}
	for i := range r.Scans {
		s := &r.Scans[i]
		found := ""
		if s.Found.Open > 0 {
			found = ", " + text.Count(s.Found.Open) + " " + openWord(s.Kind)
		}
		list = append(list, matterLine{record.Warning, s.Probes, fmt.Sprintf("%s scan: %s tries %s of %s%s, since %s",
			words(s.Kind), s.Source, text.Counted(s.Ports, "port"), countedAddresses(s.Targets), found,
			m.clock(s.Start)),
			aboutTarget(record.Client, record.Target{IP: s.Source})})
	}
	for i := range r.Listeners {
		l := &r.Listeners[i]
		if len(l.BacklogOverflow) == 0 || flooded(r, l.IP, l.Port) {
			continue // ignored SYNs may also have been lost
		}
		for _, queue := range []string{"syn", "accept"} {
			if q := fullQueueOf(l, queue); q != nil {
				list = append(list, matterLine{record.Warning, q.concerned(), q.line(m.clock(q.From)),
					aboutTarget(record.Server, record.Target{IP: l.IP, Port: &l.Port})})
			}
		}
	}
	return list
}

// A fullQueue sums up the times in which one queue of a listener was full.
type fullQueue struct {
	record.Overflow
	of *record.Listener
}

// fullQueueOf returns nil if the queue was never full.
func fullQueueOf(l *record.Listener, queue string) *fullQueue {
	var q *fullQueue
	for i := range l.BacklogOverflow {
		o := &l.BacklogOverflow[i]
		switch {
		case o.Queue != queue:
		case q == nil:
			q = &fullQueue{*o, l}
		default:
			q.IgnoredSyns += o.IgnoredSyns
			q.IgnoredAcks += o.IgnoredAcks
			q.ResetAcks += o.ResetAcks
			q.Cookies = q.Cookies || o.Cookies
			q.Size.Known = q.Size.Known || o.Size.Known
			q.Size.Number = max(q.Size.Number, o.Size.Number)
		}
	}
	return q
}

// concerned returns how many attempts the full queue ignored or reset.
func (q *fullQueue) concerned() uint64 { return q.IgnoredSyns + q.IgnoredAcks + q.ResetAcks }

// line says what the full queue did.
func (q *fullQueue) line(since string) string {
	var signs []string
	for _, sign := range []struct {
		n    uint64
		what string
	}{{q.IgnoredSyns, "SYN"}, {q.IgnoredAcks, "ACK"}} {
		if sign.n > 0 {
			signs = append(signs, text.Counted(sign.n, sign.what)+" ignored")
		}
	}
	if q.ResetAcks > 0 {
		signs = append(signs, text.Counted(q.ResetAcks, "ACK")+" reset")
	}
	did := text.Counted(q.of.Attempts, "attempt")
	if len(signs) > 0 {
		did = strings.Join(signs, " and ") + " of " + did
	}
	if q.Cookies {
		did += ", SYN cookies in its place"
	}
	name := q.Queue
	if name == "syn" {
		name = "SYN"
	}
	line := fmt.Sprintf("%s queue of %s full, since %s: %s", name, netip.AddrPortFrom(q.of.IP, q.of.Port), since, did)
	if q.Queue == "syn" {
		return line + "; a backlog of " + text.Count(q.of.BacklogNeeded) + " would have held all"
	}
	line += "; its program accepts too slowly"
	if q.Size.Known {
		line += ", or its backlog is too small: " + text.Counted(q.Size.Number, "connection") + " waited for it"
	}
	return line
}

func countedAddresses(n uint64) string {
	if n == 1 {
		return "1 address"
	}
	return text.Count(n) + " addresses"
}

// flooded reports whether the line of a flood already covers a server's attempts.
func flooded(r *record.Result, ip netip.Addr, port uint16) bool {
	return slices.ContainsFunc(r.SynFloods, func(f record.SynFlood) bool {
		return f.Target.IP == ip && (f.Target.Port == nil || *f.Target.Port == port) && f.Verdict != "flash_crowd"
	})
}

func scans(r *record.Result, source netip.Addr) bool {
	return slices.ContainsFunc(r.Scans, func(s record.Scan) bool { return s.Source == source })
}

// summaryMatters returns lines about idle time-outs and hosts that do not close.
func (m *matters) summaryMatters(s *record.Summary) (list []matterLine) {
	for i := range s.IdleTimeouts {
		t := &s.IdleTimeouts[i]
		who, of := "several servers", " connections"
		id := uint64(0)
		for at, g := range m.groups {
			if t.Server != nil && (t.Server.IP != at.server.Addr() ||
				t.Server.Port != nil && *t.Server.Port != at.server.Port()) {
				continue
			}
			for _, r := range g.idle {
				if t.Idle <= r.idle && r.idle <= t.Longest && (id == 0 || r.id < id) {
					id = r.id
				}
			}
		}
		switch {
		case t.Server == nil:
		case t.Server.Port == nil:
			who = "several ports of " + t.Server.IP.String()
		default:
			who = text.Target(*t.Server)
			of = m.of(netip.AddrPortFrom(t.Server.IP, *t.Server.Port))
		}
		span := text.Span(t.Idle)
		if longest := text.Span(t.Longest); longest != span {
			span += " to " + longest
		}
		line := fmt.Sprintf("idle time-out: %s%s of %s reset after %s of silence, %s by clients, %s by servers",
			text.Count(t.Resets), of, who, span, text.Count(t.BySide.Client), text.Count(t.BySide.Server))
		if t.Kind == record.IdleCrossed {
			line = fmt.Sprintf("idle time-out: of %s%s of %s the close after %s of silence crossed what the other "+
				"side sent",
				text.Count(t.Resets), of, who, span)
		}
		list = append(list, matterLine{record.Error, t.Resets, line, About{ID: id}})
	}
	for i := range s.NotClosing {
		n := &s.NotClosing[i]
		list = append(list, matterLine{record.Warning, n.Connections, fmt.Sprintf(
			"not closing: %s leaves %s in CLOSE_WAIT, the longest for %s", text.Target(n.Host),
			text.Counted(n.Connections, "connection"), text.Span(n.Longest)), aboutTarget(n.Side, n.Host)})
	}
	return list
}

// of returns " of N connections" for a server.
func (m *matters) of(server netip.AddrPort) string {
	if n := m.servers[server]; n != nil {
		return " of " + text.Counted(*n, "connection")
	}
	return " connections"
}

// findingLines returns lines about errors and warnings of connections. For each kind, a server with a great share of
// them has its own line, and the other servers share one.
func (m *matters) findingLines(r *record.Result, all bool) (list []matterLine) {
	type at struct {
		matter
		*matterGroup
	}
	kinds := map[string][]at{}
	for where, g := range m.groups {
		code, _, _ := strings.Cut(where.what, " ")
		if all && attempts[code] && (flooded(r, where.server.Addr(), where.server.Port()) ||
			!g.clients && scans(r, g.client)) {
			continue
		}
		if all && code == record.FindingNotClosed.String() && slices.ContainsFunc(r.Summary.NotClosing,
			func(n record.NotClosing) bool {
				return n.Host.IP == where.server.Addr() || !g.clients && n.Host.IP == g.client
			}) {
			continue
		}
		kinds[where.what] = append(kinds[where.what], at{where, g})
	}
	for what, g := range m.others {
		if code, _, _ := strings.Cut(what, " "); !all || !attempts[code] || g.clients || !scans(r, g.client) {
			kinds[what] = append(kinds[what], at{matter{what: what}, g})
		}
	}
	names := make([]string, 0, len(kinds))
	for what := range kinds {
		names = append(names, what)
	}
	slices.Sort(names)
	for _, what := range names {
		groups := kinds[what]
		slices.SortFunc(groups, func(a, b at) int {
			return cmp.Or(cmp.Compare(b.count, a.count), a.server.Compare(b.server))
		})
		total := uint64(0)
		for _, g := range groups {
			total += g.count
		}
		own := 0
		for own < len(groups) && own < mostMatterServers && groups[own].server.IsValid() &&
			(len(groups) == 1 || groups[own].count > 1 && groups[own].count*5 >= total) {
			own++
		}
		if own == len(groups)-1 && own < mostMatterServers && groups[own].server.IsValid() {
			own++
		}
		for _, g := range groups[:own] {
			list = append(list, m.findingLine(what, g.matterGroup, m.of(g.server)+" to "+g.server.String(), g.server))
		}
		if rest := groups[own:]; len(rest) > 0 {
			joined := &matterGroup{}
			for _, g := range rest {
				joined.join(g.matterGroup)
			}
			servers := text.Counted(joined.servers, "server")
			switch {
			case !rest[len(rest)-1].server.IsValid():
				servers = "many servers"
			case own > 0:
				servers = text.Counted(joined.servers, "other server")
			}
			where := " of " + text.Counted(m.connections, "connection") + ", to " + servers
			if !joined.clients {
				where += " from " + joined.client.String()
			}
			list = append(list, m.findingLine(what, joined, where, netip.AddrPort{}))
		}
	}
	return list
}

// findingLine returns the line of a group. server is valid if the group has only one.
func (m *matters) findingLine(what string, g *matterGroup, where string, server netip.AddrPort) matterLine {
	code, circumstances, _ := strings.Cut(what, " ")
	name := words(code)
	if circumstances != "" {
		name += " " + circumstances
	}
	line := name + ": " + text.Count(g.count) + where
	if g.count > 1 {
		line += " (" + ids(g) + ")"
	}
	line += ", since " + m.clock(g.since)
	if kind, known := findingKinds[code]; known && code != record.FindingReset.String() {
		meaning, _, _ := strings.Cut(kind.Meaning, ":")
		line += ": " + meaning
	}
	return matterLine{g.severity, g.count, line, About{ID: g.ids[0], Finding: code, Server: server}}
}

var findingKinds = func() map[string]record.FindingKind {
	kinds := map[string]record.FindingKind{}
	for _, kind := range record.Catalogue() {
		kinds[kind.Code] = kind
	}
	return kinds
}()

// ids names the first connections.
func ids(g *matterGroup) string {
	var list []string
	for _, id := range g.ids {
		list = append(list, strconv.FormatUint(id, 10))
	}
	s := strings.Join(list, ", ")
	if g.count > uint64(len(g.ids)) {
		s += ", …"
	}
	return s
}

// words spells a code as people write it: SYN-ACK retransmitted.
func words(code string) string {
	var list []string
	for word := range strings.SplitSeq(code, "_") {
		switch word {
		case "syn", "ack", "fin", "rst", "mtu":
			word = strings.ToUpper(word)
		}
		list = append(list, word)
	}
	s := strings.Join(list, " ")
	return strings.NewReplacer("SYN ACK", "SYN-ACK", "half open", "half-open", "single source", "single-source",
		"time wait", "TIME_WAIT").Replace(s)
}

// drawMatters writes the section. If a line is too long, its command gets its own line.
func (t *Table) drawMatters(out *bytes.Buffer, e *Ending) {
	lines := t.matters.lines(e, t.options.Where == "")
	switch {
	case t.matters.connections == 0 && (len(lines) == 0 || lines[0].severity == record.Info):
		out.WriteString(t.paint(text.Bold, "NO CONNECTION") + text.Gap + t.none(e) + "\n")
	case len(lines) == 0 || lines[0].severity == record.Info:
		out.WriteString(t.paint(text.Bold, "SOUND") + text.Gap + t.sound(e) + "\n")
	default:
		out.WriteString(t.paint(text.Bold, "WHAT MATTERS") + text.Gap + t.paint(text.Faint, "worst first") + "\n")
	}
	more := 0
	if t.options.Top > 0 && len(lines) > shownMatters {
		more = len(lines) - shownMatters
		lines = lines[:shownMatters]
	}
	const indent = "  "
	for _, l := range lines {
		label := string(l.severity)
		if l.severity == record.Info {
			label = "note"
		}
		words := strings.Split(label+" "+text.Plain(l.text), " ")
		width := t.options.Width
		next := ""
		if command := l.about.Next(); command != "" && t.options.Command != nil {
			next = t.options.Command(command)
		}
		wrapped := text.Wrap(words, " ", max(width-len(indent), min(width, 1)))
		for i, line := range wrapped {
			if i == 0 {
				line = t.paint(severityTone(l.severity), label) + strings.TrimPrefix(line, label)
			} else {
				line = indent + line
			}
			last := i == len(wrapped)-1
			switch {
			case !last || next == "":
				out.WriteString(line + "\n")
			case width == 0 || twwidth.Width(wrapped[i])+len(indent)+3+twwidth.Width(next) <= width:
				out.WriteString(line + " → " + next + "\n")
			default:
				out.WriteString(line + "\n" + indent + "→ " + next + "\n")
			}
		}
	}
	if more > 0 {
		out.WriteString(t.paint(text.Faint, "… and "+text.Count(uint64(more))+" more: --top 0 shows all") + "\n")
	}
	out.WriteByte('\n')
}

// none says why no connection is shown.
func (t *Table) none(e *Ending) string {
	if t.options.Where != "" {
		return "of " + text.Counted(e.Result.Summary.Connections, "connection") + " --where chose none"
	}
	return "no TCP in " + text.Counted(e.Capture.Packets, "packet")
}

// sound says that nothing is wrong, as far as was checked.
func (t *Table) sound(e *Ending) string {
	n := text.Counted(t.matters.connections, "connection")
	if t.options.Where != "" {
		n += " of " + text.Count(e.Result.Summary.Connections) + ","
	}
	return n + " without an error or a warning"
}

func severityTone(s record.Severity) text.Tone { return text.Severities[text.SeverityRank(s)] }
