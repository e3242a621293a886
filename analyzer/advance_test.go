package analyzer_test

import (
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/segtest"
)

// TestAdvance checks that time alone ends connections when they are due, even if the packets' clock goes back.
func TestAdvance(t *testing.T) {
	x := segtest.Script(`
		C --> S  SYN
		C <-- S  SYN,ACK
		C --> S  ACK
		C --> S  FIN,ACK
		C <-- S  FIN,ACK
		C --> S  ACK
	`)
	segments := x.Segments()
	last := segments[4].Time // the server's FIN begins TIME_WAIT
	var ended []record.EndedBy
	a := analyzer.New(analyzer.Options{MSL: time.Second},
		func(c *record.Connection) { ended = append(ended, c.EndedBy) })
	a.Advance(last + int64(time.Hour)) // there is no clock yet to move
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Advance(last + int64(2*time.Second))
	a.Advance(last)
	if len(ended) != 0 {
		t.Fatalf("ended by %v before 2MSL had passed", ended)
	}
	a.Advance(last + int64(2*time.Second) + 1)
	if len(ended) != 1 || ended[0] != record.EndTimeWaitExpired {
		t.Fatalf("ended by %v once 2MSL had passed", ended)
	}

	// The packets' clock goes back an hour, but time passes.
	ended = nil
	again := segtest.Script(`
		C = 10.0.0.3:1234
		C --> S  SYN
	`).Segments()
	again[0].Time = last - int64(time.Hour)
	a.Segment(&again[0])
	now := last + int64(3*time.Second)
	a.Advance(now)
	if len(ended) != 0 {
		t.Fatalf("an attempt was given up at once, by %v", ended)
	}
	a.Advance(now + int64(time.Hour))
	if len(ended) != 1 || ended[0] != record.EndIdle {
		t.Errorf("ended by %v, want idle", ended)
	}
}
