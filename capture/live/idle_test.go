package live

import (
	"testing"
	"time"
)

// TestIdleClock checks that the clock of a device goes on while the clock that stamps packets is set.
func TestIdleClock(t *testing.T) {
	start := time.Now()
	base := start.UnixNano()
	after := func(d time.Duration) time.Time { return start.Add(d) }
	k := newIdleClock(start)
	if got, want := k.idle(after(time.Minute)), base+int64(time.Minute-idleLag); got != want {
		t.Errorf("idle for a minute: %d, want %d", got, want)
	}
	k.heard(base-int64(time.Hour), after(2*time.Minute))
	if got, want := k.idle(after(3*time.Minute)), base+int64(3*time.Minute-idleLag); got != want {
		t.Errorf("the clock was set back an hour: %d, want %d as if it was not", got, want)
	}
	k.heard(base+int64(24*time.Hour), after(4*time.Minute))
	if got, want := k.idle(after(5*time.Minute)), base+int64(24*time.Hour+time.Minute-idleLag); got != want {
		t.Errorf("the clock was set ahead a day: %d, want %d", got, want)
	}
}
