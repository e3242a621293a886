package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer/course"
	"github.com/tcplife/tcplife/capture"
)

// costs are the times and the output of the steps.
type costs struct {
	segments   uint64
	spent      map[string]time.Duration // processor time by step
	twoWorkers time.Duration            // of the busier one of two workers
	bytes      map[string]int           // that go from worker to worker
	blocks     map[int64][][]byte       // by part
}

// stepByStep runs the pipeline as an engine does, in this goroutine.
func stepByStep(t testing.TB, c Config) costs {
	t.Helper()
	ctx := context.Background()
	used := processorTime()
	k := costs{spent: map[string]time.Duration{}, bytes: map[string]int{}, blocks: map[int64][][]byte{}}
	var busy [2]time.Duration // of two workers, in this step
	elements := 0
	var err error
	do := func(step error) { // an element of a step
		if err = step; err != nil {
			t.Fatal(err)
		}
		now := processorTime()
		busy[elements%2] += now - used
		used = now
		elements++
	}
	done := func(name string) {
		k.spent[name] = busy[0] + busy[1]
		k.twoWorkers += max(busy[0], busy[1])
		busy, elements = [2]time.Duration{}, 0
	}
	iterate := func(list [][]byte) func(*[]byte) bool {
		return func(next *[]byte) bool {
			if len(list) == 0 {
				return false
			}
			*next, list = list[0], list[1:]
			return true
		}
	}
	gather := func(to *[][]byte, name string) func([]byte) {
		return func(b []byte) {
			*to = append(*to, b)
			k.bytes[name] += len(b)
		}
	}
	byKey := func(to map[int64][][]byte, name string) func(int64, []byte) {
		return func(key int64, b []byte) {
			to[key] = append(to[key], b)
			k.bytes[name] += len(b)
		}
	}

	var surveys, plans, stretches, courses, wholes, journals [][]byte
	for i, path := range c.Files {
		do((&surveyFn{c}).ProcessElement(ctx, named.Append(nil, &file{i, path}), gather(&surveys, "plan")))
	}
	done("survey")
	do((&planFn{c}).ProcessElement(ctx, 0, iterate(surveys), gather(&plans, "plan"), gather(&stretches, "plan")))
	done("plan")
	sockets, told := map[int64][][]byte{}, map[int64][][]byte{}
	for _, s := range stretches {
		do((&courseFn{c}).ProcessElement(ctx, s, gather(&courses, "plan"), byKey(sockets, "sockets")))
	}
	done("course")
	do((&joinFn{c}).ProcessElement(ctx, 0, iterate(courses), plans[0], gather(&wholes, "plan")))
	done("join")
	for bucket, list := range sockets {
		do((&crossFn{c}).ProcessElement(ctx, bucket, iterate(list), wholes[0], byKey(told, "sockets")))
	}
	done("cross")
	for i, s := range stretches {
		told[int64(i)] = append(told[int64(i)], tagged(isStretch, s))
	}
	for i, list := range told {
		do((&readFn{c}).ProcessElement(ctx, i, iterate(list), wholes[0], byKey(k.blocks, "blocks"),
			gather(&journals, "journal")))
	}
	done("read")
	for part, list := range k.blocks {
		do((&trackFn{c}).ProcessElement(ctx, part, iterate(list), wholes[0], gather(&journals, "journal")))
	}
	done("track")
	outputs := map[string][][]byte{}
	do((&mergeFn{c}).ProcessElement(ctx, 0, iterate(journals), plans[0], wholes[0], func(name string, b []byte) {
		outputs[name] = append(outputs[name], b)
		k.bytes["output"] += len(b)
	}))
	done("merge")
	for name, list := range outputs {
		do((&writeFn{c}).ProcessElement(ctx, name, iterate(list)))
	}
	done("write")
	var w whole
	if _, err := packedWhole.Read(wholes[0], &w); err != nil {
		t.Fatal(err)
	}
	k.segments = w.Decoded.stats().Segments
	return k
}

// processorTime is the processor time of this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// again is a later copy of a capture, with other addresses, and cut into two files after some packets.
type again struct {
	later  time.Duration
	other  byte
	behind int
}

