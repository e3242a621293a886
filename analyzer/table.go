package analyzer

import "github.com/tcplife/tcplife/flows"

// table finds what is known of a 4-tuple: the place of its latest incarnation, on which earlier ones hang, or of an
// embryo. It holds no pointer, so that the collector need not walk it, however many there are.
type table map[flows.Key]place

// place is an index of Analyzer.places, or with embryoPlace a slot of the embryos.
type place uint32

const embryoPlace place = 1 << 31

// lookup gives the newest incarnation of a 4-tuple, nil if there is none. An embryo becomes a connection.
func (a *Analyzer) lookup(key *flows.Key) *connection {
	p, known := a.table[*key]
	switch {
	case !known:
		return nil
	case p&embryoPlace != 0:
		return a.hatch(uint32(p &^ embryoPlace))
	}
	return a.places[p]
}

// put makes a connection the newest of its 4-tuple.
func (a *Analyzer) put(c *connection) {
	if p, known := a.table[c.key]; known && p&embryoPlace == 0 {
		a.places[p] = c
		return
	}
	p := place(len(a.places))
	if n := len(a.freePlaces); n > 0 {
		p, a.freePlaces = a.freePlaces[n-1], a.freePlaces[:n-1]
		a.places[p] = c
	} else {
		a.places = append(a.places, c)
	}
	a.table[c.key] = p
}

// remove takes a connection out of the table.
func (a *Analyzer) remove(c *connection) {
	p := a.table[c.key]
	head := a.places[p]
	if head != c {
		for o := head; o != nil; o = o.older {
			if o.older == c {
				o.older = c.older
			}
		}
		return
	}
	if a.places[p] = c.older; c.older == nil {
		a.freePlaces = append(a.freePlaces, p)
		delete(a.table, c.key)
	}
}
