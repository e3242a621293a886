package capture

import (
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/docker/go-units"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// A compressed file may make a decompressor keep maxWindow bytes, the default limit of the zstd command. leastWindow is
// what every zstd decompressor must support (RFC 8878 §3.1.1.1.2), and more than gzip, bzip2 and lz4 need.
const (
	maxWindow   = 128 << 20
	leastWindow = 8 << 20
)

// window returns how many bytes the decompressor of one more file may keep, with this many others open.
func (o *Options) window(others int) uint32 {
	if o.MaxMemory == 0 {
		return maxWindow
	}
	return uint32(min(max(o.MaxMemory/int64(others+1), leastWindow), maxWindow))
}

// maxRatio is how many times its size a file may unpack to, above Options.MaxUnpacked. Captures of real traffic stay
// far below.
const maxRatio = 1000

const defaultMaxUnpacked = 1 << 30

// compression is a compression format, recognised by a file's first bytes and never by its name.
type compression struct {
	name  string
	magic string
	open  func(b *buffer, window uint32) (io.Reader, error)
}

var compressions = []compression{
	{"gzip", "\x1f\x8b", func(b *buffer, _ uint32) (io.Reader, error) { return gzip.NewReader(b) }},
	{"zstd", "\x28\xb5\x2f\xfd", func(b *buffer, window uint32) (io.Reader, error) {
		d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(uint64(window)))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}},
	{"lz4", "\x04\x22\x4d\x18", func(b *buffer, _ uint32) (io.Reader, error) { return lz4.NewReader(b), nil }},
	{"bzip2", "BZh", func(b *buffer, _ uint32) (io.Reader, error) { return bzip2.NewReader(b), nil }},
	{"xz", "\xfd7zXZ\x00", func(b *buffer, window uint32) (io.Reader, error) { return xz.NewReader(b, window) }},
}

// compressionNames lists the formats for messages.
func compressionNames() string {
	names := make([]string, len(compressions))
	for i, c := range compressions {
		names[i] = c.name
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// skipFrames skips the skippable frames before those of zstd and lz4 (RFC 8878 §3.1.2).
func skipFrames(b *buffer) {
	for {
		h := b.peek(8)
		if len(h) < 8 || binary.LittleEndian.Uint32(h)&^0xf != 0x184d2a50 ||
			!b.skip(8+int64(binary.LittleEndian.Uint32(h[4:]))) {
			return
		}
	}
}

// decompressor reads the contents of a compressed buffer. Its errors name the compression, and it turns panics of the
// library into errors.
type decompressor struct {
	compression
	src    *buffer
	window uint32
	out    io.Reader // nil before the first Read

	packed   *atomic.Int64 // bytes that were read of the file
	unpacked int64
	most     int64 // Options.MaxUnpacked
}

func (d *decompressor) Read(p []byte) (n int, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			n, err = 0, fmt.Errorf("%s: %v", d.name, fault)
		}
	}()
	if d.out == nil {
		var out io.Reader
		if out, err = d.open(d.src, d.window); err == nil {
			d.out = out
		}
	}
	if err == nil {
		n, err = d.out.Read(p)
	}
	switch {
	case err == nil || err == io.EOF:
	case errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, xz.ErrMemlimit):
		if d.window < maxWindow {
			err = fmt.Errorf("%w %s, which --memory leaves for it", err, units.BytesSize(float64(d.window)))
		}
		return n, fmt.Errorf("%s: %w", d.name, err)
	default:
		return n, fmt.Errorf("%s: %w", d.name, err)
	}
	d.unpacked += int64(n)
	if packed := d.packed.Load(); d.unpacked > d.most && d.unpacked/maxRatio > packed {
		return n, fmt.Errorf("%s: the first %s become more than %s, over %d times as much; --max-unpacked allows more",
			d.name,
			units.BytesSize(float64(packed)), units.BytesSize(float64(d.most)), maxRatio)
	}
	return n, err
}

func (d *decompressor) Close() error {
	if c, ok := d.out.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
