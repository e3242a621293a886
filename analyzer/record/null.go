package record

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// The types of this file hold a value or none, which JSON shows as null. They have no pointers, so that a record can be
// reused without allocation.

// Time is a moment of the capture's clock in nanoseconds since the Unix epoch, or NoTime.
type Time int64

// NoTime is the unknown moment.
const NoTime Time = math.MinInt64

// Append appends t in RFC 3339, UTC, with nine decimals and without quotes; null if it is NoTime.
func (t Time) Append(b []byte) []byte {
	if t == NoTime {
		return append(b, "null"...)
	}
	return time.Unix(0, int64(t)).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
}

// MarshalJSON gives a string, or null.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == NoTime {
		return []byte("null"), nil
	}
	return append(t.Append([]byte{'"'}), '"'), nil
}

// Duration is a length of time in nanoseconds, or NoDuration.
type Duration int64

// NoDuration is the unknown duration.
const NoDuration Duration = math.MinInt64

// Append appends d in seconds, exact, without trailing zeros (0.0105); null if it is NoDuration.
func (d Duration) Append(b []byte) []byte {
	if d == NoDuration {
		return append(b, "null"...)
	}
	n := uint64(d)
	if d < 0 {
		b = append(b, '-')
		n = -n
	}
	b = strconv.AppendUint(b, n/1e9, 10)
	point := len(b)
	b = strconv.AppendUint(b, 1e9+n%1e9, 10) // nine digits behind a 1
	b[point] = '.'
	return bytes.TrimRight(bytes.TrimRight(b, "0"), ".")
}

// MarshalJSON gives a number of seconds, or null.
func (d Duration) MarshalJSON() ([]byte, error) { return d.Append(nil), nil }

// PacketNumber counts the capture's packets from 1; 0 is no packet.
type PacketNumber uint64

// MarshalJSON gives the number, or null.
func (p PacketNumber) MarshalJSON() ([]byte, error) {
	if p == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, uint64(p), 10), nil
}

// Answer is yes, no or unknown.
type Answer uint8

// The three answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// String is unknown, no or yes.
func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[a] }

// MarshalJSON gives true, false or null.
func (a Answer) MarshalJSON() ([]byte, error) {
	return []byte([...]string{"null", "false", "true"}[a]), nil
}

// Seq is a raw 32-bit sequence number, or none.
type Seq struct {
	Number uint32
	Known  bool
}

// MarshalJSON gives the number, or null.
func (s Seq) MarshalJSON() ([]byte, error) {
	if !s.Known {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, uint64(s.Number), 10), nil
}

// Count is a number of something, or none if it is not known.
type Count struct {
	Number uint64
	Known  bool
}

// MarshalJSON gives the number, or null.
func (n Count) MarshalJSON() ([]byte, error) {
	if !n.Known {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, n.Number, 10), nil
}

// MarshalJSON gives the number, or null.
func (n NullableNumber) MarshalJSON() ([]byte, error) {
	if !n.Known {
		return []byte("null"), nil
	}
	return json.Marshal(n.Value)
}

func marshalWord(s string) ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return json.Marshal(s)
}

// NullableNumber is a number, or null if Known is not set.
type NullableNumber struct {
	Value float64
	Known bool
}
