package compare

import (
	"context"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// A survey is what the first reading finds out about one capture.
type survey struct {
	account
	segments uint64
	// sketches sample the same segments by the fields that different devices leave unchanged, the strictest first.
	sketches [3]*sketch
	kinds    [segmentKinds]uint64
	biggest  uint32 // bytes of payload in one segment
	unsent   uint64 // connections in which segments acknowledge what the capture lacks
	doubled  uint64 // segments that the capture holds twice
	hosts    map[flows.Addr]bool
}

// hashes are the hashes of the sketches.
var hashes = [3]func(*flows.Segment) (uint64, bool){numbersHash, stampsHash, socketsHash}

// maxHosts bounds the remembered addresses of a capture.
const maxHosts = 1 << 16

// segmentKind is the kind of a segment. Capture filters select by it.
type segmentKind uint8

const (
	kindSyn segmentKind = iota
	kindFin
	kindRst
	kindOther // data and acknowledgements
	segmentKinds
)

func kindOf(f flows.Flags) segmentKind {
	switch {
	case f.Has(flows.SYN):
		return kindSyn
	case f.Has(flows.RST):
		return kindRst
	case f.Has(flows.FIN):
		return kindFin
	}
	return kindOther
}

// survey does the first reading of a capture.
func (s *Source) survey(ctx context.Context, o *Options) (*survey, error) {
	v := &survey{hosts: map[flows.Addr]bool{}}
	for i := range v.sketches {
		v.sketches[i] = newSketch()
	}
	tracking := o.Analyzer
	joined := map[uint64]bool{} // connections that were under way: the capture need not have their beginning
	tracking.Trace = func(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
		switch {
		case id == seg.Packet && !seg.Flags.Has(flows.SYN):
			joined[id] = true
		case effect.Has(tcpstate.Duplicate):
			v.doubled++
		case effect.Has(tcpstate.Unsent) && !joined[id]:
			joined[id] = true // counted once
			v.unsent++
		}
	}
	tracker := analyzer.New(tracking, func(c *record.Connection) { delete(joined, c.ID) })
	var err error
	v.account, err = s.each(ctx, o, func(_ *capture.Packet, segments []flows.Segment) {
		for i := range segments {
			seg := &segments[i]
			tracker.Segment(seg)
			if seg.Quote == nil {
				v.add(seg)
			}
		}
	})
	return v, err
}

func (v *survey) add(seg *flows.Segment) {
	v.segments++
	v.kinds[kindOf(seg.Flags)]++
	v.biggest = max(v.biggest, seg.Len)
	for i, hash := range hashes {
		if h, ok := hash(seg); ok {
			v.sketches[i].add(h, seg)
		}
	}
	if len(v.hosts) < maxHosts {
		v.hosts[seg.Key.A], v.hosts[seg.Key.B] = true, true
	}
}
