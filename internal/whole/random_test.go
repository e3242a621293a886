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

// TestRandomEdits changes sound captures at random, with the edits of FuzzEdits. It makes only records of them, with
// room for all connections and for two. So it tries some hundred captures in the time that the fuzzer needs for one.
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
		for _, room := range []uint64{0, 2} {
			sums := invariant.NewSums()
			in.connections(tcplife.Options{Tracking: analyzer.Options{MaxConnections: room}},
				func(c *record.Connection) {
					for _, wrong := range sums.Add(c) {
						r.Errorf("room for %d: #%d: %s", room, c.ID, wrong)
					}
				})
		}
	})
}

func drawEdit(r *rapid.T) []byte {
	return rapid.SliceOfN(rapid.Byte(), editBytes, editBytes).Draw(r, "edit")
}
