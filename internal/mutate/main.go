// Mutate halves and doubles every named number of the tracker's packages, one at a time. For each change it runs tests
// until one fails: those of the same package, those of the tracker as a whole, ./analyzer, then both in their whole
// sizes (TCPLIFE_TEST_ALL). It lists the changes that no test notices, and fails if there is one: either a boundary
// test is missing, or the number is no threshold and belongs into settings.go.
//
// The packages are those below ./analyzer, ./ledger and ./peers, or the arguments, such as ./analyzer/crowd. Sources do
// not change: -overlay of go build replaces a file.
package main

import (
	"cmp"
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

func main() {
	only := flag.String("only", "", "mutate only the constants whose names match this regular `expression`")
	list := flag.Bool("list", false, "list the constants, with the reason if one is no threshold, and run nothing")
	own := flag.Bool("own", false, "run the tests of the constant's own package only")
	jobs := flag.Int("jobs", runtime.NumCPU(), "`NUMBER` of changes to try at the same time")
	flag.Parse()
	wanted, err := regexp.Compile(*only)
	if err != nil {
		fail(err)
	}
	dirs, err := packages(flag.Args())
	if err != nil {
		fail(err)
	}
	survivors := 0
	for _, dir := range dirs {
		found, err := constants(dir)
		if err == nil {
			err = checkSettings(dir, found)
		}
		if err != nil {
			fail(err)
		}
		found = slices.DeleteFunc(found, func(c constant) bool { return !wanted.MatchString(c.name) })
		if *list {
			for _, c := range found {
				fmt.Println(&c, reasons(&c))
			}
			continue
		}
		n, err := run(dir, found, *own, *jobs)
		if err != nil {
			fail(err)
		}
		survivors += n
	}
	if survivors > 0 {
		fmt.Printf("no test notices %d of the changes\n", survivors)
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutate:", err)
	os.Exit(1)
}

// packages returns the directories of the packages that args name.
func packages(args []string) (dirs []string, err error) {
	if len(args) == 0 {
		args = []string{"./analyzer/...", "./ledger", "./peers"}
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("go", append([]string{"list", "-f", "{{.Dir}}"}, args...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	for _, dir := range strings.Fields(string(out)) {
		if dir, err = filepath.Rel(here, dir); err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// checkSettings reports a constant that settings.go names, but the package does not have.
func checkSettings(dir string, found []constant) error {
	for key := range settings {
		if strings.HasPrefix(key, dir+" ") && !slices.ContainsFunc(found,
			func(c constant) bool { return strings.HasPrefix(key+" ", c.key()+" ") }) {
			return fmt.Errorf("settings.go names %q, which does not exist", key)
		}
	}
	return nil
}

// A mutant is a constant with another value.
type mutant struct {
	constant
	change string // such as * 2
}

// key names a change in settings.go.
func (m *mutant) key() string { return m.constant.key() + " " + m.change }

var changes = []string{"/ 2", "* 2"}

// reasons says why a constant is not changed, or not in one way.
func reasons(c *constant) string {
	text := ""
	for _, key := range []string{c.key(), c.key() + " " + changes[0], c.key() + " " + changes[1]} {
		if reason := settings[key]; reason != "" {
			text += fmt.Sprintf("\n\t%s: %s", strings.TrimPrefix(key, c.dir+" "), reason)
		}
	}
	return text
}

// A suite is the tests of a package.
type suite struct {
	dir   string
	all   bool          // in their whole sizes
	limit time.Duration // a change after which they take longer counts as noticed: a loop does not end
}

// measured are the limits of the suites that have run without a change.
var measured = map[suite]time.Duration{}

// measure runs a suite without a change.
func (s *suite) measure() error {
	key := *s
	if s.limit = measured[key]; s.limit > 0 {
		return nil
	}
	s.limit = time.Hour
	began := time.Now()
	if failure := s.run(""); failure != "" {
		return fmt.Errorf("the tests of %s fail without a change: %s", s.dir, failure)
	}
	s.limit = max(time.Minute, 10*time.Since(began))
	measured[key] = s.limit
	return nil
}

// run tries each change of a package's constants, and returns the number that no test notices.
func run(dir string, found []constant, own bool, jobs int) (survivors int, err error) {
	var mutants []mutant
	for _, c := range found {
		for _, change := range changes {
			if m := (mutant{c, change}); settings[c.key()] == "" && settings[m.key()] == "" {
				mutants = append(mutants, m)
			}
		}
	}
	if len(mutants) == 0 {
		return 0, nil
	}
	dirs := []string{dir}
	if !own && dir != whole {
		dirs = append(dirs, whole)
	}
	var suites []suite
	for _, all := range []bool{false, true} {
		for _, dir := range dirs {
			s := suite{dir: dir, all: all}
			if err := s.measure(); err != nil {
				return 0, err
			}
			suites = append(suites, s)
		}
	}
	fmt.Printf("%s: %d changes\n", dir, len(mutants))
	var mu sync.Mutex
	var wait sync.WaitGroup
	queue := make(chan mutant)
	for range jobs {
		wait.Go(func() {
			for m := range queue {
				began := time.Now()
				noticed, failed := try(&m, suites)
				mu.Lock()
				switch {
				case failed != nil:
					err = cmp.Or(err, failed)
				case noticed == "":
					survivors++
					fmt.Printf("SURVIVES  %v %s\n", &m.constant, m.change)
				default:
					fmt.Printf("%8.1fs  %s %s: %s\n", time.Since(began).Seconds(), m.name, m.change, noticed)
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

// whole is the package of the tracker as a whole.
const whole = "analyzer"

// try runs tests with a mutant, and returns the name of the first that failed, "" if none did.
func try(m *mutant, suites []suite) (failure string, err error) {
	overlay, err := m.overlay()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(filepath.Dir(overlay))
	for _, s := range suites {
		switch failure = s.run(overlay); failure {
		case "":
		case notBuilt:
			return "", fmt.Errorf("%v %s does not compile, so it is not tested", &m.constant, m.change)
		default:
			return s.dir + " " + failure, nil
		}
	}
	return "", nil
}

// run runs the tests, with an overlay if there is one, and returns the name of the first that failed, "" if none did.
// It skips tests of real kernels, TestSet…: they take long, and fail on a busy machine whatever the threshold.
func (s *suite) run(overlay string) (failure string) {
	cmd := exec.Command("go", "test", "-vet=off", "-failfast", "-count=1", "-timeout="+s.limit.String(),
		"-skip=^TestSet", "-ldflags=-s -w", "-overlay="+overlay, "./"+s.dir)
	if s.all {
		cmd.Env = append(os.Environ(), "TCPLIFE_TEST_ALL=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return firstFailure(string(out))
	}
	return ""
}

// notBuilt is the result for a mutant that does not compile.
const notBuilt = "does not compile"

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// firstFailure names the first failure in the output of go test.
func firstFailure(out string) string {
	if name := failed.FindStringSubmatch(out); name != nil {
		return name[1]
	}
	if strings.Contains(out, "[build failed]") {
		return notBuilt
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
