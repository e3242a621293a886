package analyzer_test

import (
	"fmt"
	"io"
	"log"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// One goroutine reports how every connection of a capture ended.
func ExampleNew() {
	packets, err := capture.Open([]string{"../testdata/pcaps/close-simultaneous.pcap"}, capture.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer packets.Close()
	tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		fmt.Println(c.Client.IP, c.Handshake.Outcome, c.Teardown.Kind, c.Client.State.State, c.Server.State.State)
	})
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	var segments []flows.Segment
	for {
		packet, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		segments = decoder.Decode(packet, segments[:0])
		for i := range segments {
			tracker.Segment(&segments[i])
		}
	}
	tracker.Close()
	fmt.Println(tracker.Result().Summary.ByTeardown)
	// Output:
	// 192.0.2.10 complete simultaneous TIME_WAIT TIME_WAIT
	// map[simultaneous:1]
}

// Two trackers share the work; the result is the same.
func ExampleNewShards() {
	packets, err := capture.Open([]string{"../testdata/pcaps/close-simultaneous.pcap"}, capture.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer packets.Close()
	free := make(chan []flows.Segment, 2)
	free <- nil
	free <- nil
	tracker := analyzer.NewShards(analyzer.Options{}, 2, func(c *record.Connection) {
		fmt.Println(c.Client.IP, c.Handshake.Outcome, c.Teardown.Kind)
	}, func(done []flows.Segment) { free <- done })
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for {
		packet, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		segments := <-free
		tracker.Segments(decoder.Decode(packet, segments[:0]))
	}
	tracker.Close()
	fmt.Println(tracker.Result().Summary.ByTeardown)
	// Output:
	// 192.0.2.10 complete simultaneous
	// map[simultaneous:1]
}
