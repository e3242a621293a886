package pipeline_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/beam/pipeline"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/account"
	"github.com/tcplife/tcplife/report"
)

func TestMain(m *testing.M) {
	flag.Parse()
	slog.SetLogLoggerLevel(slog.LevelError)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	log.SetLogger(&log.Standard{Level: log.SevError})
	beam.Init()
	os.Exit(m.Run())
}

// captures returns the captures of the repository, and those beside it if there are any.
func captures(t *testing.T) (files []string) {
	t.Helper()
	for _, top := range []string{"../../testdata/pcaps", "../../../shared"} {
		filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && slices.Contains([]string{".pcap", ".pcapng", ".cap"}, filepath.Ext(path)) {
				files = append(files, path)
			}
			return nil
		})
	}
	if len(files) < 70 {
		t.Fatalf("%d captures, which is too few", len(files))
	}
	return files
}

// read returns the output of `tcplife read -o jsonl`.
func read(t *testing.T, c *pipeline.Config) string {
	t.Helper()
	limits := analyzer.Options{MSL: c.MSL, EmbryonicLimit: c.EmbryonicLimit, IdleLimit: c.IdleLimit}
	r, err := tcplife.Open(t.Context(), tcplife.Options{Tracking: limits}, c.Files...)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	lines := report.NewJSONL(&b)
	for c, err := range r.Connections(t.Context()) {
		if c == nil {
			t.Log(err)
		} else if err := lines.Connection(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.Finish(&report.Ending{Result: r.Report().Result, Capture: account.Of(r.Report())}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// run runs the pipeline, and returns its JSON Lines.
func run(t *testing.T, c pipeline.Config) string {
	t.Helper()
	c.Output, c.Format, c.MaxUnpacked = t.TempDir(), pipeline.JSONL, 1<<30
	p, s := beam.NewPipelineWithRoot()
	pipeline.Build(s, c)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(c.Output, "connections-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range append(names, filepath.Join(c.Output, pipeline.EndingFile)) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(text)
	}
	return b.String()
}

// same compares the output of the pipeline with that of `tcplife read`, byte for byte.
func same(t *testing.T, c pipeline.Config) {
	t.Helper()
	want, got := strings.SplitAfter(read(t, &c), "\n"), strings.SplitAfter(run(t, c), "\n")
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			t.Fatalf("line %d of %d, %d:\nread:     %.3000s\npipeline: %.3000s", i+1, len(want), len(got), want[i],
				got[i])
		}
	}
	if len(want) != len(got) {
		t.Fatalf("read has %d lines, the pipeline %d", len(want), len(got))
	}
}

// All captures as one: of all link types, with clocks that step, fragments, damage, floods and scans.
func TestAllCaptures(t *testing.T) {
	same(t, pipeline.Config{Files: captures(t), Parts: 7})
}

// A big capture, of ordinary connections and an answered flood, cut into 40 files at random places.
func TestBigCutCapture(t *testing.T) {
	dir := t.TempDir()
	var files []string
	random := rand.New(rand.NewPCG(3, 4))
	for _, kind := range [][]string{{"-kind", "short", "-n", "10000"}, {"-kind", "flood", "-synacks", "-n", "20000"}} {
		whole := filepath.Join(dir, kind[1]+".pcap")
		args := append([]string{"run", "-C", "../..", "./internal/benchcap", "-o", whole}, kind...)
		command := exec.Command("go", args...)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		files = append(files, cut(t, random, whole, 20)...)
	}
	random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	same(t, pipeline.Config{Files: files, Parts: 5, Stretch: 200e3})
}

// Files that are not captures, or do not exist, are reported as "tcplife read" reports them, and the others are read.
func TestUnreadFiles(t *testing.T) {
	dir := t.TempDir()
	text, empty := filepath.Join(dir, "text.pcap"), filepath.Join(dir, "empty.pcap")
	for name, content := range map[string]string{text: "no capture\n", empty: ""} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := filepath.Join("../../testdata/pcaps", "vlan.pcap")
	same(t, pipeline.Config{Files: []string{text, good, empty, filepath.Join(dir, "none.pcap"), dir}, Parts: 2})
}

// In some groups, in another order, and in stretches of several files.
func TestSomeCaptures(t *testing.T) {
	files := captures(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 4 {
		random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		same(t, pipeline.Config{Files: slices.Clone(files[:20]), Parts: 1 + random.IntN(20),
			Stretch: random.Int64N(100e3)})
	}
}

// One capture cut into 40 files, also where fragments wait and clocks stand still. The files are named in any order.
func TestCutCapture(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole.pcap")
	join(t, whole, captures(t))
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 0))
		files := cut(t, random, whole, 40)
		c := pipeline.Config{Files: files, Parts: 1 + random.IntN(9), Stretch: random.Int64N(2) * 100e3}
		same(t, c)
		c.MSL, c.EmbryonicLimit, c.IdleLimit = time.Second, 5*time.Second, 20*time.Second
		same(t, c) // the same sockets appear in stretches that no connection can last between
	}
}

