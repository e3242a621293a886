package analyzer

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// An eighth of the memory for connections remembers which were evicted.
func TestEvictionsShare(t *testing.T) {
	a := New(Options{MaxMemory: 8 << 20}, func(*record.Connection) {})
	a.rememberEvicted(&flows.Key{})
	if got := a.evictions.tags.Size(); got != 1<<20 {
		t.Errorf("of 8 MiB %d bytes remember evicted connections", got)
	}
}
