//go:build linux

package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/scenes"
	"github.com/tcplife/tcplife/internal/segtest"
)

// captured are the captures of the scenes, which are played all at once, each in a lab of its own.
func captured() ([]file, error) {
	files := make([]file, len(scenes.All))
	failures := make([]error, len(scenes.All))
	var wait sync.WaitGroup
	for i, s := range scenes.All {
		files[i].name, files[i].what = sceneFile(&s), s.What
		wait.Go(func() {
			if files[i].data, failures[i] = captureScene(&s); failures[i] != nil {
				failures[i] = fmt.Errorf("%s: %w", s.Name, failures[i])
			}
		})
	}
	wait.Wait()
	return files, errors.Join(failures...)
}

// sceneFile is the name of a scene's capture.
func sceneFile(s *scenes.Scene) string { return "real-" + s.Name + ".pcap" }

func captureScene(s *scenes.Scene) ([]byte, error) {
	lab, err := netlab.New(s.Options())
	if err != nil {
		return nil, err
	}
	defer lab.Close()
	if err := s.Play(lab); err != nil {
		return nil, err
	}
	time.Sleep(10 * scenes.Delay) // what is under way arrives and is answered
	return segtest.Pcap(lab.Packets()...), nil
}
