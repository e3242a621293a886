package netlab

import (
	"errors"
	"net/netip"
	"os"
	"strings"
)

// Socket is a TCP socket as the kernel shows it.
type Socket struct {
	Host          *Host
	Local, Remote netip.AddrPort
	State         string // as in a connection's record
}

// Sockets returns the sockets of both hosts, without the listening ones, as ss -tan shows them.
func (l *Lab) Sockets() ([]Socket, error) {
	var sockets []Socket
	for _, h := range []*Host{l.Client, l.Server} {
		err := h.Do(func() error {
			for _, name := range []string{"tcp", "tcp6"} {
				text, err := os.ReadFile("/proc/thread-self/net/" + name)
				if errors.Is(err, os.ErrNotExist) { // no IPv6 in this kernel
					continue
				}
				if err != nil {
					return err
				}
				for line := range strings.Lines(string(text)) {
					if p, state, ok := parseRow(line); ok && state != "LISTEN" {
						sockets = append(sockets, Socket{h, p.local, p.remote, state})
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return sockets, nil
}
