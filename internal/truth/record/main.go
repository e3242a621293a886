//go:build linux

// Record plays scenes with real sockets. It writes the packets, and the states that the kernels reported, into
// testdata/kernel. It needs root. Arguments are names of scenes; without any it plays all.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/scenes"
	"github.com/tcplife/tcplife/internal/segtest"
	"github.com/tcplife/tcplife/internal/truth"
)

func main() {
	dir := flag.String("o", "testdata/kernel", "`DIRECTORY` to write to")
	flag.Parse()
	if err := record(*dir, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// atOnce is the number of scenes that are played at the same time. Each watches its sockets closely, which takes time.
const atOnce = 3

func record(dir string, names []string) error {
	all := slices.Concat(scenes.All, scenes.More)
	if len(names) > 0 {
		all = slices.DeleteFunc(all, func(s scenes.Scene) bool { return !slices.Contains(names, s.Name) })
		if len(all) < len(names) {
			return fmt.Errorf("some of %q are not names of scenes", names)
		}
	}
	failures := make([]error, len(all))
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i, s := range all {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			failures[i] = try(dir, &s)
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

// try plays a scene, up to five times if the watcher was too slow to see all states.
func try(dir string, s *scenes.Scene) (err error) {
	for range 5 {
		var scenario *truth.Scenario
		var packets []capture.Packet
		if scenario, packets, err = play(s); err == nil {
			return scenario.Save(dir, segtest.Pcap(packets...))
		}
		if !errors.Is(err, errMissed) {
			break
		}
	}
	return fmt.Errorf("scene %s: %w", s.Name, err)
}

// play plays a scene once.
func play(s *scenes.Scene) (*truth.Scenario, []capture.Packet, error) {
	lab, err := netlab.New(s.Options())
	if err != nil {
		return nil, nil, err
	}
	defer lab.Close()
	watcher, err := lab.Watch()
	if err != nil {
		return nil, nil, err
	}
	err = s.Play(lab)
	if err == nil {
		err = lab.Settle()
	}
	time.Sleep(10 * scenes.Delay) // the silence belongs to the scene
	stop := time.Now()
	observed, watchErr := watcher.Stop()
	if err := errors.Join(err, watchErr); err != nil {
		return nil, nil, err
	}
	packets := lab.Packets()
	h := &history{lab: lab, start: lab.CaptureStart(), stop: stop, observed: observed, packets: packets}
	connections, err := h.connections()
	if err != nil {
		return nil, nil, err
	}
	for i := range packets { // the payload is not needed
		const headers = 14 + 4 + 40 + 60
		packets[i].Data = packets[i].Data[:min(len(packets[i].Data), headers)]
	}
	return &truth.Scenario{
		Name: s.Name, Description: s.What, CaptureStart: h.start.UnixNano(), CaptureStop: stop.UnixNano(),
		Connections: connections,
	}, packets, nil
}
