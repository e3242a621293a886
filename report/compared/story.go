package compared

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/report/internal/text"
)

// A happening is what happened between two points to segments of one kind, in one connection or in several.
type happening struct {
	key

	segments    uint64 // for a change: the segments that show it
	of          uint64
	connections uint64
	towards     [2]bool         // the client's side, the server's side: born
	idle        record.Duration // the longest silence before one that was born
	unrepaired  uint64          // how many of the lost ones were never repeated
	after       record.Duration // how long the slowest repetition of the others took
	by          record.Duration // by how much the latest was late
	from, to    result.Value
	fromOthers  bool // other connections have another from
	toOthers    bool // other connections have another to
	icmp        *result.ICMPReport
}

// key identifies a kind of happening.
type key struct {
	kind    result.VerdictKind
	between [2]string
	way     result.Way
	what    string // the kind of segment, the changed field, or the reason why it was not captured
	at      result.PointName
}

// happenings are those of a connection, worst first.
func happenings(c *result.Compared) []*happening {
	var list []*happening
	byKey := map[key]*happening{}
	for i := range c.Verdicts {
		v := &c.Verdicts[i]
		if v.Routine {
			continue
		}
		h := &happening{
			key:      key{kind: v.Kind, between: [2]string{v.Between[0], v.Between[1]}, way: v.Way, what: v.What},
			segments: v.Segments, of: v.Of, connections: 1, idle: v.Idle, by: v.By, from: v.From, to: v.To,
			icmp:  v.ICMP,
			after: record.NoDuration,
		}
		switch v.Kind {
		case result.Born:
			h.way = ""
			h.towards = [2]bool{v.Toward == record.Client, v.Toward == record.Server}
		case result.Lost:
			if v.Repaired != nil {
				h.after = v.Repaired.After
			} else if !v.Needless {
				h.unrepaired = 1
			}
		case result.Altered:
			h.what = string(v.Field)
		case result.NotCaptured:
			h.what, h.at, h.between, h.way = string(v.Reason), v.MissingAt, [2]string{}, ""
		case result.Delayed, result.Reordered, result.Duplicated:
			h.what = ""
		}
		if old := byKey[h.key]; old != nil {
			old.add(h)
			old.of = h.of
			old.connections = 1
			continue
		}
		byKey[h.key] = h
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b *happening) int { return cmp.Compare(b.weight(), a.weight()) })
	return list
}

// add adds what happened elsewhere in the same way.
func (h *happening) add(o *happening) {
	h.segments += o.segments
	h.of += o.of
	h.connections += o.connections
	h.towards[0], h.towards[1] = h.towards[0] || o.towards[0], h.towards[1] || o.towards[1]
	h.unrepaired += o.unrepaired
	h.idle, h.after, h.by = max(h.idle, o.idle), max(h.after, o.after), max(h.by, o.by)
	h.fromOthers, h.toOthers = h.fromOthers || o.fromOthers || h.from != o.from, h.toOthers || o.toOthers ||
		h.to != o.to
	if h.icmp == nil {
		h.icmp = o.icmp
	}
}

// needsAnswer reports whether segments of a kind are retransmitted until something answers them.
func needsAnswer(what string) bool {
	return what == "SYN" || what == "SYN-ACK" || what == "FIN" || what == "data"
}

// weight rates a happening: it is worst if it ends connections, less bad if it slows them down, and least if it only
// changes them.
func (h *happening) weight() int {
	switch h.kind {
	case result.Born:
		if h.what == "RST" {
			return 100
		}
		return 70
	case result.Lost:
		switch {
		case h.unrepaired > 0 && (h.what == "SYN" || h.what == "SYN-ACK"):
			return 95
		case h.unrepaired > 0 && needsAnswer(h.what):
			return 90
		case h.what == "RST":
			return 80
		case needsAnswer(h.what):
			return 60
		}
		return 40
	case result.Delayed:
		return 30
	case result.Reordered:
		return 28
	case result.Duplicated:
		return 26
	case result.Altered:
		return 10
	}
	return 1
}

// Score rates what happened to a connection: higher is worse.
func score(list []*happening) int64 {
	sum := int64(0)
	for _, h := range list {
		const most = 1000
		w := int64(h.weight())
		sum += w*w*w + w*min(int64(h.segments), most)
	}
	return sum
}

