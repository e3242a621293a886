package encode

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// An Encoder appends records as JSON. It writes what encoding/json writes without HTML escapes (a test compares them),
// but needs neither reflection nor allocation, and a fraction of the time. The zero value is ready to use.
type Encoder struct {
	// seconds caches the texts of some seconds, by their last bits: most times of a record, and of records in a row,
	// lie in the same second.
	seconds [64]struct {
		number int64
		known  bool
		text   [32]byte // of a moment in it
	}
}

// appendTime appends what record.Time.MarshalJSON returns.
func (e *Encoder) appendTime(b []byte, t record.Time) []byte {
	if t == record.NoTime {
		return append(b, "null"...)
	}
	number := int64(t) / 1e9
	nano := int64(t) - number*1e9
	if nano < 0 { // before 1970
		number, nano = number-1, nano+1e9
	}
	second := &e.seconds[number&int64(len(e.seconds)-1)]
	if second.number != number || !second.known {
		second.number, second.known = number, true
		text := append(second.text[:0], '"')
		_ = append(AppendMoment(text, t), '"')
	}
	b = append(b, second.text[:]...)
	putNanoseconds(b[len(b)-len(`123456789Z"`):], uint32(nano))
	return b
}

// AppendMoment appends what record.Time.Append appends for a known time, ten times as fast.
func AppendMoment(b []byte, t record.Time) []byte {
	const nanosecondsOfDay = 24 * 3600 * 1e9
	days, ofDay := int64(t)/nanosecondsOfDay, int64(t)%nanosecondsOfDay
	if ofDay < 0 { // before 1970
		days, ofDay = days-1, ofDay+nanosecondsOfDay
	}
	second, nano := uint32(ofDay/1e9), uint32(ofDay%1e9)
	b = append(b, midnight(days)...)
	text := (*[19]byte)(b[len(b)-19:])
	clock := twoDigits(uint64(second/3600)|uint64(second/60%60)<<16|uint64(second%60)<<32) | ascii
	binary.LittleEndian.PutUint16(text[0:], uint16(clock))
	binary.LittleEndian.PutUint16(text[3:], uint16(clock>>16))
	binary.LittleEndian.PutUint16(text[6:], uint16(clock>>32))
	putNanoseconds(text[9:18], nano)
	return b
}

// putNanoseconds writes the nine digits of a part of a second.
func putNanoseconds(text []byte, nano uint32) {
	text[0] = byte('0' + nano/1e8)
	binary.LittleEndian.PutUint64(text[1:], eightDigits(nano%1e8)|ascii)
}

// A day is the text of its first moment.
type day struct {
	number int64 // days since the Unix epoch
	text   string
}

// lastDays caches the results of midnight by the number of the day: a capture spans few days.
var lastDays [16]atomic.Pointer[day]

// midnight returns the text of the moment at which a day begins.
func midnight(number int64) string {
	last := &lastDays[uint64(number)%uint64(len(lastDays))]
	d := last.Load()
	if d == nil || d.number != number {
		d = &day{number, time.Unix(number*24*3600, 0).UTC().Format("2006-01-02T15:04:05.000000000Z")}
		last.Store(d)
	}
	return d.text
}

// appendNumber appends a number in decimal. Most counts have one digit.
func appendNumber(b []byte, n uint64) []byte {
	if n < 10 {
		return append(b, byte('0'+n))
	}
	return appendDigits(b, n)
}

func appendDigits(b []byte, n uint64) []byte {
	const eight = 1e8
	if n < eight {
		digits := eightDigits(uint32(n))
		zeros := bits.TrailingZeros64(digits) / 8
		b = append(b, "00000000"...)
		binary.LittleEndian.PutUint64(b[len(b)-8:], (digits|ascii)>>(8*zeros))
		return b[:len(b)-zeros]
	}
	b = append(appendNumber(b, n/eight), "00000000"...)
	binary.LittleEndian.PutUint64(b[len(b)-8:], eightDigits(uint32(n%eight))|ascii)
	return b
}

