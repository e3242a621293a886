package whole

import (
	"slices"
	"testing"

	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/invariant"
	"pgregory.net/rapid"
)

// TestRandomEdits changes sound captures at random, with the edits of FuzzEdits. It makes only records of them, by one
// tracker, by three, and with room for two connections. So it tries some hundred captures in the time that the fuzzer
// needs for one.
func TestRandomEdits(t *testing.T) {
	files := seeds(t)
	rapid.Check(t, func(r *rapid.T) {
		file := files[rapid.IntRange(0, len(files)-1).Draw(r, "file")]
		program := rapid.SliceOfN(rapid.Custom(drawEdit), 1, 12).Draw(r, "edits")
		in := &input{t: t, files: [][]byte{apply(t, file, slices.Concat(program...))}}
		if reading := in.open(tcplife.Options{}); reading == nil {
			return // no capture
		} else if err := reading.Close(); err != nil {
			r.Fatal(err)
		}
		read := func(what string, o tcplife.Options) (ends []ending) {
			sums := invariant.NewSums()
			in.connections(o, func(c *record.Connection) {
				for _, wrong := range sums.Add(c) {
					r.Errorf("%s: #%d: %s", what, c.ID, wrong)
				}
				ends = append(ends, ending{c.ID, c.End, c.EndedBy, c.Handshake.Outcome, c.Teardown.Kind})
			})
			return ends
		}
		one := read("one tracker", tcplife.Options{Workers: 1})
		if three := read("three trackers", tcplife.Options{Workers: 3}); !slices.Equal(one, three) {
			r.Errorf("one tracker ends\n%v\nthree trackers end\n%v", one, three)
		}
		read("room for two", tcplife.Options{Tracking: analyzer.Options{MaxConnections: 2}})
	})
}

// ending is how a record ended.
type ending struct {
	id       uint64
	end      record.Time
	by       record.EndedBy
	outcome  record.Outcome
	teardown record.TeardownKind
}

func drawEdit(r *rapid.T) []byte {
	return rapid.SliceOfN(rapid.Byte(), editBytes, editBytes).Draw(r, "edit")
}
