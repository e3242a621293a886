package main

import (
	"fmt"
	"io"
	"os"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// An extract is the capture that -w writes.
type extract struct {
	file   *os.File // nil for the standard output
	writer *capture.Writer
	// ends holds the connections that --where chose: the number of the first packet, and the time of the last.
	ends map[uint64]record.Time
}

func newExtract(path string, stdout io.Writer) (*extract, error) {
	x := &extract{ends: map[uint64]record.Time{}}
	if path == "-" {
		x.writer = capture.NewWriter(stdout)
		return x, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write packets: %w", err)
	}
	x.file, x.writer = file, capture.NewWriter(file)
	return x, nil
}

// all writes a packet that holds a segment.
func (x *extract) all(packet *capture.Packet, segments []flows.Segment) error {
	if len(segments) == 0 {
		return nil
	}
	return x.write(packet)
}

// chosen returns a function that writes the packets of the connections in ends, which are those of the same 4-tuple
// from the first packet to the time of the last.
func (x *extract) chosen() func(*capture.Packet, []flows.Segment) error {
	until := map[flows.Key]record.Time{}
	return func(packet *capture.Packet, segments []flows.Segment) error {
		wanted := false
		for i := range segments {
			s := &segments[i]
			end, known := until[s.Key]
			if next, begins := x.ends[packet.Number]; begins && s.Quote == nil && (!known || next > end) {
				until[s.Key] = next
				end, known = next, true
			}
			// An ICMP error about a connection can be later than its own last packet.
			wanted = wanted || known && (s.Time <= int64(end) || s.Quote != nil)
		}
		if !wanted {
			return nil
		}
		return x.write(packet)
	}
}

func (x *extract) write(p *capture.Packet) error {
	if err := x.writer.Write(p); err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// Close ends the file. One that no packet went into is a capture too.
func (x *extract) Close() error {
	err := x.writer.Flush()
	if x.file != nil {
		if closeErr := x.file.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// sameFile is the first of paths that is the file at path, under whatever name.
func sameFile(path string, paths []string) (string, bool) {
	out, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	for _, p := range paths {
		if in, err := os.Stat(p); err == nil && os.SameFile(in, out) {
			return p, true
		}
	}
	return "", false
}
