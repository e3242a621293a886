package whole

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/capture"
)

// A program is a list of edits of a sound capture, as bytes. Go's fuzzer only mutates bytes. So every byte here has a
// meaning, and a changed byte is a changed edit. Four bytes are an edit:
//
//	what to do, and in the highest bit whether to leave checksums wrong
//	which packet, counted around
//	two bytes of argument
type edit struct {
	what     byte
	unsummed bool
	packet   byte
	a, b     byte
}

const editBytes = 4

// mostEdits keeps the result near a real capture.
const mostEdits = 64

func edits(program []byte) (list []edit) {
	for ; len(program) >= editBytes && len(list) < mostEdits; program = program[editBytes:] {
		list = append(list, edit{program[0] & 0x7f, program[0]&0x80 != 0, program[1], program[2], program[3]})
	}
	return list
}

// distances are added to numbers. They are near the edges of what a receiver accepts, of a window, and of the number
// space.
var distances = []uint32{
	1, 0xffffffff, 2, 0xfffffffe, 536, 0xfffffde8, 1460, 0xfffffa4c, 65534, 65535, 65536, 65537, 0xffff0001, 0xffff0000,
	0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 1 << 20, 1 << 30, 3 << 30, 10000, 0xffffd8f0, 64240,
}

// steps are added to times. They are near the limits of timers, or some hours.
var steps = []time.Duration{
	1, -1, time.Microsecond, time.Millisecond, -time.Millisecond, 200 * time.Millisecond, 999 * time.Millisecond,
	time.Second, -time.Second, 3 * time.Second, 60 * time.Second, 75 * time.Second, 120 * time.Second,
	240*time.Second - 1,
	240 * time.Second, 241 * time.Second, -240 * time.Second, time.Hour, -time.Hour, 48 * time.Hour, 120 * time.Hour,
	121 * time.Hour, -24 * time.Hour, 50 * 365 * 24 * time.Hour,
}

// fields are the header fields that edits change: the offset from the begin of the IP or the TCP header, and the size
// in bytes.
var fields = []struct {
	tcp          bool
	offset, size int
}{
	{false, 0, 1}, {false, 1, 1}, {false, 2, 2}, {false, 4, 2}, {false, 6, 2}, {false, 8, 1}, {false, 9, 1},
	{false, 10, 2}, {false, 12, 4}, {false, 16, 4}, {true, 0, 2}, {true, 2, 2}, {true, 4, 4}, {true, 8, 4},
	{true, 12, 1},
	{true, 13, 1},
	{true, 14, 2}, {true, 16, 2}, {true, 18, 2}, {true, 20, 1}, {true, 21, 1}, {true, 22, 2}, {true, 24, 4},
	{true, 28, 4},
}

// changing is a capture that edits change: its packets, and how to write them.
type changing struct {
	packets []capture.Packet
	after   []edit // edits of the file itself
	pcapng  bool
	order   binary.AppendByteOrder
	nanos   bool
}

// apply makes a file of a capture and a program.
func apply(t testing.TB, file, program []byte) []byte {
	c := changing{packets: packetsOf(t, file), order: binary.LittleEndian}
	for _, e := range edits(program) {
		if len(c.packets) == 0 {
			break
		}
		c.change(e)
	}
	out := c.write()
	for _, e := range c.after {
		out = changeFile(out, e)
	}
	return out
}

