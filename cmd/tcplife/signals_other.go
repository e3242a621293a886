//go:build !unix

package main

import "os"

// liveSignals are the signals that live handles: none on this system, which has no SIGUSR1 and no SIGHUP.
type liveSignals struct {
	interim, next chan os.Signal
}

func notifyLive(bool) *liveSignals { return &liveSignals{} }

func (s *liveSignals) stop() {}
