package pathsim

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/flows"
)

// A Link delivers frames from one element to the next.
type Link struct {
	Name   string
	Delay  time.Duration
	Jitter time.Duration // each frame has up to this delay more; frames stay in order
	Loss   float64
	Hold   float64 // the share of frames that are held back and overtaken
	Held   [2]time.Duration
	Double float64
	Split  bool // frames larger than an Ethernet frame leave in parts (TSO)

	last [2]int64
}

func (l *Link) take(s *Sim, at int, f *Frame, w Way) {
	if l.Split && f.Len > mss {
		l.split(s, at, f, w)
		return
	}
	if s.Rand.Float64() < l.Loss {
		s.drop(at, f, l.Name)
		return
	}
	delay := l.Delay
	if l.Jitter > 0 {
		delay += time.Duration(s.Rand.Int64N(int64(l.Jitter)))
	}
	if s.Rand.Float64() < l.Hold {
		held := l.Held[0] + time.Duration(s.Rand.Int64N(int64(l.Held[1]-l.Held[0])))
		f.row.HeldAt, f.row.Held = l.Name, held
		s.after(delay+held, func() { s.forward(at, f, w) })
		return
	}
	l.inOrder(s, at, f, w, delay)
	if s.Rand.Float64() < l.Double {
		l.inOrder(s, at, s.double(at, f), w, delay+time.Microsecond)
	}
}

func (l *Link) inOrder(s *Sim, at int, f *Frame, w Way, delay time.Duration) {
	due := max(s.now+int64(delay), l.last[w]+1000)
	l.last[w] = due
	s.after(time.Duration(due-s.now), func() { s.forward(at, f, w) })
}

// split sends the parts of a frame, each with the next IP identification, as a network card does.
func (l *Link) split(s *Sim, at int, f *Frame, w Way) {
	whole := f.row
	for offset, id := 0, f.ID; offset < f.Len; offset, id = offset+mss, id+1 {
		g := s.double(at, f)
		g.row.CopyOf, g.row.PartOf = nil, whole
		g.Seq, g.Len, g.ID = f.Seq+uint32(offset), min(mss, f.Len-offset), id
		if offset+mss < f.Len {
			g.Flags &^= flows.PSH | flows.FIN
		}
		l.take(s, at, g, w)
	}
	whole.Whole = true
}

// A Box is a router with the functions that its fields ask for.
type Box struct {
	Name   string
	Bridge bool // does not change the TTL
	// Drop reports whether it drops a frame, Reject whether it also answers the frame with an RST.
	Drop, Reject func(f *Frame, w Way) bool
	SNAT         netip.Addr                        // hides clients behind this address, with new ports
	DNAT         map[netip.AddrPort]netip.AddrPort // of servers
	Renumber     bool                              // shifts the numbers of each connection, in both directions
	MSS          uint16                            // clamps that of SYNs
	Strip        func(o *flows.Options)
	NewIDs       bool // gives each frame another IP identification
	SynProxy     bool
	// Forget is the silence after which it resets a connection in both directions.
	Forget time.Duration

	delayed [2]int64
	ports   uint16
	inside  map[netip.AddrPort]netip.AddrPort // SNAT: by the client's socket
	outside map[netip.AddrPort]netip.AddrPort
	flows   map[int]*boxFlow
	ids     uint16
}

// boxFlow has what a box remembers about a connection.
type boxFlow struct {
	shift     [2]uint32
	shifted   [2]bool
	last      int64
	forgotten bool
	proxy     struct {
		client, cookie, server uint32
		state                  int // 1: answered the SYN, 2: sent a SYN, 3: open
		shift                  uint32
		ack                    Frame
	}
}

func (b *Box) take(s *Sim, at int, f *Frame, w Way) {
	if b.flows == nil {
		b.flows = map[int]*boxFlow{}
		b.inside, b.outside = map[netip.AddrPort]netip.AddrPort{}, map[netip.AddrPort]netip.AddrPort{}
		b.ports = 40000
	}
	c := b.flows[f.row.Conn]
	if c == nil {
		c = &boxFlow{last: s.now}
		b.flows[f.row.Conn] = c
	}
	idle := s.now - c.last
	c.last = s.now
	switch {
	case b.Drop != nil && b.Drop(f, w):
		s.drop(at, f, b.Name)
		return
	case b.Reject != nil && b.Reject(f, w):
		s.drop(at, f, b.Name)
		b.reset(s, at, f, w)
		return
	case b.Forget > 0 && idle > int64(b.Forget) && !c.forgotten:
		c.forgotten = true
		s.drop(at, f, b.Name)
		b.reset(s, at, f, w)
		// The other side gets an RST too, as if this side had sent it.
		g := f.plain()
		b.translate(g, w, c)
		g.Flags, g.Ack, g.Len, g.TTL, g.ID, g.Window, g.Options = flows.RST, 0, 0, 64, 0, 0, flows.Options{}
		b.pass(s, at, func() { s.emit(g, w, f.row.Conn, b.Name, at) }, w)
		return
	case c.forgotten:
		s.drop(at, f, b.Name)
		return
	}
	if b.SynProxy && b.proxy(s, at, f, w, c) {
		return
	}
	if !b.Bridge {
		f.TTL--
	}
	b.translate(f, w, c)
	if f.Flags.Has(flows.SYN) && b.MSS > 0 && f.Options.MSS > b.MSS {
		f.Options.MSS = b.MSS
	}
	if b.Strip != nil {
		b.Strip(&f.Options)
	}
	if b.NewIDs && f.ID != 0 {
		b.ids++
		f.ID = b.ids
	}
	b.pass(s, at, func() { s.forward(at, f, w) }, w)
}

