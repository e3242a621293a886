package pathsim

import (
	"net/netip"
	"time"

	"github.com/tcplife/tcplife/flows"
)

// Traffic is what a connection does: exchanges of a request and a response, then a close.
type Traffic struct {
	Client, Server netip.AddrPort // as the client's side sees them
	Target         netip.AddrPort // the server's own address, if it is different
	At             time.Duration
	Exchanges      int
	Request        int // bytes
	Response       int
	Think          time.Duration // between exchanges
	NoStamps       bool          // no timestamps
	NoID           bool          // IP identification 0, as in IPv6
	Abort          bool          // the client ends it with an RST
	NoListener     bool          // the server refuses
	Segment        int           // bytes of a segment; 0 is 1448. The link splits larger ones (TSO).
	Idle           time.Duration // silence before the last exchange
}

const (
	mss      = 1448
	minRTO   = 200 * time.Millisecond
	synRTO   = time.Second
	maxTries = 6
	inFlight = 12 // segments
)

// Connect adds a connection and returns its number.
func (s *Sim) Connect(t Traffic) int {
	n := s.conns
	s.conns++
	if !t.Target.IsValid() {
		t.Target = t.Server
	}
	if t.Segment == 0 {
		t.Segment = mss
	}
	c := newEnd(s, n, t, t.Client, t.Server, ToServer)
	d := newEnd(s, n, t, t.Target, netip.AddrPort{}, ToClient)
	d.passive = true
	s.hosts[[2]netip.AddrPort{t.Client, t.Server}] = c
	s.passive[n] = d
	s.after(t.At, c.open)
	return n
}

// end is one side of a connection.
type end struct {
	s       *Sim
	conn    int
	traffic Traffic
	local   netip.AddrPort
	remote  netip.AddrPort
	way     Way
	passive bool

	opened, established, dead bool
	iss, una, nxt, rcv        uint32
	rcvKnown                  bool
	early                     map[uint32]int // data behind a hole, by number
	finAt                     uint32         // the peer's FIN
	finSeen                   bool
	send                      int // bytes that the application wants sent, by number from iss+1
	closing, finSent          bool
	got                       int // bytes received in order
	exchanges                 int
	id                        uint16
	clock                     uint32
	recent                    uint32 // the peer's timestamp
	tries                     int
	timer                     *event
	duplicates                int
	recover                   uint32
}

func newEnd(s *Sim, conn int, t Traffic, local, remote netip.AddrPort, w Way) *end {
	return &end{
		s: s, conn: conn, traffic: t, local: local, remote: remote, way: w, early: map[uint32]int{},
		iss: s.Rand.Uint32(), id: uint16(s.Rand.Uint32()), clock: s.Rand.Uint32(),
	}
}

func (e *end) stamp() uint32 { return e.clock + uint32(e.s.now/1e6) }

// transmit sends a segment.
func (e *end) transmit(flags flows.Flags, seq uint32, n int) {
	f := &Frame{Src: e.local, Dst: e.remote, Seq: seq, Len: n, Flags: flags, Window: 502, TTL: 64}
	if e.traffic.NoID || flags.Has(flows.SYN|flows.ACK) || flags.Has(flows.RST) {
		f.ID = 0
	} else {
		segments := max(1, (n+mss-1)/mss)
		f.ID = e.id
		e.id += uint16(segments)
		if f.ID == 0 {
			f.ID, e.id = 1, 2
		}
	}
	if flags.Has(flows.ACK) {
		f.Ack = e.rcv
	}
	if flags.Has(flows.RST) {
		f.Window = 0
	} else {
		if !e.traffic.NoStamps {
			f.Options.HasTimestamp, f.Options.TSVal = true, e.stamp()
			if flags.Has(flows.ACK) {
				f.Options.TSEcr = e.recent
			}
		}
		if flags.Has(flows.SYN) {
			f.Options.HasMSS, f.Options.MSS = true, 1460
			f.Options.SACKPermitted = true
			f.Options.HasWScale, f.Options.WScale = true, 7
			f.Window = 64240
		}
	}
	at := -1
	if e.way == ToClient {
		at = len(e.s.elements)
	}
	e.s.emit(f, e.way, e.conn, "", at)
}

