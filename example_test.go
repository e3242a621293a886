package tcplife_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
)

// Every connection of some captures, on all processors.
func Example() {
	ctx := context.Background()
	for c, err := range tcplife.Connections(ctx, tcplife.Options{}, "testdata/pcaps/close-simultaneous.pcap",
		"testdata/pcaps/close-server-first.pcap") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(c.Client.IP, c.Server.IP, c.Handshake.Outcome, c.Teardown.Kind)
	}
	// Output:
	// 192.0.2.10 198.51.100.80 complete simultaneous
	// 192.0.2.10 198.51.100.80 complete four_way
}

// A Reading has the summary too. Damage comes last, and nothing before it is lost.
func ExampleReading() {
	ctx := context.Background()
	reading, err := tcplife.Open(ctx, tcplife.Options{}, "testdata/pcaps/half-open-data.pcap")
	if err != nil {
		log.Fatal(err)
	}
	var halfOpen []*record.Connection // records may be kept
	for c, err := range reading.Connections(ctx) {
		var damage *capture.Damage
		switch {
		case errors.As(err, &damage):
			fmt.Println(damage)
		case err != nil:
			log.Fatal(err)
		case c.HalfOpen != nil:
			halfOpen = append(halfOpen, c)
		}
	}
	report := reading.Report()
	fmt.Println(len(halfOpen), "of", report.Summary.Connections, "half-open, in", report.Capture.Packets, "packets")
	// Output: 1 of 1 half-open, in 8 packets
}
