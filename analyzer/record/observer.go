package record

// Observer is where on the path the capture was taken.
type Observer struct {
	// The side that is nearer to it: at most half as far away as the other; null: neither, or not known.
	Nearer Side `json:"nearer" field:"null"`
	// How this is known; null: nothing shows that either side is nearer.
	Why ObserverEvidence `json:"why" field:"null"`
	// Routers between the client and the capture by the client's TTL, if it began with 64, 128 or 255; null: it is not
	// known, or there would be more than 31.
	ClientHops Count `json:"client_hops" field:"null"`
	// Routers between the server and the capture, in the same way.
	ServerHops Count `json:"server_hops" field:"null"`
}

// ObserverEvidence is the evidence for the nearer side.
type ObserverEvidence string

// The kinds of evidence; empty, null in JSON, if there is none.
const (
	NoObserverEvidence ObserverEvidence = ""
	// the two halves of the handshake's round trip, which show more than a difference of one or two hops.
	NearerByHandshake ObserverEvidence = "handshake"
	NearerByTTL       ObserverEvidence = "ttl"               // the TTLs.
	NearerByBoth      ObserverEvidence = "handshake_and_ttl" // both of them.
	// one of them shows the client, the other the server: the result is unknown.
	NearerContradicted ObserverEvidence = "contradiction"
)

// Origin is the device that made an RST.
type Origin string

// The devices; empty, null in JSON, if it is not known.
const (
	NoOrigin        Origin = ""
	OriginEndpoint  Origin = "endpoint"  // the end whose address it has: it came as far as that end's other segments.
	OriginElsewhere Origin = "elsewhere" // a firewall, load balancer or forger: it took another way.
)

// Reason is the text in an RST (RFC 9293 §3.5.2), printable ASCII of at most 200 characters; empty, null in JSON, if
// there was none.
type Reason string
