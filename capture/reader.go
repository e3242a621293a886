package capture

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"sync/atomic"
)

// Options are the options of Open.
type Options struct {
	Stdin io.Reader // what the path "-" reads; nil is os.Stdin
	// Done ends the capture when it is closed, even while a pipe is waited for. A pipe that is cut off in this way does
	// not count as damaged. nil waits forever.
	Done <-chan struct{}
	// MaxUnpacked is how many bytes a compressed file may unpack to if that is more than 1,000 times its size. So a
	// small crafted file cannot keep a reader busy forever. 0 is 1 GiB. The file ends there, as damaged.
	MaxUnpacked int64
	// MaxMemory is approximately how many bytes decompressors may keep. Each open file has at least 8 MiB (RFC 8878
	// §3.1.1.1.2) and at most 128 MiB. 0 sets no other bound.
	MaxMemory int64
	// Remote opens a path with a scheme, such as s3://bucket/key, possibly several times. nil: such a path is a file's
	// name.
	Remote func(path string) (fs.File, error)
}

// Reader reads the packets of one or more files as one capture. It belongs to one goroutine, except Progress.
type Reader struct {
	opts   Options
	due    merge // those with packets left
	given  bool  // the packet of due[0] was given
	single bool  // there is one file
	tally  *Tally

	read  atomic.Int64 // bytes of the files
	total int64
}

// source is one file of the capture. It is open only while its packets are due.
type source struct {
	path   string
	order  int
	file   *file // nil while it is closed
	packet Packet
	key    int64 // the place of packet among those of other files: its time, or the previous packet's if it has none
}

// Open opens files, "-" for the standard input, as one capture in order of time: packets of different files are merged
// by their times (at the same time in the order of paths), packets of one file stay in its own order. So the files of a
// rotated set may be given in any order. A file that cannot be opened or is not a capture counts as damage, and the
// others are read; Open fails if no file is left. After its first packet a file is read when its packets are due.
func Open(paths []string, opts Options) (*Reader, error) {
	r := &Reader{opts: opts, tally: NewTally(paths)}
	several := len(paths) > 1
	sized := true
	var failed error
	opened := 0
	for i, path := range paths {
		s := &source{path: path, order: i}
		if path == "-" && slices.Contains(paths[:i], "-") {
			r.Close()
			return nil, errors.New("open capture \"-\": the standard input can be read only once")
		}
		if err := r.open(s, several); err != nil {
			r.tally.total.Damage = append(r.tally.total.Damage, Damage{File: path, Expected: err.Error(), Unread: true})
			failed = cmp.Or(failed, fmt.Errorf("open capture %q: %w", path, err))
			continue
		}
		opened++
		size, again := s.file.size, several && s.file.regular
		r.total += size
		sized = sized && size > 0
		if !r.advance(s) {
			if again {
				r.read.Add(size)
			}
			continue
		}
		r.due = append(r.due, s)
		if again {
			s.file.close()
			s.file, s.packet = nil, Packet{} // and with it the buffer
		}
	}
	if failed != nil && opened == 0 {
		return nil, failed
	}
	if !sized {
		r.total = 0
	}
	r.single = !several && len(r.due) == 1
	heap.Init(&r.due)
	return r, nil
}

// open opens the file of s; with peek, if it can, to close it again after the first packet.
func (r *Reader) open(s *source, peek bool) (err error) {
	s.key = math.MaxInt64
	others := 0 // the more files are open, the less memory each may take
	for _, other := range r.due {
		if other != s && other.file != nil {
			others++
		}
	}
	if s.file, err = openFile(s.path, r.opts, peek, others, &r.read); err != nil {
		return err
	}
	if others == 0 && !peek {
		s.file.readAhead()
	}
	return nil
}

// advance reads the next packet of s; false, and s is finished, if there is none.
func (r *Reader) advance(s *source) bool {
	err := s.file.format.next(&s.packet)
	if err != nil {
		r.finish(s, err)
		return false
	}
	if s.packet.Time != NoTime {
		s.key = s.packet.Time
	}
	return true
}

