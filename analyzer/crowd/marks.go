package crowd

import (
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/flows"
)

// Probe has the fields of the first segment of an attempt, a SYN or another one.
type Probe struct {
	Seq, Ack  uint32
	TSVal     uint32 // with HasTimestamp
	Options   uint32 // hasMSS to hasTimestamp, and the MSS in the low 16 bits
	Window    uint16
	IPID      uint16
	Flags     flows.Flags
	TTL       uint8
	FromB     bool // of the flow's key
	RSTWindow bool // the answer was an RST with a window above 0
}

const (
	hasMSS = 1 << (16 + iota)
	hasWScale
	hasSACK
	hasTimestamp

	// systemOptions are the options besides the MSS. Every operating system offers at least one of them.
	systemOptions = hasWScale | hasSACK | hasTimestamp
)

// ProbeOf describes a segment.
func ProbeOf(seg *flows.Segment) (p Probe) {
	p.Set(seg)
	return p
}

// Set makes an empty Probe describe a segment. It sets one field after the other in place: copying a Probe just written
// in small pieces stalls the processor (store forwarding).
func (p *Probe) Set(seg *flows.Segment) {
	o := &seg.Options
	p.Seq, p.Ack, p.TSVal, p.Window, p.IPID = seg.Seq, seg.Ack, o.TSVal, seg.Window, seg.IPID
	p.Flags, p.TTL, p.FromB = seg.Flags, seg.TTL, seg.FromB
	p.Options = OptionsOf(seg)
}

// OptionsOf returns the options of a segment as Probe.Options has them.
func OptionsOf(seg *flows.Segment) (options uint32) {
	o := &seg.Options
	if o.HasMSS {
		options = hasMSS | uint32(o.MSS)
	}
	if o.HasWScale {
		options |= hasWScale
	}
	if o.SACKPermitted {
		options |= hasSACK
	}
	if o.HasTimestamp {
		options |= hasTimestamp
	}
	return options
}

// HasTimestamp reports a timestamp option (RFC 7323 §3.2).
func (p *Probe) HasTimestamp() bool { return p.Options&hasTimestamp != 0 }

// options names the options, in a fixed order.
func (p *Probe) options() string {
	var list []string
	for _, o := range [...]struct {
		bit  uint32
		name string
	}{
		{hasMSS, "mss " + strconv.Itoa(int(uint16(p.Options)))}, {hasSACK, "sack"}, {hasTimestamp, "timestamps"},
		{hasWScale, "wscale"},
	} {
		if p.Options&o.bit != 0 {
			list = append(list, o.name)
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, ", ")
}

// marks counts what the SYNs of tools have in common.
type marks struct {
	n                             uint64
	mirai, zmap, masscan          uint64
	sameISN, stepISN, bare, poor  uint64
	sameTTL, sameWindow, sameOpts uint64
	first                         Probe
	last, step                    uint32 // the latest ISN, and its difference from the one before
}

func (m *marks) add(a *Attempt, s *Probe) {
	t := &a.Target
	low := uint32(t[12])<<24 | uint32(t[13])<<16 | uint32(t[14])<<8 | uint32(t[15])
	if m.n == 0 {
		m.first = *s
	}
	step := s.Seq - m.last
	count := func(n *uint64, holds bool) {
		if holds {
			*n++
		}
	}
	count(&m.mirai, s.Seq == low) // M. Antonakakis et al., "Understanding the Mirai Botnet", USENIX Security 2017, §3.1
	count(&m.zmap, s.IPID == 54321)
	count(&m.masscan, s.IPID == uint16(low^uint32(a.TargetPort)^s.Seq))
	count(&m.sameISN, s.Seq == m.first.Seq)
	count(&m.stepISN, m.n > 1 && step == m.step && step != 0)
	count(&m.bare, s.Options == 0)
	count(&m.poor, s.Options&systemOptions == 0)
	count(&m.sameTTL, s.TTL == m.first.TTL)
	count(&m.sameWindow, s.Window == m.first.Window)
	count(&m.sameOpts, s.Options == m.first.Options)
	m.step, m.last = step, s.Seq
	m.n++
}

// ofTool reports whether a tool, not an operating system, made the SYNs.
func (m *marks) ofTool() bool {
	if ratio(m.poor, m.n) >= mostOfThem {
		return true
	}
	for _, mark := range m.found() {
		switch mark.Name {
		case "same_ttl", "same_window", "same_options":
		default:
			return true
		}
	}
	return false
}

// Mark is a feature that most of the SYNs have in common.
type Mark struct {
	Name  string // lower case, with underscores
	Value string // the common value; empty if each SYN has its own
	Share float64
}

// mostOfThem is the share of SYNs that must have a mark.
const mostOfThem = 0.9

// found lists the marks of most SYNs.
func (m *marks) found() []Mark {
	const several = 8
	if m.n < several {
		return nil
	}
	var list []Mark
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	for _, mark := range []struct {
		name, value string
		n           uint64
	}{
		{"mirai_isn", "", m.mirai},
		{"zmap_ip_id", "54321", m.zmap},
		{"masscan_ip_id", "", m.masscan},
		{"constant_isn", number(uint64(m.first.Seq)), m.sameISN},
		{"sequential_isn", "+" + number(uint64(m.step)), m.stepISN},
		{"no_options", "", m.bare},
		{"same_ttl", number(uint64(m.first.TTL)), m.sameTTL},
		{"same_window", number(uint64(m.first.Window)), m.sameWindow},
		{"same_options", m.first.options(), m.sameOpts},
	} {
		if share := ratio(mark.n, m.n); share >= mostOfThem &&
			!(mark.name == "same_options" && ratio(m.bare, m.n) >= mostOfThem) {
			list = append(list, Mark{mark.name, mark.value, share})
		}
	}
	return list
}
