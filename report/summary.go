package report

import (
	"bytes"
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
)

// A summaryLine is a label and a list, which may take several lines.
type summaryLine struct {
	label string
	items []string
	tone  tone
}

func connectionSummary(s *record.Summary) []summaryLine {
	lines := []summaryLine{{label: "connections", items: []string{count(s.Connections)}}}
	lines = appendCounts(lines, "outcome", s.ByOutcome, calm)
	lines = appendCounts(lines, "teardown", s.ByTeardown, calm)
	if s.ResetsBySide != (record.SideCounts{}) {
		lines = append(lines, summaryLine{label: "resets", items: slices.Concat(
			resetItems(s.ResetsBySide.Client, "clients", s.ResetsByState.Client), resetItems(s.ResetsBySide.Server, "servers", s.ResetsByState.Server))})
	}
	lines = appendCounts(lines, "failed", s.FailedByClass, calm)
	if h := s.HalfClosed; h.AtEnd+h.Long > 0 {
		line := summaryLine{label: "half-closed", items: []string{count(h.AtEnd) + " at the end", count(h.Long) + " for a second or longer before"}}
		if h.Long > 0 {
			line.items = append(line.items, "longest "+span(h.Longest))
		}
		lines = append(lines, line)
	}
	lines = appendNotClosing(lines, s.NotClosing, s.LeftOut.NotClosing)
	for _, i := range s.IdleTimeouts {
		lines = append(lines, summaryLine{"idle timeout", []string{idleTimeout(&i)}, alert})
	}
	if l := s.Lifetimes; l.Whole > 0 {
		lines = append(lines, summaryLine{label: "lifetimes", items: []string{
			count(l.Short) + " below 1s", count(l.Long) + " of 1m or longer", "of " + count(l.Whole) + " seen whole"}})
	}
	lines = appendRTT(lines, "server RTT", s.ServerRTT)
	lines = appendRTT(lines, "client RTT", s.ClientRTT)
	for _, c := range []struct {
		label string
		n     uint64
		tone  tone
	}{
		{"embryonic", s.Embryonic, alert},
		{"half-open", s.HalfOpen, alert},
		{"SYN floods", s.SynFloods, bad},
		{"scans", s.Scans, alert},
		{"backscatter", s.Backscatter, alert},
		{"unjudged", s.Unjudged, bad},
	} {
		if c.n > 0 {
			lines = append(lines, summaryLine{c.label, []string{count(c.n)}, c.tone})
		}
	}
	return appendCounts(lines, "findings", s.FindingsByCode, calm)
}

// resetItems says how many resets came from one side, and in which states they met the other.
func resetItems(n uint64, by string, states map[string]uint64) []string {
	text := count(n) + " by " + by
	if lines := appendCounts(nil, "", states, calm); len(lines) > 0 {
		text += " (in " + strings.Join(lines[0].items, ", ") + ")"
	}
	return []string{text}
}

// appendNotClosing appends who does not close, a line each, and of many the first.
func appendNotClosing(lines []summaryLine, hosts []record.NotClosing, leftOut uint64) []summaryLine {
	const most = 5
	for i := range hosts[:min(most, len(hosts))] {
		n := &hosts[i]
		lines = append(lines, summaryLine{"not closing", []string{
			target(n.Host) + " leaves " + counted(n.Connections, "connection") + " in CLOSE_WAIT", "longest " + span(n.Longest)}, alert})
	}
	if more := uint64(len(hosts)) + leftOut; more > most {
		lines = append(lines, summaryLine{"not closing", []string{"… and " + count(more-most) + " more"}, alert})
	}
	return lines
}

func idleTimeout(t *record.IdleTimeout) string {
	who := "different servers"
	if t.Server != nil {
		who = target(*t.Server)
	}
	return counted(t.Resets, "reset") + " after " + span(t.Idle) + " to " + span(t.Longest) + " of silence (" + count(t.BySide.Client) + " by clients, " +
		count(t.BySide.Server) + " by servers), " + who + ": perhaps a middlebox forgets idle connections"
}

// target is an address, with a port if there is one.
func target(t record.Target) string {
	if t.Port == nil {
		return t.IP.String()
	}
	return netip.AddrPortFrom(t.IP, *t.Port).String()
}

// appendRTT appends percentiles if there was a sample.
func appendRTT(lines []summaryLine, label string, rtt record.RTT) []summaryLine {
	if rtt.Max == record.NoDuration {
		return lines
	}
	return append(lines, summaryLine{label: label, items: []string{
		"p50 " + span(rtt.P50), "p90 " + span(rtt.P90), "p99 " + span(rtt.P99), "max " + span(rtt.Max)}})
}

