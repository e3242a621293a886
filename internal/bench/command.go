//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A command is one way to read a capture.
type command struct {
	name string
	argv []string
	env  []string // added to the inherited one
	once bool     // it is slow: no second run
	// tenth: it is too slow, so it reads a tenth of the capture, once. Its costs count ten times.
	tenth bool
	// mayEvict: the memory limit may evict connections, so the exit code may be 3. evicts: it must be 3.
	mayEvict, evicts bool
}

// A cost is what one run of a command took.
type cost struct {
	wall  time.Duration
	cpu   time.Duration // of all processors
	peak  float64       // bytes resident
	pause time.Duration // the longest stop of a Go program by its collector, with traceCollector
}

const timeLimit = 10 * time.Minute

var (
	errTooSlow    = fmt.Errorf("more than %v", timeLimit)
	errOutOfSpace = errors.New("more memory than there is")
)

// run runs the command once. Its standard output is discarded.
func (c *command) run() (cost, error) {
	if _, err := exec.LookPath(c.argv[0]); err != nil {
		return cost{}, errors.New("not installed")
	}
	var stderr bytes.Buffer
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stderr = &stderr
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	ended := make(chan struct{})
	killed := make(chan error, 1)
	go func() { killed <- guard(cmd.Process, started, ended) }()
	err := cmd.Wait()
	wall := time.Since(started)
	close(ended)
	if killed := <-killed; killed != nil {
		return cost{}, killed
	}
	const incomplete = 3
	if err == nil && c.evicts {
		return cost{}, fmt.Errorf("%s: exit code 0: nothing was evicted", strings.Join(c.argv, " "))
	}
	if err != nil && !(c.mayEvict && cmd.ProcessState.ExitCode() == incomplete) {
		return cost{}, fmt.Errorf("%s: %w: %s", strings.Join(c.argv, " "), err, strings.TrimSpace(stderr.String()))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	spent := cost{
		wall:  wall,
		cpu:   cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak:  float64(usage.Maxrss) * 1024,
		pause: longestPause(stderr.String()),
	}
	if c.tenth {
		spent.wall *= 10
		spent.cpu *= 10
		spent.peak *= 10
	}
	return spent, nil
}

// guard kills a process that takes too long, or nearly all memory, and returns the reason.
func guard(p *os.Process, started time.Time, ended chan struct{}) error {
	for tick := time.Tick(100 * time.Millisecond); ; {
		select {
		case <-ended:
			return nil
		case <-tick:
		}
		var reason error
		if time.Since(started) > timeLimit {
			reason = errTooSlow
		} else if m := memory(); m["MemAvailable"] < m["MemTotal"]/16 {
			reason = errOutOfSpace
		}
		if reason != nil {
			p.Kill()
			<-ended
			return reason
		}
	}
}

// memory returns the values of /proc/meminfo in bytes.
func memory() map[string]float64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	m := map[string]float64{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 {
			kB, _ := strconv.ParseFloat(fields[1], 64)
			m[strings.TrimSuffix(fields[0], ":")] = kB * 1024
		}
	}
	return m
}

// traceCollector makes a Go program print each collection of its garbage collector.
const traceCollector = "GODEBUG=gctrace=1"

// collection finds the times for which a collection stops the world, at its begin and its end, in the output of
// traceCollector (https://pkg.go.dev/runtime#hdr-Environment_Variables).
var collection = regexp.MustCompile(`(?m)^gc \d+ @.*: ([\d.]+)\+[\d.]+\+([\d.]+) ms clock`)

func longestPause(stderr string) (longest time.Duration) {
	for _, match := range collection.FindAllStringSubmatch(stderr, -1) {
		for _, ms := range match[1:] {
			n, _ := strconv.ParseFloat(ms, 64)
			longest = max(longest, time.Duration(n*float64(time.Millisecond)))
		}
	}
	return longest
}
