package tcplife_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
)

// captures are those of testdata, small ones.
func captures(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures: ", err)
	}
	return files
}

func text(t *testing.T, c *record.Connection) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// packetByPacket gives the records that one goroutine makes of a capture.
func packetByPacket(t *testing.T, file string) (list []string) {
	t.Helper()
	packets, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) { list = append(list, text(t, c)) })
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	var segments []flows.Segment
	for {
		packet, err := packets.Next()
		if err != nil {
			break
		}
		segments = decoder.Decode(packet, segments[:0])
		for i := range segments {
			tracker.Segment(&segments[i])
		}
	}
	if until := packets.Stats().Until; until != capture.NoTime {
		tracker.Advance(until)
	}
	tracker.Close()
	return list
}

// settled waits until no goroutines are left but those that there were.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine(), before,
				stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(time.Millisecond)
	}
}

// The records are those of a single tracker, in its order, and stay what they are: kept, on any number of workers, or
// cloned while they are used again.
func TestConnectionsAreKept(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, file := range captures(t) {
		want := packetByPacket(t, file)
		for _, o := range []tcplife.Options{{}, {Workers: 1}, {Workers: 5}, {Reuse: true}} {
			var kept []*record.Connection
			for c, err := range tcplife.Connections(t.Context(), o, file) {
				if damage := (*capture.Damage)(nil); errors.As(err, &damage) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if o.Reuse {
					c = c.Clone()
				}
				kept = append(kept, c)
			}
			var got []string
			for _, c := range kept {
				got = append(got, text(t, c))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s with %d workers: %s", file, o.Workers, diff)
			}
		}
	}
	settled(t, before)
}

// Who leaves the loop early leaves nothing behind.
func TestLeavingEarly(t *testing.T) {
	before := runtime.NumGoroutine()
	file := "testdata/pcaps/syn-flood.pcap"
	all := len(packetByPacket(t, file))
	for _, reuse := range []bool{false, true} {
		for _, leave := range []int{1, 2, batch, batch + 1, all - 1, all} {
			n := 0
			for _, err := range tcplife.Connections(t.Context(), tcplife.Options{Reuse: reuse}, file) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n == leave {
					break
				}
			}
			if n != leave {
				t.Errorf("left after %d records, not after %d", n, leave)
			}
		}
	}
	settled(t, before)
}

const batch = 32 // records are handed over by so many

// A cancelled context ends the loop with its error, wherever the reading is.
func TestCancelling(t *testing.T) {
	before := runtime.NumGoroutine()
	reason := errors.New("had enough")
	for _, after := range []int{0, 1, 40} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if after == 0 {
			cancel(reason)
		}
		n, last := 0, error(nil)
		for c, err := range tcplife.Connections(ctx, tcplife.Options{}, "testdata/pcaps/syn-flood.pcap") {
			if last != nil {
				t.Error("something comes after the error")
			}
			if last = err; c == nil {
				continue
			}
			if n++; n == after {
				cancel(reason)
			}
		}
		if !errors.Is(last, reason) || n != after {
			t.Errorf("%d records and then %v, want %d and %v", n, last, after, reason)
		}
		cancel(nil)
	}

	// A pipe in which nothing comes keeps nobody waiting.
	for _, header := range []int{0, 24} {
		content, err := os.ReadFile("testdata/pcaps/refused.pcap")
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		go w.Write(content[:header])
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		var last error
		for _, err := range tcplife.Connections(ctx, tcplife.Options{Capture: capture.Options{Stdin: r}}, "-") {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("after %d bytes the error is %v", header, last)
		}
		cancel()
		r.Close() // the goroutine that reads it ends
	}
	settled(t, before)
}

