package record

import "net/netip"

// PopulationSeries is how many endpoints there are in each state over time, counted at moments that lie a step apart
// and are whole multiples of it. A stay shorter than a step may lie between two of them. CLOSED and LISTEN are not
// counted.
type PopulationSeries struct {
	Record string `json:"record" const:"population"`
	Schema int    `json:"schema" const:"1"`
	// The host of the endpoints; null: all hosts together.
	Host *netip.Addr `json:"host" field:"null"`
	// The first moment.
	Start Time `json:"start"`
	// The time from one moment to the next, in seconds.
	Step Duration `json:"step_s"`
	// How many moments there are.
	Moments int `json:"moments" field:"min=0"`
	// The peak of each state in states.
	Peaks map[string]Peak `json:"peaks" field:"keys=state"`
	// By state the number at each moment, for the states that occur at a moment.
	States map[string][]uint64 `json:"states" field:"keys=state"`
}

// Peak is the greatest number that there was at a moment.
type Peak struct {
	// The number.
	Count uint64 `json:"count"`
	// The first moment that had it.
	At Time `json:"at"`
}
