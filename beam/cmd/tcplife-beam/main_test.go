package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
)

const pcaps = "../../../testdata/pcaps/"

// program is tcplife-beam, and tcplife is the program that it is compared with.
var program, tcplife string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "tcplife-beam-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program, tcplife = filepath.Join(dir, "tcplife-beam"), filepath.Join(dir, "tcplife")
		for _, build := range [][]string{{"build", "-o", program, "."},
			{"build", "-C", "../../..", "-o", tcplife, "./cmd/tcplife"}} {
			if out, err := exec.Command("go", build...).CombinedOutput(); err != nil {
				panic(string(out))
			}
		}
		return m.Run()
	}())
}

// runs runs tcplife-beam, and returns its exit code and its output.
func runs(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// lines returns the written files as one report.
func lines(t *testing.T, dir string) string {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "connections-*.jsonl"))
	var all strings.Builder
	for _, name := range append(names, filepath.Join(dir, "ending.jsonl")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// wanted is what `tcplife read -o jsonl` writes.
func wanted(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(tcplife, append([]string{"read", "-o", "jsonl"}, args...)...).Output()
	if exit := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3) {
		t.Fatal(err)
	}
	return string(out)
}

func TestWrites(t *testing.T) {
	out := filepath.Join(t.TempDir(), "made", "here")
	code, stdout, stderr := runs(t, "--input", pcaps+"real-*.pcap", "--input", pcaps+"vlan.pcap", "--output", out,
		"--stretch", "0", "--msl", "30s",
		"--embryonic-limit", "1m", "--idle-limit", "1h", "--port-range", "1024-65535", "--key", "vlan",
		"--drop-bad-checksums")
	if code != 0 || stdout != "" || stderr != "" {
		t.Fatalf("exit code %d, %q, %q", code, stdout, stderr)
	}
	names, _ := filepath.Glob(pcaps + "real-*.pcap")
	want := wanted(t, append(names, pcaps+"vlan.pcap", "--msl", "30s", "--embryonic-limit", "1m", "--idle-limit", "1h",
		"--port-range", "1024-65535",
		"--key", "vlan", "--drop-bad-checksums")...)
	if got := lines(t, out); got != want {
		t.Error("what is written differs from what tcplife read writes")
	}
	summary, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err != nil || !strings.HasPrefix(string(summary), `{"record":"summary",`) ||
		!strings.Contains(want, string(summary)) {
		t.Errorf("summary.json: %q, %v", summary, err)
	}
}

// A damaged file is reported and read up to the damage; the others are read completely.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile(pcaps + "real-refused.pcap")
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(dir, "damaged.pcap")
	if err := os.WriteFile(damaged, text[:len(text)-5], 0o666); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runs(t, "--input", damaged, "--input", pcaps+"vlan.pcap", "--output", filepath.Join(dir, "out"),
		"--stretch", "0")
	if code != 3 || !strings.Contains(stderr, "damaged.pcap is damaged at byte ") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if lines(t, filepath.Join(dir, "out")) != wanted(t, damaged, pcaps+"vlan.pcap") {
		t.Error("what is written differs from what tcplife read writes")
	}
}

