package offers

import "github.com/tcplife/tcplife/analyzer/record"

// maxTokens is the most MPTCP connections that are kept for later subflows. The oldest are forgotten first.
const maxTokens = 1 << 16

// Tokens are the ends of MPTCP connections by their tokens, which the SYNs of further subflows name (RFC 8684 §3.2).
// The zero value is ready.
type Tokens struct {
	ids  map[uint32]uint64
	ring []uint32 // in the order in which they came
	next int
}

// Add records a token and the id of the connection in whose handshake it was.
func (t *Tokens) Add(token uint32, id uint64) {
	if t.ids == nil {
		t.ids = map[uint32]uint64{}
	}
	if _, known := t.ids[token]; !known {
		if len(t.ring) < maxTokens {
			t.ring = append(t.ring, token)
		} else {
			delete(t.ids, t.ring[t.next])
			t.ring[t.next] = token
			t.next = (t.next + 1) % maxTokens
		}
	}
	t.ids[token] = id
}

// Join completes the record of a subflow by the connection that it joins, if that is known. Of nil it does nothing.
func (t *Tokens) Join(m *record.MPTCP) {
	if m != nil && m.Kind == record.MPTCPJoin {
		m.Joins = record.PacketNumber(t.ids[m.Token.Number])
	}
}
