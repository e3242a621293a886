package analyzer_test

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/segtest"
)

// A side that gives up on a silent peer does not know whether the peer is gone. Only the peer's later segments show it.
func TestSurvivorAfterGivingUp(t *testing.T) {
	const probed = agreed + "+60s C --x S ACK seq=200\n+10s C --x S ACK seq=200\n+10s C --x S ACK seq=200\n"
	const lastHeard, gaveUp = 31_000_000, 90_031_000_000 // ns after segtest.Epoch
	const text = "+1s C --x S PSH,ACK len=500\n+210ms C --x S again\n+420ms C --x S again\n+840ms C --x S again\n"
	for name, c := range map[string]struct {
		script string
		want   *record.HalfOpen
	}{
		"it still probes": {probed, nil},
		"it gave up": {probed + "+10s C --x S RST,ACK",
			&record.HalfOpen{Since: lastHeard, At: record.NoTime}},
		"it gave up text": {agreed + text + "+2s C --x S RST,ACK",
			&record.HalfOpen{Since: lastHeard, At: record.NoTime}},
		"the peer continues": {probed + "+10s C --x S RST,ACK\n+30s C <-- S PSH,ACK len=10 seq=301 ack=201",
			&record.HalfOpen{Survivor: record.Server, Since: gaveUp, At: record.NoTime}},
		"the peer continues and is reset": {probed + "+10s C --x S RST,ACK\n+30s C <-- S PSH,ACK len=10 seq=301 " +
			"ack=201\nC --> S RST seq=201",
			&record.HalfOpen{Survivor: record.Server, Since: gaveUp, At: gaveUp + 30_001_000_000,
				DiscoveredBy: record.DiscoveredData}},
		"the peer's last segment was under way": {probed +
			"+10s C --x S RST,ACK\n+2ms C <-- S PSH,ACK len=10 seq=301 ack=201",
			&record.HalfOpen{Since: lastHeard, At: record.NoTime}},
		"the peer is gone": {probed + "+10s C --> S ACK seq=200\n+10ms C <-- S RST seq=301",
			&record.HalfOpen{Survivor: record.Client, Since: lastHeard, At: 90_041_000_000,
				DiscoveredBy: record.DiscoveredKeepalive}},
	} {
		got := tracked(c.script, 1)[0].HalfOpen
		if got != nil {
			shift := func(at *record.Time) {
				if *at != record.NoTime {
					*at -= record.Time(segtest.Epoch.UnixNano())
				}
			}
			shift(&got.Since)
			shift(&got.At)
		}
		switch {
		case (got == nil) != (c.want == nil):
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		case got != nil && *got != *c.want:
			t.Errorf("%s: %+v, want %+v", name, *got, *c.want)
		}
	}
}