// copies writes copies of a capture of one connection.
func copies(t *testing.T, list []again) (files []string) {
	t.Helper()
	r, err := capture.Open([]string{"../../testdata/pcaps/real-close-client-first.pcap"}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var packets []capture.Packet
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		q.Data = bytes.Clone(p.Data)
		packets = append(packets, q)
	}
	write := func(list []capture.Packet, a *again) {
		name := filepath.Join(t.TempDir(), "copy.pcap")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w := capture.NewWriter(f)
		for _, p := range list {
			const source, destination = 14 + 12 + 3, 14 + 16 + 3 // the last bytes of the addresses
			p.Time += int64(a.later)
			p.Data = bytes.Clone(p.Data)
			p.Data[source] += a.other
			p.Data[destination] += a.other
			if err := w.Write(&p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	for i := range list {
		a := &list[i]
		if a.behind > 0 {
			write(packets[:a.behind], a)
		}
		write(packets[a.behind:], a)
	}
	return files
}

// Only the segments of connections that cross from one stretch to another go to the parts. Those of a connection within
// its file do not, nor those of one whose sockets appear again only after it must have ended.
func TestOnlyCrossingConnectionsAreSent(t *testing.T) {
	const minutes = time.Minute
	between := []again{{later: 50 * minutes, other: 1}, {later: 100 * minutes, other: 2}}
	with := func(first again, rest ...again) []again {
		return append(append([]again{first}, between...), rest...)
	}
	for _, tt := range []struct {
		name string
		list []again
		idle time.Duration
		want string // which stretches have segments in blocks
	}{
		{"one file", []again{{}}, 0, ""},
		{"cut in the middle", []again{{behind: 5}}, 0, "01"},
		{"others", between, 0, ""},
		{"again while it may last", with(again{}, again{later: 101 * minutes}), 100 * minutes, "03"},
		{"again later", with(again{}, again{later: 101 * minutes}), 99 * minutes, ""},
		{"cut, and again later", with(again{behind: 5}, again{later: 101 * minutes}), 99 * minutes, "01"},
		{"twice, and before", with(again{}, again{later: 101 * minutes}, again{later: 102 * minutes}), 99 * minutes,
			"34"},
		{"the clock has not come so far", []again{{}, {later: 101 * minutes}}, 99 * minutes, "01"},
	} {
		c := Config{Files: copies(t, tt.list), Output: t.TempDir(), Parts: 3, Format: JSONL, MaxUnpacked: 1 << 30,
			IdleLimit: tt.idle}
		k := stepByStep(t, c)
		got, travelled := "", uint64(0)
		for _, list := range k.blocks {
			s, err := newSpool(func(next *[]byte) bool {
				if len(list) == 0 {
					return false
				}
				*next, list = list[0], list[1:]
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, stretch := range s.all() {
				got += string(rune('0' + stretch.of))
				for b, err := range s.of(stretch) {
					var passages []course.Passage
					if err == nil {
						_, err = packedBlock.Read(b, &passages)
					}
					if err != nil {
						t.Fatal(err)
					}
					travelled += uint64(len(passages))
				}
			}
			s.close()
		}
		if got != tt.want || tt.want == "" && travelled > 0 || k.segments == 0 {
			t.Errorf("%s: %d of %d segments were sent, of the stretches %q, want %q", tt.name, travelled, k.segments,
				got, tt.want)
		}
	}
}

// Hashes come out of a list as they went in, by bucket.
func TestSockets(t *testing.T) {
	var s sockets
	want := []socketHash{0, 1, 1 << 20, 1<<(hashBits-bucketBits) - 1, 1 << (hashBits - bucketBits), 1<<hashBits - 1}
	for range 3 {
		for i := range want {
			s.add(want[len(want)-1-i])
		}
	}
	var got []socketHash
	for bucket, list := range s.buckets() {
		if err := unpackHashes(list.pack(), func(h socketHash) {
			if got = append(got, h); h.bucket() != bucket {
				t.Errorf("%x is in bucket %d", h, bucket)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %x, want %x", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %x, want %x", got, want)
		}
	}
	if unpackHashes(binary.AppendUvarint(nil, 1<<40)[:2], func(socketHash) {}) == nil {
		t.Error("no error for a list that ends too early")
	}
}
