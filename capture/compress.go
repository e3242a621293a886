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

// decompressor reads what is in a compressed buffer. Its errors say of which compression they are; and where it trips over its
// input, it does not take the program with it.
type decompressor struct {
	compression
	src *buffer
	out io.Reader // nil before the first Read
}

func (d *decompressor) Read(p []byte) (n int, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			n, err = 0, fmt.Errorf("%s: %v", d.name, fault)
		}
	}()
	if d.out == nil {
		var out io.Reader
		if out, err = d.open(d.src); err == nil {
			d.out = out
		}
	}
	if err == nil {
		n, err = d.out.Read(p)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", d.name, err)
	}
	return n, err
}

func (d *decompressor) Close() error {
	if c, ok := d.out.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