// packetsOf returns copies of the packets of a capture.
func packetsOf(t testing.TB, file []byte) (packets []capture.Packet) {
	r, err := capture.Open([]string{"-"}, capture.Options{Stdin: bytes.NewReader(file)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		p, err := r.Next()
		if err == io.EOF {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, capture.Packet{Time: p.Time, Data: bytes.Clone(p.Data), Length: p.Length,
			Link: p.Link})
	}
}

// change applies an edit.
func (c *changing) change(e edit) {
	i := int(e.packet) % len(c.packets)
	p := &c.packets[i]
	arg := binary.BigEndian.Uint16([]byte{e.a, e.b})
	ip, tcp := headers(p)
	switch e.what % 20 {
	case 0: // sequence number
		add32(p.Data, tcp+4, distances[int(e.a)%len(distances)]+uint32(e.b>>4))
	case 1: // acknowledgement number
		add32(p.Data, tcp+8, distances[int(e.a)%len(distances)]+uint32(e.b>>4))
	case 2: // flags
		set(p.Data, tcp+13, e.a)
	case 3: // window
		set(p.Data, tcp+14, e.a, e.b)
	case 4: // this and all later packets get another time,
		for j := i; j < len(c.packets); j++ {
			c.packets[j].Time += int64(steps[int(e.a)%len(steps)])
		}
	case 5: // or this one alone
		p.Time += int64(steps[int(e.a)%len(steps)])
	case 6:
		c.packets = slices.Delete(c.packets, i, i+1)
		return
	case 7: // the same packet once more, at some place
		copied := *p
		copied.Data = bytes.Clone(p.Data)
		c.packets = slices.Insert(c.packets, int(e.a)%(len(c.packets)+1), copied)
		return
	case 8: // two packets change places
		j := int(e.a) % len(c.packets)
		c.packets[i], c.packets[j] = c.packets[j], c.packets[i]
		return
	case 9: // a snaplen
		p.Data = p.Data[:min(len(p.Data), int(e.a))]
	case 10: // from the other side
		turn(p.Data, ip, tcp)
	case 11: // another port
		at := tcp + 2*int(e.a&1)
		set(p.Data, at, 0, e.b)
	case 12: // any byte of the headers
		set(p.Data, int(e.a)%max(1, len(p.Data)), e.b)
	case 13: // any field, to a value near a limit
		f := fields[int(e.a)%len(fields)]
		at := ip + f.offset
		if f.tcp {
			at = tcp + f.offset
		}
		values := []uint32{0, 1, 0xff, 0xffff, 0xffffffff, 0x7fffffff, 0x80000000, uint32(e.b)}
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], values[e.b&7])
		set(p.Data, at, b[4-f.size:]...)
	case 14:
		p.Link = capture.LinkType(arg)
	case 15: // the length on the wire
		p.Length = len(p.Data) + int(arg)
	case 16: // an ICMP error about it
		c.packets[i] = quoting(p, ip, e.a, e.b)
	case 17: // a VLAN tag
		if len(p.Data) >= 14 {
			p.Data = slices.Insert(p.Data, 12, 0x81, 0, e.a&0xf, e.b)
			p.Length += 4
		}
	case 18: // the format of the file
		c.pcapng, c.nanos, c.order = e.a&1 != 0, e.a&2 != 0, binary.LittleEndian
		if e.a&4 != 0 {
			c.order = binary.BigEndian
		}
		return
	case 19: // the written file
		c.after = append(c.after, e)
		return
	}
	p = &c.packets[i]
	p.Length = max(p.Length, len(p.Data))
	if !e.unsummed {
		sum(p)
	}
}

// headers returns where the IP and the TCP header of an Ethernet frame begin, beyond its end if it has none.
func headers(p *capture.Packet) (ip, tcp int) {
	b := p.Data
	for ip = 14; ip+4 <= len(b) && b[ip-2] == 0x81 && b[ip-1] == 0; ip += 4 {
	}
	switch {
	case ip >= len(b):
		return len(b), len(b)
	case b[ip]>>4 == 6:
		return ip, ip + 40
	default:
		return ip, ip + int(b[ip]&0xf)*4
	}
}

// set writes bytes where there is room.
func set(b []byte, at int, values ...byte) {
	if at < len(b) {
		copy(b[at:], values)
	}
}

func add32(b []byte, at int, n uint32) {
	if at+4 <= len(b) {
		binary.BigEndian.PutUint32(b[at:], binary.BigEndian.Uint32(b[at:])+n)
	}
}

// turn exchanges source and destination.
func turn(b []byte, ip, tcp int) {
	swap := func(at, size int) {
		if at+2*size <= len(b) {
			for i := range size {
				b[at+i], b[at+size+i] = b[at+size+i], b[at+i]
			}
		}
	}
	swap(0, 6)
	if ip < len(b) && b[ip]>>4 == 6 {
		swap(ip+8, 16)
	} else {
		swap(ip+12, 4)
	}
	swap(tcp, 2)
}

// quoting is an ICMP error (RFC 792) about an IPv4 packet, from its destination.
func quoting(p *capture.Packet, ip int, kind, code byte) capture.Packet {
	if ip+20 > len(p.Data) || p.Data[ip]>>4 != 4 {
		return *p
	}
	quoted := p.Data[ip:min(len(p.Data), ip+28+int(code&0x1f))]
	data := bytes.Clone(p.Data[:ip])
	header := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0}
	binary.BigEndian.PutUint16(header[2:], uint16(28+len(quoted)))
	header = append(append(header, p.Data[ip+16:ip+20]...), p.Data[ip+12:ip+16]...)
	data = append(append(data, header...), kind, code>>5, 0, 0, 0, 0, 0, code)
	data = append(data, quoted...)
	return capture.Packet{Time: p.Time, Data: data, Length: len(data), Link: p.Link}
}

