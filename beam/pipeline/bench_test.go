package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSteps tells what each step costs by itself, without an engine, in processor time: of the captures that the
// variable CAPTURES names, or those of testdata. two-workers is how long the busier of two would work, of which each
// takes every other element, and one of them the plan and the merge.
func BenchmarkSteps(b *testing.B) {
	glob := os.Getenv("CAPTURES")
	if glob == "" {
		glob = "../../testdata/pcaps/*.pcap"
	}
	files, _ := filepath.Glob(glob)
	c := Config{Files: files, Parts: 8, Stretch: 1, Format: JSONL, MaxUnpacked: 1 << 30}
	for b.Loop() {
		c.Output = b.TempDir()
		costs(b, c)
	}
}

func costs(b *testing.B, c Config) {
	ctx := context.Background()
	used := processorTime()
	spent := map[string]time.Duration{}
	var busy [2]time.Duration // of two workers, in this step
	var twoWorkers time.Duration
	elements := 0
	did := func() { // an element of a step
		now := processorTime()
		busy[elements%2] += now - used
		used = now
		elements++
	}
	step := func(name string, err error) {
		if err != nil {
			b.Fatal(err)
		}
		did()
		spent[name] = busy[0] + busy[1]
		twoWorkers += max(busy[0], busy[1])
		busy, elements = [2]time.Duration{}, 0
	}
	iterate := func(list [][]byte) func(*[]byte) bool {
		return func(next *[]byte) bool {
			if len(list) == 0 {
				return false
			}
			*next, list = list[0], list[1:]
			return true
		}
	}
	gather := func(to *[][]byte) func([]byte) { return func(b []byte) { *to = append(*to, b) } }
	var err error

	var surveys, plans, stretches, courses, journals [][]byte
	for i, path := range c.Files {
		if err == nil {
			err = (&surveyFn{c}).ProcessElement(ctx, named.Append(nil, &file{i, path}), gather(&surveys))
			did()
		}
	}
	step("survey", err)
	step("plan", (&planFn{c}).ProcessElement(ctx, 0, iterate(surveys), gather(&plans), gather(&stretches)))
	blocks, blockBytes := map[int64][][]byte{}, 0
	for _, s := range stretches {
		if err == nil {
			err = (&readFn{c}).ProcessElement(ctx, s, func(part int64, b []byte) {
				blocks[part] = append(blocks[part], b)
				blockBytes += len(b)
			}, gather(&courses))
			did()
		}
	}
	step("read", err)
	for part, list := range blocks {
		if err == nil {
			err = (&trackFn{c}).ProcessElement(ctx, part, iterate(list), plans[0], iterate(courses), gather(&journals))
			did()
		}
	}
	step("track", err)
	journalBytes := 0
	for _, j := range journals {
		journalBytes += len(j)
	}
	outputs, outputBytes := map[string][][]byte{}, 0
	step("merge", (&mergeFn{c}).ProcessElement(ctx, 0, iterate(journals), plans[0], iterate(courses),
		func(name string, b []byte) {
			outputs[name] = append(outputs[name], b)
			outputBytes += len(b)
		}))
	for name, list := range outputs {
		if err == nil {
			err = (&writeFn{c}).ProcessElement(ctx, name, iterate(list))
			did()
		}
	}
	step("write", err)

	_, all, err := planAndCourses(plans[0], iterate(courses))
	if err != nil {
		b.Fatal(err)
	}
	segments := float64(decodedStats(all).Segments)
	for name, d := range spent {
		b.ReportMetric(float64(d)/segments, name+"-ns/segment")
	}
	b.ReportMetric(float64(twoWorkers)/segments, "two-workers-ns/segment")
	b.ReportMetric(float64(blockBytes)/segments, "block-B/segment")
	b.ReportMetric(float64(journalBytes)/segments, "journal-B/segment")
	b.ReportMetric(float64(outputBytes)/segments, "output-B/segment")
	b.ReportMetric(segments, "segments")
	b.ReportMetric(0, "ns/op") // it would be that of a busy machine
}

// processorTime is how long processors have worked for this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
