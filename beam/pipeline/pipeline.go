// Package pipeline is tcplife's tracker as a pipeline of Apache Beam, for archives that outgrow one machine.
// What it writes is what `tcplife read` of all the files writes, byte for byte, however the files are cut and
// in whatever order they are named.
//
//	paths
//	  │ survey     how many packets of what time a file has: read once, and decoded, but not tracked
//	  │ plan       one worker: cuts the time into stretches of one file or some, mostly at the end of a file
//	  │ read       a stretch: its segments as blocks, by part; a part has the connections of some hashes. And the
//	  │            course of the stretch: what all parts must know of all segments
//	  │ ── GroupByKey by part
//	  │ track      a part: its blocks in order, through the analyzer, give a journal
//	  │ ── GroupByKey, one key
//	  │ merge      one worker: the journals, in the order of what happened, give the records, and what they add up to
//	  │ ── GroupByKey by file of the output
//	  │ write      a file
//
// No element is a packet: what goes between workers are blocks of thousands of segments, pages of a journal, and
// batches of records, compressed. A worker keeps those of one key in a temporary file, not in memory.
package pipeline

import (
	"context"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/ledger"
	"github.com/tcplife/tcplife/flows"
)

// Config says what is read, how, and where to. All workers must see the files under the same names.
type Config struct {
	Files  []string // in the order in which packets of the same time count
	Output string   // directory
	Format Format

	Parts   int   // how many parts the connections are divided into
	Stretch int64 // how many bytes of files a stretch has at least, but for the last one

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
	blocks, courses := beam.ParDo2(s.Scope("read"), &readFn{c}, beam.Reshuffle(s, stretches))
	journals := beam.ParDo(s.Scope("track"), &trackFn{c}, beam.GroupByKey(s, blocks),
		beam.SideInput{Input: plan}, beam.SideInput{Input: courses})
	files := beam.ParDo(s.Scope("merge"), &mergeFn{c},
		beam.GroupByKey(s, beam.Flatten(s, beam.ParDo(s, onKey, journals), beam.ParDo(s, seed, plan))),
		beam.SideInput{Input: plan}, beam.SideInput{Input: courses})
	beam.ParDo0(s.Scope("write"), &writeFn{c}, beam.GroupByKey(s, files))
}

// onKey gives all elements one key.
func onKey(b []byte) (int64, []byte) { return 0, b }

func init() {
	register.Function1x2(onKey)
	register.Function1x2(seed)
	register.DoFn3x1[context.Context, []byte, func([]byte), error](&surveyFn{})
	register.DoFn5x1[context.Context, int64, func(*[]byte) bool, func([]byte), func([]byte), error](&planFn{})
	register.DoFn4x1[context.Context, []byte, func(int64, []byte), func([]byte), error](&readFn{})
	register.DoFn6x1[context.Context, int64, func(*[]byte) bool, []byte, func(*[]byte) bool, func([]byte),
		error](&trackFn{})
	register.DoFn6x1[context.Context, int64, func(*[]byte) bool, []byte, func(*[]byte) bool, func(string, []byte),
		error](&mergeFn{})
	register.DoFn3x1[context.Context, string, func(*[]byte) bool, error](&writeFn{})
	register.Emitter1[[]byte]()
	register.Emitter2[int64, []byte]()
	register.Emitter2[string, []byte]()
	register.Iter1[[]byte]()
}
