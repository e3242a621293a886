//go:build cgo && !nopcap

package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/netlab"
)

// dumps returns the files of dumps in a directory, by their times.
func dumps(t *testing.T, dir string) (files []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Only connections that match are dumped, each from its first packet to its last.
func TestLiveDump(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := nobodysDir(t)
	live := startLive(t, lab.Server, "-o", "jsonl", "--on", `teardown.kind == "reset"`, "--dump", dir)
	other, otherServer, err := lab.Connect(nil, 82)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	defer otherServer.Close()
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	client.SetLinger(0)
	client.Close()
	defer server.Close()
	refuse(t, lab, 1) // no teardown
	live.awaitOutput(`"kind":"reset"`, 1)
	live.signal(syscall.SIGINT)
	code, stdout := live.wait()
	if e := events(t, stdout).Events; code != exitOK || e.Matched != 1 || e.Dumps != 1 || e.DumpsDropped != 0 {
		t.Errorf("exit code %d, %+v: %s", code, e, live.said)
	}
	file := dumps(t, dir)[0]
	if got := kinds(t, readAgain(t, file)); !slices.Equal(got, []string{"complete reset"}) {
		t.Errorf("the dump holds %q", got)
	}
	if err := eachPacket(file, func(p *capture.Packet) error {
		for c := range p.Comments() {
			begins := strings.HasPrefix(string(c), "tcplife live --dump: connection ")
			if p.Number != 1 || !begins || strings.Contains(string(c), ";") {
				t.Errorf("packet %d has the comment %q", p.Number, c)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// When a flood begins and when it ends, the packets of the last seconds are dumped.
func TestLiveDumpFlood(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := nobodysDir(t)
	live := startLive(t, lab.Server, "-o", "jsonl", "--on", `record == "syn_flood"`, "--dump", dir)
	if err := lab.Client.Do(func() error { return flood(lab, 80, 400) }); err != nil {
		t.Fatal(err)
	}
	await(t, "there is a dump", func() bool { return len(dumps(t, dir)) == 1 })
	live.signal(syscall.SIGINT)
	live.wait()
	files := dumps(t, dir)
	if len(files) != 2 {
		t.Fatalf("the dumps are %q, want one of the begin and one of the end", files)
	}
	for _, event := range []string{"begin", "end"} {
		name := "flood-198.18.0.2-80-" + event + ".pcapng"
		i := slices.IndexFunc(files, func(f string) bool { return strings.HasSuffix(f, name) })
		if i < 0 {
			t.Fatalf("the dumps are %q", files)
		}
		if n := len(kinds(t, readAgain(t, files[i]))); n < 128 || n > 400 {
			t.Errorf("%s holds %d attempts", files[i], n)
		}
	}
}

// The number of files is limited, including those of an earlier run, and so is the size of each.
func TestLiveDumpBounds(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := nobodysDir(t)
	old := filepath.Join(dir, "tcplife-20200101T000000.000000000Z-connection-1.pcapng")
	mine := filepath.Join(dir, "mine.pcapng")
	for _, file := range []string{old, mine} {
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	live := startLive(t, lab.Server, "-o", "jsonl", "-s", "65536",
		"--on", `teardown.kind == "reset" or outcome == "refused"`, "--dump", dir, "--dump-files", "3", "--dump-size",
		"1")
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			if _, err := server.Read(buffer); err != nil {
				return
			}
		}
	}()
	if _, err := client.Write(make([]byte, 3_000_000)); err != nil {
		t.Fatal(err)
	}
	await(t, "the wire is idle", lab.Idle)
	client.SetLinger(0)
	client.Close()
	defer server.Close()
	await(t, "the connection is dumped", func() bool { return len(dumps(t, dir)) == 3 })
	var large string
	for _, file := range dumps(t, dir) {
		if file != old && file != mine {
			large = file
		}
	}
	if info, err := os.Stat(large); err != nil || info.Size() > 1_000_000 || info.Size() < 900_000 {
		t.Errorf("%s: %v, %v", large, info, err)
	}
	out, err := exec.Command("tcplife", "read", large, "-o", "jsonl").Output()
	if err != nil || !strings.Contains(string(out), `"reset"`) {
		t.Errorf("%v: the end of the connection is not in its dump: %s", err, out)
	}
	refuse(t, lab, 5)
	live.awaitOutput(`"outcome":"refused"`, 5)
	live.signal(syscall.SIGINT)
	live.wait()
	files := dumps(t, dir)
	gone := slices.Contains(files, old) || slices.Contains(files, large)
	if len(files) != 4 || !slices.Contains(files, mine) || gone {
		t.Errorf("the files are %q, want the three last dumps and %s", files, mine)
	}
}

// An unwritable directory is an error before the capture begins.
func TestLiveDumpErrors(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: capturing needs root")
	}
	closed := t.TempDir()
	for dir, want := range map[string]string{
		filepath.Join(nobodysDir(t), "none"): "the directory must be there",
		closed:                               "live writes as user nobody: make it writable for nobody, or set --user",
	} {
		said, err := exec.Command("tcplife", "live", "-i", "lo", "--on", "true", "--dump", dir).CombinedOutput()
		if err == nil || !strings.Contains(string(said), want) {
			t.Errorf("%v: %s", err, said)
		}
	}
}