// finish closes s, which ended with err.
func (r *Reader) finish(s *source, err error) {
	var d *Damage
	if errors.As(err, &d) && !(s.file != nil && s.file.interrupted()) {
		r.tally.total.Damage = append(r.tally.total.Damage,
			Damage{File: s.path, Offset: d.Offset, Expected: d.Expected})
	}
	if s.file != nil {
		r.tally.total.Drops.Add(s.file.format.drops())
		r.tally.total.Until = max(r.tally.total.Until, s.file.format.until())
		s.file.close()
		s.file = nil
	}
}

// Next returns the capture's next packet, which is valid until the next call, or io.EOF. A damaged file is not an
// error: it ends at the damage, Stats reports it, and the other files are read.
func (r *Reader) Next() (*Packet, error) {
	if r.given {
		r.given = false
		r.settle(r.advance(r.due[0]))
	}
	for len(r.due) > 0 {
		s := r.due[0]
		if s.file != nil {
			r.given = true
			r.tally.Count(&s.packet)
			return &s.packet, nil
		}
		if err := r.open(s, false); err != nil {
			r.finish(s, damaged(0, "the file that was there when the capture was opened: %v", err))
			r.settle(false)
			continue
		}
		r.settle(r.advance(s))
	}
	return nil, io.EOF
}

// Read fills packets with the capture's next packets: at least one, for which it may wait, and others that are already
// there. They are valid until the next call. It returns io.EOF when there are no more, and otherwise behaves like Next.
func (r *Reader) Read(packets []Packet) (n int, err error) {
	if len(packets) == 0 {
		return 0, nil
	}
	first, err := r.Next()
	if err != nil {
		return 0, err
	}
	packets[0] = *first
	for n = 1; n < len(packets); n++ {
		p, s := &packets[n], r.due[0]
		if !s.file.format.more(p) {
			break
		}
		if p.Time != NoTime {
			s.key = p.Time
		}
		if len(r.due) > 1 && (r.due.Less(1, 0) || len(r.due) > 2 && r.due.Less(2, 0)) {
			s.packet = *p // it comes after a packet of another file
			r.settle(true)
			if s = r.due[0]; s.file == nil {
				r.given = false
				break
			}
			*p = s.packet
		}
		r.tally.Count(p)
	}
	return n, nil
}

// Single reports whether the capture is one file, so that Detach can be called after a Read.
func (r *Reader) Single() bool { return r.single }

// Detach takes the memory of the packets of the last Read from the reader. They stay valid, also for another goroutine,
// until the memory is given back as the spare of a later call. nil is a spare, too.
func (r *Reader) Detach(spare []byte) (memory []byte) {
	return r.due[0].file.format.buffer().exchange(spare)
}

// settle puts due[0] where its packet belongs, or takes it out if it has none left.
func (r *Reader) settle(more bool) {
	switch {
	case !more:
		heap.Pop(&r.due)
	case len(r.due) > 1:
		heap.Fix(&r.due, 0)
	}
}

// Stats returns the counts so far. The damage and the drop counts of a file are complete at its end.
func (r *Reader) Stats() Stats {
	stats := r.tally.Stats()
	for _, s := range r.due {
		if s.file != nil {
			stats.Drops.Add(s.file.format.drops())
		}
	}
	return stats
}

// Progress returns how many bytes of the files were read, before decompression, and the total; 0 if unknown. Any
// goroutine may call it.
func (r *Reader) Progress() (done, total int64) { return r.read.Load(), r.total }

// Close closes all open files. Next returns io.EOF afterwards, and Stats still works.
func (r *Reader) Close() error {
	for _, s := range r.due {
		if s.file != nil {
			r.finish(s, nil)
		}
	}
	r.due, r.given = nil, false
	return nil
}

// merge is a heap of the sources, the one with the next packet first.
type merge []*source

func (m merge) Len() int { return len(m) }
func (m merge) Less(i, j int) bool {
	return m[i].key < m[j].key || m[i].key == m[j].key && m[i].order < m[j].order
}
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }

// Push is for heap.Interface. Nothing is pushed, because every file is there from the beginning.
func (m *merge) Push(x any) { *m = append(*m, x.(*source)) }

// Pop is for heap.Interface.
func (m *merge) Pop() any {
	last := len(*m) - 1
	s := (*m)[last]
	*m = (*m)[:last]
	return s
}
