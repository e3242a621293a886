package course

import "github.com/tcplife/tcplife/flows"

// Far is the longest step by which one packet alone moves the clock: otherwise a damaged timestamp would end every
// record.
const Far = int64(3600e9) // ns

// Clock is the capture's clock, as every tracker has it. A packet far ahead moves it only if the next packet confirms
// it.
type Clock struct {
	Known bool  // a segment has come; otherwise the other fields are not set
	Now   int64 // the latest confirmed time
	Jump  *Jump // one packet lies far ahead; nil otherwise
}

// Jump is a packet far ahead that is not confirmed yet.
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
