package query

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// Map returns a connection as if read from its JSON: nested maps with the same names, lists as []any, strings, bools,
// and nil for null. Integers are int, durations are float64 seconds. Expressions are evaluated on it.
func Map(c *record.Connection) map[string]any { return mapConnection(c) }

func mapLayer(l *flows.Layer) map[string]any {
	var id any
	if l.HasID {
		id = int(l.ID)
	}
	return map[string]any{"kind": l.Kind, "id": id}
}

func listValue[T any](list []T, value func(T) any) []any {
	values := make([]any, len(list))
	for i := range list {
		values[i] = value(list[i])
	}
	return values
}

func mapValue[T any](of map[string]T, value func(T) any) map[string]any {
	values := make(map[string]any, len(of))
	for name, v := range of {
		values[name] = value(v)
	}
	return values
}

func seqValue(s record.Seq) any {
	if !s.Known {
		return nil
	}
	return int(s.Number)
}

func countValue(n record.Count) any {
	if !n.Known {
		return nil
	}
	return int(n.Number)
}

func timeValue(t record.Time) any {
	if t == record.NoTime {
		return nil
	}
	return string(encode.AppendMoment(make([]byte, 0, 30), t))
}

// durationValue returns the decimal seconds of the JSON as a number.
func durationValue(d record.Duration) any {
	if d == record.NoDuration {
		return nil
	}
	seconds, _ := strconv.ParseFloat(string(d.Append(nil)), 64) // Append writes only numbers
	return seconds
}

func packetValue(p record.PacketNumber) any {
	if p == 0 {
		return nil
	}
	return int(p)
}

func stateValue(s record.StateOrNone) any {
	if !s.Known {
		return nil
	}
	return s.State.String()
}

func answerValue(a record.Answer) any {
	if a == record.Unknown {
		return nil
	}
	return a == record.Yes
}

func wordValue(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// MapSummary returns the summary as if read from its JSON. Counts by word also have the words that did not occur, as 0.
func MapSummary(s *record.Summary) map[string]any {
	b := new(encode.Encoder).AppendSummary(nil, s)
	var m map[string]any
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	_ = decoder.Decode(&m)
	m, _ = numbers(m).(map[string]any)
	for field, words := range record.SummaryWords() {
		counts := m
		for part := range strings.SplitSeq(field, ".") {
			counts, _ = counts[part].(map[string]any)
		}
		for _, word := range words {
			if _, counted := counts[word]; !counted {
				counts[word] = 0
			}
		}
	}
	return m
}

// numbers replaces every json.Number in a value: integers become int, others float64.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n
		}
		n, _ := v.Float64()
		return n
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}

func numberValue(n record.NullableNumber) any {
	if !n.Known {
		return nil
	}
	return n.Value
}
