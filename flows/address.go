package flows

// NoHost names the kind of an address that belongs to no single host (RFC 9293 §3.9.2.3, RFC 1122 §3.2.1.3): multicast,
// broadcast or unspecified; empty if a host can have it. Broadcasts of a subnet depend on its mask, which no packet
// shows.
func (a *Addr) NoHost(v6 bool) string {
	ip := a[12:]
	switch {
	case v6 && a[0] == 0xff, !v6 && ip[0]>>4 == 0xe:
		return "multicast"
	case !v6 && ip[0]&ip[1]&ip[2]&ip[3] == 0xff:
		return "broadcast"
	case v6 && *a == Addr{}, !v6 && ip[0]|ip[1]|ip[2]|ip[3] == 0:
		return "unspecified"
	}
	return ""
}

// Hosts reports whether both addresses can belong to hosts.
func (k *Key) Hosts() bool { return k.A.NoHost(k.V6) == "" && k.B.NoHost(k.V6) == "" }
