package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/itchyny/timefmt-go"
)

// RingOptions are tcpdump's options -w, -C, -G and -W.
type RingOptions struct {
	// Path is the name of the files. With Every it may hold strftime(3) conversions, for the local time at which a file
	// begins.
	Path  string
	Size  int64         // the size in bytes after which the next file begins; 0 is no limit
	Every time.Duration // the age after which the next file begins; 0 is no limit
	Files int           // the latest files to keep; 0 keeps all
}

// Ring writes packets to one file after the other, as tcpdump does:
//
//   - The first file has the name Path. Later files have a number after it, from 1. With Files the numbers run from 0
//     to Files-1, with leading zeros so that they sort, and then from 0 again, which overwrites the oldest file.
//   - With Every a name has a number only if it would otherwise overwrite the previous file. With Files the oldest file
//     of this Ring is removed; tcpdump would end instead.
//
// Each file is complete in itself, and can be read while it is written: it has everything except the last second. Its
// last block says until when packets were captured, and how many were lost meanwhile.
//
// If a file cannot be written because the disk is full, it is cut after its last whole packet. For ringPause packets
// are counted and not written; then the next file is tried.
type Ring struct {
	options RingOptions

	file    *os.File
	writer  *Writer
	size    int64  // of what is in the file
	waiting uint64 // packets in memory
	begun   int64  // when the file was begun, by the packets' clock
	flushed int64
	before  Drops // the counts at that time
	broken  bool  // there is no file, until retryAt
	retryAt int64

	number int      // of the next file
	base   string   // its name without a number
	names  []string // with Every and Files: of the files, the oldest first

	unwritten uint64
	err       error
}

// ringPause is how long, by the packets' clock, the Ring waits after a file could not be written. ringFlush is how long
// a packet may wait in memory.
const (
	ringPause = int64(10 * time.Second)
	ringFlush = int64(time.Second)
)

// NewRing makes a Ring, and its first file at a time (ns since the Unix epoch): an error shows now, and not with the
// first packet.
func NewRing(o RingOptions, now int64) (*Ring, error) {
	r := &Ring{options: o}
	if err := r.begin(now); err != nil {
		return nil, err
	}
	return r, nil
}

// Write writes a packet; drops are the counts until now.
func (r *Ring) Write(p *Packet, drops Drops) {
	o := &r.options
	if r.broken && p.Time >= r.retryAt || !r.broken &&
		(o.Every > 0 && p.Time-r.begun >= int64(o.Every) || o.Size > 0 &&
			r.size+int64(r.writer.w.Buffered()) >= o.Size) {
		r.Next(p.Time, drops)
	}
	if r.broken {
		r.unwritten++
		return
	}
	r.waiting++
	if err := r.writer.Write(p); err != nil {
		r.fail(p.Time, err)
	} else if r.writer.w.Buffered() == 0 {
		r.waiting = 0
	}
}

// Flush writes the packets that have waited in memory for long enough.
func (r *Ring) Flush(now int64) {
	if r.broken || now >= r.flushed && now-r.flushed < ringFlush {
		return
	}
	r.flushed = now
	if err := r.writer.Flush(); err != nil {
		r.fail(now, err)
	}
}

// Next ends the file and begins the next one; drops are the counts until now.
func (r *Ring) Next(now int64, drops Drops) {
	r.Close(now, drops)
	r.before = drops
	if err := r.begin(now); err != nil {
		r.fail(now, err)
	}
}

// Close ends the last file, which is complete until now; drops are the counts.
func (r *Ring) Close(now int64, drops Drops) {
	if r.broken {
		return
	}
	err := r.writer.Statistics(now, Drops{
		Received: drops.Received - r.before.Received, Interface: drops.Interface - r.before.Interface,
		Kernel: drops.Kernel - r.before.Kernel,
	})
	if err == nil {
		err = r.writer.Flush()
	}
	if err == nil {
		err = r.file.Close()
	}
	if err != nil {
		r.fail(now, err)
	}
	r.broken = true
}

// Unwritten returns how many packets are in no file, and why the first of them is not.
func (r *Ring) Unwritten() (packets uint64, err error) { return r.unwritten, r.err }

// fail gives up the file.
func (r *Ring) fail(now int64, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("write packets: %w", err)
	}
	r.unwritten += r.waiting
	r.waiting = 0
	if r.file != nil {
		r.file.Truncate(r.size) // behind the last whole block; that it fails too adds nothing
		r.file.Close()
	}
	r.broken, r.retryAt = true, now+ringPause
}

// begin begins a file.
func (r *Ring) begin(now int64) error {
	r.file = nil
	name := r.name(now)
	if r.options.Every > 0 && r.options.Files > 0 {
		r.names = slices.DeleteFunc(r.names, func(n string) bool { return n == name })
		if len(r.names) == r.options.Files {
			if err := os.Remove(r.names[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("make room in the ring of files: %w", err)
			}
			r.names = r.names[1:]
		}
		r.names = append(r.names, name)
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	r.file, r.size, r.waiting, r.broken = file, 0, 0, false
	r.begun, r.flushed = now, now
	r.writer = NewWriter(ringSink{r})
	return r.writer.Flush()
}

// name is the name of the next file.
func (r *Ring) name(now int64) string {
	base := r.options.Path
	if r.options.Every > 0 {
		base = timefmt.Format(time.Unix(0, now), base)
		if base != r.base {
			r.base, r.number = base, 0
		}
	}
	n := r.number
	r.number++
	switch {
	case r.options.Every == 0 && r.options.Files > 0:
		digits := len(strconv.Itoa(r.options.Files - 1))
		return fmt.Sprintf("%s%0*d", base, digits, n%r.options.Files)
	case n > 0:
		return base + strconv.Itoa(n)
	}
	return base
}

// ringSink is where the Writer of a Ring writes: whole blocks.
type ringSink struct{ *Ring }

func (s ringSink) Write(b []byte) (int, error) {
	n, err := s.file.Write(b)
	if err == nil {
		s.size += int64(n)
		s.waiting = min(s.waiting, 1) // the one that made room for itself by this write
	}
	return n, err
}
