package pipeline

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/tcplife/tcplife/internal/pack"
)

// chunk is a piece of something long that goes to another worker, with its source and its number there, from 0. Chunks
// come in any order.
type chunk struct {
	Source source
	Number uint64
	Bytes  []byte // compressed
}

// source identifies what a chunk is a piece of, and its worker.
type source struct{ of, from uint64 }

func (s source) compare(t source) int {
	return cmp.Or(cmp.Compare(s.of, t.of), cmp.Compare(s.from, t.from))
}

var (
	packedChunk = pack.Of[chunk]()
	// it never fails
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
)

// newChunk packs a chunk for its way to another worker.
func newChunk(s source, number uint64, text []byte) []byte {
	return packedChunk.Append(nil, &chunk{s, number, packer.EncodeAll(text, nil)})
}

// chunkBytes unpacks a chunk that is all of its source.
func chunkBytes(b []byte) ([]byte, error) {
	var c chunk
	if _, err := packedChunk.Read(b, &c); err != nil {
		return nil, err
	}
	return unpacker.DecodeAll(c.Bytes, nil)
}

// spool keeps chunks in a file until all have come, because they come in any order and may not fit into memory.
type spool struct {
	file   *os.File
	length int64
	chunks []spooled
}

type spooled struct {
	source source
	number uint64
	at     int64
	length int
}

// newSpool takes in all chunks of a key.
func newSpool(next func(*[]byte) bool) (s *spool, err error) {
	s = &spool{}
	if s.file, err = os.CreateTemp("", "tcplife-beam-"); err != nil {
		return nil, fmt.Errorf("keep what other workers sent: %w", err)
	}
	os.Remove(s.file.Name()) // the file exists as long as it is open
	var b []byte
	for next(&b) {
		var c chunk
		if _, err := packedChunk.Read(b, &c); err != nil {
			s.file.Close()
			return nil, err
		}
		if _, err := s.file.Write(c.Bytes); err != nil {
			s.file.Close()
			return nil, fmt.Errorf("keep what other workers sent: %w", err)
		}
		s.chunks = append(s.chunks, spooled{c.Source, c.Number, s.length, len(c.Bytes)})
		s.length += int64(len(c.Bytes))
	}
	slices.SortFunc(s.chunks, func(a, b spooled) int {
		return cmp.Or(a.source.compare(b.source), cmp.Compare(a.number, b.number))
	})
	return s, nil
}

func (s *spool) close() { s.file.Close() }

// all returns the sources of all chunks, in order.
func (s *spool) all() (list []source) {
	for _, c := range s.chunks {
		if len(list) == 0 || list[len(list)-1] != c.source {
			list = append(list, c.source)
		}
	}
	return list
}

// of returns the chunks of a source, unpacked and in order.
func (s *spool) of(from source) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		first, _ := slices.BinarySearchFunc(s.chunks, from,
			func(c spooled, from source) int { return c.source.compare(from) })
		var packed []byte
		for i, c := range s.chunks[first:] {
			if c.source != from {
				return
			}
			if c.number != uint64(i) {
				yield(nil, fmt.Errorf("the runner lost a chunk: number %d of %v came after %d", c.number, from, i))
				return
			}
			text, err := s.unpack(c, &packed)
			if !yield(text, err) || err != nil {
				return
			}
		}
	}
}

func (s *spool) unpack(c spooled, packed *[]byte) ([]byte, error) {
	*packed = slices.Grow((*packed)[:0], c.length)[:c.length]
	if _, err := s.file.ReadAt(*packed, c.at); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read what other workers sent: %w", err)
	}
	return unpacker.DecodeAll(*packed, nil)
}
