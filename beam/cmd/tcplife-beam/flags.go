package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/tcplife/tcplife/beam/pipeline"
	"github.com/tcplife/tcplife/report"
)

// flags is the command line without Beam's own flags.
type flags struct {
	input   words
	output  string
	runner  string
	format  string
	parts   int
	stretch string
	retries int
	verbose bool

	msl, embryonicLimit, idleLimit time.Duration
	ports                          string
	key                            words
	dropBadChecksums               bool
	maxUnpacked                    string
}

// words is a flag that can be given several times.
type words []string

func (w *words) String() string { return strings.Join(*w, ",") }

func (w *words) Set(s string) error {
	*w = append(*w, s)
	return nil
}

// ours are the flags that --help lists first.
var ours = []string{"input", "output", "format", "runner", "parts", "stretch", "retries", "msl", "embryonic-limit",
	"idle-limit",
	"port-range", "key", "drop-bad-checksums", "max-unpacked", "verbose"}

func (f *flags) define(set *flag.FlagSet, stdout io.Writer) {
	set.Init("tcplife-beam", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Var(&f.input, "input", "read the files that `GLOB` names, also s3://BUCKET/KEYS; can be given several times")
	set.StringVar(&f.output, "output", "", "write to `DIR`, which must be empty or is made")
	set.StringVar(&f.format, "format", "jsonl", "`FORMAT` of the connections: jsonl or parquet")
	set.StringVar(&f.runner, "runner", "prism", "`ENGINE`: prism, in this process; portable, the job server at "+
		"--endpoint; flink, "+
		"likewise, not tried")
	set.IntVar(&f.parts, "parts", 16, "divide the connections into `N` parts: a multiple of the workers")
	set.StringVar(&f.stretch, "stretch", "64MiB", "let a worker read files of `SIZE` at once, one at least")
	set.IntVar(&f.retries, "retries", 2, "begin again `N` times if the engine fails, for a worker died for example")
	set.DurationVar(&f.msl, "msl", 2*time.Minute, "maximum segment lifetime, half of a TIME_WAIT")
	set.DurationVar(&f.embryonicLimit, "embryonic-limit", 4*time.Minute,
		"give up a connection that is not completed and silent for this `DURATION`")
	set.DurationVar(&f.idleLimit, "idle-limit", 120*time.Hour,
		"give up an open connection that is silent for this `DURATION`")
	set.StringVar(&f.ports, "port-range", "32768-60999", "`LOW-HIGH` ports that clients choose from")
	set.Var(&f.key, "key",
		"tell equal addresses apart by the ids of this `LAYER` around them: vlan, vni or gre; can be given several "+
			"times")
	set.BoolVar(&f.dropBadChecksums, "drop-bad-checksums", false, "leave out segments with a wrong checksum")
	set.StringVar(&f.maxUnpacked, "max-unpacked", "1GiB",
		"let a compressed file become `SIZE`, and more only if that is not over 1,000 times as much")
	set.BoolVar(&f.verbose, "verbose", false, "tell what the engine does")
	set.Usage = func() {
		fmt.Fprint(stdout, usage)
		show := func(o *flag.Flag) {
			name, text := flag.UnquoteUsage(o)
			fmt.Fprintf(stdout, "  --%s %s\n    \t%s", o.Name, name, strings.ReplaceAll(text, "\n", "\n    \t"))
			if o.DefValue != "" && o.DefValue != "false" {
				fmt.Fprintf(stdout, " (default %s)", o.DefValue)
			}
			fmt.Fprintln(stdout)
		}
		for _, name := range ours {
			show(set.Lookup(name))
		}
		fmt.Fprint(stdout, "\nFlags of Beam:\n")
		set.VisitAll(func(o *flag.Flag) {
			if !slices.Contains(ours, o.Name) {
				show(o)
			}
		})
	}
}

// config checks the flags before a file is opened.
func (f *flags) config(ctx context.Context) (c pipeline.Config, err error) {
	if flag.NArg() > 0 {
		return c, &usageError{fmt.Sprintf("%q is not expected", flag.Arg(0)),
			"files are named by --input; put a GLOB into quotes"}
	}
	if len(f.input) == 0 || f.output == "" {
		return c, &usageError{"--input and --output are needed", "tcplife-beam --help"}
	}
	c = pipeline.Config{Output: f.output, Format: pipeline.Format(f.format), Parts: f.parts, MSL: f.msl,
		EmbryonicLimit: f.embryonicLimit,
		IdleLimit:      f.idleLimit, Keys: f.key, DropBadChecksums: f.dropBadChecksums}
	if c.Format != pipeline.JSONL && c.Format != pipeline.Parquet {
		return c, &usageError{fmt.Sprintf("--format: there is no %q", f.format), "it can be jsonl or parquet"}
	}
	if runners := []string{"prism", "portable", "flink"}; !slices.Contains(runners, f.runner) {
		return c, &usageError{fmt.Sprintf("--runner: there is no %q", f.runner), "it can be " +
			strings.Join(runners, ", ")}
	}
	if f.parts < 1 || f.parts > 1<<16 {
		return c, &usageError{"--parts must be from 1 to 65536", ""}
	}
	if f.retries < 0 {
		return c, &usageError{"--retries must not be below 0", ""}
	}
	for name, d := range map[string]time.Duration{"msl": f.msl, "embryonic-limit": f.embryonicLimit,
		"idle-limit": f.idleLimit} {
		if d <= 0 {
			return c, &usageError{fmt.Sprintf("--%s must be above 0", name), ""}
		}
	}
	if c.Stretch, err = size("stretch", f.stretch, 0); err != nil {
		return c, err
	}
	if c.MaxUnpacked, err = size("max-unpacked", f.maxUnpacked, 1); err != nil {
		return c, err
	}
	low, high, _ := strings.Cut(f.ports, "-")
	for _, end := range []struct {
		text string
		port *uint16
	}{{low, &c.Ports.Low}, {high, &c.Ports.High}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil || n == 0 || end.port == &c.Ports.High && uint16(n) < c.Ports.Low {
			return c, &usageError{fmt.Sprintf("--port-range %q: it must be two ports, such as 32768-60999", f.ports),
				""}
		}
		*end.port = uint16(n)
	}
	for _, layer := range f.key {
		if !slices.Contains([]string{"vlan", "vni", "gre"}, layer) {
			return c, &usageError{fmt.Sprintf("--key: there is no %q", layer), "it can be vlan, vni, gre"}
		}
	}
	for _, glob := range f.input {
		names, err := pipeline.List(ctx, glob)
		if errors.Is(err, filepath.ErrBadPattern) {
			return c, &usageError{fmt.Sprintf("--input %q: %v", glob, err), ""}
		}
		if err != nil {
			return c, fmt.Errorf("list --input %q: %w", glob, err)
		}
		if len(names) == 0 {
			return c, fmt.Errorf("--input %q: there is no such file", glob)
		}
		c.Files = append(c.Files, names...)
	}
	there, err := os.ReadDir(c.Output)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	if len(there) > 0 {
		return c, fmt.Errorf("--output %s is not empty: name an empty or a new directory", c.Output)
	}
	return c, nil
}

func size(name, text string, least int64) (int64, error) {
	n, err := units.RAMInBytes(text)
	if err != nil || n < least {
		return 0, &usageError{fmt.Sprintf("--%s %q: not a size", name, text), "for example 64MiB"}
	}
	return n, nil
}

// tellOmissions prints what the input lacks, from the record of the capture.
func tellOmissions(dir string, stderr io.Writer) error {
	text, err := os.ReadFile(filepath.Join(dir, pipeline.EndingFile))
	if err != nil {
		return fmt.Errorf("look what was read: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	var c report.Capture
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &struct {
		Damage  *[]report.Damage `json:"damage"`
		Dropped *report.Dropped  `json:"dropped"`
	}{&c.Damage, &c.Dropped}); err != nil {
		return fmt.Errorf("look what was read: %w", err)
	}
	for _, d := range c.Damage {
		if err = errIncomplete; d.Unread {
			fmt.Fprintf(stderr, "tcplife-beam: %s was not read: %s\n", d.File, d.Expected)
			continue
		}
		fmt.Fprintf(stderr, "tcplife-beam: %s is damaged at byte %d: expected %s\n", d.File, d.Offset, d.Expected)
	}
	var dropped uint64
	for _, n := range []*uint64{c.Dropped.Kernel, c.Dropped.Interface} {
		if n != nil {
			dropped += *n
		}
	}
	if dropped > 0 {
		fmt.Fprintf(stderr, "tcplife-beam: packets dropped while capturing, according to the file: %d\n", dropped)
		err = errIncomplete
	}
	return err
}
