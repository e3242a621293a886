package crowd

// A SYN proxy answers SYNs in the name of a listener, and opens the connection to it once the client's ACK shows that
// it is not forged. From then on it only changes the numbers of the listener's segments. So the SYN-ACK has the TTL of
// the proxy, and all other segments that of the listener.

// Proxy is the evidence for a SYN proxy in front of a listener.
type Proxy struct {
	Since, Until   int64  // SYN-ACKs of the first and of the last connection that shows it
	Connections    uint64 // that show it
	TTL, ServerTTL uint8  // of the SYN-ACKs, and of what came behind them
}

// manyProxied connections rule out a change of the route.
const manyProxied = 3

// Proxied is an opened connection whose SYN-ACK has a TTL that no distance of the listener explains.
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
