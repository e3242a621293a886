//go:build linux

// Package scenes holds what can happen between two hosts with real TCP: opens and closes of every kind, losses,
// crashes. It is for tests and for making captures.
package scenes

import (
	"time"

	"github.com/tcplife/tcplife/internal/netlab"
)

// Delay is how long a frame is under way in a scene.
const Delay = 10 * time.Millisecond

// Scene is something that happens between two hosts.
type Scene struct {
	Name string
	What string                                  // happens
	Fate func() func(netlab.Segment) netlab.Fate // of the frames, nil for none that are lost
	VLAN uint16                                  // of the wire
	Play func(*netlab.Lab) error
}

// Options are those of the lab that the scene is played in.
func (s *Scene) Options() netlab.Options {
	options := netlab.Options{Delay: Delay, VLAN: s.VLAN}
	if s.Fate != nil {
		options.Fate = s.Fate()
	}
	return options
}