// Stop ends the reading and not the report.
func TestStop(t *testing.T) {
	before := runtime.NumGoroutine()
	content, err := os.ReadFile("testdata/pcaps/half-open-data.pcap")
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go w.Write(content[:len(content)-10]) // up to inside the last packet
	reading, err := tcplife.Open(t.Context(), tcplife.Options{Capture: capture.Options{Stdin: r}}, "-")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, _, packets := reading.Progress(); packets < 7; _, _, packets = reading.Progress() {
			time.Sleep(time.Millisecond)
		}
		reading.Stop()
	}()
	n := 0
	for _, err := range reading.Connections(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	report := reading.Report()
	if n != 1 || !report.Stopped || report.Capture.Packets != 7 || report.Summary.Connections != 1 ||
		len(report.Capture.Damage) != 0 {
		t.Errorf("%d records, report %+v", n, report)
	}
	r.Close()
	settled(t, before)
}

// Damage comes after the records before it, with its place; other files go on.
func TestDamageComesLast(t *testing.T) {
	content, err := os.ReadFile("testdata/pcaps/refused.pcap")
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.pcap")
	if err := os.WriteFile(cut, content[:len(content)-3], 0o644); err != nil {
		t.Fatal(err)
	}
	var got []string
	reading, err := tcplife.Open(t.Context(), tcplife.Options{}, cut, "testdata/pcaps/close-server-first.pcap")
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range reading.Connections(t.Context()) {
		var damage *capture.Damage
		switch {
		case errors.As(err, &damage) && damage.File == cut && damage.Offset > 0 && c == nil:
			got = append(got, "damage")
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(c.Handshake.Outcome))
		}
	}
	if want := []string{"refused", "complete", "refused", "unanswered", "damage"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(reading.Report().Capture.Damage) != 1 || reading.Report().Summary.Connections != 4 {
		t.Errorf("the report is %+v", reading.Report())
	}
}

