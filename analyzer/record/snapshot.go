package record

import "net/netip"

// Snapshot is what tcplife at -o json writes: every connection of which one side at least was not CLOSED at a
// moment.
type Snapshot struct {
	Record string `json:"record" const:"snapshot"`
	Schema int    `json:"schema" const:"1"`
	// The moment.
	Time Time `json:"time"`
	// The packet after which the moment was chosen; null: it was chosen by time.
	Packet PacketNumber `json:"packet" field:"null"`
	// Endpoints by their state at the moment; CLOSED ones are left out.
	ByState map[string]uint64 `json:"by_state" field:"keys=state"`
	// The connections, by id.
	Connections []Alive `json:"connections"`
}

// Alive is a connection at a moment, in tcplife at. Its other members are in the connection of the same id.
type Alive struct {
	Record string `json:"record" const:"alive"`
	Schema int    `json:"schema" const:"1"`
	// The moment.
	Time Time   `json:"time"`
	ID   uint64 `json:"id" field:"ref=id"`
	// When its first packet was captured.
	Start Time `json:"start"`
	// From start to the moment, in seconds.
	Age    Duration `json:"age_s"`
	Client Socket   `json:"client"`
	Server Socket   `json:"server"`
}

// Socket is an endpoint at a moment.
type Socket struct {
	IP netip.Addr `json:"ip"`
	// Its port.
	Port uint16 `json:"port" field:"ref=port"`
	// Its state; null: nothing proves yet that it exists.
	State StateOrNone `json:"state" field:"null"`
	// When that state began.
	Since Time `json:"since" field:"null"`
	// How the state is known.
	Evidence Evidence `json:"evidence" field:"null"`
}
