package live

import "time"

// idleClock tells the time of a device that gives no packets: that of its packets, carried on by a clock that nobody
// sets. So timers run while nothing comes, and while the system's clock, which stamps the packets, has been set back.
type idleClock struct {
	latest int64     // a time by the packets' clock,
	at     time.Time // and when that was, by the monotonic clock
}

func newIdleClock(now time.Time) idleClock { return idleClock{now.UnixNano(), now} }

// carried is the time that it must be by now.
func (k *idleClock) carried(now time.Time) int64 { return k.latest + int64(now.Sub(k.at)) }

// heard takes in that a packet of a time was read, and returns the time up to which there is nothing more to come.
func (k *idleClock) heard(stamp int64, now time.Time) int64 {
	if stamp > k.carried(now) {
		k.latest, k.at = stamp, now
	}
	return stamp
}

// idle returns the time up to which there is nothing more to come, where there was nothing to read.
func (k *idleClock) idle(now time.Time) int64 { return k.carried(now) - int64(idleLag) }
