package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"charm.land/bubbletea/v2"
)

// Options says what a view shows, and where.
type Options struct {
	Source string // what is captured on
	Where  string // the first filter, as --where has it; empty for none
	Color  bool
	In     io.Reader // the keyboard
	Out    io.Writer // the screen
}

// shown is a view on a terminal. It keeps what is written to it until the view ends, and shows the last line.
type shown struct {
	notices
	program *tea.Program
	ended   chan error
}

// Show shows what a watch sees on a terminal until the user quits or End is called. It calls stop when the view has
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

// End ends the view, restores the terminal, and returns what was written to the view. It fails if the view has failed.
func (s *shown) End() (said []byte, err error) {
	s.program.Quit()
	err = <-s.ended
	return s.all(), err
}

// notices keeps what is written to standard error while the view has the terminal.
type notices struct {
	mu    sync.Mutex
	said  bytes.Buffer
	lines int
	line  string // the last one
}

// mostNotices is the number of notices that are kept; of more, only the last one is.
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

// all returns everything that was kept.
func (n *notices) all() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lines > mostNotices {
		fmt.Fprintf(&n.said, "tcplife: %d more, the last one: %s\n", n.lines-mostNotices, n.line)
	}
	return n.said.Bytes()
}
