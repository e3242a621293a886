//go:build cgo && !nopcap

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/scenes"
	"github.com/tcplife/tcplife/internal/segtest"
	"github.com/tcplife/tcplife/internal/testrun"
)

// The tests of live run the program in their own network namespaces. They need root, and are skipped otherwise. Without
// libpcap these files are not built.

// A liveRun is `tcplife live` that is running.
type liveRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *os.File
	lines  chan string // of standard error
	said   []string
}

// startLive starts live on a host's device eth0, and returns once it captures.
func startLive(t *testing.T, host *netlab.Host, args ...string) *liveRun {
	t.Helper()
	return startLiveIn(t, host.Do, append([]string{"-i", "eth0"}, args...)...)
}

func startLiveIn(t *testing.T, do func(func() error) error, args ...string) *liveRun {
	t.Helper()
	return startProgramIn(t, "tcplife", do, args...)
}

// startProgramIn starts live of a program like tcplife.
func startProgramIn(t *testing.T, program string, do func(func() error) error, args ...string) *liveRun {
	t.Helper()
	stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	return startLiveTo(t, program, do, stdout, args...)
}

func startLiveTo(t *testing.T, program string, do func(func() error) error, stdout *os.File, args ...string) *liveRun {
	t.Helper()
	r := &liveRun{t: t, stdout: stdout, lines: make(chan string, 1000)}
	r.cmd = exec.Command(program, append([]string{"live"}, args...)...)
	r.cmd.Stdout = r.stdout
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = do(r.cmd.Start)
	stdout.Close() // now only live has it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	go func() {
		defer close(r.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	r.await("filter")
	return r
}

// await waits until live has written a text to standard error.
func (r *liveRun) await(what string) {
	r.t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case line, more := <-r.lines:
			if !more {
				r.t.Fatalf("live ended before it wrote %q:\n%s", what, strings.Join(r.said, "\n"))
			}
			r.said = append(r.said, line)
			if strings.Contains(line, what) {
				return
			}
		case <-deadline:
			r.t.Fatalf("live did not write %q:\n%s", what, strings.Join(r.said, "\n"))
		}
	}
}

func (r *liveRun) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// wait waits for the end, and returns the exit code and the standard output.
func (r *liveRun) wait() (code int, stdout []byte) {
	r.t.Helper()
	for line := range r.lines {
		r.said = append(r.said, line)
	}
	r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode(), r.output()
}

// output returns what live has written to a file, nil for a pipe.
func (r *liveRun) output() []byte {
	r.t.Helper()
	if !filepath.IsAbs(r.stdout.Name()) {
		return nil
	}
	stdout, err := os.ReadFile(r.stdout.Name())
	if err != nil {
		r.t.Fatal(err)
	}
	return stdout
}

// runIn runs a program on a host, and returns its output and its exit code.
func runIn(host *netlab.Host, program string, args ...string) (said string, code int) {
	cmd := exec.Command(program, args...)
	host.Do(func() error {
		out, err := cmd.CombinedOutput()
		said = string(out)
		return err
	})
	return said, cmd.ProcessState.ExitCode()
}

// readAgain returns what `tcplife read` reports about files.
func readAgain(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.Command("tcplife", append([]string{"read", "-o", "jsonl"}, args...)...).Output()
	if err != nil {
		t.Fatalf("tcplife read %v: %v", args, err)
	}
	return out
}

// await waits, at most a minute, until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute this does not hold: %s", what)
		}
	}
}

// awaitOutput waits until the standard output has a text n times.
func (r *liveRun) awaitOutput(text string, times int) {
	r.t.Helper()
	await(r.t, fmt.Sprintf("%d times %s on standard output", times, text), func() bool {
		return bytes.Count(r.output(), []byte(text)) >= times
	})
}

