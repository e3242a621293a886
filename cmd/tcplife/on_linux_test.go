//go:build cgo && !nopcap

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcplife/tcplife/cmd/tcplife/internal/helper"
	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/testrun"
)

// refuse makes attempts that only an RST answers: one event each.
func refuse(t *testing.T, lab *netlab.Lab, n int) {
	t.Helper()
	for range n {
		if c, err := lab.Client.Dial(&net.Dialer{}, netip.AddrPortFrom(lab.Server.IP4, 81)); err == nil {
			t.Fatalf("nobody listens, and it is connected to %v", c.RemoteAddr())
		}
	}
}

// contents returns the contents of a file, or nothing if it does not exist.
func contents(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// events returns the counts of events in the last record of the capture.
func events(t *testing.T, jsonl []byte) (e struct {
	Events struct {
		Matched int
		Run     int `json:"commands_run"`
		Failed  int `json:"commands_failed"`
		Killed  int `json:"commands_killed"`
		Dropped int `json:"commands_dropped"`

		Dumps        int
		DumpsDropped int `json:"dumps_dropped"`
	}
}) {
	t.Helper()
	i := strings.LastIndex(string(jsonl), `{"record":"capture"`)
	if i < 0 {
		t.Fatalf("there is no record of the capture in\n%s", jsonl)
	}
	if err := json.NewDecoder(strings.NewReader(string(jsonl[i:]))).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

// A command runs as the user that live becomes, without rights and without live's rules for files. It gets the record.
func TestLiveExec(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := nobodysDir(t)
	script := filepath.Join(dir, "command")
	text := "#!/bin/sh\ncat >> \"$1/records\"\ncat /proc/self/status >> \"$1/status\"\necho wrong >&2\nexit 3\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	live := startLive(t, lab.Server, "-o", "jsonl", "--on", `outcome == "refused" and server.port == 81`,
		"--exec", fmt.Sprintf("'%s' '%s'", script, dir))
	refuse(t, lab, 2)
	live.await("the command of --exec failed: exit status 3: wrong")
	await(t, "the command was run twice", func() bool { return strings.Count(contents(dir+"/records"), "\n") == 2 })
	live.signal(syscall.SIGINT)
	code, stdout := live.wait()
	e := events(t, stdout).Events
	if code != exitOK || e.Matched != 2 || e.Run != 2 || e.Failed != 2 || e.Dropped != 0 {
		t.Errorf("exit code %d, %+v: %s", code, e, live.said)
	}
	records := contents(filepath.Join(dir, "records"))
	for line := range strings.Lines(records) {
		var r struct {
			Event, Record string
			Handshake     struct{ Outcome string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Event != "end" || r.Record != "connection" ||
			r.Handshake.Outcome != "refused" {
			t.Errorf("%v: the command gets %s", err, line)
		}
	}
	status := contents(filepath.Join(dir, "status"))
	for _, want := range []string{
		"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "Groups:\t ", "NoNewPrivs:\t1",
		"Seccomp:\t0", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
	} {
		if !strings.Contains(status, want+"\n") {
			t.Errorf("the command does not have %q:\n%s", want, status)
		}
	}
}

// The command's environment is empty.
func TestLiveExecEnvironment(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	file := filepath.Join(nobodysDir(t), "environment")
	live := startLive(t, lab.Server, "-o", "jsonl", "--on", "true", "--exec", "cp /proc/self/environ "+file)
	refuse(t, lab, 1)
	await(t, "the command was run", func() bool { _, err := os.Stat(file); return err == nil })
	live.signal(syscall.SIGINT)
	live.wait()
	if text := contents(file); text != "" {
		t.Errorf("the environment is %q", text)
	}
}

// A hanging command is killed with its children. Meanwhile 64 events wait, others are counted, and the capture
// continues.
func TestLiveExecHangs(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := nobodysDir(t)
	const metricsAddr = "127.0.0.1:9466"
	program, limit := testrun.Size("tcplife-hasty", "tcplife"), testrun.Size(hasty, helper.Limit)
	live := startProgramIn(t, program, lab.Server.Do, "-i", "eth0", "-o", "jsonl", "--on",
		`outcome == "refused"`, "--metrics", metricsAddr,
		"--exec", fmt.Sprintf(`sh -c 'sleep 1234 & echo $! >> "$0"; wait' %s/pids`, dir))
	refuse(t, lab, 1)
	await(t, "the command runs", func() bool { return contents(dir+"/pids") != "" })
	refuse(t, lab, 70)
	live.awaitOutput(`"outcome":"refused"`, 71)
	live.await(fmt.Sprintf("the command of --exec was killed after %v", limit))
	pid := strings.Fields(contents(dir + "/pids"))[0]
	await(t, "what the command has started is killed", func() bool {
		return !strings.Contains(contents("/proc/"+pid+"/cmdline"), "1234")
	})
	live.signal(syscall.SIGINT)
	code, stdout := live.wait()
	e := events(t, stdout).Events
	if code != exitOK || e.Matched != 71 || e.Killed < 2 || e.Run != e.Killed || e.Dropped != 71-e.Run {
		t.Errorf("exit code %d, %+v: %s", code, e, live.said)
	}
	said := strings.Join(live.said, "\n")
	if !strings.Contains(said, "overloaded: no command was run for ") {
		t.Errorf("the dropped events are not reported:\n%s", said)
	}
}

// No command is run as root.
func TestLiveExecAsRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root is refused")
	}
	cmd := exec.Command("tcplife", "live", "-i", "lo", "-Z", "root", "--on", "true", "--exec", "true")
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said),
		"--exec does not run commands as root: name another user with --user") {
		t.Errorf("%v: %s", err, said)
	}
}

// If the helper ends, live says so, and the capture continues.
func TestLiveExecHelperEnds(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	live := startLive(t, lab.Server, "-o", "jsonl", "--on", "true", "--exec", "true")
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", live.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, file := range children {
		pids = append(pids, strings.Fields(contents(file))...)
	}
	if len(pids) != 1 {
		t.Fatalf("live has the children %v", pids)
	}
	pid, err := strconv.Atoi(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	refuse(t, lab, 3)
	live.await("the helper of --exec ended (signal: killed): commands are not run any more")
	live.awaitOutput(`"outcome":"refused"`, 3)
	live.signal(syscall.SIGINT)
	_, stdout := live.wait()
	if e := events(t, stdout).Events; e.Matched != 3 || e.Dropped != 3 {
		t.Errorf("%+v", e)
	}
}

// A flood is an event when it begins and when it ends.
func TestLiveOnFlood(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file := filepath.Join(nobodysDir(t), "records")
	live := startLive(t, lab.Server, "-o", "jsonl", "--on", `record == "syn_flood"`, "--exec", "tee -a "+file)
	if err := lab.Client.Do(func() error { return flood(lab, 80, 400) }); err != nil {
		t.Fatal(err)
	}
	await(t, "the flood is told", func() bool { return contents(file) != "" })
	time.Sleep(time.Second) // it is reported once
	live.signal(syscall.SIGINT)
	live.wait()
	var got []string
	for line := range strings.Lines(contents(file)) {
		var r struct{ Event, Verdict string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Event+" "+r.Verdict)
	}
	if want := []string{"begin spoofed_flood", "end spoofed_flood"}; !slices.Equal(got, want) {
		t.Errorf("it reports %q, want %q", got, want)
	}
}
