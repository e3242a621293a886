package segtest

import (
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// Epoch is the time of the first segment of a script.
var Epoch = time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)

// Exchange is what a script describes.
type Exchange struct {
	Steps []Step // one for each line that sends, in the order of the script
}

// Step is one line that sends something.
type Step struct {
	Line        int           // its number in the script, from 1
	Captured    bool          // the observer saw it
	Segment     flows.Segment // Packet is 0 if it was not captured
	Left, Right string        // states written beside it; empty for none

	frame []byte
}

// Segments returns the captured segments, numbered from 1.
func (x *Exchange) Segments() []flows.Segment {
	var segments []flows.Segment
	for i := range x.Steps {
		if x.Steps[i].Captured {
			segments = append(segments, x.Steps[i].Segment)
		}
	}
	return segments
}

// Packets returns the captured segments as Ethernet frames.
func (x *Exchange) Packets() []capture.Packet {
	var packets []capture.Packet
	for i := range x.Steps {
		if s := &x.Steps[i]; s.Captured {
			packets = append(packets, capture.Packet{
				Number: s.Segment.Packet, Time: s.Segment.Time, Data: s.frame, Length: len(s.frame), Link: linkEthernet,
			})
		}
	}
	return packets
}

// Pcap returns a capture file of the packets, with times in microseconds.
func (x *Exchange) Pcap() []byte { return Pcap(x.Packets()...) }
