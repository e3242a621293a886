package encode

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
)

// AppendRecord appends a value by encoding/json, for records of which a report has few.
func AppendRecord(b []byte, record any) ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(record); err != nil {
		return b, err
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}

// FilledList replaces a nil list by an empty one for AppendRecord, because a list is never null.
func FilledList[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// FilledCounts replaces a nil map by an empty one, likewise.
func FilledCounts(counts map[string]uint64) map[string]uint64 {
	if counts == nil {
		return map[string]uint64{}
	}
	return counts
}

// appendMap appends a map in the order of its keys, as encoding/json does.
func appendMap[V any](b []byte, m map[string]V, value func([]byte, V) []byte) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(m)) {
		b = AppendComma(b, i)
		b = append(AppendString(b, key), ':')
		b = value(b, m[key])
	}
	return append(b, '}')
}

func appendNullableNumber(b []byte, n record.NullableNumber) []byte {
	if !n.Known {
		return append(b, "null"...)
	}
	return appendFloat(b, n.Value)
}
