//go:build cgo && !nopcap

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/netlab"
	"golang.org/x/sys/unix"
)

// A terminal is a terminal of tmux, in the network namespace of a lab's server.
type terminal struct {
	t      *testing.T
	lab    *netlab.Lab
	socket string
	dir    string
}

// openTerminal runs a command of the shell on a terminal of 80 by 24, in a directory that everybody may write into.
func openTerminal(t *testing.T, lab *netlab.Lab, command string, environ ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("NOT TESTED: the view on a terminal, because tmux is not installed (apt-get install tmux)")
	}
	term := &terminal{t: t, lab: lab, dir: t.TempDir()}
	term.socket = filepath.Join(term.dir, "tmux")
	if err := os.Chmod(term.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { term.tmux("kill-server") })
	// The shell continues after the command, because the test also checks what is left on the terminal.
	args := []string{"-f", os.DevNull, "new-session", "-d", "-x", "80", "-y", "24"}
	for _, e := range environ {
		args = append(args, "-e", e)
	}
	term.tmux(append(args, command+`; echo "exit $?"; stty -a; cat`)...)
	return term
}

// tmux runs a command of tmux; a server that it starts is in the namespace.
func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...)
	cmd.Dir = term.dir
	var out []byte
	err := term.lab.Server.Do(func() (err error) {
		out, err = cmd.CombinedOutput()
		return err
	})
	if err != nil && args[0] != "kill-server" {
		term.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

func (term *terminal) press(keys ...string) {
	term.t.Helper()
	for _, k := range keys {
		term.tmux("send-keys", k)
	}
}

// screen returns what the terminal shows.
func (term *terminal) screen() string { return term.tmux("capture-pane", "-p") }

// until waits for a screen that has all of the texts, and returns it.
func (term *terminal) until(texts ...string) string {
	term.t.Helper()
	return term.untilSo(fmt.Sprintf("%q", texts), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

func (term *terminal) untilSo(what string, holds func(screen string) bool) string {
	term.t.Helper()
	var screen string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if screen = term.screen(); holds(screen) {
			return screen
		}
	}
	term.t.Fatalf("the screen does not show %s:\n%s", what, screen)
	return ""
}

// restored checks that the terminal is as before: with the shell's screen, echo and line editing.
func (term *terminal) restored() {
	term.t.Helper()
	screen := term.until("exit ", " icanon", " echo ")
	if strings.Contains(screen, "-icanon") || strings.Contains(screen, "-echo ") {
		term.t.Errorf("the terminal is raw:\n%s", screen)
	}
	if state := term.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}"); state != "0 1\n" {
		term.t.Errorf("alternate screen and cursor are %q, want them off and on", state)
	}
}

// traffic makes connections in a lab: three that close, one that is refused, one that stays open, and 200 that never
// complete, as in a SYN flood.
func traffic(t *testing.T, lab *netlab.Lab) {
	t.Helper()
	for i := range 3 {
		client, server, err := lab.Connect(nil, 8080)
		if err != nil {
			t.Fatal(err)
		}
		server.Write(make([]byte, 1000<<i))
		server.Close()
		io.Copy(io.Discard, client)
		client.Close()
	}
	if _, err := lab.Client.Dial(nil, netip.AddrPortFrom(lab.Server.IP4, 81)); err == nil {
		t.Fatal("port 81 is not closed")
	}
	client, server, err := lab.Connect(nil, 5432)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	flooded, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, 9999))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flooded.Close() })
	err = lab.Client.Do(func() error {
		for range 200 {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			t.Cleanup(func() { unix.Close(fd) })
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 9999,
				Addr: lab.Server.IP4.As4()}); err != syscall.EINPROGRESS {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unanswered loses all segments from port 9999, so that no handshake there completes.
func unanswered(s netlab.Segment) netlab.Fate {
	if s.SrcPort == 9999 {
		return netlab.LostBehind
	}
	return netlab.Pass
}

func TestViewOnTerminal(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{Fate: unanswered})
	term := openTerminal(t, lab, "tcplife live -i eth0 --metrics "+metricsAddr)
	term.until("CONNECTIONS by recent: 0")
	traffic(t, lab)
	screen := term.until("CONNECTIONS by recent: 205", "FLOOD 198.18.0.2:9999 single_source_flood",
		"followed 205   pending 200 ", "TIME_WAIT 3")
	t.Log(screen)

	t.Run("metrics", func(t *testing.T) { scraped(t, lab) })

	term.press("/")
	term.until("filter:")
	term.tmux("send-keys", "-l", "server.port != 9999")
	term.press("Enter")
	term.until("server.port != 9999: 5", "5432", "refused", "ESTAB:ESTAB")
	term.press("s", "s", "s", "s", "s")
	screen = term.until("by bytes")
	if first := screen[strings.Index(screen, "\n> "):]; !strings.Contains(first[:80], ":8080") {
		t.Errorf("the connection with most bytes is not the first:\n%s", screen)
	}
	term.tmux("resize-window", "-x", "200", "-y", "40")
	term.until("OUTCOME", "TEARDOWN", "FINDINGS")
	term.tmux("resize-window", "-x", "80", "-y", "24")
	term.until("TIMEW CLOSED\n", "q quit")

	term.press("p")
	before := term.until("PAUSED")
	client, server, err := lab.Connect(nil, 6000)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	defer server.Close()
	await(t, "the capture goes on", func() bool {
		return strings.Contains(scrape(t, lab, "/metrics"), "\ntcplife_connections_begun_total 206\n")
	})
	if after := term.screen(); after != before {
		t.Errorf("the paused screen changes from\n%s\nto\n%s", before, after)
	}
	term.press("Space")
	term.until("server.port != 9999: 6", ":6000")

	term.press("/", "C-u")
	term.tmux("send-keys", "-l", "refused")
	term.press("Enter")
	term.until("refused: 1")
	term.press("Enter")
	term.until("CONNECTION ", "SYN_SENT", "RST")
	term.press("G")
	term.until("refused", "VERDICT")
	term.press("w")
	said := term.until("2 packets of connection ")
	_, said, _ = strings.Cut(said, "2 packets of connection ")
	_, name, _ := strings.Cut(said, " are in ")
	name, _, _ = strings.Cut(name, "\n")
	if out, err := exec.Command("tcplife", "read", filepath.Join(term.dir, name), "-o", "jsonl").Output(); err != nil {
		t.Error(err)
	} else {
		var record struct{ Handshake struct{ Outcome string } }
		line, _, _ := strings.Cut(string(out), "\n")
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Handshake.Outcome != "refused" {
			t.Errorf("what w wrote tells: %s", out)
		}
	}
	term.press("Escape")
	term.until("refused: 1")
	term.press("?")
	term.until("KEYS", "THE NUMBERS")
	term.press("q")
	term.restored()
	if report := term.tmux("capture-pane", "-p", "-S", "-200"); !strings.Contains(report, "CONNECTIONS 206") ||
		!strings.Contains(report, "exit 0") {
		t.Errorf("the report is not there after the view:\n%s", report)
	}
}

// metricsAddr is where live serves its metrics; each lab has a network of its own.
const metricsAddr = "127.0.0.1:9464"

// scrape gets a page of live's server of metrics.
func scrape(t *testing.T, lab *netlab.Lab, path string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: dialMetrics(lab), DisableKeepAlives: true},
		Timeout: 10 * time.Second}
	response, err := client.Get("http://metrics" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s, %v", path, response.Status, err)
	}
	return string(body)
}

