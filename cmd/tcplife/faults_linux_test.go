package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/go-units"
	"github.com/tcplife/tcplife/capture"
)

// These tests run the program without room, rights or memory. They need root, because some make file systems and
// control groups.

// faulty runs the program in an environment that the shell prepares. It returns the exit code and the output.
func faulty(t *testing.T, stdout *os.File, name string, args ...string) (code int, said string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// smallDisk makes a directory with room for a number of bytes, writable or not.
func smallDisk(t *testing.T, size int, flags uintptr) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size="+strconv.Itoa(size)); err != nil {
		t.Skip("NOT TESTED: a small file system cannot be mounted here:", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// If standard output is full, the program fails and says so in one line, whatever it writes.
func TestFullStdout(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	const file = "../../testdata/pcaps/refused.pcap"
	commands := [][]string{
		{"read", file, "-w", "-"}, {"compare", "a=" + file, "b=" + file},
		{"compare", "a=" + file, "b=" + file, "-o", "json"},
		{"findings"}, {"fields"}, {"schema"}, {"version"}, {"--version"}, {"--help"}, {"read", "--help"}, {"man"},
		{"completion", "bash"}, {"read", file, "--suggest", "nft"},
	}
	for _, format := range readFormats {
		commands = append(commands, []string{"read", file, "-o", format})
	}
	for _, format := range tableFormats {
		commands = append(commands, []string{"at", file, "--time", "+0s", "-o", format},
			[]string{"population", file, "-o", format})
	}
	for _, format := range explainFormats {
		commands = append(commands, []string{"explain", file, "-o", format})
	}
	for _, args := range commands {
		code, said := faulty(t, full, "tcplife", args...)
		if code != exitFailed || !strings.HasSuffix(said, "no space left on device\n") ||
			strings.Count(said, "\n") != 1 {
			t.Errorf("tcplife %s: exit code %d: %q", strings.Join(args, " "), code, said)
		}
	}
}

// On a full disk the program fails. The file that it leaves can be read, or does not exist.
func TestFullDisk(t *testing.T) {
	many := benchcap(t, "-kind", "short", "-n", "3000")
	t.Run("-w", func(t *testing.T) {
		disk := smallDisk(t, 256<<10, 0)
		out := filepath.Join(disk, "out.pcapng")
		code, said := faulty(t, nil, "tcplife", "read", many, "-w", out)
		if code != exitFailed || !strings.Contains(said, "no space left on device") {
			t.Errorf("exit code %d: %s", code, said)
		}
		r, err := capture.Open([]string{out}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		packets := 0
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			packets++
		}
		if damage := r.Stats().Damage; len(damage) > 0 || packets == 0 {
			t.Errorf("%d packets, damage %v", packets, damage)
		}
	})
	for _, flag := range []string{"--to", "--partition"} {
		t.Run(flag, func(t *testing.T) {
			disk := smallDisk(t, 64<<10, 0)
			code, said := faulty(t, nil, "tcplife", "read", many, "-o", "parquet", flag,
				filepath.Join(disk, "out.parquet"))
			if code != exitFailed || !strings.Contains(said, "no space left on device") {
				t.Errorf("exit code %d: %s", code, said)
			}
			left, err := exec.Command("find", disk, "-type", "f", "-name", "*.tmp").Output()
			if err != nil || len(left) > 0 {
				t.Errorf("unfinished files are left: %s%v", left, err)
			}
		})
	}
}

// If a directory cannot be written to, the program fails before it reads, and names the directory.
func TestReadOnlyDirectory(t *testing.T) {
	disk := smallDisk(t, 64<<10, syscall.MS_RDONLY)
	const file = "../../testdata/pcaps/refused.pcap"
	for _, args := range [][]string{
		{"-w", filepath.Join(disk, "out.pcapng")},
		{"-o", "parquet", "--to", filepath.Join(disk, "out.parquet")},
		{"-o", "parquet", "--partition", filepath.Join(disk, "out")},
	} {
		code, said := faulty(t, nil, "tcplife", append([]string{"read", file}, args...)...)
		if code != exitFailed || !strings.Contains(said, "read-only file system") || !strings.Contains(said, disk) {
			t.Errorf("%v: exit code %d: %s", args, code, said)
		}
	}
}

// A Parquet file replaces a file of the same name, so that name must not be a device or a pipe.
func TestParquetReplacesNoDevice(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	code, said := faulty(t, nil, "tcplife", "read", "../../testdata/pcaps/refused.pcap", "-o", "parquet", "--to", pipe)
	if code != exitFailed || !strings.Contains(said, pipe+" is not a regular file") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if info, err := os.Stat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("the pipe is %v, %v", info, err)
	}
}

// In a control group with less memory than the machine has, --memory is half of the group's limit, and tcplife tracks a
// flood that would need more within it.
func TestControlGroupMemory(t *testing.T) {
	const limit = raceRoom * 192 << 20
	group := controlGroup(t, limit)
	flood := benchcap(t, "-kind", "flood", "-n", "600000")
	for _, test := range []struct {
		args []string
		want []int
	}{
		{[]string{"read", "../../testdata/pcaps/refused.pcap", "-v", "-o", "jsonl"}, []int{exitOK}},
		{[]string{"read", flood, "-v", "--top", "1"}, []int{exitOK, exitIncomplete}},
	} {
		script := fmt.Sprintf("echo $$ >%s/cgroup.procs && exec tcplife \"$@\"", group)
		code, said := faulty(t, nil, "sh", append([]string{"-c", script, "sh"}, test.args...)...)
		right := false
		for _, want := range test.want {
			right = right || code == want
		}
		if !right || !strings.Contains(said, "memory: at most "+units.BytesSize(limit/2)) {
			t.Errorf("%v: exit code %d: %s", test.args, code, said)
		}
	}
}

// controlGroup makes a control group with a limit of memory, of version 1 or 2.
func controlGroup(t *testing.T, limit int) string {
	t.Helper()
	for _, version := range []struct{ root, file string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}, {"/sys/fs/cgroup", "memory.max"},
	} {
		dir, err := os.MkdirTemp(version.root, "tcplife")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, version.file), []byte(strconv.Itoa(limit)), 0o600) == nil {
			return dir
		}
	}
	t.Skip("NOT TESTED: no control group with a limit of memory can be made here")
	return ""
}
