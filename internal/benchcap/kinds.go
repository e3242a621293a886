package main

import "time"

// epoch is when a capture begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// A maker writes the packets of a capture.
type maker struct {
	*file
	text   text
	random uint64
}

func newMaker(f *file) *maker { return &maker{file: f, text: newText()} }

// below is a random number less than n.
func (m *maker) below(n uint32) uint32 {
	m.random++
	return uint32(mix(m.random) >> 32 * uint64(n) >> 32)
}

// short is a busy server's traffic: n connections of 8 packets with a request and a response, 1,667 new ones each
// second. The client closes every other connection, the server the rest.
func (m *maker) short(n uint32) {
	const slotsPerConnection = 6
	var w wheel
	at := epoch
	for begun := uint32(0); begun < n || w.held > 0; at += slot {
		if begun < n && m.below(slotsPerConnection) == 0 {
			w.put(newConn(begun), 0)
			begun++
		}
		w.turn(at, func(at int64, c conn) {
			if again := m.life(at, &c); again > 0 {
				w.put(c, again)
			}
		})
	}
}

// life sends the next packet of a short connection. It returns the time until the one after it, 0 if there is none.
func (m *maker) life(at int64, c *conn) int64 {
	const system = 50e3 // ns until the kernel answers
	first := int(c.id & 1)
	c.step++
	switch c.step {
	case 1, 2, 3:
		return m.handshake(at, c)
	case 4:
		m.send(at, c, client, psh|ack, 60+int(m.below(200)))
		return 1e6 + int64(m.below(50e6))
	case 5:
		m.send(at, c, server, psh|ack, 100+int(m.below(530)))
		if first == server {
			return system
		}
		return rtt(c.id)
	case 6:
		m.send(at, c, first, fin|ack, 0)
	case 7:
		m.send(at, c, 1-first, fin|ack, 0)
	case 8:
		m.send(at, c, first, ack, 0)
		return 0
	}
	if (c.step == 6) == (first == client) { // the server is next
		return system
	}
	return rtt(c.id)
}

// handshake sends packet c.step of a handshake and returns the time until the next packet.
func (m *maker) handshake(at int64, c *conn) int64 {
	switch c.step {
	case 1:
		m.send(at, c, client, syn, 0)
		return 50e3
	case 2:
		m.send(at, c, server, syn|ack, 0)
		return rtt(c.id)
	}
	m.send(at, c, client, ack, 0)
	return 100e3
}

// long is n packets of 10 transfers, whose data packets have 1,400 bytes. Of 16 packets 7 are acknowledgements. The
// packets to open and close are not counted.
func (m *maker) long(n uint32) {
	const transfers, rate = 10, 6670 // 1 Gbit/s: ns for a packet
	at := epoch
	conns := make([]conn, transfers)
	for i := range conns {
		conns[i] = newConn(uint32(i))
		for conns[i].step = 1; conns[i].step <= 3; conns[i].step++ {
			at += m.handshake(at, &conns[i])
		}
	}
	for range n {
		c := &conns[m.below(transfers)]
		from := int(c.id & 1)
		c.step = (c.step + 1) % 16
		if 1<<c.step&0b1101_0101_1010_1010 != 0 {
			m.send(at, c, from, ack, 1400-headersLen)
		} else {
			m.send(at, c, 1-from, ack, 0)
		}
		at += rate
	}
	for i := range conns {
		c := &conns[i]
		at += rtt(c.id)
		m.send(at, c, client, fin|ack, 0)
		m.send(at+50e3, c, server, fin|ack, 0)
		at += rtt(c.id)
		m.send(at, c, client, ack, 0)
	}
}

// flood is n SYNs to one listener, a million each second, each from another address, in Ethernet's smallest frames with
// an MSS. The listener may answer.
func (m *maker) flood(n uint32, synAcks bool) {
	const (
		rate     = 1000 // ns for a SYN
		answered = 50   // SYNs later
	)
	listening := socket{10<<24 | 1, listener}
	spoofed := func(i uint32) (from socket, isn uint32) {
		// Odd factors and shifts permute the numbers of 30 bits.
		a := i * 0x9e3779b1 & (1<<30 - 1)
		a = (a ^ a>>15) * 0x85ebca6b & (1<<30 - 1)
		h := mix(uint64(i))
		return socket{2<<30 | a, uint16(1024 + h%64512)}, uint32(h >> 32)
	}
	at := epoch
	for i := range uint64(n) + answered {
		if i < uint64(n) {
			from, isn := spoofed(uint32(i))
			m.sendSYN(at, from, listening, isn, 0, syn)
		}
		if synAcks && i >= answered {
			from, isn := spoofed(uint32(i - answered))
			m.sendSYN(at, listening, from, ^isn, isn+1, syn|ack)
		}
		at += rate
	}
}

// concurrent opens n connections, half a million each second. A million packets with data each second follow, at random
// over all connections and from either side. midstream leaves the handshakes out.
func (m *maker) concurrent(n, packets uint32, midstream bool) {
	const rate = 1000 // ns for a packet
	conns := make([]conn, n)
	at := epoch
	if midstream {
		for i := range conns {
			conns[i] = newConn(uint32(i))
			for side, end := range endpoints(uint32(i)) {
				conns[i].ts[side] = tsval(end.addr, at)
			}
		}
	} else {
		at = m.openAll(conns)
	}
	for range packets {
		m.send(at, &conns[m.below(n)], int(m.below(2)), psh|ack, 16+int(m.below(64)))
		at += rate
	}
}

// openAll sends the handshakes of conns and returns the time after the last one.
func (m *maker) openAll(conns []conn) int64 {
	const perSlot = 50
	var w wheel
	at := epoch
	for begun := 0; begun < len(conns) || w.held > 0; at += slot {
		for range min(perSlot, len(conns)-begun) {
			w.put(newConn(uint32(begun)), 0)
			begun++
		}
		w.turn(at, func(at int64, c conn) {
			c.step++
			again := m.handshake(at, &c)
			if c.step < 3 {
				w.put(c, again)
			} else {
				conns[c.id] = c
			}
		})
	}
	return at
}
