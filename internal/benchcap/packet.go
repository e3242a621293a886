package main

// The control bits of RFC 9293 §3.1.
const (
	fin = 1
	syn = 2
	psh = 8
	ack = 16
)

// The sides of a connection.
const (
	client = iota
	server
)

const (
	ethernetLen = 14
	ipLen       = 20
	tcpLen      = 20

	// The options that Linux sends with SYN (MSS, SACK permitted, timestamps, window scale) and without (timestamps).
	synOptionsLen = 20
	optionsLen    = 12

	headersLen = ethernetLen + ipLen + tcpLen + optionsLen // of a packet with data
)

// A conn has the state that a connection's packets depend on.
type conn struct {
	id   uint32
	step uint8     // the number of its last packet
	seq  [2]uint32 // SND.NXT
	ts   [2]uint32 // the last TSval sent
	ipid [2]uint16 // the next IP identification
}

// newConn returns connection id before its first packet.
func newConn(id uint32) conn {
	h := mix(uint64(id))
	return conn{
		id:   id,
		seq:  [2]uint32{uint32(h), uint32(h >> 32)},
		ipid: [2]uint16{uint16(h >> 8), uint16(h >> 40)},
	}
}

// A socket is an IPv4 address and a port.
type socket struct {
	addr uint32
	port uint16
}

// endpoints returns the sockets of connection id. 65,536 clients use their ports one after the other. So a port is
// reused after 1.8 billion connections, long after its TIME_WAIT. There are 8 servers.
func endpoints(id uint32) [2]socket {
	const ( // Linux's net.ipv4.ip_local_port_range
		low  = 32768
		high = 61000
	)
	n := id * 0x9e3779b1 & 0xffff // each client once in 65,536 connections
	return [2]socket{
		client: {100<<24 | 64<<16 | n, uint16(low + (n*40503+id>>16)%(high-low))},
		server: {10<<24 | 1 + id%8, listener},
	}
}

// listener is a port that no dissector uses, so that peers do no work above TCP.
const listener = 7777

// rtt is the round-trip time between the observer, which is beside the servers, and the client of connection id: 2 to
// 200 ms.
func rtt(id uint32) int64 {
	n := int64(endpoints(id)[client].addr * 0x9e3779b1 >> 16)
	return 2e6 + n*198e6>>16
}

// send writes a segment of c with n bytes of data. Only the fields in conn change: the numbers advance, and the segment
// acknowledges everything that the other side has sent.
func (m *maker) send(at int64, c *conn, from int, flags uint8, n int) {
	to := 1 - from
	ends := endpoints(c.id)
	opt := optionsLen
	if flags&syn != 0 {
		opt = synOptionsLen
	}
	b := m.record(at, ethernetLen+ipLen+tcpLen+opt+n)
	rest := ip(b, ends[from].addr, ends[to].addr, c.ipid[from], tcpLen+opt+n)
	c.ipid[from]++

	c.ts[from] = tsval(ends[from].addr, at)
	header, data := b[ethernetLen+ipLen:][:tcpLen+opt], b[ethernetLen+ipLen+tcpLen+opt:]
	acknowledged := c.seq[to]
	if flags&ack == 0 {
		acknowledged = 0
	}
	tcp(header, ends[from].port, ends[to].port, c.seq[from], acknowledged, flags)
	if flags&syn != 0 {
		be.PutUint32(header[20:], 0x020405b4) // MSS 1460
		be.PutUint32(header[24:], 0x0402080a) // SACK permitted, timestamps
		be.PutUint32(header[28:], c.ts[from])
		be.PutUint32(header[32:], c.ts[to])
		be.PutUint32(header[36:], 0x01030307) // a window scale of 7
	} else {
		be.PutUint32(header[20:], 0x0101080a)
		be.PutUint32(header[24:], c.ts[from])
		be.PutUint32(header[28:], c.ts[to])
	}
	finish(header, rest+m.text.copy(data, c.seq[from]))

	c.seq[from] += uint32(n)
	if flags&(syn|fin) != 0 {
		c.seq[from]++
	}
}

// tsval is a host's timestamp clock (RFC 7323 §5.4): milliseconds, which begin at another number on each host.
func tsval(host uint32, at int64) uint32 {
	return host*0x9e3779b1>>1 + uint32((at-epoch)/1e6)
}

// sendSYN writes a segment of the smallest size that Ethernet allows, with an MSS.
func (m *maker) sendSYN(at int64, from, to socket, seq, ackNumber uint32, flags uint8) {
	const optionsLen, frameLen = 4, 60 // without the frame's checksum
	b := m.record(at, frameLen)
	rest := ip(b, from.addr, to.addr, uint16(seq), tcpLen+optionsLen)
	t := b[ethernetLen+ipLen:]
	clear(t[tcpLen+optionsLen:])
	t = t[:tcpLen+optionsLen]
	tcp(t, from.port, to.port, seq, ackNumber, flags)
	be.PutUint32(t[20:], 0x020405b4) // MSS 1460
	finish(t, rest)
}

// ip writes an Ethernet and an IPv4 header (RFC 791 §3.1, with Don't Fragment) for n bytes of TCP. It returns the sum
// of the pseudo-header (RFC 9293 §3.1).
func ip(b []byte, src, dst uint32, id uint16, n int) uint64 {
	be.PutUint16(b[0:], 0x0200) // locally administered, made from the IP address
	be.PutUint32(b[2:], dst)
	be.PutUint16(b[6:], 0x0200)
	be.PutUint32(b[8:], src)
	be.PutUint16(b[12:], 0x0800)
	h := b[ethernetLen : ethernetLen+ipLen]
	be.PutUint32(h[0:], 0x45000000|uint32(ipLen+n))
	be.PutUint32(h[4:], uint32(id)<<16|0x4000)
	be.PutUint32(h[8:], 64<<24|6<<16)
	be.PutUint32(h[12:], src)
	be.PutUint32(h[16:], dst)
	be.PutUint16(h[10:], checksum(sum(h)))
	return sum(h[12:]) + 6 + uint64(n)
}

// tcp writes the fields of every TCP header, without the checksum. b is as long as the header with its options.
func tcp(b []byte, src, dst uint16, seq, ackNumber uint32, flags uint8) {
	window := uint16(502) // scaled by 7
	if flags&syn != 0 {
		window = 64240
	}
	be.PutUint16(b[0:], src)
	be.PutUint16(b[2:], dst)
	be.PutUint32(b[4:], seq)
	be.PutUint32(b[8:], ackNumber)
	be.PutUint16(b[12:], uint16(len(b))<<10|uint16(flags))
	be.PutUint16(b[14:], window)
	be.PutUint32(b[16:], 0)
}

// finish writes the checksum into a TCP header. rest is the sum of the pseudo-header and the data.
func finish(header []byte, rest uint64) {
	be.PutUint16(header[16:], checksum(rest+sum(header)))
}

// sum adds up b, of an even length, in words of 16 bits (RFC 1071).
func sum(b []byte) (s uint64) {
	for ; len(b) >= 4; b = b[4:] {
		s += uint64(be.Uint32(b)) // checksum adds the upper word at the end
	}
	if len(b) == 2 {
		s += uint64(be.Uint16(b))
	}
	return s
}

// checksum is the Internet checksum for a sum.
func checksum(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// mix maps each number to a pseudo-random one (SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
