// Mutate halves and doubles every named number of some packages, one at a time, and runs tests until one fails. What no
// test notices it lists, and fails: either a boundary test is missing, or the number is no threshold and belongs into
// settings.go.
//
// The packages are those of the tracker, or the arguments, as ./analyzer/crowd. Sources are not changed: go build's
// -overlay puts another file in the place of one.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// tests are those that may notice a change, the cheapest first. Those of a package itself come before.
var tests = [][]string{
	{"./analyzer/crowd"},
	{"./analyzer/ledger"},
	{"./internal/truth"},
	{"./analyzer"},
	{"./report/..."},
	{"-run=TestScripts", "./cmd/tcplife"},
}

func main() {
	only := flag.String("only", "", "mutate only the constants whose names match this regular expression")
	limit := flag.Duration("limit", time.Minute,
		"how long the tests of a package may take; then the change counts as noticed")
	own := flag.Bool("own", false, "run the tests of the constant's own package only")
	jobs := flag.Int("jobs", runtime.NumCPU(), "how many changes to try at the same time")
	flag.Parse()
	dirs := flag.Args()
	if len(dirs) == 0 {
		dirs = []string{"./analyzer/crowd", "./analyzer/ledger", "./analyzer", "./analyzer/internal/store",
			"./analyzer/tcpstate"}
	}
	if *own {
		tests = nil
	}
	survivors, err := run(dirs, *only, *limit, *jobs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
	if survivors > 0 {
		fmt.Printf("%d changes that no test notices\n", survivors)
		os.Exit(1)
	}
}

// A mutant is a constant with another value.
type mutant struct {
	constant
	change string // what is done to the value
}

// key names a change in the list of those that need not be noticed.
func (m *mutant) key() string { return m.constant.key() + " " + m.change }

func run(dirs []string, only string, limit time.Duration, jobs int) (survivors int, err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return 0, err
	}
	var mutants []mutant
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		found, err := constants(dir)
		if err != nil {
			return 0, err
		}
		for _, c := range found {
			for _, change := range []string{"/ 2", "* 2"} {
				m := mutant{c, change}
				if wanted.MatchString(c.name) && settings[c.key()] == "" && settings[m.key()] == "" {
					mutants = append(mutants, m)
				}
			}
		}
		for key := range settings {
			if strings.HasPrefix(key, dir+" ") && !slices.ContainsFunc(found,
				func(c constant) bool { return strings.HasPrefix(key+" ", c.key()+" ") }) {
				return 0, fmt.Errorf("settings.go speaks of %q, which is not there any more", key)
			}
		}
	}
	if failure, _, err := try(nil, dirs, 10*limit); err != nil || failure != "" {
		return 0, cmp.Or(err, fmt.Errorf("the tests fail as it is: %s", failure))
	}
	var mu sync.Mutex
	var wait sync.WaitGroup
	queue := make(chan mutant)
	for range jobs {
		wait.Go(func() {
			for m := range queue {
				began := time.Now()
				noticed, by, failed := try(&m, dirs, limit)
				mu.Lock()
				switch {
				case failed != nil:
					err = cmp.Or(err, failed)
				case noticed == "":
					survivors++
					fmt.Printf("SURVIVES  %v %s\n", &m.constant, m.change)
				default:
					fmt.Printf("%8.1fs  %s %s: %s %s\n", time.Since(began).Seconds(), m.name, m.change, by, noticed)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		queue <- m
	}
	close(queue)
	wait.Wait()
	return survivors, err
}

// try runs the tests with a mutant, or as it is, and says which one failed first, and whose; "" is none.
func try(m *mutant, dirs []string, limit time.Duration) (failure, by string, err error) {
	args := []string{"test", "-vet=off", "-failfast", "-count=1"}
	order := tests
	if m != nil {
		overlay, err := m.overlay()
		if err != nil {
			return "", "", err
		}
		defer os.RemoveAll(filepath.Dir(overlay))
		args = append(args, "-overlay="+overlay)
		dirs = []string{"./" + m.dir}
	}
	for _, dir := range slices.Backward(dirs) {
		order = slices.Insert(slices.Clone(order), 0, []string{dir})
	}
	for i, what := range order {
		if slices.ContainsFunc(order[:i], func(before []string) bool { return slices.Equal(before, what) }) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		out, err := exec.CommandContext(ctx, "go", append(slices.Clone(args), what...)...).CombinedOutput()
		timeout := ctx.Err() != nil
		cancel()
		if timeout {
			return "takes too long", what[len(what)-1], nil
		}
		if err != nil {
			return firstFailure(string(out)), what[len(what)-1], nil
		}
	}
	return "", "", nil
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// firstFailure names what failed.
func firstFailure(out string) string {
	if name := failed.FindStringSubmatch(out); name != nil {
		return name[1]
	}
	if strings.Contains(out, "[build failed]") {
		return "does not compile"
	}
	if line := regexp.MustCompile(`(?m)^(panic|fatal error): .*`).FindString(out); line != "" {
		return line
	}
	return "fails: " + strings.TrimSpace(out)
}

// overlay writes the changed source, and a file that names it for go build.
func (m *mutant) overlay() (path string, err error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", err
	}
	changed := slices.Concat(source[:m.from], []byte("("+m.value+") "+m.change), source[m.to:])
	replacement := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(replacement, changed, 0o600); err != nil {
		return "", err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o600)
}
