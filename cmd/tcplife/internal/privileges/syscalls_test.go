//go:build linux

package privileges

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// TestMain is the test, or the confined process that one starts.
func TestMain(m *testing.M) {
	if os.Getenv("CONFINED") == "" {
		os.Exit(m.Run())
	}
	try()
}

// try prints the error of each operation that a confined process tries.
func try() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	_, err = cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	check(err)
	said, err := Confine([]string{os.Getenv("CONFINED")}, nil, false)
	check(err)
	fmt.Println(strings.Join(said, "; "))
	tell := func(what string, err error) { fmt.Printf("%s: %v\n", what, err) }

	tell("write", os.WriteFile(os.Getenv("CONFINED")+"/file", nil, 0o600))
	_, err = net.InterfaceByName("lo")
	tell("ask about a device", err)
	_, err = os.ReadFile("/etc/passwd")
	tell("read another file", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	tell("connect", err)
	tell("run a program", exec.Command("/bin/true").Run())
	tell("trace", unix.PtraceSeize(os.Getppid()))
	tell("become another user", unix.Setuid(1))
	done := make(chan error)
	for range 8 { // new threads too
		go func() {
			_, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != unix.EPERM {
			tell("a socket in a thread", err)
		}
	}
	tell("stop listening", listener.Close())
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// A confined process can do what live does, and nothing else.
func TestConfine(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONFINED="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "this kernel has no") {
		t.Skip("NOT TESTED: " + string(out))
	}
	for _, want := range []string{
		"write: <nil>", "ask about a device: <nil>", "read another file: open /etc/passwd: permission denied",
		"connect: operation not permitted", "trace: operation not permitted",
		"become another user: operation not permitted", "stop listening: <nil>",
	} {
		if !strings.Contains(string(out), want+"\n") {
			t.Errorf("not said: %q", want)
		}
	}
	for _, never := range []string{"run a program: <nil>", "a socket in a thread"} {
		if strings.Contains(string(out), never) {
			t.Errorf("said: %q", never)
		}
	}
	t.Log(string(out))
}
