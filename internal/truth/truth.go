// Package truth has the states that kernels reported for the connections in a capture. It compares them with the states
// inferred from the packets.
//
// A scenario is a directory of testdata/kernel with capture.pcap, meta.json and truth.jsonl, which has a line for each
// connection. The record command beside this package makes scenarios with real sockets. A test replays them on any
// machine.
package truth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Scenario is a capture and the kernels' states of the connections in it.
type Scenario struct {
	Name         string `json:"scenario"`
	Description  string `json:"desc"`
	CaptureStart int64  `json:"capture_start_ns"` // since the epoch
	CaptureStop  int64  `json:"capture_stop_ns"`

	Connections []Connection `json:"-"`
}

// Connection is one incarnation of a 4-tuple. Client is the side that opened. If both did, it is either of them.
type Connection struct {
	Number      int      `json:"conn"` // from 1
	Packets     int      `json:"packets"`
	FirstPacket int64    `json:"first_packet_ns"` // ns since the epoch, 0 for none
	Client      Endpoint `json:"client"`
	Server      Endpoint `json:"server"`
}

// Endpoint is one end of a connection. States is empty where there was no socket.
type Endpoint struct {
	Addr   netip.Addr `json:"addr"`
	Port   uint16     `json:"port"`
	ISN    *uint32    `json:"isn"` // nil if the capture has no SYN of this end
	States []State    `json:"states"`
}

// State is a state that a socket was in, by its name in RFC 9293.
type State struct {
	State string  `json:"state"`
	At    int64   `json:"at_ns"`             // when it was entered, ns since the epoch
	Held  float64 `json:"held_ms,omitempty"` // 0 for the last state
	// no packet of the connection was on the wire at that time: a timer, a crash
	Silent        bool `json:"silent,omitempty"`
	BeforeCapture bool `json:"before_capture,omitempty"`
}

// The files of a scenario.
const (
	captureFile     = "capture.pcap"
	metaFile        = "meta.json"
	connectionsFile = "truth.jsonl"
)

// CapturePath is where the capture of a scenario is.
func CapturePath(dir, name string) string { return filepath.Join(dir, name, captureFile) }

// Names lists the scenarios in a directory, sorted.
func Names(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", connectionsFile))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("find scenarios in %s: %w", dir, fs.ErrNotExist)
	}
	for i, path := range paths {
		paths[i] = filepath.Base(filepath.Dir(path))
	}
	return paths, err
}

// Load reads a scenario.
func Load(dir, name string) (*Scenario, error) {
	text, err := os.ReadFile(filepath.Join(dir, name, metaFile))
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	s := &Scenario{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read scenario %s: %s: %w", name, metaFile, err)
	}
	lines, err := os.Open(filepath.Join(dir, name, connectionsFile))
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	defer lines.Close()
	for d := json.NewDecoder(bufio.NewReader(lines)); ; {
		var c Connection
		if err := d.Decode(&c); errors.Is(err, io.EOF) {
			return s, nil
		} else if err != nil {
			return nil, fmt.Errorf("read scenario %s: %s: %w", name, connectionsFile, err)
		}
		s.Connections = append(s.Connections, c)
	}
}

// Save writes a scenario and its capture file.
func (s *Scenario) Save(dir string, capture []byte) error {
	meta, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("write scenario %s: %w", s.Name, err)
	}
	var lines strings.Builder
	for _, c := range s.Connections {
		line, err := json.Marshal(&c)
		if err != nil {
			return fmt.Errorf("write scenario %s: %w", s.Name, err)
		}
		fmt.Fprintf(&lines, "%s\n", line)
	}
	at := filepath.Join(dir, s.Name)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("write scenario: %w", err)
	}
	for name, data := range map[string][]byte{
		captureFile: capture, metaFile: append(meta, '\n'), connectionsFile: []byte(lines.String()),
	} {
		if err := os.WriteFile(filepath.Join(at, name), data, 0o644); err != nil {
			return fmt.Errorf("write scenario: %w", err)
		}
	}
	return nil
}
