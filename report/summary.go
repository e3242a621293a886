package report

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/text"
)

// A summaryLine is a label and a list, which may take several lines.
type summaryLine struct {
	label string
	items []string
	tone  text.Tone
}

func connectionSummary(s *record.Summary) []summaryLine {
	lines := []summaryLine{{label: "connections", items: []string{text.Count(s.Connections)}}}
	lines = appendCounts(lines, "outcome", s.ByOutcome, text.Calm)
	lines = appendCounts(lines, "teardown", s.ByTeardown, text.Calm)
	if s.ResetsBySide != (record.SideCounts{}) {
		lines = append(lines, summaryLine{label: "resets", items: slices.Concat(
			resetItems(s.ResetsBySide.Client, "clients", s.ResetsByState.Client),
			resetItems(s.ResetsBySide.Server, "servers", s.ResetsByState.Server))})
	}
	lines = appendCounts(lines, "failed", s.FailedByClass, text.Calm)
	if h := s.HalfClosed; h.AtEnd+h.Long > 0 {
		line := summaryLine{label: "half-closed", items: []string{text.Count(h.AtEnd) + " at the end",
			text.Count(h.Long) + " for a second or longer before"}}
		if h.Long > 0 {
			line.items = append(line.items, "longest "+text.Span(h.Longest))
		}
		lines = append(lines, line)
	}
	lines = appendNotClosing(lines, s.NotClosing, s.LeftOut.NotClosing)
	for _, i := range s.IdleTimeouts {
		lines = append(lines, summaryLine{"idle timeout", []string{text.IdleTimeout(&i)}, text.Alert})
	}
	lines = appendUsage(lines, s.Usage, s.LeftOut.Usage)
	if l := s.Lifetimes; l.Whole > 0 {
		lines = append(lines, summaryLine{label: "lifetimes", items: []string{
			text.Count(l.Short) + " below 1s", text.Count(l.Long) + " of 1m or longer", "of " + text.Count(l.Whole) +
				" seen whole"}})
	}
	lines = appendRTT(lines, "server RTT", s.ServerRTT)
	lines = appendRTT(lines, "client RTT", s.ClientRTT)
	if p := &s.Retransmissions; p.Retransmitted > 0 {
		lines = append(lines, summaryLine{label: "retransmitted", items: []string{
			text.Percent(p.Ratio) + " of " + text.Counted(p.Packets, "packet"),
			"in " + text.Counted(p.Connections, "connection")}})
	}
	if w := &s.TimeWait; w.Entered > 0 {
		items := []string{text.Count(w.Held) + " held at the end", text.Count(w.Entered) + " entered"}
		if s.Ports.LockedMost > 0 {
			items = append(items, "at most "+text.Counted(s.Ports.LockedMost, "port")+" of a client locked")
		}
		lines = append(lines, summaryLine{label: "TIME_WAIT", items: items})
	}
	for _, c := range []struct {
		label string
		n     uint64
		tone  text.Tone
	}{
		{"embryonic", s.Embryonic, text.Alert},
		{"half-open", s.HalfOpen, text.Alert},
		{"SYN floods", s.SynFloods, text.Bad},
		{"scans", s.Scans, text.Alert},
		{"backscatter", s.Backscatter, text.Alert},
		{"unjudged", s.Unjudged, text.Bad},
	} {
		if c.n > 0 {
			lines = append(lines, summaryLine{c.label, []string{text.Count(c.n)}, c.tone})
		}
	}
	return appendCounts(lines, "findings", s.FindingsByCode, text.Calm)
}

// resetItems says how many resets came from one side, and in which states they met the other.
func resetItems(n uint64, by string, states map[string]uint64) []string {
	s := text.Count(n) + " by " + by
	if lines := appendCounts(nil, "", states, text.Calm); len(lines) > 0 {
		s += " (in " + strings.Join(lines[0].items, ", ") + ")"
	}
	return []string{s}
}

// appendNotClosing appends the hosts that do not close, one line each. Of many it appends only the first.
func appendNotClosing(lines []summaryLine, hosts []record.NotClosing, leftOut uint64) []summaryLine {
	const most = 5
	for i := range hosts[:min(most, len(hosts))] {
		n := &hosts[i]
		lines = append(lines, summaryLine{"not closing", []string{
			text.Target(n.Host) + " leaves " + text.Counted(n.Connections, "connection") + " in CLOSE_WAIT",
			"longest " + text.Span(n.Longest)}, text.Alert})
	}
	if more := uint64(len(hosts)) + leftOut; more > most {
		lines = append(lines, summaryLine{"not closing", []string{"… and " + text.Count(more-most) + " more"},
			text.Alert})
	}
	return lines
}

