//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// liveSignals are the signals that live handles.
type liveSignals struct {
	interim, next chan os.Signal
}

// notifyLive listens to SIGUSR1, and to SIGHUP if there are files.
func notifyLive(files bool) *liveSignals {
	s := &liveSignals{interim: make(chan os.Signal, 1), next: make(chan os.Signal, 1)}
	signal.Notify(s.interim, syscall.SIGUSR1)
	if files {
		signal.Notify(s.next, syscall.SIGHUP)
	}
	return s
}

func (s *liveSignals) stop() {
	signal.Stop(s.interim)
	signal.Stop(s.next)
}
