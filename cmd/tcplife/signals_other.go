//go:build !unix

package main

import "os"

// liveSignals are those that live obeys while it goes on: none here, where there is no SIGUSR1 and no SIGHUP.
type liveSignals struct {
	interim, next chan os.Signal
}

func notifyLive(bool) *liveSignals { return &liveSignals{} }

func (s *liveSignals) stop() {}
