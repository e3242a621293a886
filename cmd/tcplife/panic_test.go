package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/fault"
	"github.com/tcplife/tcplife/report"
)

// A panic ends the reading with an error that names the packet and the input.
func TestReadPanics(t *testing.T) {
	const file = "../../testdata/pcaps/svr4-bsd.pcap"
	var out bytes.Buffer
	r := &reading{flags: &readFlags{files: []string{file}, output: "jsonl"}, stdout: &out, stderr: &bytes.Buffer{},
		report: report.NewJSONL(&out)}
	r.options.Trace = func(_ uint64, s *flows.Segment, _ tcpstate.Effect) {
		if s.Packet == 4 {
			panic("there is a mistake")
		}
	}
	var f *fault.Error
	if err := r.read(context.Background()); !errors.As(err, &f) || f.Packet != 4 || out.Len() > 0 {
		t.Fatalf("a panic of the tracker at packet 4: %v, and the report %q", err, &out)
	}

	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"read", file, "-o", "json"}, "tcplife: " + file + ": panic at packet 4: there is a mistake\n" +
			"tcplife: this is a bug in tcplife, not an error in the input; please report it with the output of -v"},
		{[]string{"read", file, "-v"}, "fault.Catch"},
		{[]string{"live", "-i", "eth0"}, "tcplife: tcplife live: panic at packet 4: there is a mistake\n"},
	} {
		root := newRootCommand()
		cmd, rest, err := root.Find(test.args)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		if tellPanic(&said, root, test.args, f); !strings.Contains(said.String(), test.want) {
			t.Errorf("%v: it writes %q, want %q", test.args, &said, test.want)
		}
	}
}
