//go:build linux

// Bench measures tcplife beside its peers on captures that it makes, and compares the results with its goals.
//
//	make bench                           everything, as large as the goals ask: 8 GB of disk, 10 GB of memory
//	make bench SCALE=0.01                in a minute, to see that it works
//	go run ./internal/bench -only flood  a part of it
//	make bench-live                      live beside tcpdump, on a pair of veth devices
//	make soak                            live for long
//
// The output names peers that are not installed. The commands of a group run in turn, several times.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	b := bench{log: os.Stderr}
	flag.StringVar(&b.tcplife, "tcplife", "bin/tcplife", "`PROGRAM` to measure")
	flag.StringVar(&b.dir, "dir", "bin/bench",
		"`DIRECTORY` for the captures, which are removed after use")
	flag.BoolVar(&b.keep, "keep", false, "leave the captures there")
	flag.Float64Var(&b.scale, "scale", 1, "`FACTOR` for the size of captures, at most 1, the size of the goals")
	flag.IntVar(&b.runs, "runs", 5, "`NUMBER` of runs of each command; slow peers run once")
	only := flag.String("only", strings.Join(groupNames(), ","), "`GROUPS` to measure")
	output := flag.String("o", "", "Markdown `FILE` to put the tables into, between its marks")
	live := flag.Bool("live", false, "measure live on a pair of veth devices instead, as root")
	soak := flag.Duration("soak", 0, "run live for this `TIME` instead, as root, and check its memory")
	length := flag.Duration("length", 10*time.Second, "with -live: `TIME` of a run")
	connections := flag.Float64("connections", 20_000, "with -soak: `NUMBER` of connections a second")
	flag.Parse()

	var err error
	switch {
	case *live:
		err = b.measureLive(*length, *output)
	case *soak > 0:
		err = b.soak(*soak, *connections)
	default:
		err = run(&b, strings.Split(*only, ","), *output)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(b *bench, only []string, output string) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected arguments: %s; see -help", strings.Join(flag.Args(), " "))
	case !(b.scale > 0 && b.scale <= 1):
		return fmt.Errorf("-scale %v is not above 0 and at most 1", b.scale)
	case b.runs < 1:
		return fmt.Errorf("-runs %d: at least 1 is needed", b.runs)
	}
	for _, name := range only {
		if !slices.Contains(groupNames(), name) {
			return fmt.Errorf("no group %q; there are %s", name, strings.Join(groupNames(), ", "))
		}
	}
	if _, err := os.Stat(b.tcplife); err != nil {
		return fmt.Errorf("%w; build it with: make build", err)
	}
	// The goals are for two processors. Only this thread, which starts all processes, is bound to them.
	runtime.LockOSThread()
	cpus, err := bindTo(2)
	if err != nil {
		return err
	}
	if err := b.prepare(); err != nil {
		return err
	}
	defer b.cleanUp()

	var failed error
	for _, g := range groups {
		if slices.Contains(only, g.name) {
			if err := g.measure(b); err != nil { // the other groups' measurements are kept
				failed = errors.Join(failed, fmt.Errorf("%s: %w", g.name, err))
			}
		}
	}
	texts := map[string]string{}
	if len(b.groups)+len(b.loads) > 0 {
		texts["bench"] = b.markdown(cpus)
	}
	if len(b.written) > 0 {
		texts["bench, formats,"] = b.formatsMarkdown(cpus)
	}
	for target, text := range texts {
		if _, err := fmt.Print(text); err != nil {
			return err
		}
		if output == "" || failed != nil {
			continue
		}
		if err := replaceBetweenMarks(output, target, text); err != nil {
			return err
		}
	}
	return failed
}

// groups lists the measurements by the kind of capture that they use.
var groups = []struct {
	name    string
	measure func(*bench) error
}{
	{"short", (*bench).short},
	{"long", (*bench).long},
	{"flood", (*bench).flood},
	{"concurrent", (*bench).concurrent},
	{"bounded", (*bench).bounded},
	{"formats", (*bench).formats},
}

func groupNames() (names []string) {
	for _, g := range groups {
		names = append(names, g.name)
	}
	return names
}

// scaled is n at the scale of -scale.
func (b *bench) scaled(n float64) int {
	return max(int(math.Round(n*b.scale)), 1)
}