// Story says in words what happened to a connection, one line each, worst first. It is empty if only the usual
// happened.
func Story(c *result.Compared) []string {
	if c.Pairing.By == result.TwoConnections {
		line := fmt.Sprintf("two connections: a device between %s and %s ends the one and opens the other",
			c.Pairing.Between[0], c.Pairing.Between[1])
		return append([]string{line}, c.Pairing.Why...)
	}
	lines := told(happenings(c), false)
	if n := c.LeftOut; n > 0 {
		lines = append(lines, text.Counted(n, "more event")+" not listed")
	}
	return lines
}

// told describes happenings. total is set for the sum of several connections.
func told(list []*happening, total bool) []string {
	var lines []string
	for _, h := range list {
		if h.isBackwards(list) || h.toldWithAddress(list) {
			continue
		}
		line := h.words(list)
		if total {
			line += ", in " + text.Counted(h.connections, "connection")
		}
		lines = append(lines, line)
	}
	return lines
}

// isBackwards reports a change that is only the other direction's half of NAT or renumbering.
func (h *happening) isBackwards(list []*happening) bool {
	if h.kind != result.Altered {
		return false
	}
	other, paired := map[string]string{
		string(result.FieldTarget):     string(result.FieldSource),
		string(result.FieldTargetPort): string(result.FieldSourcePort),
		string(result.FieldSource):     string(result.FieldTarget),
		string(result.FieldSourcePort): string(result.FieldTargetPort),
	}[h.what]
	has := func(way result.Way, what string) bool {
		return slices.ContainsFunc(list, func(o *happening) bool {
			return o.kind == result.Altered && o.between == h.between && o.way == way && o.what == what
		})
	}
	switch {
	case paired:
		return h.way == result.ToClient && has(result.ToServer, other)
	case h.what == string(result.FieldAck):
		return has(opposite(h.way), string(result.FieldSeq))
	}
	return false
}

// find returns what happened to another field at the same place.
func (h *happening) find(list []*happening, field result.Field) *happening {
	for _, o := range list {
		if o.kind == result.Altered && o.between == h.between && o.way == h.way && o.what == string(field) {
			return o
		}
	}
	return nil
}

// toldWithAddress reports a port that is translated together with its address.
func (h *happening) toldWithAddress(list []*happening) bool {
	switch {
	case h.kind != result.Altered:
	case h.what == string(result.FieldSourcePort):
		return h.find(list, result.FieldSource) != nil
	case h.what == string(result.FieldTargetPort):
		return h.find(list, result.FieldTarget) != nil
	}
	return false
}

// translation says what NAT makes of a socket.
func (h *happening) translation(list []*happening, where string) string {
	name, field := "SNAT", result.FieldSourcePort
	if (h.what == string(result.FieldTarget)) == (h.way == result.ToServer) {
		name = "DNAT"
	}
	if h.what == string(result.FieldTarget) {
		field = result.FieldTargetPort
	}
	from, to := fmt.Sprint(h.from.Any()), fmt.Sprint(h.to.Any())
	port := h.find(list, field)
	switch {
	case h.toOthers:
		return fmt.Sprintf("%s %s %s", name, where, towards(h.way))
	case h.fromOthers:
		return fmt.Sprintf("%s %s %s, to %s", name, where, towards(h.way), to)
	case port != nil && !port.fromOthers && !port.toOthers:
		from, to = fmt.Sprintf("%s:%v", from, port.from.Any()), fmt.Sprintf("%s:%v", to, port.to.Any())
	}
	return fmt.Sprintf("%s %s %s, %s → %s", name, where, towards(h.way), from, to)
}

func opposite(w result.Way) result.Way {
	if w == result.ToServer {
		return result.ToClient
	}
	return result.ToServer
}

func towards(w result.Way) string {
	if w == result.ToServer {
		return "towards the server"
	}
	return "towards the client"
}

// several returns a number of segments in words: "3 SYNs".
func several(n uint64, what string) string {
	switch {
	case what == "data":
		return text.Counted(n, "data segment")
	case n == 1:
		return what
	}
	return text.Count(n) + " " + what + "s"
}

