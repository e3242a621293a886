//go:build cgo && !nopcap

package main

import (
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/segtest"
)

// parquetFiles returns the files below a directory with their numbers of rows, or -1 for a file that is not Parquet.
func parquetFiles(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // it was renamed in the meantime
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		files[name] = -1
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			if p, err := parquet.OpenFile(f, info.Size()); err == nil {
				files[name] = p.NumRows()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// hoursOfAttempts is a capture of refused attempts, some in each hour.
func hoursOfAttempts(hours, perHour int) []byte {
	client, server := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddrPort("192.0.2.2:80")
	var packets []capture.Packet
	packet := func(frame []byte, at time.Time) {
		packets = append(packets, capture.Packet{Time: at.UnixNano(), Data: frame, Length: len(frame), Link: 1})
	}
	for h := range hours {
		for i := range perHour {
			at := segtest.Epoch.Add(time.Duration(h)*time.Hour + time.Duration(i)*time.Second)
			from := netip.AddrPortFrom(client, uint16(10000+i))
			packet(segtest.Frame(from, server, flows.SYN, uint32(1000*h), 0, 0), at)
			packet(segtest.Frame(server, from, flows.RST|flows.ACK, 0, uint32(1000*h+1), 0), at.Add(time.Millisecond))
		}
	}
	return segtest.Pcap(packets...)
}

// TestKilledWriter kills a writer. Every file with a final name must be whole.
func TestKilledWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	cmd := exec.Command("tcplife", "read", "-", "-o", "parquet", "--partition", dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const perHour = 100
	if _, err := stdin.Write(hoursOfAttempts(12, perHour)); err != nil {
		t.Fatal(err)
	}
	const open, complete = ".tmp", "part-00000.parquet"
	count := func(files map[string]int64, suffix string) (n int) {
		for name := range files {
			if strings.HasSuffix(name, suffix) {
				n++
			}
		}
		return n
	}
	await(t, "some hours are complete, and others being written", func() bool {
		files := parquetFiles(t, dir)
		return count(files, complete) >= 4 && count(files, open) >= 2
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()

	whole := regexp.MustCompile(`^date=2023-11-1[45]/hour=\d\d/part-00000\.parquet$`)
	for name, rows := range parquetFiles(t, dir) {
		switch {
		case strings.HasPrefix(filepath.Base(name), "."):
		case !whole.MatchString(name) || rows != perHour:
			t.Errorf("%s has %d rows", name, rows)
		}
	}
}

// TestLivePartition tracks two attempts. The first can be read after SIGHUP, or after the interval, and both are there
// at the end.
func TestLivePartition(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := filepath.Join(nobodysDir(t), "lake")
	live := startLive(t, lab.Server, "-o", "parquet", "--partition", dir, "tcp")
	attempt := func() {
		t.Helper()
		if c, err := lab.Client.Dial(nil, netip.AddrPortFrom(lab.Server.IP4, 81)); err == nil {
			c.Close()
			t.Fatal("port 81 answers")
		}
	}
	connections := func() (rows int64) {
		for name, n := range parquetFiles(t, dir) {
			if strings.HasPrefix(name, "date=") && strings.HasPrefix(filepath.Base(name), "part-") {
				rows += n
			}
		}
		return rows
	}
	written := func() bool { // or begun, at least
		for name := range parquetFiles(t, dir) {
			if strings.HasSuffix(name, ".tmp") {
				return true
			}
		}
		return false
	}
	attempt()
	await(t, "a part is being written", written)
	if n := connections(); n != 0 {
		t.Errorf("%d connections can be read before their part is complete", n)
	}
	live.signal(syscall.SIGHUP)
	await(t, "SIGHUP completes it", func() bool { return connections() == 1 })
	attempt()
	await(t, "the next part is being written", written)
	live.signal(syscall.SIGTERM)
	if code, _ := live.wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, live.said)
	}
	if n := connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	for name, rows := range parquetFiles(t, dir) {
		if rows < 0 {
			t.Errorf("%s is no Parquet file", name)
		}
	}
	if rows := parquetFiles(t, dir)["_summary/part-00000.parquet"]; rows != 1 {
		t.Errorf("%d summaries", rows)
	}
}

// TestLivePartitionInterval completes a part every second.
func TestLivePartitionInterval(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := filepath.Join(nobodysDir(t), "lake")
	live := startLive(t, lab.Server, "-o", "parquet", "--partition", dir, "--interval", "1s", "tcp")
	lab.Client.Dial(nil, netip.AddrPortFrom(lab.Server.IP4, 81)) // is refused
	await(t, "a part is complete", func() bool {
		for name, rows := range parquetFiles(t, dir) {
			if rows == 1 && strings.HasSuffix(name, "part-00000.parquet") {
				return true
			}
		}
		return false
	})
	live.signal(syscall.SIGTERM)
	live.wait()
}

// TestLiveParquetRights checks that the error names the user who lacks rights.
func TestLiveParquetRights(t *testing.T) {
	lab := netlab.Start(t, netlab.Options{})
	dir := t.TempDir() // of root
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := lab.Server.Do(func() error {
		out, err := exec.Command("tcplife", "live", "-i", "eth0", "-o", "parquet", "--to",
			filepath.Join(dir, "x.parquet")).CombinedOutput()
		if err == nil || !strings.Contains(string(out),
			"live writes as user nobody: make it writable for nobody, or set --user") {
			t.Errorf("%v: %s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
