package analyzer

// Cursor is how far Scan has come. The zero value is the beginning.
type Cursor struct{ place, slot int }

// Scan is Open for who cannot wait for all connections, nor let the next segment wait for them: it looks at n places, of
// which some may be empty, and returns where to go on, the zero Cursor once it has been everywhere. The records come in no
// order, with those that were reported at their close. What begins or ends between two calls may be given or not.
func (a *Analyzer) Scan(from Cursor, n int, visit func(*Connection)) Cursor {
	var record Connection
	for ; n > 0; n-- {
		switch {
		case from.place < len(a.places):
			for c := a.places[from.place]; c != nil; c = c.older {
				a.preview(c, &record, EndOpen)
				visit(&record)
			}
			from.place++
		case from.slot < int(a.embryos.used):
			if e := a.embryos.slot(uint32(from.slot)); e.packet != 0 {
				a.grow(&a.scratch, e)
				a.preview(&a.scratch, &record, EndOpen)
				visit(&record)
			}
			from.slot++
		default:
			return Cursor{}
		}
	}
	return from
}