// nobodysDir makes a directory that is writable for the user that live becomes.
func nobodysDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tcplife-live-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// recordLines returns the lines of all kinds except capture, which always differs.
func recordLines(jsonl []byte) (lines []string) {
	for line := range strings.Lines(string(jsonl)) {
		if !strings.HasPrefix(line, `{"record":"capture"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

// captureRecord returns the last record of kind capture.
func captureRecord(t *testing.T, jsonl []byte) (c struct {
	Packets     uint64   `json:"packets"`
	Devices     []string `json:"devices"`
	LostDevices []string `json:"lost_devices"`
	Unwritten   uint64   `json:"unwritten"`
	Interim     bool     `json:"interim"`
	Dropped     struct {
		Kernel, Interface *uint64
	} `json:"dropped"`
}) {
	t.Helper()
	i := bytes.LastIndex(jsonl, []byte(`{"record":"capture"`))
	if i < 0 {
		t.Fatalf("there is no record of the capture in\n%s", jsonl)
	}
	if err := json.NewDecoder(bytes.NewReader(jsonl[i:])).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// kinds lists how the connections of a report were opened and closed, sorted.
func kinds(t *testing.T, jsonl []byte) (kinds []string) {
	t.Helper()
	for line := range bytes.Lines(jsonl) {
		var c struct {
			Record    string
			Handshake struct{ Outcome string }
			Teardown  struct{ Kind string }
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if c.Record == "connection" {
			kinds = append(kinds, c.Handshake.Outcome+" "+c.Teardown.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// orderly replaces two kinds by one: on a busy machine the other side's FIN may carry the ACK of a FIN, or not.
func orderly(kinds []string) []string {
	for i := range kinds {
		kinds[i] = strings.Replace(kinds[i], "three_segment", "four_way", 1)
	}
	return kinds
}

// sameRecords checks that two reports agree about connections, floods and everything else.
func sameRecords(t *testing.T, live, read []byte) {
	t.Helper()
	x, y := recordLines(live), recordLines(read)
	if len(x) != len(y) {
		t.Errorf("live writes %d records, read %d", len(x), len(y))
	}
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			t.Errorf("record %d\nlive %sread %s", i, x[i], y[i])
			return
		}
	}
}

// TestLiveScenes plays all scenes with real TCP while live captures. live must see how connections are opened and
// closed, and report what read reports about live's own capture.
func TestLiveScenes(t *testing.T) {
	t.Parallel()
	netlab.Start(t, netlab.Options{}) // or skip
	var all []string
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, s := range testrun.Some(3, scenes.All) {
		wait.Go(func() { // not t.Parallel: a scene takes its time, and no processor
			t.Run(s.Name, func(t *testing.T) {
				lab := netlab.Start(t, s.Options())
				file := filepath.Join(nobodysDir(t), "x.pcap")
				live := startLive(t, lab.Server, "-o", "jsonl", "--emit", "final", "--msl", "2s", "-B", "2048", "-w",
					file,
					"--metrics", metricsAddr)
				await(t, "the wire is idle", lab.Idle) // a frame sent before live began is counted when it is taken
				before := frames(t, lab.Server)
				if err := s.Play(lab); err != nil {
					t.Fatal(err)
				}
				if err := lab.Settle(); err != nil {
					t.Fatal(err)
				}
				await(t, "live has seen all packets", func() bool {
					return packetsSeen(t, lab) >= frames(t, lab.Server)-before
				})
				// 2MSL ends although no packet comes
				live.awaitOutput(`"ended_by":"time_wait_expired"`, inTimeWait(t, lab))
				live.signal(syscall.SIGINT)
				code, stdout := live.wait()
				if code != exitOK {
					t.Errorf("exit code %d: %s", code, live.said)
				}
				sameRecords(t, stdout, readAgain(t, "--msl", "2s", file))
				if s.Fate == nil && s.Name != "midstream" { // these it sees otherwise than the wire did
					got := orderly(kinds(t, stdout))
					want := orderly(kinds(t, readAgain(t, filepath.Join("../../testdata/pcaps",
						"real-"+s.Name+".pcap"))))
					if !slices.Equal(got, want) {
						t.Errorf("live saw %q, the capture of such a scene holds %q", got, want)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, string(stdout))
			})
		})
	}
	wait.Wait()
	said := strings.Join(all, "")
	for _, want := range []string{
		`"outcome":"complete"`, `"outcome":"simultaneous"`, `"outcome":"fast_open"`, `"outcome":"refused"`,
		`"outcome":"embryonic"`,
		`"kind":"four_way"`, `"kind":"three_segment"`, `"kind":"simultaneous"`, `"kind":"reset"`,
		`"kind":"half_closed"`,
		`"discovered_by":"data"`, `"ended_by":"time_wait_expired"`,
	} {
		if testrun.All() && !strings.Contains(said, want) && !t.Failed() {
			t.Errorf("no connection had %s", want)
		}
	}
}

func frames(t *testing.T, host *netlab.Host) int {
	t.Helper()
	n, err := host.Frames()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// packetsSeen returns how many packets live says that it has captured.
func packetsSeen(t *testing.T, lab *netlab.Lab) (n int) {
	t.Helper()
	_, counter, _ := strings.Cut(scrape(t, lab, "/metrics"), "\ntcplife_packets_total ")
	if _, err := fmt.Sscan(counter, &n); err != nil {
		t.Fatalf("packets captured: %v", err)
	}
	return n
}

// inTimeWait returns how many connections between the hosts the kernels have in TIME_WAIT.
func inTimeWait(t *testing.T, lab *netlab.Lab) int {
	t.Helper()
	sockets, err := lab.Sockets()
	if err != nil {
		t.Fatal(err)
	}
	connections := map[[2]netip.AddrPort]bool{}
	for _, s := range sockets {
		if s.State == "TIME_WAIT" && !s.Local.Addr().IsLoopback() {
			ends := [2]netip.AddrPort{s.Local, s.Remote}
			slices.SortFunc(ends[:], netip.AddrPort.Compare)
			connections[ends] = true
		}
	}
	return len(connections)
}

// TestLiveStop checks that a signal loses no packet that came before it, although the kernel delivers packets later.
func TestLiveStop(t *testing.T) {
	for range testrun.Size(4, 8) { // when a block of packets is handed over depends on when it was begun
		t.Run("", func(t *testing.T) {
			t.Parallel()
			lab := netlab.Start(t, netlab.Options{})
			live := startLive(t, lab.Server, "-o", "jsonl")
			if c, err := lab.Client.Dial(&net.Dialer{}, netip.AddrPortFrom(lab.Server.IP4, 81)); err == nil {
				t.Fatalf("nobody listens, and it is connected to %v", c.RemoteAddr())
			}
			live.signal(syscall.SIGINT)
			_, stdout := live.wait()
			if got := kinds(t, stdout); !slices.Equal(got, []string{"refused none"}) {
				t.Errorf("live saw %q of one refused attempt", got)
			}
		})
	}
}

// TestLiveSafety checks what live, started by root, may still do, in each of its threads.
func TestLiveSafety(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := nobodysDir(t)
	live := startLive(t, lab.Server, "-o", "jsonl", "-v", "-w", filepath.Join(dir, "x.pcap"))
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", live.cmd.Process.Pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("%d threads: %v", len(tasks), err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that has ended
		}
		for _, want := range []string{
			"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534", "NoNewPrivs:\t1", "Groups:\t ",
			"Seccomp:\t2",
			"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
			"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
		} {
			if !strings.Contains(string(status), want+"\n") {
				t.Errorf("%s does not have %q:\n%s", task, want, status)
			}
		}
	}
	if said := strings.Join(live.said, "\n"); !strings.Contains(said,
		"dropped privileges: root, for user nobody") || !strings.Contains(said, "Landlock") ||
		!strings.Contains(said, "seccomp") {
		t.Errorf("with -v it writes about that\n%s", said)
	}
	live.signal(syscall.SIGHUP)
	await(t, "SIGHUP begins another file", func() bool {
		_, err := os.Stat(filepath.Join(dir, "x.pcap1"))
		return err == nil
	})
	live.signal(syscall.SIGTERM)
	if code, _ := live.wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, live.said)
	}
	if _, err := os.Stat(filepath.Join(dir, "x.pcap")); err != nil {
		t.Errorf("after SIGHUP: %v", err)
	}
}

// TestLiveWithoutRights checks the message for a user who may not capture.
func TestLiveWithoutRights(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can become another user")
	}
	program, err := exec.LookPath("tcplife")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(nobodysDir(t), "tcplife"), "live", "-i", "lo")
	copyFile(t, program, cmd.Path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	said, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed ||
		!strings.Contains(string(said), "sudo setcap cap_net_raw+ep "+cmd.Path) {
		t.Fatalf("exit code %d: %v: %s", code, err, said)
	}
	if out, err := exec.Command("setcap", "cap_net_raw+ep", cmd.Path).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: whether that line helps: %v: %s", err, out)
	}
	again := exec.Command(cmd.Path, "live", "-i", "lo", "-o", "jsonl", "--duration", "300ms")
	again.SysProcAttr = cmd.SysProcAttr
	if said, err := again.CombinedOutput(); err != nil {
		t.Errorf("after that line: %v: %s", err, said)
	}
}

// copyFile copies a program. It leaves that to another process: a child of this one that has not begun its program yet
// would hold the open file, and the system executes no file that is open for writing.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if said, err := exec.Command("cp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp %s %s: %v: %s", from, to, err, said)
	}
}

// TestLiveDevices takes a device down, brings it up again, and then removes it.
func TestLiveDevices(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	ip := func(args ...string) {
		t.Helper()
		if err := lab.Server.Do(func() error {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %v: %w: %s", args, err, out)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
	lab.Server.Do(func() error {
		out, err := exec.Command("tcplife", "live", "-i", "d0").CombinedOutput()
		if want := "tcplife: capture on \"d0\": it is down: bring it up first\n"; string(out) != want {
			t.Errorf("for a device that is down: %q, want %q", out, want)
		}
		return err
	})
	ip("link", "set", "d1", "up")
	ip("link", "set", "d0", "up")
	live := startLiveIn(t, lab.Server.Do, "-i", "d0", "-i", "eth0", "-o", "jsonl")
	ip("link", "set", "d0", "down")
	live.await("d0 is down")
	ip("link", "set", "d0", "up")
	live.await("d0 is up again")
	ip("link", "delete", "d0")
	live.await("d0 was removed")
	client, server, err := lab.Connect(nil, 80) // the other device still works
	if err != nil {
		t.Fatal(err)
	}
	client.SetLinger(0)
	client.Close()
	server.Close()
	live.awaitOutput(`"kind":"reset"`, 1)
	ip("link", "delete", "eth0")
	live.await("eth0 was removed")
	code, stdout := live.wait()
	c := captureRecord(t, stdout)
	if code != exitIncomplete || !slices.Equal(c.LostDevices, []string{"d0", "eth0"}) {
		t.Errorf("exit code %d, lost devices %v, want %d and both: %s", code, c.LostDevices, exitIncomplete, live.said)
	}
	if got := kinds(t, stdout); !slices.Equal(got, []string{"complete reset"}) {
		t.Errorf("connections %q", got)
	}
}

// TestLiveRenamed checks that capture continues on a device that goes down, is renamed and comes up again, and that
// live says so.
func TestLiveRenamed(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	script := func(script string) {
		t.Helper()
		if err := lab.Server.Do(func() error {
			if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	attempt := func(port uint16) { // whose SYN nobody answers
		lab.Server.Dial(&net.Dialer{Timeout: 100 * time.Millisecond},
			netip.AddrPortFrom(netip.MustParseAddr("198.18.7.2"), port))
	}
	script(`ip link add d0 type veth peer name d1; ip link set d1 up; ip link set d0 up; ip address add 198.18.7.1/24 dev d0
		ip neighbour add 198.18.7.2 lladdr 02:00:00:00:00:02 dev d0`)
	live := startLiveIn(t, lab.Server.Do, "-i", "d0", "-o", "jsonl", "tcp")
	attempt(81)
	script("ip link set d0 down")
	live.await("d0 is down")
	script("ip link set d0 name e0")
	live.await("d0 was renamed: it is e0 now; the capture goes on")
	script("ip link set e0 up; ip neighbour replace 198.18.7.2 lladdr 02:00:00:00:00:02 dev e0")
	live.await("d0 is up again")
	attempt(82)
	live.signal(syscall.SIGINT)
	code, stdout := live.wait()
	if got, want := kinds(t, stdout), []string{"unanswered none", "unanswered none"}; code != exitOK ||
		!slices.Equal(got, want) {
		t.Errorf("exit code %d and connections %q, want %d and %q: %s", code, got, exitOK, want, live.said)
	}
}

// TestLiveWithoutDescriptors checks that a device does not count as removed when the process cannot open any file.
func TestLiveWithoutDescriptors(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	// whose limits this process may set
	live := startLive(t, lab.Server, "-o", "jsonl", "--interval", "1s", "-Z", "root")
	none := &unix.Rlimit{Cur: 3, Max: 3} // open ones stay open
	if err := unix.Prlimit(live.cmd.Process.Pid, unix.RLIMIT_NOFILE, none, nil); err != nil {
		t.Fatal(err)
	}
	live.awaitOutput(`"interim":true`, 2) // nothing came for a second
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	client.SetLinger(0)
	client.Close()
	server.Close()
	live.awaitOutput(`"kind":"reset"`, 1)
	live.signal(syscall.SIGINT)
	if code, _ := live.wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, live.said)
	}
}

// TestLiveKilled checks that the file of a killed capture can be read: packets wait at most a second in memory.
func TestLiveKilled(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	file := filepath.Join(nobodysDir(t), "x.pcap")
	live := startLive(t, lab.Server, "-o", "jsonl", "-w", file)
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	defer server.Close()
	want := []string{"complete none"}
	await(t, "the packets are in the file", func() bool {
		out, _ := exec.Command("tcplife", "read", "-o", "jsonl", file).Output() // at first there is nothing in the file
		return slices.Equal(kinds(t, out), want)
	})
	live.signal(syscall.SIGKILL)
	live.wait()
	if got := kinds(t, readAgain(t, file)); !slices.Equal(got, want) {
		t.Errorf("the capture of a killed live holds %q", got)
	}
}

// TestLiveSignals checks interim reports, and what they say about open connections.
func TestLiveSignals(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	live := startLive(t, lab.Server, "-o", "jsonl", "--open", "--until", `teardown.kind == "reset"`)
	client, server, err := lab.Connect(nil, 80)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	interims := 0
	await(t, "an interim report tells the open connection", func() bool {
		live.signal(syscall.SIGUSR1)
		interims++
		live.awaitOutput(`"interim":true}`, interims)
		return slices.Contains(kinds(t, live.output()), "complete none")
	})
	if !bytes.Contains(live.output(), []byte(`"ended_by":"open"`)) {
		t.Errorf("the interim report does not call the connection open:\n%s", live.output())
	}
	client.SetLinger(0)
	client.Close() // with it --until holds
	code, stdout := live.wait()
	if got := kinds(t, stdout); code != exitOK || !slices.Contains(got, "complete reset") {
		t.Errorf("exit code %d, connections %q", code, got)
	}
	if captureRecord(t, stdout).Interim {
		t.Error("the last report calls itself interim")
	}
}

// TestLiveFlood sends 2,000 SYNs from as many sources that do not exist.
func TestLiveFlood(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 80))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := lab.Server.Sysctl("net.ipv4.tcp_synack_retries", "0"); err != nil { // it would go on beyond the limit
		t.Fatal(err)
	}
	file := filepath.Join(nobodysDir(t), "x.pcap")
	live := startLive(t, lab.Server, "-o", "jsonl", "--emit", "final", "--embryonic-limit", "1s", "-w", file)
	const syns = 2000
	if err := lab.Client.Do(func() error { return flood(lab, 80, syns) }); err != nil {
		t.Fatal(err)
	}
	live.awaitOutput(`{"record":"connection"`, syns)
	live.signal(syscall.SIGINT)
	code, stdout := live.wait()
	if code != exitOK {
		t.Errorf("exit code %d: %s", code, live.said)
	}
	sameRecords(t, stdout, readAgain(t, "--embryonic-limit", "1s", file))
	if n := len(kinds(t, stdout)); n != syns {
		t.Errorf("%d connections, want %d", n, syns)
	}
	if !bytes.Contains(stdout, []byte(`"verdict":"spoofed_flood"`)) {
		t.Errorf("it is not reported as a flood: %s", stdout[bytes.LastIndex(stdout, []byte(`{"record":"summary"`)):])
	}
}

// flood sends SYNs from the client's device to a port of the server, each from another address. The thread is in the
// client's namespace.
func flood(lab *netlab.Lab, port uint16, n int) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	device, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	at := &unix.SockaddrLinklayer{Ifindex: device.Index}
	for i := range n {
		for i%50 == 49 && !lab.Idle() { // the device has a short queue
			time.Sleep(time.Millisecond)
		}
		source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113 + byte(i>>8), byte(i)}), uint16(1024+i))
		frame := segtest.Frame(source, netip.AddrPortFrom(lab.Server.IP4, port), flows.SYN, uint32(i), 0, 0)
		copy(frame, lab.Server.MAC())
		copy(frame[6:], lab.Client.MAC())
		if err := unix.Sendto(fd, frame, 0, at); err != nil {
			return err
		}
	}
	return nil
}

// TestLiveUnread reads nothing of live's output. live must continue: it counts what it does not write, fills its files,
// and ends by one signal.
func TestLiveUnread(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	file := filepath.Join(nobodysDir(t), "x.pcap")
	unread, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	live := startLiveTo(t, "tcplife", lab.Server.Do, stdout, "-i", "eth0", "-o", "jsonl", "--memory",
		"64MiB", "--metrics", metricsAddr, "-w", file)
	const attempts = 6000 // of some 1.3 kB each, and there is room for 4 MiB
	if err := lab.Client.Do(func() error { return flood(lab, 81, attempts) }); err != nil {
		t.Fatal(err)
	}
	await(t, "live has seen all packets", func() bool { return packetsSeen(t, lab) >= 2*attempts })
	live.await("standard output is blocked: connections are counted but not written until it is read again")
	var shed uint64
	await(t, "the metrics tell of it", func() bool {
		_, counter, _ := strings.Cut(scrape(t, lab, "/metrics"), "\ntcplife_shed_records_total ")
		fmt.Sscan(counter, &shed)
		return shed > 0
	})
	live.signal(syscall.SIGTERM)
	begun := time.Now()
	code, _ := live.wait()
	// It waits a second for a reader. The rest is for a busy machine.
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it ends %v after the signal", took)
	}
	said := strings.Join(live.said, "\n")
	var told uint64 // more may have been shed since the metrics were read
	if before, _, ok := strings.Cut(said, " connections were counted but not written"); ok {
		fmt.Sscan(before[strings.LastIndexByte(before, ' ')+1:], &told)
	}
	if code != exitIncomplete || told < shed || told > attempts ||
		!strings.Contains(said, "standard output was blocked: its last 4.") {
		t.Errorf("exit code %d, want %d; %d connections not written, want %d to %d, and how much was not read:\n%s",
			code, exitIncomplete, told, shed, attempts, said)
	}
	if n := len(kinds(t, readAgain(t, file))); n != attempts {
		t.Errorf("the file holds %d attempts, want %d", n, attempts)
	}
}

// TestLiveReadLate reads live's output only when the pipe is full. Nothing must be lost.
func TestLiveReadLate(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	late, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	end, err := unix.FcntlInt(stdout.Fd(), unix.F_DUPFD_CLOEXEC, 0) // live's, to see when it has to wait
	if err != nil {
		t.Fatal(err)
	}
	const attempts = 500 // ten times what the pipe takes
	live := startLiveTo(t, "tcplife", lab.Server.Do, stdout, "-i", "eth0", "-o", "jsonl", "-c",
		fmt.Sprint(2*attempts), "tcp")
	if err := lab.Client.Do(func() error { return flood(lab, 81, attempts) }); err != nil {
		t.Fatal(err)
	}
	await(t, "the pipe is full", func() bool {
		full := []unix.PollFd{{Fd: int32(end), Events: unix.POLLOUT}}
		n, err := unix.Poll(full, 0)
		if err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		return err == nil && n == 0
	})
	unix.Close(end)
	read, err := io.ReadAll(late)
	if err != nil {
		t.Fatal(err)
	}
	if code, _ := live.wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, live.said)
	}
	if n := len(kinds(t, read)); n != attempts || captureRecord(t, read).Packets != 2*attempts {
		t.Errorf("it reports %d attempts, want %d", n, attempts)
	}
}
