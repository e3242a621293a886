// Package pipeline is tcplife's tracker as a pipeline of Apache Beam, for archives that outgrow one machine.
// It writes what `tcplife read` of all the files writes, byte for byte, whatever the cuts between the files and
// the order of their names.
//
//	paths
//	  │ survey     a file: its packets, and their times
//	  │ plan       one worker: cuts the time into stretches of one or several files, mostly at the end of a file
//	  │ course     a stretch: how it moves the capture's clock, and the sockets in it, as hashes
//	  │ ── GroupByKey, one key
//	  │ join       one worker: the clock at the beginning of each stretch
//	  │ ── GroupByKey by hash
//	  │ cross      some hashes: which connections cross from one stretch to another
//	  │ ── GroupByKey by stretch
//	  │ read       a stretch: follows the connections within it and writes their journal. Segments of the others
//	  │            become blocks by part; a part has the connections of some hashes
//	  │ ── GroupByKey by part
//	  │ track      a part: the analyzer reads its blocks in order and writes a journal
//	  │ ── GroupByKey, one key
//	  │ merge      one worker: makes records and sums of the journals, in the order of events
//	  │ ── GroupByKey by file of the output
//	  │ write      a file
//
// No element is a packet: workers exchange compressed blocks of thousands of segments, pages of a journal, and batches
// of records. A worker keeps the elements of a key in a temporary file, not in memory.
package pipeline

import (
	"context"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/ledger"
)

// Config says what to read, how, and where to write. All workers must see the files under the same names.
type Config struct {
	Files  []string // in the order in which packets of the same time count
	Output string   // directory
	Format Format

	Parts   int   // the number of parts that the connections are divided into
	Stretch int64 // the least bytes of files in a stretch; the last one may have fewer

	MSL, EmbryonicLimit, IdleLimit time.Duration    // as in analyzer.Options
	Ports                          ledger.PortRange // likewise
	Keys                           []string         // flows.DecoderOptions.KeyIDs
	DropBadChecksums               bool             // likewise
	MaxUnpacked                    int64            // capture.Options.MaxUnpacked
}

func (c *Config) tracking() analyzer.Options {
	return analyzer.Options{MSL: c.MSL, EmbryonicLimit: c.EmbryonicLimit, IdleLimit: c.IdleLimit, Ports: c.Ports}
}

func (c *Config) decoder() *flows.Decoder {
	return flows.NewDecoder(flows.DecoderOptions{KeyIDs: c.Keys, DropBadChecksums: c.DropBadChecksums})
}

// Build adds the pipeline to a scope.
func Build(s beam.Scope, c Config) {
	paths := make([][]byte, len(c.Files))
	for i, path := range c.Files {
		paths[i] = named.Append(nil, &file{i, path})
	}
	surveys := beam.ParDo(s.Scope("survey"), &surveyFn{c}, beam.Reshuffle(s, beam.CreateList(s, paths)))
	plan, stretches := beam.ParDo2(s.Scope("plan"), &planFn{c}, beam.GroupByKey(s, beam.ParDo(s, onKey, surveys)))
	courses, sockets := beam.ParDo2(s.Scope("course"), &courseFn{c}, beam.Reshuffle(s, stretches))
	whole := beam.ParDo(s.Scope("join"), &joinFn{c},
		beam.GroupByKey(s, beam.Flatten(s, beam.ParDo(s, onKey, courses), beam.ParDo(s, nothing, plan))),
		beam.SideInput{Input: plan})
	cross := beam.ParDo(s.Scope("cross"), &crossFn{c}, beam.GroupByKey(s, sockets), beam.SideInput{Input: whole})
	blocks, within := beam.ParDo2(s.Scope("read"), &readFn{c},
		beam.GroupByKey(s, beam.Flatten(s, beam.ParDo(s, onStretch, stretches), cross)), beam.SideInput{Input: whole})
	across := beam.ParDo(s.Scope("track"), &trackFn{c}, beam.GroupByKey(s, blocks), beam.SideInput{Input: whole})
	files := beam.ParDo(s.Scope("merge"), &mergeFn{c},
		beam.GroupByKey(s, beam.Flatten(s, beam.ParDo(s, onKey, within), beam.ParDo(s, onKey, across),
			beam.ParDo(s, seed, plan))),
		beam.SideInput{Input: plan}, beam.SideInput{Input: whole})
	beam.ParDo0(s.Scope("write"), &writeFn{c}, beam.GroupByKey(s, files))
}

// onKey gives all elements the same key.
func onKey(b []byte) (int64, []byte) { return 0, b }

// nothing is an empty element.
func nothing([]byte) (int64, []byte) { return 0, nil }

// onStretch gives a stretch its number as its key.
func onStretch(b []byte) (int64, []byte, error) {
	var s stretch
	_, err := packedStretch.Read(b, &s)
	return int64(s.Number), tagged(isStretch, b), err
}

func init() {
	register.Function1x2(onKey)
	register.Function1x2(seed)
	register.Function1x2(nothing)
	register.Function1x3(onStretch)
	register.DoFn3x1[context.Context, []byte, func([]byte), error](&surveyFn{})
	register.DoFn5x1[context.Context, int64, func(*[]byte) bool, func([]byte), func([]byte), error](&planFn{})
	register.DoFn4x1[context.Context, []byte, func([]byte), func(int64, []byte), error](&courseFn{})
	register.DoFn5x1[context.Context, int64, func(*[]byte) bool, []byte, func([]byte), error](&joinFn{})
	register.DoFn5x1[context.Context, int64, func(*[]byte) bool, []byte, func(int64, []byte), error](&crossFn{})
	register.DoFn6x1[context.Context, int64, func(*[]byte) bool, []byte, func(int64, []byte), func([]byte),
		error](&readFn{})
	register.DoFn5x1[context.Context, int64, func(*[]byte) bool, []byte, func([]byte), error](&trackFn{})
	register.DoFn6x1[context.Context, int64, func(*[]byte) bool, []byte, []byte, func(string, []byte),
		error](&mergeFn{})
	register.DoFn3x1[context.Context, string, func(*[]byte) bool, error](&writeFn{})
	register.Emitter1[[]byte]()
	register.Emitter2[int64, []byte]()
	register.Emitter2[string, []byte]()
	register.Iter1[[]byte]()
}
