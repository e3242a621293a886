package record

import "net/netip"

// PopulationSeries is how many endpoints there are in each state over time, counted at moments that lie a step apart, as
// one who runs ss again and again would. What lasts shorter than a step may lie between two of them.
type PopulationSeries struct {
	Record  string              `json:"record"` // "population"
	Schema  int                 `json:"schema"`
	Host    *netip.Addr         `json:"host"`  // whose endpoints; nil for those of all hosts
	Start   Time                `json:"start"` // the first moment
	Step    Duration            `json:"step_s"`
	Moments int                 `json:"moments"`
	Peaks   map[string]Peak     `json:"peaks"`  // by state
	States  map[string][]uint64 `json:"states"` // the number at each moment, for the states that occurred at one
}

// Peak is the greatest number that there was at a moment, and the first moment that had it.
type Peak struct {
	Count uint64 `json:"count"`
	At    Time   `json:"at"`
}