// appendUsage appends how the connections of servers are used, one line each. Of many it appends only the first.
func appendUsage(lines []summaryLine, servers []record.Usage, leftOut uint64) []summaryLine {
	const most = 5
	for i := range servers[:min(most, len(servers))] {
		u := &servers[i]
		items := []string{text.Target(u.Server) + " " + usageWords(u), text.Counted(u.Connections, "connection")}
		if u.Rate.Known && u.Connections > most {
			items = append(items, text.Rate(u.Rate.Value)+"/s")
		}
		lines = append(lines, summaryLine{label: "usage", items: items})
	}
	if more := uint64(len(servers)) + leftOut; more > most {
		lines = append(lines, summaryLine{label: "usage",
			items: []string{"… and " + text.Count(more-most) + " more servers"}})
	}
	return lines
}

// usageWords says how most of the connections are used.
func usageWords(u *record.Usage) string {
	var most record.Pattern
	for _, p := range record.Patterns() {
		if n := u.ByPattern[string(p)]; n > u.ByPattern[string(most)] {
			most = p
		}
	}
	switch most {
	case record.PatternSingle:
		return "one request a connection"
	case record.PatternPersistent:
		return text.Significant(float64(u.Exchanges)/float64(u.Connections)) + " requests a connection"
	case record.PatternHeartbeat:
		return "heartbeats"
	case record.PatternIdle:
		return "idle connections"
	}
	return "bulk transfers"
}

// appendRTT appends percentiles if there was a sample.
func appendRTT(lines []summaryLine, label string, rtt record.RTT) []summaryLine {
	if rtt.Max == record.NoDuration {
		return lines
	}
	return append(lines, summaryLine{label: label, items: []string{
		"p50 " + text.Span(rtt.P50), "p90 " + text.Span(rtt.P90), "p99 " + text.Span(rtt.P99), "max " +
			text.Span(rtt.Max)}})
}

func captureSummary(c *Capture) []summaryLine {
	source := summaryLine{label: "files", items: fileNames(c.Files)}
	if len(c.Devices) > 0 {
		source = summaryLine{label: "devices", items: c.Devices}
	}
	lines := []summaryLine{
		source,
		{label: "packets", items: []string{text.Count(c.Packets) + " (" + text.Size(c.Bytes) + ")"}},
	}
	if c.First != record.NoTime {
		lines = append(lines, summaryLine{label: "time", items: []string{
			text.Clock(c.First) + " to " + text.Clock(c.Last) + " UTC", text.Span(text.Between(c.First, c.Last))}})
	}
	if c.Untimed > 0 {
		lines = append(lines, summaryLine{"untimed", []string{text.Counted(c.Untimed, "packet") +
			" without a time took the time of the packet before"}, text.Alert})
	}
	lines = appendCounts(lines, "link types", c.LinkTypes, text.Calm)
	if c.Filter != nil {
		lines = append(lines, summaryLine{label: "filter", items: []string{*c.Filter}})
	}
	if c.FlagsOnly != record.NoFlagsOnly {
		lines = append(lines, summaryLine{"flags only", []string{flagsOnlyWords[c.FlagsOnly]}, text.Alert})
	}
	lines = appendCounts(lines, "decoded", c.Decoded, text.Calm)
	lines = appendCounts(lines, "undecoded", c.Undecoded, text.Alert)
	var checksums []string
	if c.BadChecksums > 0 {
		checksums = append(checksums, text.Count(c.BadChecksums)+" wrong")
	}
	if c.Unfinished > 0 {
		checksums = append(checksums, text.Count(c.Unfinished)+" left to the network card")
	}
	if len(checksums) > 0 {
		lines = append(lines, summaryLine{label: "checksums", items: checksums})
	}
	var dropped []string
	tone := text.Calm
	for _, d := range []struct {
		n     *uint64
		where string
	}{{c.Dropped.Kernel, "kernel"}, {c.Dropped.Interface, "interface"}} {
		if d.n != nil {
			dropped = append(dropped, d.where+" "+text.Count(*d.n))
			if *d.n > 0 {
				tone = text.Bad
			}
		}
	}
	if tone != text.Calm {
		dropped = append(dropped, "so connections may seem broken that were not")
	}
	if len(dropped) > 0 {
		lines = append(lines, summaryLine{"dropped", dropped, tone})
	}
	if c.Evicted > 0 {
		within := "the limits"
		if c.MemoryLimit != nil {
			within += " (memory " + text.Size(*c.MemoryLimit) + ")"
		}
		evicted := []string{text.Counted(c.Evicted, "connection") + " evicted to stay within " + within}
		if c.AfterEviction > 0 {
			evicted = append(evicted,
				text.Counted(c.AfterEviction, "segment")+" of theirs came later and were not tracked")
		}
		lines = append(lines, summaryLine{"evicted", evicted, text.Bad})
	}
	for _, d := range c.Damage {
		if d.Unread {
			lines = append(lines, summaryLine{"not read", []string{d.File, d.Expected}, text.Bad})
			continue
		}
		lines = append(lines, summaryLine{"damage", []string{
			d.File + " at byte " + text.Count(uint64(d.Offset)), "expected " + d.Expected}, text.Bad})
	}
	if len(c.LostDevices) > 0 {
		lines = append(lines, summaryLine{"lost devices", c.LostDevices, text.Bad})
	}
	if c.Shed > 0 {
		lines = append(lines, summaryLine{"shed", []string{text.Counted(c.Shed, "record") +
			" counted but not written: overloaded, or nobody read them"}, text.Bad})
	}
	if c.Unwritten > 0 {
		lines = append(lines, summaryLine{"unwritten", []string{text.Counted(c.Unwritten, "packet") +
			" in no capture file"}, text.Bad})
	}
	if c.Events != nil {
		lines = append(lines, eventsLine(c.Events))
	}
	if c.Interim {
		lines = append(lines, summaryLine{label: "interim", items: []string{"the capture goes on"}})
	}
	if c.Interrupted {
		lines = append(lines, summaryLine{"interrupted", []string{"the rest of the capture was not read"}, text.Bad})
	}
	return lines
}

