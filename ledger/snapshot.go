package ledger

import (
	"cmp"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Moment is a point of the capture: a time, or, if Packet is not 0, the moment after that packet, whose time is Time.
type Moment struct {
	Time   record.Time
	Packet record.PacketNumber
}

// Snapshot collects the connections that are alive at a moment.
type Snapshot struct {
	moment   Moment
	snapshot record.Snapshot
}

// NewSnapshot returns a Snapshot without connections.
func NewSnapshot(m Moment) *Snapshot {
	return &Snapshot{m, record.Snapshot{Record: "snapshot", Schema: record.Schema, Time: m.Time, Packet: m.Packet,
		ByState: map[string]uint64{}, Connections: []record.Alive{}}}
}

// Add adds a connection if it is alive at the moment. The order of the records does not matter.
func (i *Snapshot) Add(c *record.Connection) {
	m, s := i.moment, &i.snapshot
	if m.Packet == 0 && (c.Start > m.Time || c.Ended < m.Time) || m.Packet != 0 &&
		(c.ID > uint64(m.Packet) || c.Ended < m.Time) {
		return
	}
	client, server := socketAt(c, &c.Client, m), socketAt(c, &c.Server, m)
	if !alive(&client) && !alive(&server) {
		return
	}
	for _, socket := range [...]*record.Socket{&client, &server} {
		if alive(socket) {
			s.ByState[socket.State.State.String()]++
		}
	}
	s.Connections = append(s.Connections, record.Alive{
		Record: "alive", Schema: record.Schema, Time: m.Time,
		ID: c.ID, Start: c.Start, Age: max(0, record.Duration(m.Time-c.Start)), Client: client, Server: server,
	})
}

// Record returns the snapshot, once all connections have been added. It sorts them by id.
func (i *Snapshot) Record() *record.Snapshot {
	slices.SortFunc(i.snapshot.Connections, func(a, b record.Alive) int { return cmp.Compare(a.ID, b.ID) })
	return &i.snapshot
}

// alive reports whether ss would list a socket.
func alive(s *record.Socket) bool { return s.State.Known && s.State.State != tcpstate.Closed }

// socketAt returns an endpoint with the last state that had begun at a moment.
func socketAt(c *record.Connection, e *record.Endpoint, m Moment) record.Socket {
	s := record.Socket{IP: e.IP, Port: e.Port, Since: record.NoTime}
	held := c.Held(e)
	for i := range held {
		if entry := &held[i]; begunBy(entry, m) {
			s.State, s.Since, s.Evidence = record.StateOrNone{State: entry.State, Known: true}, entry.At, entry.Evidence
		}
	}
	return s
}

// begunBy reports whether a state had begun at a moment. If the moment is a packet, states of packets up to it have
// begun.
func begunBy(e *record.StateEntry, m Moment) bool {
	if m.Packet != 0 && e.Packet != 0 {
		return e.Packet <= m.Packet
	}
	return e.At <= m.Time
}
