package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"charm.land/bubbletea/v2"
)

// Options say what a view shows, and where.
type Options struct {
	Source string // what is captured on
	Where  string // the first filter, as --where has it; empty for none
	Color  bool
	In     io.Reader // the keyboard
	Out    io.Writer // the screen
}

// shown is a view on a terminal. What is written to it is kept until the view ends, and the last line of it is shown.
type shown struct {
	notices
	program *tea.Program
	ended   chan error
}

// Show shows what a watch sees on a terminal until a person ends it or end is called. It calls stop when the view has
// ended.
func Show(w *Watch, o Options, stop func()) *shown {
	s := &shown{ended: make(chan error, 1)}
	v := newView(w, o.Source, o.Where, o.Color, s.last)
	s.program = tea.NewProgram(v, tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithoutSignalHandler())
	go func() {
		_, err := s.program.Run()
		stop()
		s.ended <- err
	}()
	return s
}

// End ends the view, which leaves the terminal as it was before, and gives what was written to it meanwhile. It fails
// if the view has failed.
func (s *shown) End() (said []byte, err error) {
	s.program.Quit()
	err = <-s.ended
	return s.all(), err
}

// notices keep what is said on standard error while the view has the terminal.
type notices struct {
	mu    sync.Mutex
	said  bytes.Buffer
	lines int
	line  string // the last one
}

// mostNotices bounds what is kept; of more than that only the last one is.
const mostNotices = 1000

func (n *notices) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.line = strings.TrimSpace(string(b))
	if n.lines < mostNotices {
		n.said.Write(b)
	}
	n.lines++
	return len(b), nil
}

func (n *notices) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.line
}

// all is everything that was kept.
func (n *notices) all() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lines > mostNotices {
		fmt.Fprintf(&n.said, "tcplife: %d more, the last one: %s\n", n.lines-mostNotices, n.line)
	}
	return n.said.Bytes()
}
