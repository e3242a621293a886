package compare

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// maxLadder is how many segments of a connection its ladder has.
const maxLadder = 100_000

// A keeper keeps the journeys of one trail for a ladder.
type keeper struct {
	number   uint64 // of the trail; 0 is none
	journeys []*journey
	leftOut  uint64
	ladder   *result.ComparedLadder // once the trail has ended
}

func (k *keeper) keep(j *journey) {
	switch {
	case j.trail.number != k.number:
	case len(k.journeys) == maxLadder:
		k.leftOut++
	default:
		k.journeys = append(k.journeys, j)
	}
}

// draw makes the ladder of the trail whose record is finished.
func (c *comparer) draw(t *trail) {
	k := &c.keeper
	if t.number != k.number {
		return
	}
	k.ladder = &result.ComparedLadder{Compared: c.compared, Journeys: []result.Journey{}, LeftOut: k.leftOut}
	sortKept(k.journeys)
	for _, j := range k.journeys {
		k.ladder.Journeys = append(k.ladder.Journeys, c.journeyRecord(t, j))
	}
}

// journeyRecord is a journey with numbers counted from the ISNs.
func (c *comparer) journeyRecord(t *trail, j *journey) result.Journey {
	r := result.Journey{
		Way: t.wayOf(j.dir).record(), What: whatIs(j.flags, j.len).String(), Flags: flagNames(j.first().flags),
		Seq: int64(int32(j.seq - t.origin(j.dir))), Len: j.len, Packets: c.packetMap(j.packets()),
		Times:    map[string]record.Time{},
		Verdicts: slices.Clone(j.verdicts),
	}
	if r.Verdicts == nil {
		r.Verdicts = []result.VerdictKind{}
	}
	if j.flags.Has(flows.ACK) {
		ack := int64(int32(j.ack - t.origin(1-j.dir)))
		r.Ack = &ack
	}
	for p := range j.at {
		r.Times[c.sources[p].Name] = record.NoTime
		if j.at[p].seen() {
			r.Times[c.sources[p].Name] = record.Time(j.at[p].at)
		}
	}
	return r
}

// origin returns the number from which an end's numbers are counted: its ISN, or the first one seen.
func (t *trail) origin(dir int) uint32 {
	if t.isnKnown[dir] {
		return t.isn[dir]
	}
	first, known := uint32(0), false
	for _, l := range t.legs {
		if l != nil && l.passed[dir].begun && (!known || after(first, l.passed[dir].low)) {
			first, known = l.passed[dir].low, true
		}
	}
	return first
}
