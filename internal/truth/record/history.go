//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/scenes"
	"github.com/tcplife/tcplife/internal/truth"
)

// errMissed means that the watcher missed a state.
var errMissed = errors.New("the watcher was too slow")

// history is what was observed of a scene.
type history struct {
	lab         *netlab.Lab
	start, stop time.Time // of the capture
	observed    []netlab.Observation
	packets     []capture.Packet

	segments []flows.Segment
	taken    map[*socket]bool
}

// socket is one incarnation of a socket: from SYN_SENT or SYN_RCVD on.
type socket struct {
	host          *netlab.Host
	local, remote netip.AddrPort
	states        []netlab.Observation
}

// connections joins the sockets of both ends to connections.
func (h *history) connections() ([]truth.Connection, error) {
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for i := range h.packets {
		h.segments = append(h.segments, decoder.Decode(&h.packets[i], nil)...)
	}
	sockets, err := h.sockets()
	if err != nil {
		return nil, err
	}
	var connections []truth.Connection
	h.taken = map[*socket]bool{}
	for i, client := range sockets {
		if client.states[0].State != "SYN_SENT" || h.taken[client] || client.host == h.lab.Server &&
			h.crossed(client, sockets) {
			continue
		}
		end := h.stop // until then the other end's sockets belong to this one
		for _, s := range sockets[i+1:] {
			if s.local == client.local && s.remote == client.remote && s.host == client.host {
				end = s.states[0].At
				break
			}
		}
		h.taken[client] = true
		begin := client.states[0].At
		var server []netlab.Observation
		for _, s := range sockets {
			if s.host == client.host || s.local != client.remote || s.remote != client.local || h.taken[s] {
				continue
			}
			first := s.states[0]
			switch {
			case first.State == "SYN_SENT" && first.At.Before(begin): // the SYNs crossed
				begin = first.At
			case first.At.Before(begin) || !first.At.Before(end):
				continue
			}
			server = append(server, s.states...) // several, if a listener gave an attempt up
			h.taken[s] = true
		}
		c := truth.Connection{Number: len(connections) + 1}
		var own, all []flows.Segment // all: also those of other incarnations
		for _, s := range h.segments {
			if !between(&s, client) {
				continue
			}
			all = append(all, s)
			if at := time.Unix(0, s.Time); !at.Before(begin) && at.Before(end) {
				own = append(own, s)
			}
		}
		if c.Packets = len(own); c.Packets > 0 {
			c.FirstPacket = own[0].Time
		}
		c.Client = h.endpoint(client.local, client.states, own, all)
		c.Server = h.endpoint(client.remote, server, own, all)
		connections = append(connections, c)
	}
	for _, s := range sockets {
		if !h.taken[s] {
			return nil, fmt.Errorf("%w: the socket of the %s from %v to %v has no other end", errMissed, s.host.Name,
				s.local, s.remote)
		}
	}
	return connections, nil
}

// crossed reports whether a socket of the server is the other end of a client's socket that sent a SYN too.
func (h *history) crossed(s *socket, sockets []*socket) bool {
	return slices.ContainsFunc(sockets, func(c *socket) bool {
		return c.host == h.lab.Client && c.local == s.remote && c.remote == s.local && c.states[0].State == "SYN_SENT"
	})
}

// next has the states that may follow each state in Linux if the watcher misses none.
var next = map[string][]string{
	"":            {"SYN_SENT", "SYN_RCVD"},
	"SYN_SENT":    {"SYN_RCVD", "ESTABLISHED", "CLOSED"},
	"SYN_RCVD":    {"ESTABLISHED", "FIN_WAIT_1", "CLOSED"},
	"ESTABLISHED": {"FIN_WAIT_1", "CLOSE_WAIT", "CLOSED"},
	"FIN_WAIT_1":  {"FIN_WAIT_2", "CLOSING", "TIME_WAIT", "CLOSED"},
	"FIN_WAIT_2":  {"TIME_WAIT", "CLOSED"},
	"CLOSE_WAIT":  {"LAST_ACK", "CLOSED"},
	"CLOSING":     {"TIME_WAIT", "CLOSED"},
	"LAST_ACK":    {"CLOSED"},
	"TIME_WAIT":   {"CLOSED"},
}

// sockets returns the incarnations of all sockets, in the order in which they began.
func (h *history) sockets() ([]*socket, error) {
	type key struct {
		host          *netlab.Host
		local, remote netip.AddrPort
	}
	latest := map[key]*socket{}
	var sockets []*socket
	for _, o := range h.observed {
		k := key{o.Host, o.Local, o.Remote}
		s, last := latest[k], ""
		if s != nil {
			last = s.states[len(s.states)-1].State
		}
		if (o.State == "SYN_SENT" || o.State == "SYN_RCVD") && (last == "TIME_WAIT" || last == "CLOSED") {
			if last == "TIME_WAIT" { // reused
				s.states = append(s.states, netlab.Observation{At: o.At, Host: o.Host, Local: o.Local, Remote: o.Remote,
					State: "CLOSED"})
			}
			s, last = nil, ""
		}
		if !slices.Contains(next[last], o.State) {
			return nil, fmt.Errorf("%w: %s after %q at the %s, %v", errMissed, o.State, last, o.Host.Name, o.Local)
		}
		if s == nil {
			s = &socket{host: o.Host, local: o.Local, remote: o.Remote}
			latest[k] = s
			sockets = append(sockets, s)
		}
		s.states = append(s.states, o)
	}
	return sockets, nil
}

func between(s *flows.Segment, c *socket) bool {
	source, target := s.Key.AddrPortA(), s.Key.AddrPortB()
	return source == c.local && target == c.remote || source == c.remote && target == c.local
}

func source(s *flows.Segment) netip.AddrPort {
	if s.FromB {
		return s.Key.AddrPortB()
	}
	return s.Key.AddrPortA()
}

// endpoint describes one end of a connection. own are the connection's segments, all those of other incarnations too.
func (h *history) endpoint(at netip.AddrPort, states []netlab.Observation, own, all []flows.Segment) truth.Endpoint {
	e := truth.Endpoint{Addr: at.Addr(), Port: at.Port(), States: []truth.State{}}
	for _, s := range own {
		if s.Flags.Has(flows.SYN) && s.Quote == nil && source(&s) == at {
			e.ISN = &s.Seq
			break
		}
	}
	for i, o := range states {
		s := truth.State{State: o.State, At: o.At.UnixNano(), BeforeCapture: o.At.Before(h.start)}
		s.Silent = !slices.ContainsFunc(all, func(p flows.Segment) bool {
			return o.At.Sub(time.Unix(0, p.Time)).Abs() < scenes.Delay
		})
		if i+1 < len(states) {
			s.Held = float64(states[i+1].At.Sub(o.At).Microseconds()) / 1000
		}
		e.States = append(e.States, s)
	}
	return e
}