func TestMissingFile(t *testing.T) {
	before := runtime.NumGoroutine()
	n := 0
	for c, err := range tcplife.Connections(t.Context(), tcplife.Options{}, "testdata/no.pcap") {
		if n++; c != nil || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, %v", c, err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
	// One among several costs no more than that file, and comes last.
	n = 0
	for c, err := range tcplife.Connections(t.Context(), tcplife.Options{}, "testdata/no.pcap",
		"testdata/pcaps/refused.pcap") {
		var damage *capture.Damage
		if n++; (c == nil) != (n == 4) || errors.As(err, &damage) != (n == 4) || n == 4 && !damage.Unread {
			t.Errorf("%d: %v, %v", n, c, err)
		}
	}
	if n != 4 {
		t.Errorf("%d records and errors", n)
	}
	settled(t, before)
}

// Each, Filter, Packet and Count.
func TestChoosingPackets(t *testing.T) {
	before := runtime.NumGoroutine()
	file := "testdata/pcaps/close-server-first.pcap"
	seen, enough := 0, errors.New("enough")
	o := tcplife.Options{
		Filter: func(p *capture.Packet) (bool, error) { return p.Number != 2, nil },
		Packet: func(_ *capture.Packet, segments []flows.Segment) error {
			seen += len(segments)
			return nil
		},
		Count: 5,
	}
	reading, err := tcplife.Open(t.Context(), o, file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := reading.Each(t.Context(), func(*record.Connection) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	if n != 1 || seen != 5 || reading.Report().Capture.Packets != 6 {
		t.Errorf("%d records, %d segments, %d packets", n, seen, reading.Report().Capture.Packets)
	}

	for _, o := range []tcplife.Options{
		{Filter: func(*capture.Packet) (bool, error) { return false, enough }},
		{Packet: func(*capture.Packet, []flows.Segment) error { return enough }},
	} {
		for c, err := range tcplife.Connections(t.Context(), o, file) {
			if c != nil || !errors.Is(err, enough) {
				t.Errorf("%v, %v", c, err)
			}
		}
	}
	if reading, err = tcplife.Open(t.Context(), tcplife.Options{}, file); err != nil {
		t.Fatal(err)
	}
	if err := reading.Each(t.Context(), func(*record.Connection) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("Each returned %v", err)
	}
	if reading.Report() != nil {
		t.Error("there is a report of what failed")
	}
	if reading, err = tcplife.Open(t.Context(), tcplife.Options{}, file); err != nil {
		t.Fatal(err)
	}
	n = 0
	if err := reading.Packets(t.Context(), func(*capture.Packet,
		[]flows.Segment) error {
		n++
		return nil
	}); err != nil || n != 11 {
		t.Errorf("%d packets, %v", n, err)
	}
	settled(t, before)
}

// A program that imports this package alone links no C but what the standard library wants.
func TestNoC(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}", ".")
	list.Env = append(os.Environ(), "CGO_ENABLED=1")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if c := strings.Fields(string(bytes.TrimSpace(out))); len(c) > 0 {
		t.Errorf("C is in %q", c)
	}
}

// Whoever ranges over connections may ask for the report at any time, as the race detector holds. At the end it is
// there.
func TestReportMeanwhile(t *testing.T) {
	r, err := tcplife.Open(t.Context(), tcplife.Options{}, "testdata/pcaps/svr4-bsd.pcap")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Connections(t.Context()) {
		if whole := r.Report(); err != nil || whole != nil && whole.Summary == nil {
			t.Errorf("%+v, %v", whole, err)
		}
	}
	if r.Report() == nil {
		t.Error("there is no report")
	}
}

// A panic of the decoder, or of what looks at packets, costs the packets from there on; one of a tracker the report.
func TestPanics(t *testing.T) {
	const file = "testdata/pcaps/svr4-bsd.pcap"
	filter := func(p *capture.Packet) (bool, error) {
		if p.Number == 4 {
			panic("there is a mistake")
		}
		return true, nil
	}
	var records []*record.Connection
	var failed error
	for c, err := range tcplife.Connections(t.Context(), tcplife.Options{Filter: filter, Workers: 3}, file) {
		if failed = err; c != nil {
			records = append(records, c)
		}
	}
	if len(records) != 1 || records[0].Client.Packets+records[0].Server.Packets != 3 || failed == nil ||
		failed.Error() != "panic at packet 4: there is a mistake" {
		t.Errorf("the records %v and the error %v", records, failed)
	}

	r, err := tcplife.Open(t.Context(), tcplife.Options{Filter: filter}, file)
	if err != nil {
		t.Fatal(err)
	}
	err = r.Each(t.Context(), func(*record.Connection) error { return nil })
	if err != nil || r.Report().Fault == nil || r.Report().Summary.Connections != 1 {
		t.Errorf("the report %+v: %v", r.Report(), err)
	}

	tracking := analyzer.Options{Trace: func(_ uint64, s *flows.Segment, _ tcpstate.Effect) {
		if s.Packet == 5 {
			panic("there is a mistake")
		}
	}}
	for c, err := range tcplife.Connections(t.Context(), tcplife.Options{Tracking: tracking}, captures(t)...) {
		if c == nil && err.Error() != "panic at packet 5: there is a mistake" {
			t.Errorf("the error %v", err)
		}
	}
}

// stumbling gives what it reads, and panics behind it.
type stumbling struct{ io.Reader }

func (s stumbling) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		panic("the reader has a mistake")
	}
	return n, err
}

// A panic of the goroutine that reads ahead is an error, and ends all others.
func TestReaderPanics(t *testing.T) {
	before := runtime.NumGoroutine()
	content, err := os.ReadFile("testdata/pcaps/refused.pcap")
	if err != nil {
		t.Fatal(err)
	}
	o := tcplife.Options{Capture: capture.Options{Stdin: stumbling{bytes.NewReader(content)}}}
	var last error
	for _, err := range tcplife.Connections(t.Context(), o, "-") {
		last = err
	}
	var panicked *fault.Error
	if !errors.As(last, &panicked) {
		t.Errorf("the error is %v", last)
	}
	settled(t, before)
}
