package main

import (
	"io"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/report"
)

// The help of every command fits on a screen, and begins with examples.
func TestHelpFitsOnAScreen(t *testing.T) {
	for _, cmd := range newRootCommand().Commands() {
		if cmd.Hidden {
			continue
		}
		help := output(t, cmd.Name(), "--help")
		if lines := strings.Count(help, "\n"); lines > 60 {
			t.Errorf("%s --help has %d lines, 60 at most", cmd.Name(), lines)
		}
		examples, flags := strings.Index(help, "\nExamples:\n"), strings.Index(help, "\nFlags:\n")
		if cmd.HasExample() && (examples < 0 || examples > 300 || flags < examples) {
			t.Errorf("%s --help does not begin with examples:\n%s", cmd.Name(), help)
		}
	}
}

// Every order that the help of --sort names exists.
func TestHelpNamesSorts(t *testing.T) {
	usage := newReadCommand().Flags().Lookup("sort").Usage
	_, names, _ := strings.Cut(usage, ": ")
	for name := range strings.SplitSeq(strings.TrimSuffix(names, ", ..."), ", ") {
		if _, err := report.NewTable(io.Discard, report.TableOptions{Sort: name}); err != nil {
			t.Error(err)
		}
	}
}

// The manual has the details that the help leaves out.
func TestManualHasDetails(t *testing.T) {
	manual := output(t, "man")
	for _, words := range []string{"Crypto\\-PAn", "SIGHUP", "contrib/wireshark/tcplife.lua"} {
		if !strings.Contains(manual, words) {
			t.Errorf("%q is not in the manual", words)
		}
	}
}

// live learns the effect of a packet only later, so its -w writes no comments. The help and the manual say so.
func TestLiveSaysThatItWritesNoComments(t *testing.T) {
	if help := output(t, "live", "--help"); !strings.Contains(help, "without comments on them") {
		t.Errorf("--help does not say it:\n%s", help)
	}
	if manual := output(t, "man"); !strings.Contains(manual, "writes no comments on packets") {
		t.Error("the manual does not say it")
	}
}