// dialMetrics connects to live's server of metrics.
func dialMetrics(lab *netlab.Lab) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		return lab.Server.Dial(nil, netip.MustParseAddrPort(metricsAddr))
	}
}

// scraped checks what Prometheus would get from the view's capture.
func scraped(t *testing.T, lab *netlab.Lab) {
	metrics := scrape(t, lab, "/metrics")
	for _, line := range []string{
		`tcplife_connections_begun_total 205`,
		`tcplife_connections_total{outcome="complete"} 3`,
		`tcplife_endpoints{side="server",state="ESTABLISHED"} 1`,
		`tcplife_endpoints{side="server",state="SYN_RCVD"} 200`,
		`tcplife_syn_floods{verdict="single_source_flood"} 1`,
		`tcplife_handshake_seconds_count{part="server"} 3`,
		`tcplife_dropped_packets_total{by="kernel"} 0`,
		`process_resident_memory_bytes `,
		`go_goroutines `,
	} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("not scraped: %s", line)
		}
	}
	if got := scrape(t, lab, "/healthz"); got != "ok\n" {
		t.Errorf("/healthz says %q", got)
	}
	// A second live cannot listen on the address, and says so before it captures.
	err := lab.Server.Do(func() error {
		out, err := exec.Command("tcplife", "live", "-i", "eth0", "--metrics", metricsAddr).CombinedOutput()
		if want := "tcplife: serve metrics at " + metricsAddr +
			": address already in use; --metrics 127.0.0.1:0 takes a free port\n"; string(out) != want {
			t.Errorf("with the address in use: %q, want %q", out, want)
		}
		return err
	})
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitFailed {
		t.Errorf("with the address in use: %v", err)
	}
}

func TestViewEndsBySignal(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	term := openTerminal(t, lab, `sh -c 'echo $$ >pid; exec tcplife live -i eth0 -v'`, "NO_COLOR=1")
	term.until("CONNECTIONS by recent: 0")
	if colours := term.tmux("capture-pane", "-p",
		"-e"); regexp.MustCompile(`\x1b\[(\d+;)*[34][0-8]`).MatchString(colours) {
		t.Errorf("there are colours in spite of NO_COLOR:\n%q", colours)
	}
	pid, err := os.ReadFile(filepath.Join(term.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("kill", "-TERM", strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
		t.Fatalf("kill: %v: %s", err, out)
	}
	term.restored()
}

// TestViewInForeignDirectory starts the view where the user that it becomes has no rights.
func TestViewInForeignDirectory(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	writable := nobodysDir(t)
	term := openTerminal(t, lab, "chmod 0700 . && tcplife live -i eth0", "TMPDIR="+writable)
	term.until("CONNECTIONS by recent: 0")
	client, server, err := lab.Connect(nil, 6000)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	defer server.Close()
	term.until(":6000", "ESTAB:ESTAB")
	term.press("w")
	term.until("3 packets of connection ")
	if names, err := filepath.Glob(filepath.Join(writable, "tcplife-*.pcapng")); len(names) != 1 {
		t.Errorf("written: %q, %v", names, err)
	}
	term.press("q")
	term.restored()
}

func TestViewEndsByPanic(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	term := openTerminal(t, lab, "mkfifo go && tcplife-panics go")
	term.until("q quit")
	if err := os.WriteFile(filepath.Join(term.dir, "go"), nil, 0); err != nil {
		t.Fatal(err)
	}
	term.until("exit 2")
	term.restored()
	if screen := term.tmux("capture-pane", "-p", "-S", "-200"); !strings.Contains(screen, "panic: there is a mistake") {
		t.Errorf("the panic is not reported:\n%s", screen)
	}
}