func (h *happening) words(list []*happening) string {
	where := "between " + h.between[0] + " and " + h.between[1]
	switch h.kind {
	case result.Born:
		line := several(h.segments, h.what) + " born " + where
		switch h.towards {
		case [2]bool{true, true}:
			line += ", towards both"
		case [2]bool{true, false}:
			line += ", towards the client"
		default:
			line += ", towards the server"
		}
		if h.idle >= record.Duration(time.Second) {
			line += ", after " + text.Span(h.idle) + " idle"
		}
		return line
	case result.Lost:
		return h.lostWords(where)
	case result.Altered:
		if h.what == string(result.FieldSource) || h.what == string(result.FieldTarget) {
			return h.translation(list, where)
		}
		return h.alteredWords(where)
	case result.Delayed:
		return text.Counted(h.segments, "segment") + " delayed " + where + " " + towards(h.way) + ", by up to " +
			text.Span(h.by)
	case result.Reordered:
		return text.Counted(h.segments, "segment") + " overtaken " + where + " " + towards(h.way)
	case result.Duplicated:
		return text.Counted(h.segments, "segment") + " duplicated " + where + " " + towards(h.way)
	}
	return text.Counted(h.segments, "segment") + " not captured at " + string(h.at) + ": " +
		blindWords[result.BlindReason(h.what)]
}

var blindWords = map[result.BlindReason]string{
	result.BlindDropped:  "its capture lost packets",
	result.BlindLater:    "its capture began later",
	result.BlindEarlier:  "its capture ended earlier",
	result.BlindFiltered: "its capture holds no such segments",
	result.BlindOneWay:   "its capture holds the other direction only",
}

func (h *happening) lostWords(where string) string {
	noun := h.what
	if h.what == "data" && h.segments > 1 {
		noun = "data segments"
	}
	line := fmt.Sprintf("%s lost %s %s, %s of %s", noun, where, towards(h.way), text.Count(h.segments),
		text.Count(max(h.of, h.segments)))
	if h.what == "data" && h.segments == 1 {
		line = fmt.Sprintf("data segment lost %s %s, 1 of %s", where, towards(h.way), text.Count(max(h.of, 1)))
	}
	if needsAnswer(h.what) {
		switch {
		case h.unrepaired == 0 && h.after == record.NoDuration:
			line += ", which had come through before"
		case h.unrepaired == 0:
			line += ", came through again after " + text.Span(h.after)
		case h.unrepaired == h.segments:
			line += ", never came through"
		default:
			line += ", " + text.Count(h.unrepaired) + " never came through"
		}
	}
	if i := h.icmp; i != nil {
		line += fmt.Sprintf("; %s reports it by ICMP %d/%d", i.From, i.Type, i.Code)
	}
	return line
}

func (h *happening) alteredWords(where string) string {
	change := fmt.Sprintf("%v → %v", h.from.Any(), h.to.Any())
	switch {
	case h.toOthers:
		change = "different values"
	case h.fromOthers:
		change = fmt.Sprintf("to %v", h.to.Any())
	}
	names := map[result.Field]string{
		result.FieldSource: "source address", result.FieldSourcePort: "source port",
		result.FieldTarget:     "target address",
		result.FieldTargetPort: "target port", result.FieldSeq: "sequence numbers",
		result.FieldAck: "acknowledgement numbers",
		result.FieldLen: "payload length", result.FieldFlags: "flags", result.FieldWindow: "window",
		result.FieldIPID: "IP identification",
		result.FieldECN:  "ECN codepoint", result.FieldTSVal: "TSval", result.FieldTSEcr: "TSecr",
		result.FieldTTL: "TTL",
		result.FieldMSS: "MSS", result.FieldWScale: "window scale", result.FieldSACKPermitted: "SACK permitted",
		result.FieldSACK: "SACK blocks", result.FieldTimestamps: "timestamps", result.FieldFastOpen: "Fast Open",
		result.FieldMPTCP: "MPTCP", result.FieldSignature: "signature",
	}
	name := names[result.Field(h.what)]
	switch {
	case h.to.Any() == nil:
		return fmt.Sprintf("%s removed %s %s", name, where, towards(h.way))
	case h.from.Any() == nil:
		return fmt.Sprintf("%s added %s %s", name, where, towards(h.way))
	case h.what == string(result.FieldSeq), h.what == string(result.FieldAck):
		return fmt.Sprintf("%s shifted %s %s", name, where, towards(h.way))
	case h.what == string(result.FieldIPID), h.what == string(result.FieldTSVal), h.what == string(result.FieldTSEcr):
		return fmt.Sprintf("%s rewritten %s %s", name, where, towards(h.way))
	}
	return fmt.Sprintf("%s changed %s %s, %s", name, where, towards(h.way), change)
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
