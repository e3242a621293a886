package text

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// The functions of this file format values for people. An unknown value is a dash.

const Unknown = "-"

// Count writes n with commas between thousands: 2,401,282.
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted writes n and the noun, with an s unless n is 1.
func Counted(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Amount is n in at most five characters: 999, 1.02k, 15.3M; with powers of 1000.
func Amount(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	value, prefix := float64(n)/1000, 0
	for value >= 999.5 {
		value, prefix = value/1000, prefix+1
	}
	return Significant(value) + "kMGTPE"[prefix:prefix+1]
}

// Size is n bytes: 134 B, 359 MB.
func Size(n uint64) string {
	s := Amount(n)
	if n < 1000 {
		return s + " B"
	}
	return s[:len(s)-1] + " " + s[len(s)-1:] + "B"
}

// Significant is a number of 0 to 999 with three significant digits, or fewer below one hundredth.
func Significant(v float64) string {
	decimals := 2
	for limit := 9.995; v >= limit && decimals > 0; limit *= 10 {
		decimals--
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// Rate is a number a second.
func Rate(perSecond float64) string {
	if perSecond < 1000 {
		return Significant(perSecond)
	}
	return Amount(uint64(perSecond))
}

// Percent is a share of 0 to 1 in percent; 100% only if it is 1, and 0% only if it is 0.
func Percent(share float64) string {
	switch {
	case math.IsNaN(share):
		return Unknown
	case share > 0 && share < 0.001:
		return "<0.1%"
	case share < 1 && share > 0.999:
		return ">99.9%"
	case share == 0 || share == 1:
		return strconv.Itoa(int(share)*100) + "%"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + "%"
}

// Span is a duration with three significant digits, or in two units from a minute on: 12.3ms, 1.50s, 2m03s, 4d01h.
func Span(d record.Duration) string {
	switch {
	case d == record.NoDuration:
		return Unknown
	case d < 0: // the capture's clock stepped back
		return "-" + Span(-d)
	case d == 0:
		return "0s"
	case d < 1e3:
		return strconv.FormatInt(int64(d), 10) + "ns"
	case float64(d) < 999.5e3:
		return Significant(float64(d)/1e3) + "µs"
	case float64(d) < 999.5e6:
		return Significant(float64(d)/1e6) + "ms"
	case float64(d) < 59.95e9:
		return Significant(float64(d)/1e9) + "s"
	}
	seconds := (int64(d) + 5e8) / 1e9
	two := func(large int64, largeUnit string, small int64, smallUnit string) string {
		return strconv.FormatInt(large, 10) + largeUnit + string([]byte{'0' + byte(small/10), '0' + byte(small%10)}) +
			smallUnit
	}
	switch {
	case seconds < 3600:
		return two(seconds/60, "m", seconds%60, "s")
	case seconds < 24*3600:
		return two(seconds/3600, "h", seconds/60%60, "m")
	}
	return two(seconds/(24*3600), "d", seconds/3600%24, "h")
}

// Elapsed is a duration that goes on, to the tenth of a second: 0.3s, 12.0s, 2m03s.
func Elapsed(d record.Duration) string {
	if d >= 60e9 {
		return Span(d)
	}
	return strconv.FormatFloat(float64(d/1e8)/10, 'f', 1, 64) + "s"
}

// Clock is the date and the time of day, UTC, to the millisecond; clockShort only the time of day.
func Clock(t record.Time) string { return clockIn(t, "2006-01-02 15:04:05.000") }

func ClockShort(t record.Time) string { return clockIn(t, "15:04:05.000") }

func clockIn(t record.Time, layout string) string {
	if t == record.NoTime {
		return Unknown
	}
	return time.Unix(0, int64(t)).UTC().Format(layout)
}

// Between is the time from start to end, if both are known.
func Between(start, end record.Time) record.Duration {
	if start == record.NoTime || end == record.NoTime {
		return record.NoDuration
	}
	return record.Duration(end - start)
}

// longestIPv4 is the width of the longest IPv4 socket. IPv6 sockets are shortened to it.
const longestIPv4 = len("255.255.255.255:65535")

// ShortSocket is a socket in at most longestIPv4 characters.
func ShortSocket(s netip.AddrPort) string {
	full := s.String()
	if len(full) <= longestIPv4 {
		return full
	}
	port := "]:" + strconv.Itoa(int(s.Port()))
	return "[" + cutMiddle(s.Addr().String(), longestIPv4-len(port)-1) + port
}

// ShortIP is an address in at most as many characters as the longest IPv4 address has.
func ShortIP(ip netip.Addr) string { return cutMiddle(ip.String(), len("255.255.255.255")) }

// cutMiddle shortens ASCII text to a width by leaving out its middle.
func cutMiddle(s string, width int) string {
	if len(s) <= width {
		return s
	}
	head := width / 2
	return s[:head] + "…" + s[len(s)-(width-head-1):]
}

// Plain makes s safe to print: control and other invisible characters become Go escapes.
func Plain(s string) string {
	printable := func(r rune) bool { return unicode.IsPrint(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !printable(r) }) < 0 {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	var b strings.Builder
	for _, r := range s {
		if printable(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// AppendEncapsulation appends layers as words: vlan:12 vxlan:42.
func AppendEncapsulation(b []byte, layers []flows.Layer) []byte {
	for i, layer := range layers {
		b = append(AppendSpace(b, i), layer.Kind...)
		if layer.HasID {
			b = strconv.AppendUint(append(b, ':'), uint64(layer.ID), 10)
		}
	}
	return b
}

// AppendSpace appends a space before word i of a list, unless it is the first.
func AppendSpace(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ' ')
	}
	return b
}

// Width is the number of columns of a text without colours.
func Width(s string) int { return utf8.RuneCountInString(s) }

func Pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-Width(s))) }

func IdleTimeout(t *record.IdleTimeout) string {
	who := "different servers"
	if t.Server != nil {
		who = Target(*t.Server)
	}
	if t.Kind == record.IdleCrossed {
		return Counted(t.Resets, "close") + " after " + Span(t.Idle) + " to " + Span(t.Longest) + " of silence (" +
			Count(t.BySide.Client) + " by clients, " +
			Count(t.BySide.Server) + " by servers) crossed what the other side sent, " + who +
			": let that side give up idle connections sooner"
	}
	return Counted(t.Resets, "reset") + " after " + Span(t.Idle) + " to " + Span(t.Longest) + " of silence (" +
		Count(t.BySide.Client) + " by clients, " +
		Count(t.BySide.Server) + " by servers), " + who + ": perhaps a middlebox forgets idle connections"
}

// Join joins the parts that are not empty by commas.
func Join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// Target is an address, with a port if there is one.
func Target(t record.Target) string {
	if t.Port == nil {
		return t.IP.String()
	}
	return netip.AddrPortFrom(t.IP, *t.Port).String()
}

// Wrap joins items into lines of at most width characters; 0 is no limit. An item too long for a line is broken between
// its words, and a word is never broken.
func Wrap(items []string, separator string, width int) []string {
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
			lines = append(lines, Wrap(strings.Split(item, " "), " ", width)...)
		default:
			lines = append(lines, item)
		}
	}
	return lines
}

// Some is the cell of a number that is empty when it is 0.
func Some(n uint64) Cell {
	if n == 0 {
		return Cell{Full: Unknown}
	}
	return Cell{Full: Count(n)}
}
