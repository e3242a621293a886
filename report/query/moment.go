package query

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// A Moment is a time as people write it.
type Moment struct {
	Time  record.Time
	Clock bool // a time of day in UTC, without a date: Time is since midnight
}

// ParseMoment parses an RFC 3339 time, a date and a time in UTC, a date (meaning its midnight), a time of day in UTC,
// or seconds since 1970.
func ParseMoment(s string) (Moment, error) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999",
		"2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			if t.Year() < 1678 || t.Year() > 2261 {
				return Moment{}, errors.New("out of range: captures have times from 1678 to 2261")
			}
			return Moment{Time: record.Time(t.UnixNano())}, nil
		}
	}
	for _, layout := range [...]string{"15:04:05.999999999", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return Moment{record.Time(t.Sub(t.Truncate(24 * time.Hour))), true}, nil
		}
	}
	if d, err := time.ParseDuration(s + "s"); err == nil { // exact, unlike a float
		return Moment{Time: record.Time(d)}, nil
	}
	return Moment{}, errors.New("not a time")
}

// text returns the moment as in records, so that texts compare like times; for a time of day, only that part.
func (m Moment) text() string {
	text := string(encode.AppendMoment(nil, m.Time))
	if m.Clock {
		return clockOf(text)
	}
	return text
}

// clockOf returns the time of day in a time of a record.
func clockOf(moment string) string {
	_, clock, _ := strings.Cut(moment, "T")
	return clock
}

// secondsSince1970 returns the moment of a number of seconds.
func secondsSince1970(n float64) (Moment, bool) {
	if math.Abs(n) > math.MaxInt64/1e9 {
		return Moment{}, false
	}
	return Moment{Time: record.Time(n * 1e9)}, true
}
