package capture

import (
	"io"
	"slices"
)

// bufferSize is the size of one read from a file: a larger one is not faster, and exceeds the processor's cache.
const bufferSize = 256 << 10

// buffer returns contiguous bytes of a stream without copying. It never allocates the size that a length field claims:
// it grows as bytes arrive. (A memory map would save one copy, but crash with SIGBUS if the file shrinks.)
type buffer struct {
	src   io.Reader
	size  int    // of data, unless more is wanted at once
	data  []byte // data[begin:end] are the bytes read from src and not yet taken
	begin int
	end   int
	base  int64 // offset in the stream of data[0]
	err   error // why src returns no more

	ahead *ahead // reads from src, once readAhead was called
	chunk []byte // of ahead, with data in it; nil for data of its own
}

func newBuffer(src io.Reader, size int) *buffer {
	return &buffer{src: src, size: size, data: make([]byte, size)}
}

// offset is how many bytes of the stream have been taken.
func (b *buffer) offset() int64 { return b.base + int64(b.begin) }

// peek returns the next n bytes without consuming them; fewer only if the stream ends before. They stay valid until the
// next call of peek, skip or Read.
func (b *buffer) peek(n int) []byte {
	if b.end-b.begin < n {
		b.fill(n)
	}
	return b.data[b.begin:min(b.begin+n, b.end)]
}

// buffered are the bytes that peek can return without reading from the stream.
func (b *buffer) buffered() []byte { return b.data[b.begin:b.end] }

// take consumes n bytes that peek or buffered has returned.
func (b *buffer) take(n int) { b.begin += n }

// skip consumes n bytes. It reports false if the stream ends before.
func (b *buffer) skip(n int64) bool {
	for n > 0 {
		seen := len(b.peek(int(min(n, int64(len(b.data))))))
		if seen == 0 {
			return false
		}
		b.take(seen)
		n -= int64(seen)
	}
	return true
}

// exchange gives away the memory of the bytes that were taken, so that they stay valid, and continues in a spare one.
func (b *buffer) exchange(spare []byte) (used []byte) {
	left, size := b.end-b.begin, b.size
	if b.ahead != nil {
		size += headroom
	}
	if cap(spare) != size || left > size {
		spare = make([]byte, max(size, left))
	}
	spare = spare[:cap(spare)]
	copy(spare, b.data[b.begin:b.end])
	used, b.data = b.data, spare
	if b.chunk != nil {
		b.chunk = spare
	}
	b.base += int64(b.begin)
	b.begin, b.end = 0, left
	return used
}

// readAhead makes another goroutine read src from now on.
func (b *buffer) readAhead() *ahead {
	b.ahead = newAhead(b.src, b.size)
	return b.ahead
}

func (b *buffer) fill(n int) {
	if b.ahead != nil {
		for b.end-b.begin < n && b.err == nil {
			b.turn()
		}
		return
	}
	if b.begin+n > len(b.data) || len(b.data) > b.size {
		to := b.data
		if len(to) > b.size && max(n, b.end-b.begin) <= b.size {
			to = make([]byte, b.size) // the large request is satisfied
		}
		copy(to, b.data[b.begin:b.end])
		b.data = to
		b.base += int64(b.begin)
		b.begin, b.end = 0, b.end-b.begin
	}
	for idle := 0; b.end-b.begin < n && b.err == nil; {
		if b.end == len(b.data) {
			b.data = append(b.data, make([]byte, min(len(b.data), n-len(b.data)))...)
		}
		got, err := b.src.Read(b.data[b.end:])
		b.end += got
		b.err = err
		if idle++; got > 0 {
			idle = 0
		} else if idle == 100 && err == nil {
			b.err = io.ErrNoProgress
		}
	}
}

// turn switches to the next chunk, and puts the rest of the one before in front of it.
func (b *buffer) turn() {
	var next []byte
	var more bool
	select {
	case next, more = <-b.ahead.full:
	case <-b.ahead.done:
		b.err = errInterrupted
		return
	}
	if !more {
		b.ahead.panicked.Again()
		b.err = b.ahead.err
		return
	}
	used, left := b.chunk, b.end-b.begin
	if left <= headroom {
		begin := headroom - left
		copy(next[begin:], b.data[b.begin:b.end])
		b.base += int64(b.begin - begin)
		b.chunk, b.data, b.begin, b.end = next, next, begin, len(next)
	} else {
		// The request is larger than a chunk.
		joined := b.data[b.begin:b.end:cap(b.data)]
		if b.chunk != nil {
			joined = slices.Clip(joined)
		}
		b.data = append(joined, next[headroom:]...)
		b.base += int64(b.begin)
		b.chunk, b.begin, b.end = nil, 0, len(b.data)
		b.ahead.free <- next
	}
	if used != nil {
		b.ahead.free <- used
	}
}

// Read and ReadByte let a decompressor continue where its magic was found.
func (b *buffer) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	got := b.peek(1)
	if len(got) == 0 {
		return 0, b.err
	}
	n := copy(p, b.data[b.begin:b.end])
	b.take(n)
	return n, nil
}

// ReadByte saves the decompressors their own buffer.
func (b *buffer) ReadByte() (byte, error) {
	got := b.peek(1)
	if len(got) == 0 {
		return 0, b.err
	}
	b.take(1)
	return got[0], nil
}
