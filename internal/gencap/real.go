//go:build linux

package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/segtest"
)

// scene is something that happens between two hosts, to be captured.
type scene struct {
	name string // of the file, without real- and extension
	what string // happens
	fate func() func(netlab.Segment) netlab.Fate
	play func(*netlab.Lab) error
}

func (s *scene) file() string { return "real-" + s.name + ".pcap" }

// delay is how long a frame is under way.
const delay = 10 * time.Millisecond

// captured are the captures of the scenes, which are played all at once, each in a lab of its own.
func captured() ([]file, error) {
	files := make([]file, len(scenes))
	failures := make([]error, len(scenes))
	var wait sync.WaitGroup
	for i, s := range scenes {
		files[i].name, files[i].what = s.file(), s.what
		wait.Go(func() {
			if files[i].data, failures[i] = s.capture(); failures[i] != nil {
				failures[i] = fmt.Errorf("%s: %w", s.name, failures[i])
			}
		})
	}
	wait.Wait()
	return files, errors.Join(failures...)
}

func (s *scene) capture() ([]byte, error) {
	options := netlab.Options{Delay: delay}
	if s.fate != nil {
		options.Fate = s.fate()
	}
	lab, err := netlab.New(options)
	if err != nil {
		return nil, err
	}
	defer lab.Close()
	if err := s.play(lab); err != nil {
		return nil, err
	}
	time.Sleep(10 * delay) // what is under way arrives and is answered
	return segtest.Pcap(lab.Packets()...), nil
}