// A file that is no capture is an error at once, which names the file and says what to do. Nothing is written.
func TestFails(t *testing.T) {
	dir := t.TempDir()
	text, full := filepath.Join(dir, "text.pcap"), filepath.Join(dir, "full")
	os.WriteFile(text, []byte("no capture\n"), 0o666)
	os.Mkdir(full, 0o777)
	os.WriteFile(filepath.Join(full, "file"), nil, 0o666)
	in, out := []string{"--input", pcaps + "vlan.pcap"}, []string{"--output", filepath.Join(dir, "out")}
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{append(out, "--input", text), 1, "text.pcap\": not a capture file"},
		{append(out, "--input", dir+"/none*"), 1, "there is no such file"},
		{append(in, "--output", full), 1, "is not empty"},
		{in, 2, "--input and --output are needed"},
		{append(append(in, out...), "--format", "csv"), 2, `--format: there is no "csv"`},
		{append(append(in, out...), "--runner", "local"), 2, `--runner: there is no "local"`},
		{append(append(in, out...), "--parts", "0"), 2, "--parts must be from 1"},
		{append(append(in, out...), "--retries", "-1"), 2, "--retries must not"},
		{append(append(in, out...), "--stretch", "much"), 2, "--stretch"},
		{append(append(in, out...), "--max-unpacked", "0"), 2, "--max-unpacked"},
		{append(append(in, out...), "--msl", "-1s"), 2, "--msl must be above 0"},
		{append(append(in, out...), "--port-range", "9-1"), 2, "--port-range"},
		{append(append(in, out...), "--key", "mpls"), 2, `--key: there is no "mpls"`},
		{append(append(in, out...), "more.pcap"), 2, `"more.pcap" is not expected`},
		{append(append(in, out...), "--no-such"), 2, "-no-such"},
		{[]string{"worker", "x"}, 2, "--listen HOST:PORT"},
	} {
		code, _, stderr := runs(t, tt.args...)
		if code != tt.code || !strings.Contains(stderr, tt.says) || strings.Count(stderr, "\n") > 2 {
			t.Errorf("%q: exit code %d, %q", tt.args, code, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("something was written")
	}
	if code, stdout, _ := runs(t, "--help"); code != 0 || !strings.Contains(stdout, "--input GLOB") {
		t.Errorf("--help: exit code %d, %q", code, stdout)
	}
}

// served starts a job server in this process, and a pool that starts workers in processes of their own.
func served(t *testing.T) (flags []string, pool *exec.Cmd) {
	t.Helper()
	port := func() string {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
	}
	p, err := net.LookupPort("tcp", port())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prism.CreateJobServer(t.Context(), prism.Options{Port: p}); err != nil {
		t.Fatal(err)
	}
	pool = exec.Command(program, "worker", "--listen", "localhost:0")
	out, err := pool.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	pool.Stderr = os.Stderr
	if err := pool.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Process.Signal(syscall.SIGINT)
		pool.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	at, is := strings.CutPrefix(strings.TrimSpace(line), "waiting for an engine at ")
	if !is {
		t.Fatalf("the pool says %q, %v", line, err)
	}
	return []string{"--runner", "portable", "--endpoint", "localhost:" + strconv.Itoa(p), "--environment_type",
		"EXTERNAL", "--environment_config", at}, pool
}

// A job server elsewhere, and a worker in a process of its own, give the same output.
func TestPortable(t *testing.T) {
	flags, _ := served(t)
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := runs(t, append(flags, "--input", pcaps+"real-*.pcap", "--output", out, "--stretch", "0")...)
	if code != 0 {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	names, _ := filepath.Glob(pcaps + "real-*.pcap")
	if lines(t, out) != wanted(t, names...) {
		t.Error("what is written differs from what tcplife read writes")
	}
}

// A worker that dies in the middle does not change the output: the engine gives up, and the run begins again.
func TestWorkerKilled(t *testing.T) {
	flags, pool := served(t)
	dir := t.TempDir()
	input, whole, out := filepath.Join(dir, "input.pcap"), filepath.Join(dir, "whole"), filepath.Join(dir, "out")
	text, err := os.ReadFile(pcaps + "real-refused.pcap")
	if err == nil {
		err = errors.Join(os.WriteFile(whole, text, 0o666), syscall.Mkfifo(input, 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		pipe, err := os.OpenFile(input, os.O_WRONLY, 0) // once the worker has opened it to read
		if err != nil {
			t.Error(err)
			return
		}
		defer pipe.Close()
		pipe.Write(text[:100])
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pool.Process.Pid))
		killed := 0
		for _, thread := range threads {
			children, _ := os.ReadFile(thread)
			for _, id := range strings.Fields(string(children)) {
				n, _ := strconv.Atoi(id)
				if err := syscall.Kill(n, syscall.SIGKILL); err == nil {
					killed++
				}
			}
		}
		if err := os.Rename(whole, input); err != nil || killed != 1 {
			t.Errorf("%d workers were killed; %v", killed, err)
		}
	}()
	code, _, stderr := runs(t, append(flags, "--input", input, "--input", pcaps+"vlan.pcap", "--output", out,
		"--stretch", "0")...)
	if code != 0 || strings.Count(stderr, "begin again") != 1 {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	if lines(t, out) != wanted(t, input, pcaps+"vlan.pcap") {
		t.Error("what is written differs from what tcplife read writes")
	}
}
