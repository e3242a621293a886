package tcplife_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/capture"
)

// A capture that several goroutines read and decode gives the same as one that one goroutine does: also where other
// packets than TCP, tunnels and fragments lie far from each other in it, and where it is cut off.
func TestSeveralReaders(t *testing.T) {
	const packets = 12_000
	path := filepath.Join(t.TempDir(), "long.pcapng")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := capture.NewWriter(file)
	written := int64(0)
	write := func(p capture.Packet) {
		written++
		p.Time = 1e18 + written*1000
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
	}
	var waiting []capture.Packet // second fragments
	for written < packets {
		for _, from := range captures(t) {
			r, err := capture.Open([]string{from}, capture.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for p, err := r.Next(); err == nil; p, err = r.Next() {
				if first, second, ok := fragments(p, uint16(written)); ok && written%50 == 0 {
					write(first)
					waiting = append(waiting, second)
				}
				if len(waiting) > 40 {
					write(waiting[0])
					waiting = waiting[1:]
				}
				write(*p)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if size, _ := file.Seek(0, 1); file.Truncate(size-5) != nil || file.Close() != nil {
		t.Fatal("the file is not cut off")
	}

	read := func(workers int) (records []string, report *tcplife.Report) {
		r, err := tcplife.Open(t.Context(), tcplife.Options{Workers: workers}, path)
		if err != nil {
			t.Fatal(err)
		}
		for c := range r.Connections(t.Context()) {
			if c != nil {
				records = append(records, text(t, c))
			}
		}
		return records, r.Report()
	}
	want, report := read(1)
	if report.Decoded.Reassembled < 50 || len(report.Capture.Damage) != 1 {
		t.Fatalf("%+v", report)
	}
	for _, workers := range []int{2, 7} {
		records, again := read(workers)
		if diff := cmp.Diff(want, records); diff != "" {
			t.Errorf("with %d workers: %s", workers, diff)
		}
		if diff := cmp.Diff(report.Decoded, again.Decoded) + cmp.Diff(report.Capture, again.Capture); diff != "" {
			t.Errorf("with %d workers: %s", workers, diff)
		}
	}
}

// fragments splits a segment with options or data in an IPv4 packet over Ethernet in two.
func fragments(p *capture.Packet, id uint16) (first, second capture.Packet, ok bool) {
	const ethernet, header, cut = 14, 20, 24
	d := p.Data
	if p.Link != 1 || len(d) != p.Length || len(d) <= ethernet+header+cut || d[12] != 8 || d[13] != 0 ||
		d[ethernet] != 0x45 || len(d) != ethernet+int(binary.BigEndian.Uint16(d[ethernet+2:])) {
		return first, second, false
	}
	make := func(offset uint16, parts ...[]byte) capture.Packet {
		q := *p
		q.Data = slices.Concat(parts...)
		q.Length = len(q.Data)
		binary.BigEndian.PutUint16(q.Data[ethernet+2:], uint16(q.Length-ethernet))
		binary.BigEndian.PutUint16(q.Data[ethernet+4:], id)
		binary.BigEndian.PutUint16(q.Data[ethernet+6:], offset)
		return q
	}
	head := d[:ethernet+header]
	return make(0x2000, head, d[len(head):len(head)+cut]), make(cut/8, head, d[len(head)+cut:]), true
}
