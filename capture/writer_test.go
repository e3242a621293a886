package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWriterRoundTrip holds that what is written is what is read.
func TestWriterRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	links := []LinkType{1, 101, 276, 65535}
	var want []given
	var file bytes.Buffer
	w := NewWriter(&file)
	for i := range 1000 {
		now := random.Int64() - random.Int64()
		switch i {
		case 0:
			now = math.MaxInt64
		case 1:
			now = -9_223_372_036 * second
		}
		if now < -9_223_372_036*second {
			now = 0
		}
		data := make([]byte, random.IntN(100))
		for i := range data {
			data[i] = byte(random.IntN(256))
		}
		p := given{uint64(i + 1), now, string(data), len(data) + random.IntN(50), links[random.IntN(len(links))]}
		if err := w.Write(&Packet{Number: p.Number, Time: p.Time, Data: []byte(p.Data), Length: p.Length,
			Link: p.Link}); err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, stats := read(t, file.Bytes())
	if !slices.Equal(got, want) || len(stats.Damage) != 0 {
		t.Errorf("%d packets were written and others read; damage %+v", len(want), stats.Damage)
	}
}

// TestWriterForOthers holds that tcpdump and tshark read what is written, even if it is nothing.
func TestWriterForOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.pcapng")
	ask := func(t *testing.T, name string, args ...string) string {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed, so it is not known whether it reads our files", name)
		}
		cmd := exec.Command(name, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, stderr.String())
		}
		return string(out)
	}
	for _, n := range []int{2, 0} {
		var file bytes.Buffer
		w := NewWriter(&file)
		for i := range n {
			p := Packet{Time: 1_700_000_000*second + int64(i) + 1, Data: frame(443), Length: 1000, Link: 1}
			if err := w.Write(&p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint("tcpdump reads ", n), func(t *testing.T) {
			out := ask(t, "tcpdump", "-nttr", path)
			if lines := strings.Count(out, "10.0.0.1.40000 > 10.0.0.2.443: Flags [S]"); lines != n {
				t.Errorf("%d packets of %d in\n%s", lines, n, out)
			}
		})
		t.Run(fmt.Sprint("tshark reads ", n), func(t *testing.T) {
			out := ask(t, "tshark", "-r", path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e",
				"frame.cap_len")
			want := "1700000000.000000001\t1000\t54\n1700000000.000000002\t1000\t54\n"
			if n == 0 {
				want = ""
			}
			if out != want {
				t.Errorf("got\n%swant\n%s", out, want)
			}
		})
	}
}

// full is a disk that is.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriterErrors(t *testing.T) {
	w := NewWriter(full{})
	p := Packet{Data: make([]byte, 100_000), Length: 100_000, Link: 1}
	if err := w.Write(&p); !errors.Is(err, errFull) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush: %v", err)
	}
	if err := NewWriter(full{}).Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush of nothing: %v", err)
	}
}

func ExampleWriter() {
	r, err := Open([]string{"-"}, Options{Stdin: bytes.NewReader(append(plainHeader, plainPacket...))})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	var copied bytes.Buffer
	w := NewWriter(&copied)
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = w.Write(p)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(w.Flush(), r.Stats().Packets, copied.Len())
	// Output: <nil> 1 96
}
