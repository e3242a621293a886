package crowd

// Course is a number over time: its maximum in each step. Steps begin at whole multiples of their length since 1970.
type Course struct {
	Start, Step int64 // of the first step, and how long each is
	Peaks       []uint64
}

const (
	courseStep    = int64(100e6) // ns, while there are few
	courseMoments = 128          // steps at most; then they become twice as long
)

// course is a Course in progress.
type course struct {
	step, first int64 // the first one's number
	peaks       []uint32
	now         uint32
}

// note records the number from a time on.
func (c *course) note(now int64, n uint64) {
	if len(c.peaks) == 0 {
		c.step, c.first = courseStep, now/courseStep
	}
	for now/c.step-c.first >= courseMoments {
		c.double()
	}
	for i := now/c.step - c.first; int64(len(c.peaks)) <= i; {
		c.peaks = append(c.peaks, c.now) // it has lasted
	}
	c.now = uint32(n)
	last := &c.peaks[len(c.peaks)-1]
	*last = max(*last, c.now)
}

// double makes the steps twice as long.
func (c *course) double() {
	first := c.first / 2
	n := 0
	for i, peak := range c.peaks {
		at := int((c.first+int64(i))/2 - first)
		if at == n {
			c.peaks[n] = 0
			n++
		}
		c.peaks[at] = max(c.peaks[at], peak)
	}
	c.step, c.first, c.peaks = 2*c.step, first, c.peaks[:n]
}

func (c *course) whole() *Course {
	if c == nil {
		return nil
	}
	w := &Course{Start: c.first * c.step, Step: c.step, Peaks: make([]uint64, len(c.peaks))}
	for i, peak := range c.peaks {
		w.Peaks[i] = uint64(peak)
	}
	return w
}
