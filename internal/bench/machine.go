//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bindTo binds this thread, and the processes that it starts, to at most n of the processors that it may use. It
// returns their number.
func bindTo(n int) (cpus int, err error) {
	var may, use unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return 0, fmt.Errorf("sched_getaffinity: %w", err)
	}
	for cpu := 0; cpus < min(n, may.Count()); cpu++ {
		if may.IsSet(cpu) {
			use.Set(cpu)
			cpus++
		}
	}
	if err := unix.SchedSetaffinity(0, &use); err != nil {
		return 0, fmt.Errorf("sched_setaffinity: %w", err)
	}
	return cpus, nil
}

// machine describes the machine and the programs that were measured.
func machine(cpus int) string {
	var uname unix.Utsname
	unix.Uname(&uname)
	s := fmt.Sprintf("%s: %d processors of %s, %s of memory, Linux %s, %s", time.Now().UTC().Format(time.DateOnly),
		cpus, processor(), size(memory()["MemTotal"]), unix.ByteSliceToString(uname.Release[:]), runtime.Version())
	for _, name := range []string{"tcpdump", "softflowd", "nfdump", "argus-server", "tcptrace", "tshark"} {
		version := "not installed"
		if out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output(); err == nil {
			version = string(out)
		}
		s += fmt.Sprintf(", %s %s", name, version)
	}
	return s
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
