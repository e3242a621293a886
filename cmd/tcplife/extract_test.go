package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/testrun"
)

// comments returns the comments of a capture, each with its packet's number before it.
func comments(t *testing.T, path string) (list []string) {
	t.Helper()
	err := eachPacket(path, func(p *capture.Packet) error {
		for c := range p.Comments() {
			list = append(list, fmt.Sprintf("%d: %s", p.Number, c))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Comments of the input stay before ours, unless the capture is anonymized.
func TestCommentsOfTheInput(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pcapng"), filepath.Join(dir, "out.pcapng")
	file, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	w := capture.NewWriter(file)
	const hint = "look at this, Zoë"
	err = eachPacket("../../testdata/pcaps/refused.pcap", func(p *capture.Packet) error {
		if p.Number == 1 {
			return w.Write(p, hint, "tcplife connection 7 1:abc\nof an earlier reading")
		}
		return w.Write(p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	file.Close()

	write := func(args ...string) ([]string, string) {
		t.Helper()
		var errs bytes.Buffer
		args = append([]string{"read", in, "-w", out}, args...)
		if code := run(context.Background(), args, strings.NewReader(""), &bytes.Buffer{}, &errs); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, errs.String())
		}
		return comments(t, out), errs.String()
	}
	got, _ := write()
	if len(got) < 3 || got[0] != "1: "+hint || !strings.HasPrefix(got[1], "1: tcplife connection 1 1:") {
		t.Errorf("comments %q", got)
	}
	if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "earlier reading") }) {
		t.Errorf("the comments of an earlier reading are still there: %q", got)
	}
	if got, _ := write("--no-comments"); len(got) != 1 || got[0] != "1: "+hint {
		t.Errorf("with --no-comments the comments %q", got)
	}
	got, said := write("--headers-only")
	if slices.Contains(got, "1: "+hint) || !strings.Contains(said, "1 comments of the input are not in") {
		t.Errorf("with --headers-only the comments %q, and it says %q", got, said)
	}
}

// again writes a capture of the same packets many times, an hour after each other.
func again(t *testing.T, path string, times int, to string) {
	t.Helper()
	file, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var packets []capture.Packet
	err = eachPacket(path, func(p *capture.Packet) error {
		packets = append(packets, *p)
		packets[len(packets)-1].Data = slices.Clone(p.Data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := capture.NewWriter(file)
	for range times {
		for i := range packets {
			if err := w.Write(&packets[i]); err != nil {
				t.Fatal(err)
			}
			packets[i].Time += int64(time.Hour)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// cancelling is an output that ends a context once a phrase was written to it.
type cancelling struct {
	bytes.Buffer
	at     string
	cancel context.CancelFunc
}

func (c *cancelling) Write(b []byte) (int, error) {
	n, err := c.Buffer.Write(b)
	if bytes.Contains(b, []byte(c.at)) {
		c.cancel()
	}
	return n, err
}

// An interrupt ends the first reading, and the second one goes as far as the first. A later interrupt ends the second.
func TestCommentsAfterInterrupt(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.pcapng")
	again(t, "../../testdata/pcaps/svr4-bsd.pcap", testrun.Size(10_000, 50_000), long)
	write := func(at, name string, more ...string) (code int, packets uint64, said, out string) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stdout, errs := &cancelling{at: at, cancel: cancel}, bytes.Buffer{}
		out = filepath.Join(dir, name)
		args := slices.Concat([]string{"read", long, "-o", "jsonl", "-w", out}, more)
		code = run(ctx, args, strings.NewReader(""), stdout, &errs)
		for line := range bytes.Lines(stdout.Bytes()) {
			var record struct {
				Record  string
				Packets uint64
			}
			if err := json.Unmarshal(line, &record); err != nil {
				t.Fatal(err)
			}
			if record.Record == "capture" {
				packets = record.Packets
			}
		}
		return code, packets, errs.String(), out
	}

	code, packets, said, interrupted := write(`"record":"connection"`, "interrupted.pcapng")
	if code != exitIncomplete || !strings.Contains(said, "interrupted: the report holds the") ||
		strings.Contains(said, "is incomplete") {
		t.Fatalf("exit code %d: %s", code, said)
	}
	code, counted, said, whole := write("\x00", "whole.pcapng", "-c", fmt.Sprint(packets))
	if code != exitOK || counted != packets {
		t.Fatalf("exit code %d, %d packets, not %d: %s", code, counted, packets, said)
	}
	got, want := comments(t, interrupted), comments(t, whole)
	if len(got) < 100 || !slices.Equal(got, want) {
		t.Errorf("%d comments after an interrupt, %d without one for as many packets", len(got), len(want))
	}

	code, packets, said, partial := write(`"record":"capture"`, "partial.pcapng")
	if code != exitIncomplete || !strings.Contains(said, "interrupted: "+partial+" is incomplete") {
		t.Errorf("exit code %d: %s", code, said)
	}
	written := uint64(0)
	if err := eachPacket(partial, func(*capture.Packet) error { written++; return nil }); err != nil {
		t.Error(err)
	}
	if written >= packets {
		t.Errorf("all %d packets were written", packets)
	}
}
