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

// chunk is a piece of something long that is taken to another worker: of what, and the how
// manyeth. They come in any order.
type chunk struct {
	Of, Number uint64
	Bytes      []byte // compressed
}

var (
	packedChunk = pack.Of[chunk]()
	// it never fails
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
)

// newChunk packs a chunk for its way to another worker.
func newChunk(of, number uint64, text []byte) []byte {
	return packedChunk.Append(nil, &chunk{of, number, packer.EncodeAll(text, nil)})
}

// spool keeps chunks in a file until all have come, for they come in any order, and may be more than fits into memory.
type spool struct {
	file   *os.File
	length int64
	chunks []spooled
}

type spooled struct {
	of, number uint64
	at         int64
	length     int
}

// newSpool takes in all chunks of a key.
func newSpool(next func(*[]byte) bool) (s *spool, err error) {
	s = &spool{}
	if s.file, err = os.CreateTemp("", "tcplife-beam-"); err != nil {
		return nil, fmt.Errorf("keep what other workers sent: %w", err)
	}
	os.Remove(s.file.Name()) // it lives as long as it is open
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
		s.chunks = append(s.chunks, spooled{c.Of, c.Number, s.length, len(c.Bytes)})
		s.length += int64(len(c.Bytes))
	}
	slices.SortFunc(s.chunks, func(a, b spooled) int {
		return cmp.Or(cmp.Compare(a.of, b.of), cmp.Compare(a.number, b.number))
	})
	return s, nil
}

func (s *spool) close() { s.file.Close() }

// all gives what the chunks are of, in order.
func (s *spool) all() (list []uint64) {
	for _, c := range s.chunks {
		if len(list) == 0 || list[len(list)-1] != c.of {
			list = append(list, c.of)
		}
	}
	return list
}

// of gives the chunks of something, unpacked and in order.
func (s *spool) of(of uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var packed []byte
		for i, c := range s.chunks[s.first(of):] {
			if c.of != of {
				return
			}
			if c.number != uint64(i) {
				yield(nil, fmt.Errorf("the runner lost a chunk: number %d of %d came after %d", c.number, of, i))
				return
			}
			text, err := s.unpack(c, &packed)
			if !yield(text, err) || err != nil {
				return
			}
		}
	}
}

// last gives the last chunk of something that there is one of.
func (s *spool) last(of uint64) ([]byte, error) {
	return s.unpack(s.chunks[s.first(of+1)-1], new([]byte))
}

// first is where the chunks of something begin.
func (s *spool) first(of uint64) int {
	at, _ := slices.BinarySearchFunc(s.chunks, of, func(c spooled, of uint64) int { return cmp.Compare(c.of, of) })
	return at
}

func (s *spool) unpack(c spooled, packed *[]byte) ([]byte, error) {
	*packed = slices.Grow((*packed)[:0], c.length)[:c.length]
	if _, err := s.file.ReadAt(*packed, c.at); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read what other workers sent: %w", err)
	}
	return unpacker.DecodeAll(*packed, nil)
}
