// Fuzzcover prints the share of each package's statements that the seeds of the fuzz targets reach. Its first argument
// is a profile written by `go test -coverprofile`. The others are floors, such as flows=90: it fails if a package is
// below its floor.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "fuzzcover: usage: fuzzcover PROFILE PACKAGE=PERCENT...")
		os.Exit(2)
	}
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzzcover:", err)
		os.Exit(1)
	}
	below, err := show(os.Stdout, file, os.Args[2:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "fuzzcover: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
	if below {
		os.Exit(1)
	}
}

// module is the prefix of the packages in a profile.
const module = "github.com/tcplife/tcplife/"

// statements counts the statements of a package, and those that were run.
type statements struct{ all, run int }

// show writes the percentage of each package, and reports whether one is below its floor.
func show(w io.Writer, profile io.Reader, floors []string) (below bool, err error) {
	packages, err := count(profile)
	if err != nil {
		return false, err
	}
	least := map[string]float64{}
	for _, floor := range floors {
		name, percent, _ := strings.Cut(floor, "=")
		if least[name], err = strconv.ParseFloat(percent, 64); err != nil {
			return false, fmt.Errorf("floor %q: %w", floor, err)
		}
		if _, known := packages[name]; !known {
			return false, fmt.Errorf("floor %q: there is no such package in the profile", floor)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		s := packages[name]
		percent := 100 * float64(s.run) / float64(s.all)
		fmt.Fprintf(w, "%5.1f%%  of %5d  %s", percent, s.all, name)
		if floor, has := least[name]; has {
			fmt.Fprintf(w, "  (at least %g)", floor)
			if percent < floor {
				fmt.Fprint(w, "  TOO LITTLE")
				below = true
			}
		}
		fmt.Fprintln(w)
	}
	return below, nil
}

// count adds up a profile. Every test binary writes each block, so a block may occur many times.
func count(profile io.Reader) (map[string]*statements, error) {
	type block struct {
		size int
		run  bool
	}
	blocks := map[string]block{}
	lines := bufio.NewScanner(profile)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "mode: ") {
			continue
		}
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			return nil, fmt.Errorf("not a line of a profile: %q", lines.Text())
		}
		size, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, err
		}
		blocks[fields[0]] = block{size, blocks[fields[0]].run || fields[2] != "0"}
	}
	packages := map[string]*statements{}
	for place, b := range blocks {
		file, _, _ := strings.Cut(place, ":")
		name := strings.TrimPrefix(path.Dir(file), module)
		if packages[name] == nil {
			packages[name] = &statements{}
		}
		packages[name].all += b.size
		if b.run {
			packages[name].run += b.size
		}
	}
	return packages, lines.Err()
}