// eventsLine says what live --on did.
func eventsLine(e *Events) summaryLine {
	line := summaryLine{label: "events", items: []string{text.Counted(e.Matched, "record") + " matched"}}
	if e.Run > 0 {
		line.items = append(line.items, text.Counted(e.Run, "command")+" run")
	}
	if e.Dumps > 0 {
		line.items = append(line.items, text.Counted(e.Dumps, "dump")+" written")
	}
	for _, one := range []struct {
		n    uint64
		what string
	}{{e.Failed, "failed"}, {e.Killed, "killed after 10 s"}, {e.Dropped, "dropped"}, {e.DumpsDropped, "not dumped"}} {
		if one.n > 0 {
			line.items, line.tone = append(line.items, text.Count(one.n)+" "+one.what), text.Bad
		}
	}
	return line
}

var flagsOnlyWords = map[record.FlagsOnly]string{
	record.FlagsSyn:       "SYN: nothing shows what became of the attempts",
	record.FlagsSynFinRst: "SYN, FIN and RST: what the segments that were left out acknowledged is inferred",
}

// fileNames returns the names. Of many it returns only the first and the last.
func fileNames(files []string) []string {
	const most = 4
	if len(files) == 1 && files[0] == "-" {
		return []string{"standard input"}
	}
	if len(files) <= most {
		return files
	}
	return []string{text.Count(uint64(len(files))) + " files", files[0] + " … " + files[len(files)-1]}
}

// appendCounts appends counts, the largest first, with their share if they are many.
func appendCounts(lines []summaryLine, label string, counts map[string]uint64, tone text.Tone) []summaryLine {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var items []string
	for _, name := range names {
		if counts[name] > 0 {
			items = append(items, name+" "+text.Count(counts[name]))
		}
	}
	if len(items) == 0 {
		return lines
	}
	return append(lines, summaryLine{label, items, tone})
}

func (t *Table) drawSummary(out *bytes.Buffer, title, unchosen string, lines []summaryLine) error {
	label := 0
	for _, l := range lines {
		label = max(label, twwidth.Width(l.label))
	}
	room := 0
	if t.options.Width > 0 {
		room = max(t.options.Width-label-2*len(text.Gap), 20)
	}
	g := text.Grid{Columns: []text.GridColumn{{}, {}, {}}}
	for _, l := range lines {
		name := l.label
		items := make([]string, len(l.items))
		for i := range l.items {
			items[i] = text.Plain(l.items[i])
		}
		for _, s := range text.Wrap(items, ", ", room) {
			g.Rows = append(g.Rows, []text.Cell{{}, {Full: name, Tone: text.Faint}, {Full: s, Tone: l.tone}})
			name = ""
		}
	}
	t.drawTitle(out, title, "", unchosen)
	return g.Draw(out, 0, t.options.Color)
}
