package crowd

// A SYN proxy answers SYNs for a listener, and connects to it once the client's ACK shows that the SYN was not forged.
// From then on it only changes the sequence numbers of the listener's segments. So the SYN-ACK has the TTL of the
// proxy, and all other segments have the TTL of the listener.

// Proxy is the evidence for a SYN proxy in front of a listener.
type Proxy struct {
	Since, Until   int64  // SYN-ACKs of the first and of the last connection that shows it
	Connections    uint64 // that show it
	TTL, ServerTTL uint8  // of the SYN-ACKs, and of the segments after them
}

// manyProxied connections show that the route did not merely change.
const manyProxied = 3

// Proxied records a connection whose SYN-ACK has a TTL that the listener's distance does not explain.
func (c *Crowd) Proxied(a *Attempt, ttl, serverTTL uint8) {
	port, _ := c.find(a)
	if port == nil {
		return
	}
	p := &port.proxy
	if p.Connections == 0 || p.Connections == 1 && (p.TTL != ttl || p.ServerTTL != serverTTL) {
		*p = Proxy{Since: a.SynAckAt, Until: a.SynAckAt, TTL: ttl, ServerTTL: serverTTL}
	}
	if p.TTL == ttl && p.ServerTTL == serverTTL {
		p.Connections++
		p.Since, p.Until = min(p.Since, a.SynAckAt), max(p.Until, a.SynAckAt)
	}
}