// Each packet in a file of its own, from captures with fragments, clocks that stand still, and TIME_WAITs that end.
func TestEveryPacketAFile(t *testing.T) {
	for _, name := range []string{"real-close-client-first", "time-wait-reuse", "half-open-syn", "vxlan"} {
		whole := filepath.Join("../../testdata/pcaps", name+".pcap")
		if name == "real-close-client-first" {
			packets := packetsOf(t, whole)
			whole = filepath.Join(t.TempDir(), "fragments.pcap")
			write(t, whole, fragment(packets))
		}
		packets := packetsOf(t, whole)
		random := rand.New(rand.NewPCG(1, 1))
		places := []int{}
		for i := range len(packets) + 1 {
			places = append(places, i)
		}
		files := cutAt(t, random, packets, places)
		if text := read(t, &pipeline.Config{Files: files}); strings.Contains(text, "fragment_incomplete") {
			t.Fatal("the fragments are not reassembled")
		}
		same(t, pipeline.Config{Files: files, Parts: 2})
	}
}

// fragment makes two fragments of each datagram, which come at the same time but in the wrong order, mixed with those
// of the next.
func fragment(packets []capture.Packet) (list []capture.Packet) {
	var late []capture.Packet
	for _, p := range packets {
		const link, header = 14, 20
		first, second := p, p
		first.Data, second.Data = bytes.Clone(p.Data[:link+header+24]),
			slices.Concat(p.Data[:link+header], p.Data[link+header+24:])
		for i, q := range []*capture.Packet{&first, &second} {
			ip := q.Data[link:]
			binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
			binary.BigEndian.PutUint16(ip[6:], []uint16{0x2000, 3}[i])
			ip[10], ip[11] = 0, 0
			var sum uint32
			for k := 0; k < header; k += 2 {
				sum += uint32(binary.BigEndian.Uint16(ip[k:]))
			}
			sum = sum&0xffff + sum>>16
			binary.BigEndian.PutUint16(ip[10:], ^uint16(sum&0xffff+sum>>16))
			q.Length = len(q.Data)
		}
		list = append(append(list, second), late...)
		late = []capture.Packet{first}
	}
	list = append(list, late...)
	for i := range list { // in the order of time
		list[i].Time = packets[0].Time + int64(i)*1e6
	}
	return list
}

// join writes Ethernet packets of captures into one, at the same times.
func join(t *testing.T, to string, files []string) {
	t.Helper()
	var packets []capture.Packet
	for i, name := range files {
		shift := int64(0)
		for _, p := range packetsOf(t, name) {
			if p.Link != 1 {
				continue
			}
			if shift == 0 {
				shift = int64(1.7e18) + int64(i%97)*7e9 - p.Time
			}
			p.Time += shift
			packets = append(packets, p)
		}
	}
	// some go back
	slices.SortStableFunc(packets, func(a, b capture.Packet) int { return int((a.Time - b.Time) >> 24) })
	write(t, to, packets)
}

func write(t *testing.T, to string, packets []capture.Packet) {
	t.Helper()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := capture.NewWriter(f)
	for i := range packets {
		if err := w.Write(&packets[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

func packetsOf(t *testing.T, file string) (packets []capture.Packet) {
	t.Helper()
	r, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		p, err := r.Next()
		if err == io.EOF {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		q := *p
		q.Data = bytes.Clone(p.Data)
		packets = append(packets, q)
	}
}

// cut cuts a capture into n files at random places.
func cut(t *testing.T, random *rand.Rand, whole string, n int) []string {
	t.Helper()
	packets := packetsOf(t, whole)
	places := []int{0, len(packets)}
	for range n - 1 {
		places = append(places, random.IntN(len(packets)+1))
	}
	slices.Sort(places)
	return cutAt(t, random, packets, places)
}

// cutAt writes the packets between places to files, which it names in any order.
func cutAt(t *testing.T, random *rand.Rand, packets []capture.Packet, places []int) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range len(places) - 1 {
		files = append(files, filepath.Join(dir, fmt.Sprintf("%03d.pcap", i)))
		write(t, files[i], packets[places[i]:places[i+1]])
	}
	random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files
}
