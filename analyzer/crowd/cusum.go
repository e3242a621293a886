package crowd

// cusum finds the time from which attempts outnumber completed handshakes. It is the non-parametric CUSUM of Wang,
// Zhang and Shin, "Detecting SYN Flooding Attacks", INFOCOM 2002. They compare the SYNs and FINs at a router, in
// periods of 20 s. For one listener the handshake's ACK is better than the FIN, because it comes one round trip after
// the SYN, not a connection's life. So the period can be 0.2 s: longer than most round trips, and short enough to date
// the onset.
//
// D is the difference of a period, and K the usual number of completions (a moving average). X = D/K is near 0 in
// normal operation at any load; y = max(0, y + X - a), and y > N is the alarm. a is the paper's 0.35, the upper bound
// of X's mean without an attack. K is at least 16, so that an idle listener's first clients raise no alarm. N = 4 then
// means that at least 64 attempts, or four times the usual completions of a period, were not completed. The onset is
// where y left 0.
type cusum struct {
	period                int64 // number of the present one
	syns, completed       uint64
	first                 int64   // time of the first attempt in it
	usual                 float64 // K, before the lower bound
	usualSyns             float64
	y                     float64
	high                  float64 // y at the end of the last period that was not empty
	begun                 int64   // when y left 0
	synsBefore            float64 // usualSyns at begun
	rose                  bool    // in the period just before the present one
	recent                [5]uint64
	attempts, completions uint64 // of all periods before the present one
	attemptsAtBegin       uint64 // attempts at begun
	completionsAtBegin    uint64
}

const (
	cusumPeriod = int64(200e6) // ns
	cusumDrift  = 0.35         // a
	cusumAlarm  = 4.0          // N
	cusumCap    = 2 * cusumAlarm
	cusumFloor  = 16.0 // least K
	cusumMemory = 0.9  // of the moving averages, per period
)

// advance closes the periods before now. It reports whether one was closed, and whether attempts rose above the drift
// in the last one that had any.
func (c *cusum) advance(now int64) (closed, rose bool) {
	period := now / cusumPeriod
	if period <= c.period {
		return false, false
	}
	if c.period == 0 {
		c.period = period
		return false, false
	}
	x := c.excess()
	if rose = x > cusumDrift; rose && c.y == 0 {
		c.begun, c.synsBefore = c.first, c.usualSyns
		c.attemptsAtBegin, c.completionsAtBegin = c.attempts, c.completions
	}
	c.y = min(max(0, c.y+x-cusumDrift), cusumCap)
	c.high = c.y
	if !rose || c.y < cusumAlarm { // completions during an attack are not the usual ones
		c.usual += (1 - cusumMemory) * (float64(c.completed) - c.usual)
		c.usualSyns += (1 - cusumMemory) * (float64(c.syns) - c.usualSyns)
	}
	c.attempts += c.syns
	c.completions += c.completed
	copy(c.recent[1:], c.recent[:])
	c.recent[0] = c.syns
	c.syns, c.completed, c.first = 0, 0, 0
	c.rose = rose && period == c.period+1
	for c.period++; c.period < period; c.period++ { // empty periods
		if c.y == 0 && c.usual < 0.01 && c.usualSyns < 0.01 && c.recent == [5]uint64{} {
			c.period, c.usual, c.usualSyns = period, 0, 0
			break
		}
		c.y = max(0, c.y-cusumDrift)
		c.usual *= cusumMemory
		c.usualSyns *= cusumMemory
		copy(c.recent[1:], c.recent[:])
		c.recent[0] = 0
	}
	return true, rose
}

// excess is X of the present period until now.
func (c *cusum) excess() float64 {
	return (float64(c.syns) - float64(c.completed)) / max(c.usual, cusumFloor)
}

// rising reports whether attempts are above the drift in the present period.
func (c *cusum) rising() bool { return c.excess() > cusumDrift }

func (c *cusum) attempt(now int64) {
	if c.syns == 0 {
		c.first = now
	}
	c.syns++
}

// inSecond is the number of attempts in the last second, the present period included.
func (c *cusum) inSecond() uint64 {
	return c.syns + c.recent[0] + c.recent[1] + c.recent[2] + c.recent[3]
}
