package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/account"
	"github.com/tcplife/tcplife/internal/pack"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/parquet"
)

// mergeFn puts the journals of all parts in order, and writes the records to the output files: the key is a file's
// name.
type mergeFn struct{ Config Config }

func (f *mergeFn) ProcessElement(_ context.Context, _ int64, journals func(*[]byte) bool, planned, joined []byte,
	emit func(string, []byte)) error {
	var p plan
	var w whole
	if _, err := packedPlan.Read(planned, &p); err != nil {
		return err
	}
	if _, err := packedWhole.Read(joined, &w); err != nil {
		return err
	}
	s, err := newSpool(journals)
	if err != nil {
		return err
	}
	defer s.close()
	out := outputs{format: f.Config.Format, emit: emit, open: map[string]*output{}}
	m := analyzer.NewMerger(f.Config.tracking(), out.add)
	if err := mergeAll(m, s); err != nil {
		return err
	}
	out.flush()
	result, read, decoded := m.Result(), p.Stats.capture(f.Config.Files), w.Decoded.stats()
	c := account.New(&read, &decoded)
	c.Evicted, c.FlagsOnly = result.Evicted, result.FlagsOnly
	return out.finish(&report.Ending{Result: result, Capture: c})
}

// mergeAll adds up the journals, slice by slice.
func mergeAll(m *analyzer.Merger, s *spool) error {
	for all := s.all(); len(all) > 0; {
		slice := all[0].of
		var pages []iter.Seq2[[]byte, error]
		for ; len(all) > 0 && all[0].of == slice; all = all[1:] {
			if slice != ends {
				pages = append(pages, pagesOf(s.of(all[0])))
				continue
			}
			for b, err := range s.of(all[0]) {
				var end analyzer.PartEnd
				if err == nil && len(b) > 0 {
					if _, err = packedEnd.Read(b, &end); err == nil {
						m.End(end)
					}
				}
				if err != nil {
					return err
				}
			}
		}
		if err := m.Slice(pages); err != nil {
			return err
		}
	}
	return nil
}

// capture returns the counts in package capture's form.
func (s *stats) capture(files []string) capture.Stats {
	t := capture.Stats{Files: files, Packets: s.Packets, CapturedBytes: s.CapturedBytes, WireBytes: s.WireBytes,
		First: s.First, Last: s.Last,
		Until: s.Until, Untimed: s.Untimed, Drops: s.Drops, Damage: s.Damage, LinkTypes: map[capture.LinkType]uint64{}}
	for _, l := range s.Links {
		t.LinkTypes[l.Link] = l.Packets
	}
	return t
}

// seed makes join and merge run even without a stretch or a connection.
func seed([]byte) (int64, []byte) { return 0, newChunk(source{ends, ends}, 0, nil) }

func pagesOf(chunks iter.Seq2[[]byte, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var pages [][]byte
		for b, err := range chunks {
			if err == nil {
				_, err = packedPages.Read(b, &pages)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, page := range pages {
				if !yield(page, nil) {
					return
				}
			}
		}
	}
}

// batchRecords is the number of records that go to a file at once.
const batchRecords = 256

var packedRecord = pack.Of[record.Connection]()

// outputs are the files that connections go to.
type outputs struct {
	format Format
	emit   func(string, []byte)
	open   map[string]*output
}

// output has the next records for a file. If the file is full, they go to the next one of its kind.
type output struct {
	batch   []byte // records that are not sent yet
	records int    // how many
	sent    uint64 // batches
	of      uint64 // earlier files of the kind
}

func (o *outputs) add(c *record.Connection) {
	kind := o.format.kind(c)
	to := o.open[kind]
	if to == nil {
		to = &output{}
		o.open[kind] = to
	}
	to.batch = packedRecord.Append(to.batch, c)
	if to.records++; to.records == batchRecords {
		o.send(kind, to)
	}
}

func (o *outputs) send(kind string, to *output) {
	o.emit(o.format.file(kind, to.of), newChunk(source{}, to.sent, to.batch))
	to.batch, to.records = to.batch[:0], 0
	if to.sent++; to.sent == o.format.batches() {
		to.sent, to.of = 0, to.of+1
	}
}

func (o *outputs) flush() {
	for kind, to := range o.open {
		if to.records > 0 {
			o.send(kind, to)
		}
	}
}

// finish sends the other records.
func (o *outputs) finish(e *report.Ending) error {
	var b bytes.Buffer
	if err := report.NewJSONL(&b).Finish(e); err != nil {
		return err
	}
	o.emit(EndingFile, newChunk(source{}, 0, b.Bytes()))
	lines := bytes.SplitAfter(b.Bytes(), []byte("\n"))
	o.emit(SummaryFile, newChunk(source{}, 0, lines[len(lines)-3])) // the summary, the capture, and nothing behind it
	if o.format != Parquet {
		return nil
	}
	dir, err := os.MkdirTemp("", "tcplife-beam-")
	if err != nil {
		return fmt.Errorf("write the records beside the connections: %w", err)
	}
	defer os.RemoveAll(dir)
	w, err := parquet.Partition(dir)
	if err == nil {
		err = w.Finish(e)
	}
	if err != nil {
		return fmt.Errorf("write the records beside the connections: %w", err)
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			o.emit(name, newChunk(source{}, 0, text))
		}
		return err
	})
}
