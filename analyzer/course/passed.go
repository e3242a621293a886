package course

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// Passed records which kinds of segments have passed, of all connections. If a kind is missing from the capture, a
// filter on control bits left it out. All trackers know the same at the same moment, except for Beyond.
type Passed struct {
	SYNs, RSTs bool
	FINs       uint8 // with ACK, up to several: without it they close nothing (RFC 9293 §3.10.7.4, fifth step)
	Others     bool  // a segment without SYN, FIN and RST: such a filter leaves it out
	ACKs       bool  // one of those with ACK
	Beyond     bool  // an RST beyond ISN+1, in one of this tracker's own connections
}

// several FINs without any segment with ACK alone are no coincidence: a filter removed those segments.
const several = 2

// Bridged reports whether FINs and RSTs prove what came before them, although no segment shows it.
func (p *Passed) Bridged() bool { return !p.Others && p.FINs == several }

// Note records a segment, and reports whether it is the first with ACK alone.
func (p *Passed) Note(seg *flows.Segment) bool {
	if p.ACKs || seg.Quote != nil {
		return false
	}
	f := seg.Flags
	switch {
	case f&(flows.SYN|flows.FIN|flows.RST) == 0:
		p.Others = true
		p.ACKs = f.Has(flows.ACK)
	case f.Has(flows.RST):
		p.RSTs = true
	case f.Has(flows.SYN):
		p.SYNs = true
	case f.Has(flows.ACK):
		p.FINs = min(p.FINs+1, several)
	}
	return p.ACKs
}

// FlagsOnly returns the only kind of segments in the capture. Only SYNs, SYN-ACKs and RSTs that answer them may be a
// complete capture of a scan, or of health checks.
func (p *Passed) FlagsOnly() record.FlagsOnly {
	switch {
	case p.Others:
	case p.FINs > 0 || p.Beyond:
		return record.FlagsSynFinRst
	case p.SYNs && !p.RSTs:
		return record.FlagsSyn
	}
	return record.NoFlagsOnly
}
