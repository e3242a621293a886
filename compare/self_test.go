package compare_test

import (
	"context"
	"testing"

	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
)

// A capture does not differ from itself.
func TestSelf(t *testing.T) {
	for _, file := range captures(t) {
		sources := []compare.Source{{Name: "a", Files: []string{file}}, {Name: "b", Files: []string{file}}}
		_, err := compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
			for i := range c.Verdicts {
				v := &c.Verdicts[i]
				t.Errorf("%s: connection %d: %s %s, packet %d at %s", file, c.ID, v.Kind, v.What, v.Segment.Packet,
					v.Segment.At)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
