//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// liveBench measures live on a pair of veth devices against tcpdump -w /dev/null, which only receives packets.
type liveBench struct {
	*bench
	sender *sender
	length time.Duration // of a run
}

// captured counts what happened to the packets of a run.
type captured struct {
	program string
	rate    float64 // sent each second
	arrived uint64
	taken   uint64
	dropped uint64
	shed    uint64
}

// lost is the share of packets that were dropped.
func (c *captured) lost() float64 { return float64(c.dropped) / float64(max(c.arrived, 1)) }

// A capturer is a program that captures on the far end until SIGINT.
type capturer struct {
	name    string
	command []string
	counts  func(stderr []byte) (taken, dropped, shed uint64, err error)
}

func (b *liveBench) tcpdump() capturer {
	return capturer{"tcpdump", []string{"tcpdump", "-i", farEnd, "-w", "/dev/null"}, tcpdumpCounts}
}

func (b *liveBench) live() capturer {
	return capturer{"tcplife live", []string{b.tcplife, "live", "-i", farEnd, "-o", "jsonl", "-v", "--msl", "linux"},
		liveCounts}
}

var tcpdumpCount = regexp.MustCompile(`(?m)^(\d+) packets? (captured|dropped by kernel)$`)

func tcpdumpCounts(stderr []byte) (taken, dropped, _ uint64, err error) {
	found := tcpdumpCount.FindAllSubmatch(stderr, -1)
	if len(found) != 2 {
		return 0, 0, 0, fmt.Errorf("tcpdump does not print what it captured:\n%s", stderr)
	}
	taken, _ = strconv.ParseUint(string(found[0][1]), 10, 64)
	dropped, err = strconv.ParseUint(string(found[1][1]), 10, 64)
	return taken, dropped, 0, err
}

var liveCount = regexp.MustCompile(
	`(?m)^tcplife: (?:overloaded: )?(\d+) (packet|failed attempt)s?(, .* on the wire| w)`)

func liveCounts(stderr []byte) (taken, dropped, shed uint64, err error) {
	found := liveCount.FindAllSubmatch(stderr, -1)
	if len(found) == 0 {
		return 0, 0, 0, fmt.Errorf("tcplife does not print what it captured:\n%s", stderr)
	}
	for _, f := range found {
		n, err := strconv.ParseUint(string(f[1]), 10, 64)
		switch {
		case err != nil:
			return 0, 0, 0, err
		case string(f[2]) == "failed attempt":
			shed = n
		case bytes.HasPrefix(f[3], []byte(",")):
			taken = n
		default:
			dropped = n
		}
	}
	return taken, dropped, shed, nil
}

