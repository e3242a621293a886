package capture

import "slices"

// Stats says what a capture was made of, as far as it was read.
type Stats struct {
	Files         []string // as given to Open
	Packets       uint64
	CapturedBytes uint64
	WireBytes     uint64 // what the packets had on the wire
	First, Last   int64  // the earliest and the latest time, ns since the Unix epoch; NoTime if no packet has one
	// when the capturing ended, if that is told: maybe long after the last packet; NoTime otherwise
	Until     int64
	Untimed   uint64 // packets without a time of their own: they got the time of the packet before, or 0
	LinkTypes map[LinkType]uint64
	Drops     Drops
	Damage    []Damage // at most one a file, in the order in which they were found
}

// Drops is what the capturing machine says that it did not capture. Only pcapng files tell; otherwise it is all 0.
type Drops struct {
	Received  uint64 // packets that arrived at the interfaces (isb_ifrecv)
	Interface uint64 // packets the interfaces dropped (isb_ifdrop; dumpcap counts the kernel's here)
	// packets the operating system dropped (isb_osdrop, or the packets' own counts where it is not given)
	Kernel uint64
}

// Add adds the counts of more.
func (d *Drops) Add(more Drops) {
	d.Received += more.Received
	d.Interface += more.Interface
	d.Kernel += more.Kernel
}

// Tally counts the packets of a capture. A Reader has its own; it is for sources of another kind, as package live.
type Tally struct {
	total     Stats
	now       int64    // the time of the last packet, 0 before
	link      LinkType // of the last packet,
	linkCount *uint64  // and where it is counted, for there is mostly only one
	links     map[LinkType]*uint64
}

// NewTally makes a Tally that has counted nothing yet. files are those that its Stats will name, nil for none.
func NewTally(files []string) *Tally {
	return &Tally{
		total: Stats{Files: slices.Clone(files), First: NoTime, Last: NoTime, Until: NoTime},
		links: map[LinkType]*uint64{},
	}
}

// Count counts p, and gives it its number and, if it has none, a time.
func (t *Tally) Count(p *Packet) {
	s := &t.total
	s.Packets++
	p.Number = s.Packets
	if p.Time == NoTime {
		s.Untimed++
		p.Time = t.now
	} else {
		if p.Time < s.First || s.First == NoTime {
			s.First = p.Time
		}
		s.Last = max(s.Last, p.Time)
		t.now = p.Time
	}
	s.CapturedBytes += uint64(len(p.Data))
	s.WireBytes += uint64(p.Length)
	if p.Link != t.link || t.linkCount == nil {
		t.link, t.linkCount = p.Link, t.links[p.Link]
		if t.linkCount == nil {
			t.linkCount = new(uint64)
			t.links[p.Link] = t.linkCount
		}
	}
	*t.linkCount++
}

// Stats is a copy of what was counted.
func (t *Tally) Stats() Stats {
	s := t.total
	s.Damage = slices.Clone(s.Damage)
	s.LinkTypes = make(map[LinkType]uint64, len(t.links))
	for link, n := range t.links {
		s.LinkTypes[link] = *n
	}
	return s
}
