package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// stamped is a transmission of a SYN or SYN-ACK that its timestamp tells from the others (RFC 7323 §4).
type stamped struct {
	at    int64
	value uint32
	known bool
}

// timeBySamples takes the handshake's round trips where one of the halves was sent more than once: the echoed timestamp
// tells which transmission was answered (RFC 7323 §4.1). Without it nobody knows, and there is no sample (RFC 6298 §3).
func (c *connection) timeBySamples(from, to int, seg *flows.Segment, effect tcpstate.Effect) {
	x, y := &c.sides[from], &c.sides[to]
	if echo := &seg.Options; echo.HasTimestamp && seg.Flags.Has(flows.ACK) && !effect.Has(tcpstate.BadSynAck) {
		sent := y.stamps[0]
		if y.stamps[1].known {
			sent = y.stamps[1] // an earlier one may have arrived, and have been answered anew because of this one
		}
		switch {
		case !sent.known || sent.value != echo.TSEcr:
		case seg.Flags.Has(flows.SYN) && x.synAcks == 1 && y.synAcks == 0:
			c.tcp.TimeServer(seg.Time - sent.at)
		case !seg.Flags.Has(flows.SYN) && c.tcp.HandshakeAckPacket == seg.Packet && y.synAcks > 0:
			c.tcp.TimeClient(seg.Time - sent.at)
		}
	}
	if seg.Flags.Has(flows.SYN) && seg.Options.HasTimestamp {
		s := stamped{seg.Time, seg.Options.TSVal, true}
		if !x.stamps[0].known || x.stamps[0].value == s.value && x.openings+x.synAcks == 1 {
			x.stamps[0] = s
		} else if x.stamps[0].value != s.value {
			x.stamps[1] = s
		} else {
			x.stamps[0].known = false // two with one stamp
		}
	}
}
