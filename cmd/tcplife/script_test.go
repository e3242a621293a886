package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/helper"
	"github.com/tcplife/tcplife/internal/testrun"
)

// overlapping runs more tests at a time than there are processors, because most of them wait.
type overlapping struct{ *testing.M }

func (o overlapping) Run() int {
	testrun.Overlap()
	return o.M.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(overlapping{m}, map[string]func(){
		"tcplife":        main,
		"tcplife-panics": panics,
		"tcplife-hasty": func() {
			helper.Limit = hasty
			main()
		},
	})
}

// hasty is the short time that a command of --exec may run in tests.
const hasty = 2 * time.Second

// The scripts run the program as people do. $PCAPS is testdata/pcaps.
func TestScripts(t *testing.T) {
	pcaps, err := filepath.Abs("../../testdata/pcaps")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PCAPS", pcaps)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "libpcap":
				return live.HasLibpcap, nil
			case "terminal":
			default:
				return false, fmt.Errorf("no condition %q", condition)
			}
			ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
			if err != nil {
				return false, nil
			}
			return true, ptmx.Close()
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":  exits,
			"readme": readme,
			"split":  split,
		},
	})
}

// exits runs a program and asserts its exit code: exits CODE PROGRAM ARGUMENT...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// split writes a capture's packets into files, in order and in equal parts: split FILE PART...
func split(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: split FILE PART...")
	}
	packets := uint64(0)
	ts.Check(eachPacket(ts.MkAbs(args[0]), func(*capture.Packet) error { packets++; return nil }))

	parts := args[1:]
	perPart := (packets + uint64(len(parts)) - 1) / uint64(len(parts))
	for i, part := range parts {
		file, err := os.Create(ts.MkAbs(part))
		ts.Check(err)
		w := capture.NewWriter(file)
		ts.Check(eachPacket(ts.MkAbs(args[0]), func(p *capture.Packet) error {
			if (p.Number-1)/perPart != uint64(i) {
				return nil
			}
			return w.Write(p)
		}))
		ts.Check(w.Flush())
		ts.Check(file.Close())
	}
}

func eachPacket(path string, visit func(*capture.Packet) error) error {
	r, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		p, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if err := visit(p); err != nil {
			return err
		}
	}
}