// pass hands a frame on after 10 to 30 µs, in order.
func (b *Box) pass(s *Sim, at int, then func(), w Way) {
	due := max(s.now+10e3+s.Rand.Int64N(20e3), b.delayed[w]+1000)
	b.delayed[w] = due
	s.after(time.Duration(due-s.now), then)
}

// plain returns a copy of the frame without its row.
func (f *Frame) plain() *Frame {
	g := *f
	g.row = nil
	return &g
}

// reset answers a frame with an RST, as its receiver would.
func (b *Box) reset(s *Sim, at int, f *Frame, w Way) {
	g := &Frame{Src: f.Dst, Dst: f.Src, Flags: flows.RST, Seq: f.Ack, TTL: 64}
	if !f.Flags.Has(flows.ACK) {
		g.Flags |= flows.ACK
		g.Seq, g.Ack = 0, f.Seq+uint32(f.Len)
		if f.Flags.Has(flows.SYN) {
			g.Ack++
		}
	}
	back := 1 - w
	b.pass(s, at, func() { s.emit(g, back, f.row.Conn, b.Name, at) }, back)
}

// translate sets a frame's addresses and numbers to those of the other side.
func (b *Box) translate(f *Frame, w Way, c *boxFlow) {
	if b.DNAT != nil {
		if w == ToServer {
			if to, ok := b.DNAT[f.Dst]; ok {
				f.Dst = to
			}
		} else {
			for public, private := range b.DNAT {
				if f.Src == private {
					f.Src = public
				}
			}
		}
	}
	if b.SNAT.IsValid() {
		if w == ToServer {
			public, known := b.inside[f.Src]
			if !known {
				b.ports += 7
				public = netip.AddrPortFrom(b.SNAT, b.ports)
				b.inside[f.Src], b.outside[public] = public, f.Src
			}
			f.Src = public
		} else if private, known := b.outside[f.Dst]; known {
			f.Dst = private
		}
	}
	if b.Renumber {
		if f.Flags.Has(flows.SYN) && !c.shifted[w] {
			c.shift[w], c.shifted[w] = f.Seq*2654435761+12345, true
		}
		f.Seq += c.shift[w]
		if f.Flags.Has(flows.ACK) {
			f.Ack -= c.shift[1-w]
		}
	}
	if b.SynProxy && c.proxy.state == 3 {
		if w == ToClient {
			f.Seq += c.proxy.shift
		} else if f.Flags.Has(flows.ACK) {
			f.Ack -= c.proxy.shift
		}
	}
}

// proxy answers a SYN in the server's place. It opens its own connection to the server after the client's ACK, as
// netfilter's SYNPROXY does. It reports whether the frame ends here.
func (b *Box) proxy(s *Sim, at int, f *Frame, w Way, c *boxFlow) bool {
	p := &c.proxy
	answer := func(flags flows.Flags, seq, ack uint32, src, dst netip.AddrPort, options flows.Options, w Way) {
		g := &Frame{Src: src, Dst: dst, Flags: flags, Seq: seq, Ack: ack, Window: 29200, TTL: 64, Options: options}
		b.pass(s, at, func() { s.emit(g, w, f.row.Conn, b.Name, at) }, w)
	}
	syn := flows.Options{HasMSS: true, MSS: 1460, HasWScale: true, WScale: 7, SACKPermitted: true}
	switch {
	case w == ToServer && f.Flags == flows.SYN && p.state < 2:
		if p.state == 0 {
			p.client, p.cookie, p.state = f.Seq, s.Rand.Uint32(), 1
		}
		s.drop(at, f, b.Name)
		answer(flows.SYN|flows.ACK, p.cookie, f.Seq+1, f.Dst, f.Src, syn, ToClient)
	case w == ToServer && p.state == 1 && f.Ack == p.cookie+1:
		p.state, p.ack = 2, *f
		s.drop(at, f, b.Name)
		answer(flows.SYN, p.client, 0, f.Src, f.Dst, syn, ToServer)
	case w == ToServer && p.state == 2:
		s.drop(at, f, b.Name)
	case w == ToClient && p.state == 2 && f.Flags == flows.SYN|flows.ACK:
		p.server, p.state = f.Seq, 3
		p.shift = p.cookie - p.server
		s.drop(at, f, b.Name)
		answer(flows.ACK, p.client+1, f.Seq+1, f.Dst, f.Src, flows.Options{}, ToServer)
		answer(flows.ACK, p.cookie+1, p.client+1, f.Src, f.Dst, flows.Options{}, ToClient)
	default:
		return false
	}
	return true
}
