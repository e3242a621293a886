// Package dump writes recent packets to separate capture files once an event shows that they matter.
package dump

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/pieces"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
)

// Options say where dumps go, and how large they are.
type Options struct {
	Dir     string
	Files   int   // at most in Dir, including those of earlier runs; the oldest is removed first
	Size    int64 // bytes of a file, at most
	Decoder flows.DecoderOptions
}

const (
	// keptBytes is the size of the latest packets that are kept.
	keptBytes = 64 << 20
	// queue is the number of dumps that may wait for the disk. Each keeps the packets that were there when it was
	// requested.
	queue = 16
)

// A Dumper keeps the latest packets, and writes dumps in its own goroutine. Its methods must be called by one
// goroutine.
type Dumper struct {
	options Options
	recent  *capture.Recent
	jobs    chan job
	done    chan struct{} // closed when everything is written
	said    chan string
	names   []string // the files in Dir, the oldest first

	written, dropped atomic.Uint64
}

// A Choice says which packets are dumped: those with a segment for which Of holds, from a packet and a time on, until a
// time. Another goroutine calls Of.
type Choice struct {
	Name     string // the file's name after the time
	At       int64  // that time, ns since the Unix epoch
	First    uint64 // number of the first packet; 0: any
	From, To int64
	Of       func(*flows.Segment) bool
	About    string // for the comment of the first packet
}

type job struct {
	Choice
	kept capture.Kept
}

// named are the files of dumps.
var named = regexp.MustCompile(`^tcplife-\d{8}T\d{6}\.\d{9}Z-[^/]*\.pcapng$`)

// New makes a Dumper. It fails if the directory does not exist or no file can be created in it.
func New(o Options) (*Dumper, error) {
	d := &Dumper{options: o, recent: capture.NewRecent(keptBytes), jobs: make(chan job, queue),
		done: make(chan struct{}), said: make(chan string, 8)}
	try, err := os.CreateTemp(o.Dir, ".tcplife-")
	if err != nil {
		return nil, fmt.Errorf("write dumps: %w", err)
	}
	try.Close()
	os.Remove(try.Name())
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("look for earlier dumps: %w", err)
	}
	for _, e := range entries { // by name, which begins with the time
		if named.MatchString(e.Name()) {
			d.names = append(d.names, e.Name())
		}
	}
	go d.write()
	return d, nil
}

// Packet keeps a packet.
func (d *Dumper) Packet(p *capture.Packet) { d.recent.Add(p) }

// Give requests a dump of packets that are kept now. It never waits: if the queue is full, the dump is counted as
// dropped.
func (d *Dumper) Give(c Choice) {
	select {
	case d.jobs <- job{c, d.recent.Kept()}:
	default:
		d.dropped.Add(1)
	}
}

// Counts returns the numbers of files written and of dumps dropped.
func (d *Dumper) Counts() (written, dropped uint64) { return d.written.Load(), d.dropped.Load() }

// Said returns the messages since the last call.
func (d *Dumper) Said() (list []string) {
	for {
		select {
		case text := <-d.said:
			list = append(list, text)
		default:
			return list
		}
	}
}

// Close writes the waiting dumps. Give must not be called afterwards.
func (d *Dumper) Close() {
	close(d.jobs)
	<-d.done
}

func (d *Dumper) write() {
	defer close(d.done)
	for j := range d.jobs {
		if err := d.dump(&j); err != nil {
			if d.dropped.Add(1) == 1 {
				select {
				case d.said <- err.Error() + "; further failures are only counted":
				default:
				}
			}
			continue
		}
		d.written.Add(1)
	}
}

// dump writes a file.
func (d *Dumper) dump(j *job) (err error) {
	defer fault.Catch(new(uint64), func(f *fault.Error) { err = fmt.Errorf("write a dump: %w", f) })
	packets, before := d.choose(j)
	about := j.About
	if len(packets) == 0 {
		return fmt.Errorf("dump %s: its packets are gone: only the last %d MiB of the capture are kept",
			about, keptBytes>>20)
	}
	if j.First > 0 && packets[0].Number > j.First && before == 0 {
		about += "; its first packets were gone"
	}
	if before > 0 {
		about += fmt.Sprintf("; packets before these that did not fit in the file: %d", before)
	}
	if err := d.makeRoom(); err != nil {
		return err
	}
	name := fmt.Sprintf("tcplife-%s-%s", time.Unix(0, j.At).UTC().Format("20060102T150405.000000000Z"), j.Name)
	path := filepath.Join(d.options.Dir, name+".pcapng")
	for n := 2; slices.Contains(d.names, filepath.Base(path)); n++ {
		path = filepath.Join(d.options.Dir, fmt.Sprintf("%s-%d.pcapng", name, n))
	}
	if err := writeFile(path, packets, about); err != nil {
		return fmt.Errorf("dump packets: %w", err)
	}
	d.names = append(d.names, filepath.Base(path))
	return nil
}

// choose returns the packets, only the latest if they are too many for a file, and how many it left out.
func (d *Dumper) choose(j *job) (packets []capture.Packet, before int) {
	const block = 48 // bytes of a packet in the file besides its data
	decoder := flows.NewDecoder(d.options.Decoder)
	var segments []flows.Segment
	var own pieces.Pieces
	for p := range j.kept.Packets {
		segments = decoder.Decode(p, segments[:0])
		wanted := p.Number >= j.First && p.Time >= j.From && p.Time <= j.To
		own.Decoded(p.Number, decoder,
			wanted && slices.ContainsFunc(segments, func(s flows.Segment) bool { return j.Of(&s) }))
	}
	var size int64
	for p := range j.kept.Packets {
		if !own.Has(p.Number) {
			continue
		}
		packets = append(packets, *p)
		size += int64(len(p.Data) + block)
		for ; size > d.options.Size && len(packets) > 1; before++ {
			size -= int64(len(packets[0].Data) + block)
			packets = packets[1:]
		}
	}
	return packets, before
}

// makeRoom removes the oldest files until another fits.
func (d *Dumper) makeRoom() error {
	for len(d.names) >= d.options.Files {
		err := os.Remove(filepath.Join(d.options.Dir, d.names[0]))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make room for a dump: %w", err)
		}
		d.names = d.names[1:]
	}
	return nil
}

// writeFile writes a file, which gets its name only when it is complete. The first packet gets a comment.
func writeFile(path string, packets []capture.Packet, about string) error {
	os.Remove(path + ".part") // left by a killed run
	file, err := os.OpenFile(path+".part", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	w := capture.NewWriter(file)
	for i := range packets {
		if i > 0 {
			err = cmp.Or(err, w.Write(&packets[i]))
		} else {
			err = w.Write(&packets[i], "tcplife live --dump: "+about)
		}
	}
	err = errors.Join(err, w.Flush(), file.Close())
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		os.Remove(path + ".part")
	}
	return err
}
