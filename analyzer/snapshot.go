package analyzer

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Moment is a point of the capture: a time, or where Packet is not 0 the moment after that packet, which has the time.
type Moment struct {
	Time   Time
	Packet PacketNumber
}

// Snapshot is what the sockets of all hosts are at a moment.
type Snapshot struct {
	Record      string            `json:"record"` // "snapshot"
	Schema      int               `json:"schema"`
	Time        Time              `json:"time"`
	Packet      PacketNumber      `json:"packet"`
	ByState     map[string]uint64 `json:"by_state"`    // endpoints by their state
	Connections []Alive           `json:"connections"` // by id
}

// Alive is a connection at a moment in which one of its sides at least is not CLOSED.
type Alive struct {
	Record string   `json:"record"` // "alive"
	Schema int      `json:"schema"`
	Time   Time     `json:"time"` // the moment
	ID     uint64   `json:"id"`
	Start  Time     `json:"start"` // of the first packet
	Age    Duration `json:"age_s"` // since Start
	Client Socket   `json:"client"`
	Server Socket   `json:"server"`
}

// Socket is an endpoint at a moment. Where nothing proves yet that it exists, its state is none.
type Socket struct {
	IP       netip.Addr  `json:"ip"`
	Port     uint16      `json:"port"`
	State    StateOrNone `json:"state"`
	Since    Time        `json:"since"`
	Evidence Evidence    `json:"evidence"`
}

// Instant collects the Snapshot of a moment.
type Instant struct {
	moment   Moment
	snapshot Snapshot
}

// NewInstant returns one that holds no connection yet.
func NewInstant(m Moment) *Instant {
	return &Instant{m, Snapshot{Record: "snapshot", Schema: Schema, Time: m.Time, Packet: m.Packet, ByState: map[string]uint64{}, Connections: []Alive{}}}
}

// Add takes in the record of a connection, in any order. One that is not alive at the moment leaves no trace.
func (i *Instant) Add(c *Connection) {
	m, s := i.moment, &i.snapshot
	if m.Packet == 0 && (c.Start > m.Time || c.Ended < m.Time) || m.Packet != 0 && (c.ID > uint64(m.Packet) || c.Ended < m.Time) {
		return
	}
	client, server := socketAt(&c.Client, m), socketAt(&c.Server, m)
	if !alive(&client) && !alive(&server) {
		return
	}
	for _, socket := range [...]*Socket{&client, &server} {
		if alive(socket) {
			s.ByState[socket.State.State.String()]++
		}
	}
	s.Connections = append(s.Connections, Alive{
		Record: "alive", Schema: Schema, Time: m.Time,
		ID: c.ID, Start: c.Start, Age: max(0, Duration(m.Time-c.Start)), Client: client, Server: server,
	})
}

// Record is the snapshot, once all connections have been added. They are in the order of their ids.
func (i *Instant) Record() *Snapshot {
	slices.SortFunc(i.snapshot.Connections, func(a, b Alive) int { return cmp.Compare(a.ID, b.ID) })
	return &i.snapshot
}

// alive reports a socket that ss would list.
func alive(s *Socket) bool { return s.State.Known && s.State.State != tcpstate.Closed }

// socketAt is the endpoint at a moment: in the last state that had begun then.
func socketAt(e *Endpoint, m Moment) Socket {
	s := Socket{IP: e.IP, Port: e.Port, Since: NoTime}
	for i := range e.States {
		if entry := &e.States[i]; begunBy(entry, m) {
			s.State, s.Since, s.Evidence = StateOrNone{entry.State, true}, entry.At, entry.Evidence
		}
	}
	return s
}

// begunBy reports whether a state had begun at a moment. By packets, those count that had passed.
func begunBy(e *StateEntry, m Moment) bool {
	if m.Packet != 0 && e.Packet != 0 {
		return e.Packet <= m.Packet
	}
	return e.At <= m.Time
}
