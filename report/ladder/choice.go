package ladder

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
)

// A LadderChoice finds the most interesting connections, one of each kind. Connections are of one kind if they were
// opened and closed in the same way and have findings of the same codes. Kinds with most points come first: 100 for an
// error, 10 for a warning, 1 for another finding, 5 for a simultaneous open or close, 2 for an unusual close. A kind is
// shown by its connection that began first. Kinds with equal points come in the order in which their first one ended.
//
// It keeps only the connections that it would choose.
type Choice struct {
	Offered uint64 // connections

	top   int
	kinds []kindOfLife // at most top, best first
}

// Chosen is a connection for which a ladder is to be made.
type Chosen struct {
	Connection *record.Connection
	Alike      uint64 // others of its kind
}

// Choose chooses a connection and keeps a copy of it.
func Choose(c *record.Connection) Chosen { return Chosen{Connection: c.Clone()} }

type kindOfLife struct {
	name   string
	points int
	Chosen
}

// NewChoice chooses at most top connections, which is above 0.
func NewChoice(top int) *Choice { return &Choice{top: top} }

// Offer considers a connection.
func (l *Choice) Offer(c *record.Connection) {
	l.Offered++
	kind := kindOfLife{name: kindName(c), points: points(c), Chosen: Chosen{Connection: c}}
	if i := slices.IndexFunc(l.kinds, func(k kindOfLife) bool { return k.name == kind.name }); i >= 0 {
		known := &l.kinds[i]
		known.Alike++
		if c.ID < known.Connection.ID {
			known.Connection = c.Clone()
		}
		return
	}
	if len(l.kinds) == l.top {
		// A kind that gave way does not come back, because all that are kept have more points. So Alike counts them
		// all.
		if kind.points <= l.kinds[l.top-1].points {
			return
		}
		l.kinds = l.kinds[:l.top-1]
	}
	kind.Connection = c.Clone()
	l.kinds = append(l.kinds, kind)
	slices.SortStableFunc(l.kinds, func(a, b kindOfLife) int { return cmp.Compare(b.points, a.points) })
}

// Chosen are the connections chosen so far, those with most points first.
func (l *Choice) Chosen() []Chosen {
	slices.SortFunc(l.kinds, func(a, b kindOfLife) int {
		return cmp.Or(cmp.Compare(b.points, a.points), cmp.Compare(a.Connection.ID, b.Connection.ID))
	})
	chosen := make([]Chosen, len(l.kinds))
	for i := range l.kinds {
		chosen[i] = l.kinds[i].Chosen
	}
	return chosen
}

// kindName returns a name that connections of one kind share, and their points, which are equal too.
func kindName(c *record.Connection) string {
	parts := []string{string(c.Handshake.Outcome), string(c.Teardown.Kind)}
	for i := range c.Findings {
		parts = append(parts, c.Findings[i].Code) // in the order of the catalogue
	}
	return strings.Join(parts, " ")
}

func points(c *record.Connection) int {
	n := 0
	for i := range c.Findings {
		switch c.Findings[i].Severity {
		case record.Error:
			n += 100
		case record.Warning:
			n += 10
		default:
			n++
		}
	}
	if c.Handshake.Outcome == record.OutcomeSimultaneous {
		n += 5
	}
	switch c.Teardown.Kind {
	case record.TeardownSimultaneous:
		n += 5
	case record.TeardownNone:
	default:
		n += 2
	}
	return n
}
