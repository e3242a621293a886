package record

import "net/netip"

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
