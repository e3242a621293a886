package live

import "time"

// idleClock is the time of a device without packets: the time of its last packet, advanced by a monotonic clock. So
// timers run while no packet comes, and after the system's clock, which stamps the packets, was set back.
type idleClock struct {
	latest int64     // a time by the packets' clock,
	at     time.Time // and when that was, by the monotonic clock
}

func newIdleClock(now time.Time) idleClock { return idleClock{now.UnixNano(), now} }

// carried is the present time.
func (k *idleClock) carried(now time.Time) int64 { return k.latest + int64(now.Sub(k.at)) }

// heard records that a packet of a time was read, and returns the time up to which all packets have come.
func (k *idleClock) heard(stamp int64, now time.Time) int64 {
	if stamp > k.carried(now) {
		k.latest, k.at = stamp, now
	}
	return stamp
}

// idle records that there was no packet, and returns the time up to which all packets have come.
func (k *idleClock) idle(now time.Time) int64 { return k.carried(now) - int64(idleLag) }
