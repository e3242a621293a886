package analyzer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/crowd"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// twins knows the record of an embryo that has ended. That of the next one like it differs in sockets, numbers and times
// only: in a SYN flood millions do.
type twins struct {
	known  bool
	like   likeness // what they have in common
	record record.Connection
	detail string // of its one finding, up to the packet's number
	off    bool
}

// likeness is what decides about the record of an embryo, but for sockets, numbers and times.
type likeness struct {
	options    flows.Options // but for their values
	len        uint32
	headers    uint16
	flags      flows.Flags
	v6, closed bool // addresses; window
	checksum   flows.Checksum
	fromB, cut bool
}

func (e *embryo) likeness() likeness {
	like := likeness{e.options, e.len, e.headers, e.flags, e.key.V6, e.window == 0, e.checksum, e.fromB, e.cut}
	like.options.MSS, like.options.WScale, like.options.TSVal, like.options.TSEcr = 0, 0, 0, 0
	return like
}

// remember takes the record of an embryo for that of others, if it is a plain one.
func (t *twins) remember(e *embryo, c *connection, r *record.Connection) {
	t.known = false
	if t.off || c.self() || c.role != record.RoleSyn || c.failure() != crowd.Unanswered || len(r.Client.States) != 1 || len(r.Server.States) != 0 ||
		len(r.Findings) != 1 || !slices.Equal(r.Findings[0].Packets, []uint64{e.packet}) {
		return
	}
	detail, isLast := strings.CutSuffix(r.Findings[0].Detail, strconv.FormatUint(e.packet, 10))
	if !isLast {
		return
	}
	t.known, t.like, t.detail = true, e.likeness(), detail
	t.record = *r
	t.record.Client.States, t.record.Findings = slices.Clone(r.Client.States), slices.Clone(r.Findings)
}

// fillTwin makes the record of an embryo that is like the one remembered, and reports whether it is.
func (a *Analyzer) fillTwin(r *record.Connection, e *embryo, at int64, by record.EndedBy) bool {
	t := &a.twins
	if !t.known || e.likeness() != t.like || e.key.A == e.key.B && e.key.APort == e.key.BPort {
		return false
	}
	timeWait, states, none, findings := r.TimeWait[:0], r.Client.States[:0], r.Server.States[:0], r.Findings[:0]
	if timeWait == nil {
		timeWait = []record.TimeWait{}
	}
	if none == nil {
		none = []record.StateEntry{}
	}
	*r = t.record
	r.TimeWait, r.Server.States = timeWait, none
	r.ID = e.packet
	r.Start, r.End, r.Ended, r.EndedBy = record.Time(e.at), record.Time(e.at), record.Time(at), by
	client, server := e.key.AddrPortA(), e.key.AddrPortB()
	if e.fromB {
		client, server = server, client
	}
	r.Client.IP, r.Client.Port, r.Server.IP, r.Server.Port = client.Addr(), client.Port(), server.Addr(), server.Port()
	r.Client.ISN.Number = e.seq
	r.Client.States = append(states, record.StateEntry{State: tcpstate.SynSent, At: record.Time(e.at), Packet: record.PacketNumber(e.packet), Evidence: record.Seen, Rule: tcpstate.ActiveOpen})
	r.Handshake.SynAt, r.Handshake.SynPacket = record.Time(e.at), record.PacketNumber(e.packet)
	r.CommunityID = record.CommunityIDOf(&e.key)
	r.Findings = append(findings, t.record.Findings[0])
	f := &r.Findings[0]
	f.Detail = a.texts.string(strconv.AppendUint(append(a.texts.room(), t.detail...), e.packet, 10))
	f.Packets = a.texts.number(e.packet)
	return true
}