// appendFloat appends a number that is finite.
func appendFloat(b []byte, f float64) []byte {
	if size := math.Abs(f); size != 0 && size < 1e-6 || size >= 1e21 { // as ECMAScript does
		b = strconv.AppendFloat(b, f, 'e', -1, 64)
		if n := len(b); n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
			b = append(b[:n-2], b[n-1])
		}
		return b
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// ascii turns bytes with the numbers 0 to 9 into digits, when added to them.
const ascii = 0x3030303030303030

// eightDigits returns the digits of a number below 10^8, one in each byte, the first one in the lowest byte.
func eightDigits(n uint32) uint64 {
	fours := uint64(n/10000) | uint64(n%10000)<<32
	hundreds := fours * 10486 >> 20 & 0x7f_0000007f // n/100 is n*10486/2^20 for all that have four digits
	return twoDigits(hundreds | (fours-100*hundreds)<<16)
}

// twoDigits splits four numbers below 100, each in 16 bits, into their digits, each in a byte.
func twoDigits(n uint64) uint64 {
	tens := n * 103 >> 10 & 0x000f_000f_000f_000f // n/10 is n*103/2^10 for all that have two digits
	return tens | (n-10*tens)<<8
}

func appendLayer(b []byte, l *flows.Layer) []byte {
	b = append(b, `{"kind":`...)
	b = AppendString(b, l.Kind)
	b = append(b, `,"id":`...)
	if l.HasID {
		b = appendNumber(b, uint64(l.ID))
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}

func appendState(b []byte, s record.StateOrNone) []byte {
	if !s.Known {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = append(b, s.State.String()...)
	return append(b, '"')
}

func AppendSeq(b []byte, s record.Seq) []byte {
	if !s.Known {
		return append(b, "null"...)
	}
	return appendNumber(b, uint64(s.Number))
}

func AppendCount(b []byte, n record.Count) []byte {
	if !n.Known {
		return append(b, "null"...)
	}
	return appendNumber(b, n.Number)
}

func AppendPacket(b []byte, p record.PacketNumber) []byte {
	if p == 0 {
		return append(b, "null"...)
	}
	return appendNumber(b, uint64(p))
}

func AppendAnswer(b []byte, a record.Answer) []byte {
	switch a {
	case record.Yes:
		return append(b, "true"...)
	case record.No:
		return append(b, "false"...)
	default:
		return append(b, "null"...)
	}
}

// AppendWord appends a string, or null for the empty string, which means unknown.
func AppendWord(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return AppendString(b, s)
}

func appendEvidence(b []byte, e record.Evidence) []byte {
	if e == record.Seen { // which it mostly is
		return append(b, `"seen"`...)
	}
	return AppendWord(b, string(e))
}

func appendSide(b []byte, s record.Side) []byte {
	switch s {
	case record.Client:
		return append(b, `"client"`...)
	case record.Server:
		return append(b, `"server"`...)
	default:
		return append(b, "null"...)
	}
}

func appendValue(b []byte, v result.Value) []byte {
	switch v := v.Any().(type) {
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case string:
		return AppendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	}
	return append(b, "null"...)
}

// AppendComma appends a comma before element i of a list, unless it is the first.
func AppendComma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// plainASCII are the bytes that stand for themselves in a JSON string.
var plainASCII = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// AppendString appends s as a JSON string (RFC 8259 §7). As encoding/json does, it writes bytes that are not UTF-8 as
// U+FFFD, and escapes U+2028 and U+2029, which end a line in JavaScript.
func AppendString(b []byte, s string) []byte {
	plain := 0
	for plain < len(s) && plainASCII[s[plain]] {
		plain++
	}
	b = append(append(b, '"'), s[:plain]...)
	if plain < len(s) {
		b = appendEscaped(b, s[plain:])
	}
	return append(b, '"')
}

// appendEscaped appends the inside of a JSON string.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainASCII[c] {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if !(r == utf8.RuneError && size == 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			b = append(b, s[start:i]...)
			b = append(b, `\u`...)
			b = append(b, hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			}
		}
		i += size
		start = i
	}
	return append(b, s[start:]...)
}
