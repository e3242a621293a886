//go:build linux

// Package scenes has scenes of two hosts with real TCP: opens and closes of every kind, losses, crashes. It is for
// tests and for making captures.
package scenes

import (
	"time"

	"github.com/tcplife/tcplife/internal/netlab"
)

// Delay is the time that a frame takes from host to host in a scene.
const Delay = 10 * time.Millisecond

// Scene is an exchange between two hosts.
type Scene struct {
	Name string
	What string                                  // happens
	Fate func() func(netlab.Segment) netlab.Fate // of the frames; nil loses none
	VLAN uint16                                  // of the wire
	Play func(*netlab.Lab) error
}

// Options returns the options of the scene's lab.
func (s *Scene) Options() netlab.Options {
	options := netlab.Options{Delay: Delay, VLAN: s.VLAN}
	if s.Fate != nil {
		options.Fate = s.Fate()
	}
	return options
}