func (e *end) open() {
	e.opened = true
	e.una, e.nxt = e.iss, e.iss+1
	e.transmit(flows.SYN, e.iss, 0)
	e.arm(synRTO)
}

func (e *end) arm(d time.Duration) {
	if e.timer != nil {
		e.timer.cancelled = true
	}
	e.timer = e.s.after(d, e.timeout)
}

func (e *end) disarm() {
	if e.timer != nil {
		e.timer.cancelled = true
		e.timer = nil
	}
}

// timeout retransmits the first unacknowledged segment.
func (e *end) timeout() {
	if e.dead || e.una == e.nxt {
		return
	}
	if e.tries++; e.tries > maxTries {
		e.dead = true
		return
	}
	e.resend()
	base := minRTO
	if !e.established {
		base = synRTO
	}
	e.arm(base << e.tries)
}

func (e *end) resend() {
	switch {
	case e.una == e.iss && e.passive:
		e.transmit(flows.SYN|flows.ACK, e.iss, 0)
	case e.una == e.iss:
		e.transmit(flows.SYN, e.iss, 0)
	default:
		data := e.iss + 1 + uint32(e.send) - e.una
		if data == 0 || int32(data) < 0 {
			e.transmit(flows.FIN|flows.ACK, e.una, 0)
			return
		}
		n := min(int(data), mss, int(e.nxt-e.una))
		e.transmit(flows.ACK, e.una, n)
	}
}

// push sends the data and the FIN that may be sent now.
func (e *end) push() {
	limit := e.una + inFlight*mss
	for {
		left := int(int32(e.iss + 1 + uint32(e.send) - e.nxt))
		if left <= 0 || int32(limit-e.nxt) <= 0 {
			break
		}
		n := min(left, e.traffic.Segment, int(limit-e.nxt))
		flags := flows.ACK
		if n == left {
			flags |= flows.PSH
		}
		e.transmit(flags, e.nxt, n)
		e.nxt += uint32(n)
		if e.timer == nil {
			e.arm(minRTO)
		}
	}
	if e.closing && !e.finSent && e.nxt == e.iss+1+uint32(e.send) {
		e.finSent = true
		e.transmit(flows.FIN|flows.ACK, e.nxt, 0)
		e.nxt++
		if e.timer == nil {
			e.arm(minRTO)
		}
	}
}

// receive processes a frame.
func (e *end) receive(f *Frame) {
	if e.dead {
		return
	}
	if e.passive && !e.opened {
		if f.Flags != flows.SYN {
			return
		}
		e.remote = f.Src
		e.rcv, e.rcvKnown = f.Seq+1, true
		if e.traffic.NoListener {
			e.transmit(flows.RST|flows.ACK, 0, 0)
			return
		}
		e.recent = f.Options.TSVal
		e.traffic.NoStamps = e.traffic.NoStamps || !f.Options.HasTimestamp
		e.opened = true
		e.una, e.nxt = e.iss, e.iss+1
		e.transmit(flows.SYN|flows.ACK, e.iss, 0)
		e.arm(synRTO)
		return
	}
	if f.Flags.Has(flows.RST) {
		if !e.rcvKnown || f.Seq == e.rcv || f.Flags.Has(flows.ACK) && !e.established {
			e.dead = true
			e.disarm()
		}
		return
	}
	if f.Flags.Has(flows.SYN) {
		if e.passive {
			e.recent = f.Options.TSVal
			e.transmit(flows.SYN|flows.ACK, e.iss, 0)
			return
		}
		if !e.established {
			e.rcv, e.rcvKnown, e.established = f.Seq+1, true, true
			e.recent = f.Options.TSVal
			e.traffic.NoStamps = e.traffic.NoStamps || !f.Options.HasTimestamp
			e.una, e.tries = e.iss+1, 0
			e.disarm()
			e.transmit(flows.ACK, e.nxt, 0)
			e.next()
			return
		}
		e.transmit(flows.ACK, e.nxt, 0)
		return
	}
	if !e.rcvKnown {
		return
	}
	if f.Options.HasTimestamp {
		switch {
		case int32(f.Options.TSVal-e.recent) < 0: // PAWS (RFC 7323 §5.3)
			if f.Len > 0 || f.Flags.Has(flows.FIN) {
				e.transmit(flows.ACK, e.nxt, 0)
			}
			return
		case int32(f.Seq-e.rcv) <= 0:
			e.recent = f.Options.TSVal
		}
	}
	e.acked(f)
	if f.Len > 0 || f.Flags.Has(flows.FIN) {
		e.data(f)
	}
}

