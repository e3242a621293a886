package record

// Options are those of a SYN or SYN-ACK that say what its sender can do.
type Options struct {
	// The longest segment that it accepts, in octets (RFC 9293 §3.7.1); null: the option was not there, so it is 536
	// (IPv6: 1220).
	MSS Count `json:"mss" field:"null"`
	// The shift of its windows (RFC 7323 §2); null: the option was not there.
	WScale Count `json:"wscale" field:"null"`
	// It accepts selective acknowledgements (RFC 2018 §2).
	SACKPermitted bool `json:"sack_permitted"`
	// It sends timestamps (RFC 7323 §3).
	Timestamps bool `json:"timestamps"`
	// It asks for a Fast Open cookie, or brings one (RFC 7413 §4.1.1).
	FastOpen bool `json:"fast_open"`
}

// Marks are the segments of a side with a mark of congestion or of urgency.
type Marks struct {
	// Packets that a router marked (IP codepoint CE, RFC 3168 §5).
	CE uint64 `json:"ce"`
	// Segments that tell the other side of such packets, SYNs not counted.
	ECE uint64 `json:"ece"`
	// Segments that tell the other side that the sender has slowed down, SYNs not counted.
	CWR uint64 `json:"cwr"`
	// Segments with urgent data (RFC 9293 §3.8.5).
	Urgent uint64 `json:"urgent"`
}

// ECN is the outcome of the negotiation of Explicit Congestion Notification (RFC 3168 §6.1.1).
type ECN string

// The outcomes; empty, null in JSON, if the SYN or its answer was not captured.
const (
	NoECN         ECN = ""
	ECNNegotiated ECN = "negotiated"  // the SYN asked for it and the SYN-ACK agreed.
	ECNRefused    ECN = "refused"     // the SYN asked for it and the SYN-ACK did not agree.
	ECNNotOffered ECN = "not_offered" // the SYN did not ask.
)

// MPTCPKind is what a connection is to Multipath TCP (RFC 8684).
type MPTCPKind string

// The kinds.
const (
	MPTCPCapable MPTCPKind = "capable" // it opens an MPTCP connection: both SYNs carry MP_CAPABLE.
	MPTCPJoin    MPTCPKind = "join"    // it adds a subflow to one: its SYN carries MP_JOIN.
)

// MPTCP is the part of a connection in an MPTCP connection (RFC 8684 §3.1, §3.2).
type MPTCP struct {
	Kind MPTCPKind `json:"kind"`
	// The token of the server's end, made of its key; of a subflow the one that its SYN names. null: the key was not
	// captured.
	Token Seq `json:"token" field:"null"`
	// Of a subflow: the connection that it joins. null: that was not captured, or this is no subflow.
	Joins PacketNumber `json:"joins" field:"null,ref=id"`
}
