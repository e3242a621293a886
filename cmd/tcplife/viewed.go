package main

import (
	"bytes"
	"os"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"
)

// watchable reports that the view can be shown: there is a keyboard, and a screen on which one can draw.
func (r *reading) watchable() bool {
	in, isFile := r.stdin.(*os.File)
	_, screen := terminalWidth(r.stdout)
	return isFile && term.IsTerminal(int(in.Fd())) && screen && os.Getenv("TERM") != "dumb"
}

// viewed lets follow run with the view on the terminal, until the capture ends or a person ends it. The terminal is as it
// was before once it returns, also where follow panics.
func (l *following) viewed(follow func() error) error {
	notices := &notices{}
	stderr := l.stderr
	l.stderr = notices
	_, color := l.flags.look(l.stdout)
	v := newView(l.watch, strings.Join(l.flags.devices, ", "), l.flags.where, color, notices.last)
	program := tea.NewProgram(v, tea.WithInput(l.stdin), tea.WithOutput(l.stdout), tea.WithoutSignalHandler())
	ended := make(chan error, 1)
	go func() {
		_, err := program.Run()
		l.capture.Stop()
		ended <- err
	}()
	defer func() {
		program.Quit()
		failed := <-ended
		l.stderr = stderr
		stderr.Write(notices.all())
		if failed != nil {
			complain(stderr, "the view ended, and the capture with it: %v; -o table does without", failed)
			l.blind = true
		}
	}()
	return follow()
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
		complain(&n.said, "%d more, the last one: %s", n.lines-mostNotices, n.line)
	}
	return n.said.Bytes()
}
