package report

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tcplife/tcplife/analyzer/record"
)

// The functions of this file say values as a person reads them. What is not known is a dash.

const unknown = "-"

// count is n with its thousands apart: 2,401,282.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is n and the noun, in its plural (by an s) unless n is 1.
func counted(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(n) + " " + noun
}

// amount is n in at most five characters: 999, 1.02k, 15.3M; with powers of 1000.
func amount(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	value, prefix := float64(n)/1000, 0
	for value >= 999.5 {
		value, prefix = value/1000, prefix+1
	}
	return significant(value) + "kMGTPE"[prefix:prefix+1]
}

// size is n bytes: 134 B, 359 MB.
func size(n uint64) string {
	s := amount(n)
	if n < 1000 {
		return s + " B"
	}
	return s[:len(s)-1] + " " + s[len(s)-1:] + "B"
}

// significant is a number of 0 to 999 with three significant digits, or fewer below one hundredth.
func significant(v float64) string {
	decimals := 2
	for limit := 9.995; v >= limit && decimals > 0; limit *= 10 {
		decimals--
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

// rate is a number a second.
func rate(perSecond float64) string {
	if perSecond < 1000 {
		return significant(perSecond)
	}
	return amount(uint64(perSecond))
}

// percent is a share of 0 to 1; all only if it is all, and none only if it is none.
func percent(share float64) string {
	switch {
	case math.IsNaN(share):
		return unknown
	case share > 0 && share < 0.001:
		return "<0.1%"
	case share < 1 && share > 0.999:
		return ">99.9%"
	case share == 0 || share == 1:
		return strconv.Itoa(int(share)*100) + "%"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + "%"
}

// span is a duration with three significant digits, or in two units from a minute on: 12.3ms, 1.50s, 2m03s, 4d01h.
func span(d record.Duration) string {
	switch {
	case d == record.NoDuration:
		return unknown
	case d < 0: // the capture's clock stepped back
		return "-" + span(-d)
	case d == 0:
		return "0s"
	case d < 1e3:
		return strconv.FormatInt(int64(d), 10) + "ns"
	case float64(d) < 999.5e3:
		return significant(float64(d)/1e3) + "µs"
	case float64(d) < 999.5e6:
		return significant(float64(d)/1e6) + "ms"
	case float64(d) < 59.95e9:
		return significant(float64(d)/1e9) + "s"
	}
	seconds := (int64(d) + 5e8) / 1e9
	two := func(large int64, largeUnit string, small int64, smallUnit string) string {
		return strconv.FormatInt(large, 10) + largeUnit + string([]byte{'0' + byte(small/10), '0' + byte(small%10)}) + smallUnit
	}
	switch {
	case seconds < 3600:
		return two(seconds/60, "m", seconds%60, "s")
	case seconds < 24*3600:
		return two(seconds/3600, "h", seconds/60%60, "m")
	}
	return two(seconds/(24*3600), "d", seconds/3600%24, "h")
}

// elapsed is a duration that goes on, to the tenth of a second: 0.3s, 12.0s, 2m03s.
func elapsed(d record.Duration) string {
	if d >= 60e9 {
		return span(d)
	}
	return strconv.FormatFloat(float64(d/1e8)/10, 'f', 1, 64) + "s"
}

// clock is the date and the time of day, UTC, to the millisecond; clockShort only the time of day.
func clock(t record.Time) string { return clockIn(t, "2006-01-02 15:04:05.000") }

func clockShort(t record.Time) string { return clockIn(t, "15:04:05.000") }

func clockIn(t record.Time, layout string) string {
	if t == record.NoTime {
		return unknown
	}
	return time.Unix(0, int64(t)).UTC().Format(layout)
}

// between is the time from start to end, if both are known.
func between(start, end record.Time) record.Duration {
	if start == record.NoTime || end == record.NoTime {
		return record.NoDuration
	}
	return record.Duration(end - start)
}

// longestIPv4 is the width of the longest IPv4 socket. To it IPv6 addresses are shortened.
const longestIPv4 = len("255.255.255.255:65535")

// shortSocket is a socket in at most longestIPv4 characters.
func shortSocket(s netip.AddrPort) string {
	full := s.String()
	if len(full) <= longestIPv4 {
		return full
	}
	port := "]:" + strconv.Itoa(int(s.Port()))
	return "[" + cutMiddle(s.Addr().String(), longestIPv4-len(port)-1) + port
}

// cutMiddle shortens ASCII text to a width by its middle.
func cutMiddle(s string, width int) string {
	if len(s) <= width {
		return s
	}
	head := width / 2
	return s[:head] + "…" + s[len(s)-(width-head-1):]
}

// plain makes s safe to print: control characters, and what else has no picture of its own, become Go escapes.
func plain(s string) string {
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
