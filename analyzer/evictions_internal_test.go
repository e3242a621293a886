package analyzer

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// An eighth of the memory remembers which connections were evicted.
func TestEvictionsShare(t *testing.T) {
	a := New(Options{MaxMemory: 8 << 20}, func(*record.Connection) {})
	a.rememberEvicted(&flows.Key{})
	if got := a.evictions.tags.Size(); got != 1<<20 {
		t.Errorf("%d of 8 MiB remember evicted connections, want 1 MiB", got)
	}
}
