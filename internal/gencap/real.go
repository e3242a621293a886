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

// captured makes the captures of the scenes. All are played at the same time, each in its own lab.
func captured() ([]file, error) {
	files := make([]file, len(scenes.All), len(scenes.All)+2)
	failures := make([]error, len(scenes.All)+1)
	var wait sync.WaitGroup
	for i, s := range scenes.All {
		files[i].name, files[i].what = sceneFile(&s), s.What
		wait.Go(func() {
			if files[i].data, failures[i] = captureScene(&s); failures[i] != nil {
				failures[i] = fmt.Errorf("%s: %w", s.Name, failures[i])
			}
		})
	}
	var sockets []file
	wait.Go(func() { sockets, failures[len(scenes.All)] = captureSockets() })
	wait.Wait()
	return append(files, sockets...), errors.Join(failures...)
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
	time.Sleep(10 * scenes.Delay) // the last frames arrive and are answered
	return segtest.Pcap(lab.Packets()...), nil
}

// socketsFiles are a capture of connections in every state, and the kernels' reports about their sockets.
var socketsFiles = [2]file{
	{name: "real-sockets.pcap", what: "Connections of many kinds at the same time, which enter every state."},
	{name: "real-sockets.txtar",
		what: "The output of ss -tan on both hosts at the quiet moments of real-sockets.pcap."},
}

func captureSockets() ([]file, error) {
	lab, err := netlab.New(scenes.SocketsOptions())
	if err != nil {
		return nil, err
	}
	defer lab.Close()
	looks, err := scenes.PlaySockets(lab)
	if err != nil {
		return nil, fmt.Errorf("sockets: %w", err)
	}
	files := socketsFiles
	files[0].data, files[1].data = segtest.Pcap(lab.Packets()...), scenes.FormatLooks(looks)
	return files[:], nil
}