func captureSummary(c *Capture) []summaryLine {
	source := summaryLine{label: "files", items: fileNames(c.Files)}
	if len(c.Devices) > 0 {
		source = summaryLine{label: "devices", items: c.Devices}
	}
	lines := []summaryLine{
		source,
		{label: "packets", items: []string{count(c.Packets) + " (" + size(c.Bytes) + ")"}},
	}
	if c.First != record.NoTime {
		lines = append(lines, summaryLine{label: "time", items: []string{
			clock(c.First) + " to " + clock(c.Last) + " UTC", span(between(c.First, c.Last))}})
	}
	if c.Untimed > 0 {
		lines = append(lines, summaryLine{"untimed", []string{counted(c.Untimed, "packet") + " without a time took the time of the packet before"}, alert})
	}
	lines = appendCounts(lines, "link types", c.LinkTypes, calm)
	if c.Filter != nil {
		lines = append(lines, summaryLine{label: "filter", items: []string{*c.Filter}})
	}
	lines = appendCounts(lines, "decoded", c.Decoded, calm)
	lines = appendCounts(lines, "undecoded", c.Undecoded, alert)
	var checksums []string
	if c.BadChecksums > 0 {
		checksums = append(checksums, count(c.BadChecksums)+" wrong")
	}
	if c.Unfinished > 0 {
		checksums = append(checksums, count(c.Unfinished)+" left to the network card")
	}
	if len(checksums) > 0 {
		lines = append(lines, summaryLine{label: "checksums", items: checksums})
	}
	var dropped []string
	tone := calm
	for _, d := range []struct {
		n     *uint64
		where string
	}{{c.Dropped.Kernel, "kernel"}, {c.Dropped.Interface, "interface"}} {
		if d.n != nil {
			dropped = append(dropped, d.where+" "+count(*d.n))
			if *d.n > 0 {
				tone = bad
			}
		}
	}
	if tone != calm {
		dropped = append(dropped, "so connections may seem broken that were not")
	}
	if len(dropped) > 0 {
		lines = append(lines, summaryLine{"dropped", dropped, tone})
	}
	if c.Evicted > 0 {
		lines = append(lines, summaryLine{"evicted", []string{counted(c.Evicted, "connection") + " given up early to stay within the limits"}, bad})
	}
	for _, d := range c.Damage {
		lines = append(lines, summaryLine{"damage", []string{
			d.File + " at byte " + count(uint64(d.Offset)), "expected " + d.Expected}, bad})
	}
	if len(c.LostDevices) > 0 {
		lines = append(lines, summaryLine{"lost devices", c.LostDevices, bad})
	}
	if c.Shed > 0 {
		lines = append(lines, summaryLine{"shed", []string{counted(c.Shed, "attempt") + " that came to nothing not written, for want of time"}, bad})
	}
	if c.Unwritten > 0 {
		lines = append(lines, summaryLine{"unwritten", []string{counted(c.Unwritten, "packet") + " in no capture file"}, bad})
	}
	if c.Interim {
		lines = append(lines, summaryLine{label: "interim", items: []string{"the capture goes on"}})
	}
	if c.Interrupted {
		lines = append(lines, summaryLine{"interrupted", []string{"the rest of the capture was not read"}, bad})
	}
	return lines
}

// fileNames is the names, or of many the first and the last.
func fileNames(files []string) []string {
	const most = 4
	if len(files) == 1 && files[0] == "-" {
		return []string{"standard input"}
	}
	if len(files) <= most {
		return files
	}
	return []string{count(uint64(len(files))) + " files", files[0] + " … " + files[len(files)-1]}
}

// appendCounts appends counts, the largest first, with their share if they are many.
func appendCounts(lines []summaryLine, label string, counts map[string]uint64, tone tone) []summaryLine {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var items []string
	for _, name := range names {
		if counts[name] > 0 {
			items = append(items, name+" "+count(counts[name]))
		}
	}
	if len(items) == 0 {
		return lines
	}
	return append(lines, summaryLine{label, items, tone})
}

func (t *Table) drawSummary(out *bytes.Buffer, title string, lines []summaryLine) error {
	label := 0
	for _, l := range lines {
		label = max(label, twwidth.Width(l.label))
	}
	room := 0
	if t.options.Width > 0 {
		room = max(t.options.Width-label-2*len(gap), 20)
	}
	g := grid{columns: []gridColumn{{}, {}, {}}}
	for _, l := range lines {
		name := l.label
		items := make([]string, len(l.items))
		for i := range l.items {
			items[i] = plain(l.items[i])
		}
		for _, text := range wrap(items, ", ", room) {
			g.rows = append(g.rows, []cell{{}, {full: name, tone: faint}, {full: text, tone: l.tone}})
			name = ""
		}
	}
	out.WriteString(t.paint(bold, title) + "\n")
	return g.draw(out, 0, t.options.Color)
}

// wrap joins items into lines of at most width characters; 0 is no limit. An item too long for a line is broken between
// its words, and a word is never broken.
func wrap(items []string, separator string, width int) []string {
	var lines []string
	for i, item := range items {
		if i < len(items)-1 {
			item += strings.TrimRight(separator, " ")
		}
		last := len(lines) - 1
		switch {
		case i > 0 && (width == 0 || twwidth.Width(lines[last])+1+twwidth.Width(item) <= width):
			lines[last] += " " + item
		case width > 0 && twwidth.Width(item) > width && separator != " ":
			lines = append(lines, wrap(strings.Split(item, " "), " ", width)...)
		default:
			lines = append(lines, item)
		}
	}
	return lines
}