// run sends packets at a rate while a program captures.
func (b *liveBench) run(c capturer, rate float64, length time.Duration) (captured, error) {
	run := captured{program: c.name, rate: rate}
	cmd := exec.Command(c.command[0], c.command[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return run, err
	}
	time.Sleep(time.Second) // it is ready by then
	before, err := arrived()
	if err != nil {
		return run, err
	}
	packets := int(rate * length.Seconds())
	if rate == 0 {
		packets = 1 << 21
	}
	took, err := b.sender.send(packets, rate)
	if err != nil {
		return run, err
	}
	run.rate = float64(packets) / took.Seconds()
	time.Sleep(time.Second) // the last packets arrive
	after, err := arrived()
	if err != nil {
		return run, err
	}
	run.arrived = after - before
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait() // its exit code is not 0 if packets were dropped
	run.taken, run.dropped, run.shed, err = c.counts(stderr.Bytes())
	if err == nil && run.taken+run.dropped < run.arrived {
		run.dropped = run.arrived - run.taken // its own count is too low
	}
	fmt.Fprintf(b.log, "%-12s %9.0f packets/s: %d arrived, %d taken, %d dropped\n", run.program, run.rate, run.arrived,
		run.taken, run.dropped)
	return run, err
}

// highest finds the highest rate at which tcpdump loses nothing in three runs, to a twentieth of the most that the
// sender can send.
func (b *liveBench) highest() (rate, most float64, err error) {
	free, err := b.run(b.tcpdump(), 0, 0)
	if err != nil {
		return 0, 0, err
	}
	most = free.rate
	holds := func(rate float64) (bool, error) {
		for range 3 {
			run, err := b.run(b.tcpdump(), rate, b.length/2)
			if err != nil || run.dropped > 0 || run.rate < 0.98*rate {
				return false, err
			}
		}
		return true, nil
	}
	low, high := 0.0, most
	for rate = most; rate-low > most/20; rate = (low + high) / 2 {
		ok, err := holds(rate)
		if err != nil {
			return 0, 0, err
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
	}
	if low == 0 {
		return 0, 0, fmt.Errorf("tcpdump loses packets at any rate: is the machine busy?")
	}
	return low, most, nil
}

// measureLive is make bench-live.
func (b *bench) measureLive(length time.Duration, output string) error {
	runtime.LockOSThread() // the namespace is this thread's
	if err := wire(); err != nil {
		return err
	}
	l := &liveBench{bench: b, length: length}
	var err error
	if l.sender, err = newSender(); err != nil {
		return err
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		return fmt.Errorf("%w; apt-get install tcpdump", err)
	}
	rate, most, err := l.highest()
	if err != nil {
		return err
	}
	var pairs [][]captured // tcpdump's and live's
	for _, part := range []float64{0.8, 0.8, 0.8, 1, 1, 1, 1.5, 1.5, 1.5, 0, 0, 0} {
		r := rate * part // 0: as fast as possible
		if r > most {
			continue
		}
		var pair []captured
		for _, c := range []capturer{l.tcpdump(), l.live()} {
			run, err := l.run(c, r, length)
			if err != nil {
				return err
			}
			pair = append(pair, run)
		}
		pairs = append(pairs, pair)
	}
	text := l.report(rate, most, pairs)
	if _, err := fmt.Print(text); err != nil || output == "" {
		return err
	}
	return replaceBetweenMarks(output, "bench-live", text)
}

// report is the text with the measurements, in Markdown.
func (b *liveBench) report(rate, most float64, pairs [][]captured) string {
	var text strings.Builder
	text.WriteString(paragraph(fmt.Sprintf("Measured on %s. The sender, which shares the processors, sends at most %s "+
		"packets/s. tcpdump loses none of up to %s.", machine(runtime.NumCPU()), count(int(most)), count(int(rate)))))
	text.WriteString("\n")
	rows := [][]string{{"of tcpdump's highest", "sent each second with live", "with tcpdump", "packets",
		"tcpdump drops", "live drops", "goal", ""}}
	for _, pair := range pairs {
		dump, live := pair[0], pair[1]
		part := math.Round(live.rate/rate*100) / 100
		goal, met := "none", live.dropped == 0
		if part > 0.9 {
			goal, met = "≤ 2 × tcpdump's", live.dropped <= 2*dump.dropped
		}
		verdict := "met"
		if !met {
			verdict = "**missed**"
		}
		rows = append(rows, []string{fmt.Sprintf("%.0f%%", part*100), count(int(live.rate)), count(int(dump.rate)),
			count(int(live.arrived)),
			share(dump), share(live), goal, verdict})
	}
	writeTable(&text, rows)
	return text.String()
}

func share(c captured) string {
	if c.dropped == 0 {
		return "0"
	}
	return fmt.Sprintf("%s (%.2g%%)", count(int(c.dropped)), 100*c.lost())
}

// soak runs live for a time, with a number of connections a second. It prints memory, descriptors and threads, and
// fails if the memory grows by more than a tenth in the second half.
func (b *bench) soak(length time.Duration, connections float64) error {
	runtime.LockOSThread()
	if err := wire(); err != nil {
		return err
	}
	sender, err := newSender()
	if err != nil {
		return err
	}
	cmd := exec.Command(b.tcplife, "live", "-i", farEnd, "-o", "jsonl", "-v", "--msl", "500ms", "--embryonic-limit",
		"10s", "--idle-limit", "10s")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Process.Kill()
	time.Sleep(time.Second)
	const samples = 20
	rate := connections * float64(len(exchange))
	var memory []uint64
	fmt.Println("   after  packets/s    memory  descriptors  threads")
	began := time.Now()
	for range samples {
		part := length.Seconds() / samples
		took, err := sender.send(int(rate*part), rate)
		if err != nil {
			return err
		}
		dir := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
		kb, err := statusOf(dir+"status", "VmRSS:")
		if err != nil {
			return fmt.Errorf("live ended: %s", stderr.Bytes())
		}
		threads, _ := statusOf(dir+"status", "Threads:")
		descriptors, err := os.ReadDir(dir + "fd")
		if err != nil {
			return err
		}
		memory = append(memory, kb)
		fmt.Printf("%8v  %9.0f  %5d MiB  %11d  %7d\n", time.Since(began).Round(time.Second), rate*part/took.Seconds(),
			kb>>10, len(descriptors), threads)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	taken, dropped, shed, err := liveCounts(stderr.Bytes())
	if err != nil {
		return err
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Printf("%d packets taken, %d dropped, %d records shed; %d ns of processor time a packet\n", taken, dropped,
		shed, uint64(used)/max(taken, 1))
	half := memory[samples/2-1]
	if last := slices.Max(memory[samples*3/4:]); float64(last) > 1.1*float64(half) {
		return fmt.Errorf("memory grew from %d MiB after half the time to %d MiB", half>>10, last>>10)
	}
	return nil
}

// statusOf reads a number of /proc/PID/status.
func statusOf(file, field string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			return strconv.ParseUint(strings.Fields(value)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s in %s", field, file)
}
