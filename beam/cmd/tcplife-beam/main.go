// Tcplife-beam is `tcplife read` for archives that outgrow one machine: the same tracker as a pipeline of Apache Beam.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/flink"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"
	"github.com/tcplife/tcplife/beam/pipeline"
)

const usage = `Usage: tcplife-beam --input GLOB --output DIR [flags]
       tcplife-beam worker [--listen HOST:PORT]

Reads capture files and writes what "tcplife read" of all of them writes, byte for byte, with as many
workers as an engine that runs Apache Beam pipelines has. The files are one capture in the order of
time, however they are cut.

DIR gets the connections, as connections-00000.jsonl and so on or as Parquet files by date and hour, all
other records as ending.jsonl, and the summary as summary.json. It must be empty. A file has its name
only once it is complete.

"tcplife-beam worker" waits for an engine that starts its workers by --environment_type EXTERNAL, and
starts a process for each.

Flags:
`

// errIncomplete is the error if part of the input could not be read. The reasons were printed before.
var errIncomplete = errors.New("not everything was read")

// usageError is a mistake on the command line.
type usageError struct{ problem, advice string }

func (e *usageError) Error() string { return e.problem }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := command(ctx, args, stdout, stderr)
	if wrong := (*usageError)(nil); errors.As(err, &wrong) {
		fmt.Fprintf(stderr, "tcplife-beam: %s\n", wrong.problem)
		if wrong.advice != "" {
			fmt.Fprintf(stderr, "hint: %s\n", wrong.advice)
		}
		return 2
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errIncomplete):
		return 3
	}
	fmt.Fprintf(stderr, "tcplife-beam: %v\n", err)
	return 1
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "worker" {
		return serveWorkers(ctx, args[1:], stdout, stderr)
	}
	var f flags
	f.define(flag.CommandLine, stdout)
	if err := flag.CommandLine.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return &usageError{err.Error(), "tcplife-beam --help lists the flags"}
	}
	beam.Init() // does not return in the process of a worker
	if !f.verbose {
		slog.SetDefault(slog.New(slog.DiscardHandler)) // what fails comes back as an error
		log.SetLogger(&log.Standard{Level: log.SevFatal})
	}
	c, err := f.config(ctx)
	if err != nil {
		return err
	}
	if *jobopts.WorkerBinary == "" { // Beam would compile the source, if it were there
		if *jobopts.WorkerBinary, err = os.Executable(); err != nil {
			return fmt.Errorf("find the program for workers: %w", err)
		}
	}
	for again := f.retries; ; again-- {
		p, s := beam.NewPipelineWithRoot()
		pipeline.Build(s, c)
		_, err := beam.Run(ctx, f.runner, p)
		if err == nil {
			break
		}
		reason, ours := cause(err)
		if ours || again == 0 || ctx.Err() != nil {
			return fmt.Errorf("run the pipeline: %w", reason)
		}
		fmt.Fprintf(stderr, "tcplife-beam: begin again: %v\n", reason)
	}
	if err := pipeline.Clean(c.Output); err != nil {
		return err
	}
	return tellOmissions(c.Output, stderr)
}

// cause returns what went wrong, and whether it did so in a step of the pipeline and not in the engine. It removes the
// path that Beam puts before the error of a step.
func cause(err error) (reason error, ours bool) {
	text := err.Error()
	if at := strings.LastIndex(text, " failed:\n"); at >= 0 && strings.Contains(text[:at], "DoFn[") {
		return errors.New(text[at+len(" failed:\n"):]), true
	}
	return err, false
}