// acked processes an acknowledgement.
func (e *end) acked(f *Frame) {
	if !f.Flags.Has(flows.ACK) || int32(f.Ack-e.nxt) > 0 {
		return
	}
	switch {
	case int32(f.Ack-e.una) > 0:
		e.una = f.Ack
		e.tries, e.duplicates = 0, 0
		e.established = true
		e.disarm()
		if e.una != e.nxt {
			if int32(e.recover-e.una) > 0 {
				e.resend() // a partial acknowledgement (RFC 6582)
			}
			e.arm(minRTO)
		}
		e.push()
	case f.Ack == e.una && f.Len == 0 && e.una != e.nxt && e.established && !f.Flags.Has(flows.FIN):
		if e.duplicates++; e.duplicates == 3 {
			e.recover = e.nxt
			e.resend()
			e.arm(minRTO)
		}
	}
}

// data processes text and FIN.
func (e *end) data(f *Frame) {
	if f.Flags.Has(flows.FIN) {
		e.finAt, e.finSeen = f.Seq+uint32(f.Len), true
	}
	before := e.rcv
	if f.Len > 0 {
		e.early[f.Seq] = max(e.early[f.Seq], f.Len)
	}
	for moved := true; moved; {
		moved = false
		for seq, n := range e.early {
			until := seq + uint32(n)
			if int32(seq-e.rcv) <= 0 {
				if int32(until-e.rcv) > 0 {
					e.rcv = until
					moved = true
				}
				delete(e.early, seq)
			}
		}
	}
	e.got += int(e.rcv - before)
	fin := e.finSeen && e.rcv == e.finAt
	if fin {
		e.rcv++
	}
	sent := e.nxt
	e.react(fin)
	if e.nxt == sent { // no data carried the acknowledgement
		e.transmit(flows.ACK, e.nxt, 0)
	}
}

// react is what the application does.
func (e *end) react(fin bool) {
	t := &e.traffic
	if e.passive {
		for e.exchanges < e.got/max(t.Request, 1) {
			e.exchanges++
			e.send += t.Response
		}
		if fin {
			e.closing = true
		}
		e.push()
		return
	}
	if e.exchanges > 0 && e.got >= e.exchanges*t.Response && !e.closing && e.established {
		e.next()
	}
}

// next begins the client's next exchange, or its close.
func (e *end) next() {
	t := &e.traffic
	if e.exchanges == t.Exchanges {
		if e.closing {
			return
		}
		e.closing = true
		if t.Abort {
			e.transmit(flows.RST|flows.ACK, e.nxt, 0)
			e.dead = true
			e.disarm()
			return
		}
		e.s.after(t.Think, e.push)
		return
	}
	e.exchanges++
	wait := t.Think
	if t.Idle > 0 && e.exchanges == t.Exchanges {
		wait = t.Idle
	}
	e.s.after(wait, func() {
		if !e.dead {
			e.send += t.Request
			e.push()
		}
	})
}
