package ladder

import (
	"bytes"
	"cmp"
	"net/netip"

	"github.com/tcplife/tcplife/flows"
)

// Keys are the 4-tuples of connections: what analyzer.Options.Traced asks for. The zero value is empty.
type Keys struct{ set map[flows.Key]struct{} }

// Add adds the 4-tuple of two sockets.
func (s *Keys) Add(client, server netip.AddrPort) {
	if s.set == nil {
		s.set = map[flows.Key]struct{}{}
	}
	k := flows.Key{
		A: client.Addr().As16(), APort: client.Port(), B: server.Addr().As16(), BPort: server.Port(),
		V6: !client.Addr().Is4(),
	}
	if cmp.Or(bytes.Compare(k.A[:], k.B[:]), cmp.Compare(k.APort, k.BPort)) > 0 {
		k.A, k.B, k.APort, k.BPort = k.B, k.A, k.BPort, k.APort
	}
	s.set[k] = struct{}{}
}

// Has reports whether a connection of the 4-tuple was added, of whatever domain.
func (s *Keys) Has(k *flows.Key) bool {
	plain := *k
	plain.Domain = 0
	_, has := s.set[plain]
	return has
}
