package tcpstate

import "slices"

// How much the log keeps of each kind and end. Beyond it repeated FINs and gaps are counted, and the oldest rejected segment
// gives way.
const (
	maxGaps     = 8
	maxFins     = 8
	maxRejected = 8
)

// log is what a connection has that most have not: of the segments of each end those that later ones may show in another
// light. What is told of them is asked for when the record ends.
type log struct {
	gaps     [2][]gap // what the other end has acknowledged and no packet of this one holds
	moreGaps [2]uint64
	fins     [2][]sentFin  // repeated FINs
	rejected [2][]rejected // what did not fit, or not yet
	proven   rejected      // by the last segment
	claim    [2]claim      // the last of each end
}

// gap is an acknowledgement of an octet that was not seen.
type gap struct {
	octet  Seq
	packet uint64 // the acknowledgement
}

// sentFin is a repeated FIN.
type sentFin struct {
	seq    Seq
	packet uint64
}

// rejected is a segment that was dropped, or Packet is 0.
type rejected struct{ Segment }

func (c *Conn) noted() *log {
	if c.log == nil {
		c.log = new(log)
	}
	return c.log
}

// misses takes note of an octet of Ends[i] that was acknowledged and not seen.
func (c *Conn) misses(i int, octet Seq, packet uint64) {
	l := c.noted()
	for _, r := range l.rejected[i] {
		if !octet.Before(r.Seq) && octet.Before(r.end()) {
			return // the capture holds it
		}
	}
	if len(l.gaps[i]) < maxGaps {
		l.gaps[i] = append(l.gaps[i], gap{octet, packet})
	} else {
		l.moreGaps[i]++
	}
}

// comesLate takes back the gaps that a segment of Ends[i] fills: the capture holds it, behind its acknowledgement.
func (c *Conn) comesLate(i int, s *Segment) {
	if c.log == nil || len(c.log.gaps[i]) == 0 || s.Seq == s.end() {
		return
	}
	c.log.gaps[i] = slices.DeleteFunc(c.log.gaps[i], func(g gap) bool {
		return !g.octet.Before(s.Seq) && g.octet.Before(s.end())
	})
}

// filled takes back that an octet of Ends[i] was missed.
func (c *Conn) filled(i int, octet Seq) {
	c.log.gaps[i] = slices.DeleteFunc(c.log.gaps[i], func(g gap) bool { return g.octet == octet })
}

// Gaps are the acknowledgements of what Ends[i] must have sent and no packet holds: the first packets, and how many there are.
func (c *Conn) Gaps(i int) (packets []uint64, n uint64) {
	if c.log == nil {
		return nil, 0
	}
	for _, g := range c.log.gaps[i] {
		packets = append(packets, g.packet)
	}
	return packets, uint64(len(packets)) + c.log.moreGaps[i]
}

// repeatsFin takes note of a FIN of Ends[i] that is not its first.
func (c *Conn) repeatsFin(i int, seq Seq, packet uint64) {
	if l := c.noted(); len(l.fins[i]) < maxFins {
		l.fins[i] = append(l.fins[i], sentFin{seq, packet})
	}
}

// FinsAgain are the repetitions of the FIN of Ends[i]: the first packets, and how many there are.
func (c *Conn) FinsAgain(i int) (packets []uint64, n uint64) {
	e := &c.Ends[i]
	if c.log == nil || !e.FinSent || e.fins < 2 {
		return nil, 0
	}
	for _, f := range c.log.fins[i] {
		if f.seq == e.FinSeq {
			packets = append(packets, f.packet)
		}
	}
	return packets, uint64(e.fins - 1)
}

// reject keeps a segment of Ends[from] that was dropped, for a later one may prove it.
func (c *Conn) reject(from int, s *Segment, by Rule) Effect {
	l := c.noted()
	c.comesLate(from, s)
	if len(l.rejected[from]) == maxRejected {
		l.rejected[from] = slices.Delete(l.rejected[from], 0, 1)
	}
	l.rejected[from] = append(l.rejected[from], rejected{*s})
	return Dropped(by)
}

// Proven is the segment that the last one has proven, though it was dropped when it passed; its end, and whether there is one.
func (c *Conn) Proven() (s *Segment, is bool) {
	if c.log == nil || c.log.proven.Packet == 0 {
		return nil, false
	}
	return &c.log.proven.Segment, true
}
