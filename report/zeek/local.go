package zeek

import "net/netip"

// PrivateNets returns the networks that Zeek considers local by default (Site::private_address_space): those in IANA's
// registries of special-purpose addresses that are not routed on the Internet. The 6to4 addresses (RFC 3056) of each
// IPv4 network are included.
func PrivateNets() []netip.Prefix {
	nets := make([]netip.Prefix, 0, 2*len(private4)+len(private6))
	for _, s := range private4 {
		p := netip.MustParsePrefix(s)
		v4 := p.Addr().As4()
		relay := [16]byte{0x20, 0x02, v4[0], v4[1], v4[2], v4[3]}
		nets = append(nets, p, netip.PrefixFrom(netip.AddrFrom16(relay), 16+p.Bits()))
	}
	for _, s := range private6 {
		nets = append(nets, netip.MustParsePrefix(s))
	}
	return nets
}

var private4 = [...]string{
	"0.0.0.0/8",          // this network, RFC 791
	"10.0.0.0/8",         // private use, RFC 1918
	"100.64.0.0/10",      // shared by carrier-grade NATs, RFC 6598
	"127.0.0.0/8",        // loopback, RFC 1122
	"169.254.0.0/16",     // link-local, RFC 3927
	"172.16.0.0/12",      // private use, RFC 1918
	"192.0.0.0/24",       // IETF protocol assignments, RFC 6890
	"192.0.2.0/24",       // documentation, RFC 5737
	"192.168.0.0/16",     // private use, RFC 1918
	"198.18.0.0/15",      // benchmarks, RFC 2544
	"198.51.100.0/24",    // documentation, RFC 5737
	"203.0.113.0/24",     // documentation, RFC 5737
	"240.0.0.0/4",        // reserved, RFC 1112
	"255.255.255.255/32", // limited broadcast, RFC 919
}

var private6 = [...]string{
	"::/128",         // unspecified, RFC 4291
	"::1/128",        // loopback, RFC 4291
	"64:ff9b:1::/48", // IPv4-IPv6 translation, RFC 8215
	"100::/64",       // discard-only, RFC 6666
	"2001::/23",      // IETF protocol assignments, RFC 2928
	"2001:2::/48",    // benchmarks, RFC 5180
	"2001:db8::/32",  // documentation, RFC 3849
	"fc00::/7",       // unique local, RFC 4193
	"fe80::/10",      // link-local, RFC 4291
}
