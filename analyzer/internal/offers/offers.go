// Package offers records what the two ends of a connection agree on in the handshake: TCP options, Explicit Congestion
// Notification and Multipath TCP. It also counts their segments with marks of congestion and of urgent data.
package offers

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// End has what one end has offered and sent.
type End struct {
	Syn           bool   // its SYN or SYN-ACK is in the capture: the options are those of the first one
	HasMSS        bool   // RFC 9293 §3.7.1
	HasWScale     bool   // RFC 7323 §2
	SACKPermitted bool   // RFC 2018 §2
	Timestamps    bool   // RFC 7323 §3
	FastOpen      bool   // RFC 7413 §4.1.1
	capable       bool   // RFC 8684 §3.1
	ecnSetup      bool   // ECE and CWR in the SYN, or ECE without CWR in the SYN-ACK (RFC 3168 §6.1.1)
	WScale        uint8  // the shift
	MSS           uint16 // octets
	token         uint32 // of this end of an MPTCP connection

	CE     uint64 // packets that a router marked (RFC 3168 §5)
	ECE    uint64 // segments that report such marks to the peer, except SYNs
	CWR    uint64 // segments that report a smaller congestion window, except SYNs
	Urgent uint64 // segments with URG (RFC 9293 §3.8.5)
}

// Offers has the offers of both ends.
type Offers struct {
	Ends [2]End

	joins uint32 // the token in the SYN of a subflow
}

// Segment records a segment that Ends[from] has sent.
func (o *Offers) Segment(from int, seg *flows.Segment) {
	x := &o.Ends[from]
	if seg.ECN == flows.CongestionExperienced {
		x.CE++
	}
	if seg.Flags&(flows.SYN|flows.URG|flows.ECE|flows.CWR) == 0 && seg.Options.MPTCP == flows.NoMPTCP {
		return
	}
	if seg.Flags.Has(flows.URG) {
		x.Urgent++
	}
	if t := seg.Options.MPTCPToken; seg.Options.MPTCP == flows.MPTCPCapable && t != 0 {
		x.token = t
	}
	if !seg.Flags.Has(flows.SYN) {
		if seg.Flags.Has(flows.ECE) {
			x.ECE++
		}
		if seg.Flags.Has(flows.CWR) {
			x.CWR++
		}
		return
	}
	if x.Syn {
		return
	}
	opt := &seg.Options
	x.Syn, x.HasMSS, x.MSS, x.HasWScale, x.WScale = true, opt.HasMSS, opt.MSS, opt.HasWScale, opt.WScale
	x.SACKPermitted, x.Timestamps, x.FastOpen = opt.SACKPermitted, opt.HasTimestamp, opt.FastOpen
	x.capable = opt.MPTCP == flows.MPTCPCapable
	if seg.Flags.Has(flows.ACK) {
		x.ecnSetup = seg.Flags&(flows.ECE|flows.CWR) == flows.ECE
		return
	}
	x.ecnSetup = seg.Flags.Has(flows.ECE | flows.CWR)
	if seg.Options.MPTCP == flows.MPTCPJoin {
		o.joins = seg.Options.MPTCPToken
	}
}

// SACK reports whether both ends permitted SACK (RFC 2018 §2). An end whose SYN was not captured counts as permitting.
func (o *Offers) SACK() bool {
	a, b := &o.Ends[0], &o.Ends[1]
	return (!a.Syn || a.SACKPermitted) && (!b.Syn || b.SACKPermitted)
}

// ECN returns what the client's SYN offered and the server's SYN-ACK answered.
func (o *Offers) ECN(client, server int) record.ECN {
	x, y := &o.Ends[client], &o.Ends[server]
	switch {
	case x.Syn && !x.ecnSetup:
		return record.ECNNotOffered
	case !x.Syn || !y.Syn:
		return record.NoECN
	case y.ecnSetup:
		return record.ECNNegotiated
	}
	return record.ECNRefused
}

// Of returns what an end has offered, in room, and the marks that it has sent. The options are nil if its SYN was not
// captured.
func (e *End) Of(room *record.Options) (*record.Options, record.Marks) {
	marks := record.Marks{CE: e.CE, ECE: e.ECE, CWR: e.CWR, Urgent: e.Urgent}
	if !e.Syn {
		return nil, marks
	}
	*room = record.Options{
		MSS:           record.Count{Number: uint64(e.MSS), Known: e.HasMSS},
		WScale:        record.Count{Number: uint64(e.WScale), Known: e.HasWScale},
		SACKPermitted: e.SACKPermitted, Timestamps: e.Timestamps, FastOpen: e.FastOpen,
	}
	return room, marks
}

// MPTCP returns the connection's part in an MPTCP connection (RFC 8684 §3.1, §3.2), nil if it has none.
func (o *Offers) MPTCP(server int) *record.MPTCP {
	switch token := o.Ends[server].token; {
	case o.joins != 0:
		return &record.MPTCP{Kind: record.MPTCPJoin, Token: record.Seq{Number: o.joins, Known: true}}
	case o.Ends[0].capable && o.Ends[1].capable:
		return &record.MPTCP{Kind: record.MPTCPCapable, Token: record.Seq{Number: token, Known: token != 0}}
	}
	return nil
}
