package main

import (
	"os"
	"strings"

	"github.com/tcplife/tcplife/cmd/tcplife/internal/view"
	"golang.org/x/term"
)

// watchable reports whether the view can be shown: there is a keyboard, and a screen that can be drawn on.
func (r *reading) watchable() bool {
	in, isFile := r.stdin.(*os.File)
	_, screen := terminalWidth(r.stdout)
	return isFile && term.IsTerminal(int(in.Fd())) && screen && os.Getenv("TERM") != "dumb"
}

// viewed runs follow with the view on the terminal, until the capture ends or the user quits. It restores the terminal,
// even if follow panics.
func (l *following) viewed(follow func() error) error {
	stderr := l.stderr
	_, color := l.flags.look(l.stdout)
	o := view.Options{Source: strings.Join(l.flags.devices, ", "), Where: l.flags.where, Color: color, In: l.stdin,
		Out: l.stdout}
	shown := view.Show(l.watch, o, l.capture.Stop)
	l.stderr = shown
	defer func() {
		said, failed := shown.End()
		l.stderr = stderr
		stderr.Write(said)
		if failed != nil {
			warnf(stderr, "terminal view failed, capture stopped: %v (try -o table)", failed)
			l.blind = true
		}
	}()
	return follow()
}
