package offers

import "github.com/tcplife/tcplife/analyzer/record"

// maxTokens is the most tokens that are kept. The oldest are forgotten first.
const maxTokens = 1 << 16

// Tokens finds MPTCP connections by their tokens, which the SYNs of further subflows have (RFC 8684 §3.2). The zero
// value is ready.
type Tokens struct {
	ids  map[uint32]uint64
	ring []uint32 // the keys of ids, oldest first from next on
	next int
}

// Add records a token and the id of the connection whose handshake has it.
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

// Join sets the connection that a subflow joins, if that is known. m may be nil.
func (t *Tokens) Join(m *record.MPTCP) {
	if m != nil && m.Kind == record.MPTCPJoin {
		m.Joins = record.PacketNumber(t.ids[m.Token.Number])
	}
}
