package segtest_test

import (
	"fmt"
	"strings"

	"time"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// An exchange in which a segment is lost on its way.
func ExampleScript() {
	x := segtest.Script(`
	    SYN_SENT     C --> S  SYN seq=100
	    SYN_SENT     C <-- S  SYN,ACK seq=300      SYN_RCVD
	    ESTABLISHED  C --> S  ACK                  ESTABLISHED
	         +50ms   C --> S  PSH,ACK len=10
	                 C x-- S  ACK                               # lost on its way to C
	        +200ms   C --> S  again
	                 C <-- S  ACK
	`)
	for _, s := range x.Segments() {
		fmt.Println(show(s))
	}
	fmt.Println(x.Steps[1].Left, x.Steps[1].Right)
	// Output:
	// 1 +0s A SYN 100
	// 2 +1ms B SYN,ACK 300 ack 101
	// 3 +2ms A ACK 101 ack 301
	// 4 +52ms A PSH,ACK 101 ack 301 len 10
	// 5 +53ms B ACK 301 ack 111
	// 6 +253ms A PSH,ACK 101 ack 301 len 10
	// 7 +254ms B ACK 301 ack 111
	// SYN_SENT SYN_RCVD
}

// show is a segment in short.
func show(s flows.Segment) string {
	var flags []string
	for i, name := range strings.Fields("FIN SYN RST PSH ACK URG ECE CWR AE") {
		if s.Flags&(1<<i) != 0 {
			flags = append(flags, name)
		}
	}
	side := "A"
	if s.FromB {
		side = "B"
	}
	text := fmt.Sprintf("%d +%s %s %s %d", s.Packet, sinceEpoch(s.Time), side, strings.Join(flags, ","), s.Seq)
	if s.Flags.Has(flows.ACK) {
		text += fmt.Sprintf(" ack %d", s.Ack)
	}
	if s.Len > 0 {
		text += fmt.Sprintf(" len %d", s.Len)
	}
	if s.Quote != nil {
		text = fmt.Sprintf("%d +%s %s quoted %d by %s", s.Packet, sinceEpoch(s.Time), side, s.Seq, s.Quote.From)
	}
	return text
}

func sinceEpoch(t int64) string { return time.Duration(t - segtest.Epoch.UnixNano()).String() }
