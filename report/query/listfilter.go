package query

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

// NewFilter makes a filter of typed text: an expression of --where, or a text that a row of the list contains. A nil
// filter matches every connection.
func NewFilter(filter string) (func(*record.Connection) (bool, error), error) {
	if filter == "" {
		return nil, nil
	}
	condition, err := NewWhere(filter)
	if err == nil {
		return condition.Holds, nil
	}
	if strings.ContainsAny(filter, `=<>"'()!|&`) { // no row contains these
		line, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(line)
	}
	text := strings.ToLower(filter)
	var b []byte
	return func(c *record.Connection) (bool, error) {
		b = listed(b[:0], c)
		return strings.Contains(strings.ToLower(string(b)), text), nil
	}, nil
}

// listed appends the words and addresses in a connection's row of the list.
func listed(b []byte, c *record.Connection) []byte {
	for _, e := range []*record.Endpoint{&c.Client, &c.Server} {
		b = netip.AddrPortFrom(e.IP, e.Port).AppendTo(b)
		b = append(b, ' ')
		if e.State.Known {
			b = append(b, e.State.State.String()...)
			b = append(b, ' ')
		}
	}
	b = append(b, c.Handshake.Outcome...)
	b = append(b, ' ')
	b = append(b, c.Teardown.Kind...)
	for i := range c.Findings {
		b = append(b, ' ')
		b = append(b, c.Findings[i].Code...)
	}
	return b
}
