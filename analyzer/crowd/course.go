package crowd

// Course is a number over time: its maximum in each step. Steps begin at whole multiples of their length since 1970.
type Course struct {
	Start int64 // of the first step
	Step  int64 // length
	Peaks []uint64
}

const (
	courseStep    = int64(100e6) // ns, at first
	courseMoments = 128          // steps at most; then they become twice as long
)

// course is an unfinished Course.
type course struct {
	step, first int64 // length of a step, and the number of the first one since 1970
	peaks       []uint32
	end         int64 // of the last step
	now         uint32
}

// note records that the number is n from now on.
func (c *course) note(now int64, n uint64) {
	if len(c.peaks) == 0 {
		c.step, c.first = courseStep, now/courseStep
	}
	if now >= c.end {
		c.extend(now)
	}
	c.now = uint32(n)
	last := &c.peaks[len(c.peaks)-1]
	*last = max(*last, c.now)
}

// extend adds the steps up to that of a time.
func (c *course) extend(now int64) {
	for now/c.step-c.first >= courseMoments {
		c.double()
	}
	for now/c.step-c.first >= int64(len(c.peaks)) {
		c.peaks = append(c.peaks, c.now) // unchanged until now
	}
	c.end = (c.first + int64(len(c.peaks))) * c.step
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