// sum corrects the checksums of an Ethernet frame.
func sum(p *capture.Packet) {
	b := p.Data
	ip, tcp := headers(p)
	if ip+20 > len(b) || tcp+18 > len(b) || p.Length != len(b) {
		return
	}
	add := func(sum uint32, part []byte) uint32 {
		for i, c := range part {
			sum += uint32(c) << (8 * (1 - i&1))
		}
		return sum
	}
	fold := func(sum uint32) uint16 {
		for sum>>16 != 0 {
			sum = sum&0xffff + sum>>16
		}
		return ^uint16(sum)
	}
	var pseudo uint32
	var end int
	if b[ip]>>4 == 6 {
		end = ip + 40 + int(binary.BigEndian.Uint16(b[ip+4:]))
		pseudo = add(0, b[ip+8:min(len(b), ip+40)])
	} else {
		end = ip + int(binary.BigEndian.Uint16(b[ip+2:]))
		pseudo = add(0, b[ip+12:ip+20])
		set(b, ip+10, 0, 0)
		if tcp >= ip+20 {
			binary.BigEndian.PutUint16(b[ip+10:], fold(add(0, b[ip:tcp])))
		}
	}
	if end > len(b) || end < tcp+18 {
		return
	}
	set(b, tcp+16, 0, 0)
	binary.BigEndian.PutUint16(b[tcp+16:], fold(add(pseudo+6+uint32(end-tcp), b[tcp:end])))
}

// write writes the packets in the format that the program chose.
func (c *changing) write() []byte {
	link := capture.LinkType(1)
	if len(c.packets) > 0 {
		link = c.packets[0].Link
	}
	o := c.order
	if c.pcapng {
		return c.writeBlocks(link)
	}
	magic, unit := uint32(0xa1b2c3d4), int64(1000)
	if c.nanos {
		magic, unit = 0xa1b23c4d, 1
	}
	file := o.AppendUint32(nil, magic)
	file = o.AppendUint16(o.AppendUint16(file, 2), 4)
	file = o.AppendUint32(o.AppendUint32(o.AppendUint32(o.AppendUint32(file, 0), 0), 262144), uint32(link))
	for _, p := range c.packets {
		seconds, rest := p.Time/1e9, p.Time%1e9
		file = o.AppendUint32(o.AppendUint32(file, uint32(seconds)), uint32(rest/unit))
		file = o.AppendUint32(o.AppendUint32(file, uint32(len(p.Data))), uint32(p.Length))
		file = append(file, p.Data...)
	}
	return file
}

// writeBlocks writes pcapng: an interface for the first link type, and each packet in an Enhanced Packet Block.
func (c *changing) writeBlocks(link capture.LinkType) []byte {
	o := c.order
	block := func(file []byte, kind uint32, body []byte) []byte {
		body = append(body, make([]byte, -len(body)&3)...)
		size := uint32(12 + len(body))
		file = append(o.AppendUint32(o.AppendUint32(file, kind), size), body...)
		return o.AppendUint32(file, size)
	}
	section := o.AppendUint16(o.AppendUint16(o.AppendUint32(nil, 0x1a2b3c4d), 1), 0)
	file := block(nil, 0x0a0d0d0a, append(section, bytes.Repeat([]byte{0xff}, 8)...))
	unit := int64(1000)
	netif := o.AppendUint32(o.AppendUint16(o.AppendUint16(nil, uint16(link)), 0), 0)
	if c.nanos {
		unit = 1
		netif = append(o.AppendUint16(o.AppendUint16(netif, 9), 1), 9, 0, 0, 0, 0, 0, 0, 0)
	}
	file = block(file, 1, netif)
	for _, p := range c.packets {
		at := uint64(p.Time / unit)
		body := o.AppendUint32(o.AppendUint32(o.AppendUint32(nil, 0), uint32(at>>32)), uint32(at))
		body = o.AppendUint32(o.AppendUint32(body, uint32(len(p.Data))), uint32(p.Length))
		file = block(file, 6, append(body, p.Data...))
	}
	return file
}

// changeFile damages a file: cut, a byte, a length, or a part twice.
func changeFile(file []byte, e edit) []byte {
	at := int(binary.BigEndian.Uint16([]byte{e.packet, e.a}))
	if at >= len(file) {
		return file
	}
	switch e.b & 3 {
	case 0:
		return file[:at]
	case 1:
		file[at] ^= e.b | 1
	case 2: // a possible length, at a boundary of four bytes
		if at &^= 3; at+4 <= len(file) {
			add32(file, at, distances[int(e.b>>2)%len(distances)])
		}
	case 3:
		return slices.Insert(file, at, file[at:min(len(file), at+int(e.b))]...)
	}
	return file
}
