package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
)

// peekSize is enough for a file's header and, usually, its first packet.
const peekSize = 64 << 10

// maxNesting is how many compressions of a file may be nested.
const maxNesting = 3

// format reads the packets of an uncompressed stream. next returns io.EOF at the end, and *Damage if the file ends
// early or is wrong. more is like next if the earlier packets stay valid; otherwise it returns false.
type format interface {
	next(*Packet) error
	more(*Packet) bool
	buffer() *buffer // holds the packets
	drops() Drops
	until() int64 // Stats.Until
}

// file is one open capture file.
type file struct {
	format  format
	raw     *buffer
	closers []io.Closer
	size    int64 // 0 if unknown
	regular bool  // can be closed and opened again

	packed atomic.Int64    // bytes that were read, compressed as they are
	done   <-chan struct{} // Options.Done if reading may block; nil otherwise
}

// interrupted reports whether reading stopped before the end of the file.
func (f *file) interrupted() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// openFile opens a file and reads its header, with so many others open. read counts the bytes of the file that were
// read, compressed as they are, unless they will be read again: peek says that only the first packet is wanted for now.
func openFile(path string, o Options, peek bool, others int, read *atomic.Int64) (*file, error) {
	f := &file{}
	raw, regular, err := f.open(path, o)
	if err != nil {
		f.close()
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the path is in the message already
		}
		return nil, err
	}
	size := bufferSize
	if others > 0 {
		size = peekSize
	}
	if peek && f.regular {
		size, read = peekSize, new(atomic.Int64)
	}
	f.raw = newBuffer(&counter{raw, read, &f.packed}, size)
	if !regular && o.Done != nil {
		f.done = o.Done
		f.closers = append(f.closers, f.raw.readAhead())
		f.raw.ahead.done = o.Done
	}
	if f.format, err = f.detect(f.raw, o, others); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// open opens a path. Reading may block if it is not a regular file.
func (f *file) open(path string, o Options) (raw io.Reader, regular bool, err error) {
	if path == "-" {
		if o.Stdin == nil {
			o.Stdin = os.Stdin
		}
		if stdin, ok := o.Stdin.(*os.File); ok {
			if info, err := stdin.Stat(); err == nil && info.Mode().IsRegular() {
				f.size = info.Size()
				return stdin, true, nil
			}
		}
		return o.Stdin, false, nil
	}
	if o.Remote != nil && strings.Contains(path, "://") {
		remote, err := o.Remote(path)
		if err != nil {
			return nil, false, err
		}
		f.closers = append(f.closers, remote)
		info, err := remote.Stat()
		if err != nil {
			return nil, false, err
		}
		f.size, f.regular = info.Size(), true
		return remote, true, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, false, err
	case info.IsDir():
		return nil, false, errors.New("is a directory; name the capture files in it")
	case !info.Mode().IsRegular():
		w := &waiting{path: path, fifo: info.Mode()&fs.ModeNamedPipe != 0}
		f.closers = append(f.closers, w)
		return w, false, nil
	}
	opened, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	f.closers = append(f.closers, opened)
	f.size, f.regular = info.Size(), true
	return opened, true, nil
}

// readAhead reads the rest of the file in another goroutine, unless a decompressor does so.
func (f *file) readAhead() {
	packed := len(f.closers) > 1
	if f.regular && !packed && f.raw.end == len(f.raw.data) {
		f.closers = append(f.closers, f.raw.readAhead())
	}
}

// detect finds the format of a file by its first bytes, through its compression.
func (f *file) detect(b *buffer, o Options, others int) (format, error) {
	packed := ""
nesting:
	for depth := 0; depth < maxNesting; depth++ {
		skipFrames(b)
		head := b.peek(16)
		for _, c := range compressions {
			if len(head) >= len(c.magic) && string(head[:len(c.magic)]) == c.magic {
				d := &decompressor{compression: c, src: b, window: o.window(others), packed: &f.packed,
					most: o.MaxUnpacked}
				if d.most == 0 {
					d.most = defaultMaxUnpacked
				}
				b = newBuffer(d, b.size)
				f.closers = append(f.closers, b.readAhead())
				packed += c.name + "-compressed "
				continue nesting
			}
		}
		break
	}
	head := b.peek(16)
	if layout, o, ok := pcapMagic(head); ok {
		return newPcapFile(b, layout, o)
	}
	if len(head) >= 4 && bigEndian.u32(head) == blockSection {
		return newPcapngFile(b)
	}
	if b.err != nil && b.err != io.EOF {
		return nil, fmt.Errorf("not a readable %sfile: %w", packed, b.err)
	}
	if len(head) == 0 {
		return nil, fmt.Errorf("empty %sfile", packed)
	}
	dots := ""
	if len(b.peek(17)) > len(head) {
		dots = "…"
	}
	return nil, fmt.Errorf("not a capture file: %sbegins with %q%s%s (expected pcap or pcapng, plain or compressed "+
		"by %s)",
		packed, head, dots, advice(b.buffered()), compressionNames())
}

func (f *file) close() {
	for _, c := range f.closers {
		c.Close()
	}
	f.closers = nil
}

// counter counts the bytes read, for the progress bar.
type counter struct {
	src io.Reader
	n   *atomic.Int64 // of all files
	own *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n.Add(int64(n))
	c.own.Add(int64(n))
	return n, err
}
