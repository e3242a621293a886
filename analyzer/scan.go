package analyzer

import "github.com/tcplife/tcplife/analyzer/record"

// Cursor is how far Scan has come. The zero value is the beginning.
type Cursor struct{ place int }

// Scan is Open for who cannot wait for all connections, nor let the next segment wait for them: it looks at n places, of
// which some may be empty, and returns where to go on, the zero Cursor once it has been everywhere. The records come in no
// order, with those that were reported at their close. What begins or ends between two calls may be given or not.
func (a *Analyzer) Scan(from Cursor, n int, visit func(*record.Connection)) Cursor {
	var rec record.Connection
	for ; n > 0; n-- {
		if from.place == int(a.table.places.Made) {
			return Cursor{}
		}
		for c := a.peek(uint32(from.place) + 1); c != nil; c = c.older {
			a.preview(c, &rec, record.EndOpen)
			visit(&rec)
		}
		from.place++
	}
	return from
}
