package capture

import (
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// maxWindow bounds what a compressed file may make a decompressor remember: what the zstd command allows by default.
const maxWindow = 128 << 20

// compression is a way in which a capture file may be packed, told by its first bytes and never by its name.
type compression struct {
	name  string
	magic string
	open  func(*buffer) (io.Reader, error)
}

var compressions = []compression{
	{"gzip", "\x1f\x8b", func(b *buffer) (io.Reader, error) { return gzip.NewReader(b) }},
	{"zstd", "\x28\xb5\x2f\xfd", func(b *buffer) (io.Reader, error) {
		d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}},
	{"lz4", "\x04\x22\x4d\x18", func(b *buffer) (io.Reader, error) { return lz4.NewReader(b), nil }},
	{"bzip2", "BZh", func(b *buffer) (io.Reader, error) { return bzip2.NewReader(b), nil }},
	{"xz", "\xfd7zXZ\x00", func(b *buffer) (io.Reader, error) { return xz.NewReader(b, maxWindow) }},
}

// compressionNames is for messages.
func compressionNames() string {
	names := make([]string, len(compressions))
	for i, c := range compressions {
		names[i] = c.name
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// skipFrames passes the skippable frames that may stand before those of zstd and lz4 (RFC 8878 §3.1.2).
func skipFrames(b *buffer) {
	for {
		h := b.peek(8)
		if len(h) < 8 || binary.LittleEndian.Uint32(h)&^0xf != 0x184d2a50 ||
			!b.skip(8+int64(binary.LittleEndian.Uint32(h[4:]))) {
			return
		}
	}
}

// ahead runs a decompressor in a goroutine of its own. At most its chunks are decompressed ahead of the reader.
type ahead struct {
	full chan []byte // closed at the end, after err is set
	free chan []byte
	stop chan struct{}
	rest []byte // of chunk, not yet read
	part []byte // the chunk being read
	err  error
}

const (
	chunks    = 4
	chunkSize = 128 << 10
)

func newAhead(c compression, src *buffer) *ahead {
	a := &ahead{
		full: make(chan []byte, chunks),
		free: make(chan []byte, chunks),
		stop: make(chan struct{}),
	}
	for range chunks {
		a.free <- nil // made when it is first needed
	}
	go a.run(c, src)
	return a
}

func (a *ahead) run(c compression, src *buffer) {
	defer close(a.full)
	// A decompressor that trips over its input must not take the program with it.
	defer func() {
		if fault := recover(); fault != nil {
			a.err = fmt.Errorf("%s: %v", c.name, fault)
		}
	}()
	r, err := c.open(src)
	if closer, ok := r.(io.Closer); ok && err == nil {
		defer closer.Close()
	}
	for err == nil {
		var chunk []byte
		select {
		case chunk = <-a.free:
		case <-a.stop:
			return
		}
		if chunk == nil {
			chunk = make([]byte, chunkSize)
		}
		var n int
		n, err = r.Read(chunk[:chunkSize])
		a.full <- chunk[:n] // never blocks: there are no more chunks than places
	}
	if err != io.EOF {
		err = fmt.Errorf("%s: %w", c.name, err)
	}
	a.err = err
}

// Read gives what is decompressed by now, and waits only if that is nothing.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.part != nil {
			a.free <- a.part
			a.part = nil
		}
		chunk, more := <-a.full
		if !more {
			return 0, a.err
		}
		a.part, a.rest = chunk, chunk
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the goroutine as soon as its read of the file returns.
func (a *ahead) Close() error {
	close(a.stop)
	return nil
}
