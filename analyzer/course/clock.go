package course

import "github.com/tcplife/tcplife/flows"

// Far is a step ahead of the clock that one packet alone does not prove: otherwise a damaged time stamp would end every
// record.
const Far = int64(3600e9) // ns

// Clock is the capture's clock, as every tracker has it. A packet far ahead does not move it before the next packet
// confirms it.
type Clock struct {
	Known bool  // a segment has come; otherwise the other fields are not set
	Now   int64 // the latest time that is believed
	Jump  *Jump // one packet lies far ahead; nil otherwise
}

// Jump is a packet that is not believed yet.
type Jump struct {
	To  int64     // its time
	Key flows.Key // and its connection
}

// See moves the clock to the time of a segment, as analyzer.Analyzer does.
func (k *Clock) See(seg *flows.Segment) {
	switch {
	case !k.Known:
		*k = Clock{Known: true, Now: seg.Time}
	case seg.Time-k.Now <= Far:
		k.Jump = nil
		k.Now = max(k.Now, seg.Time)
	case k.Jump == nil:
		k.Jump = &Jump{seg.Time, seg.Key}
	default:
		k.Jump = nil
		k.Now = seg.Time
	}
}
