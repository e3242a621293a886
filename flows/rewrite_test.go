package flows

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/capture"
)

// flipped changes every byte of an address, and keeps prefixes.
type flipped struct{}

func flip(b []byte) {
	for i := range b {
		b[i] ^= 0x55
	}
}

func (flipped) IP4(a [4]byte) [4]byte   { flip(a[:]); return a }
func (flipped) IP6(a [16]byte) [16]byte { flip(a[:]); return a }
func (flipped) MAC(a [6]byte) [6]byte   { flip(a[:]); return a }

func flippedIP(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4(flipped{}.IP4(a.As4()))
	}
	return netip.AddrFrom16(flipped{}.IP6(a.As16()))
}

// socketsOf returns the sockets of a segment, or for an ICMP error those of the quoted segment.
func socketsOf(s *Segment) (src, dst netip.AddrPort) {
	src, dst = s.Key.AddrPortA(), s.Key.AddrPortB()
	if s.FromB {
		src, dst = dst, src
	}
	return src, dst
}

// sameButAddresses compares the segments of a rewritten packet with those of the original.
func sameButAddresses(t *testing.T, before, after []Segment) {
	t.Helper()
	if len(before) != len(after) {
		t.Fatalf("%d segments, want %d", len(after), len(before))
	}
	for i := range before {
		was, is := before[i], after[i]
		src, dst := socketsOf(&was)
		newSrc, newDst := socketsOf(&is)
		if newSrc.Addr() != flippedIP(src.Addr()) || newDst.Addr() != flippedIP(dst.Addr()) {
			t.Errorf("from %v to %v, which was from %v to %v", newSrc, newDst, src, dst)
		}
		if newSrc.Port() != src.Port() || newDst.Port() != dst.Port() {
			t.Errorf("from %v to %v: the ports were %d and %d", newSrc, newDst, src.Port(), dst.Port())
		}
		if got, want := describe(is.Encap), describe(was.Encap); got != want {
			t.Errorf("encapsulation %q, not %q", got, want)
		}
		if was.Quote != nil && is.Quote != nil {
			q := *was.Quote
			q.From = flippedIP(q.From)
			if *is.Quote != q {
				t.Errorf("quote %+v, not %+v", *is.Quote, q)
			}
			is.Quote = was.Quote
		}
		is.Key, is.FromB, is.Encap, is.Digest = was.Key, was.FromB, was.Encap, was.Digest
		if !reflect.DeepEqual(was, is) {
			t.Errorf("segment\n%+v, it was\n%+v", is, was)
		}
	}
}

func rewritten(w *Rewriter, p *capture.Packet) *capture.Packet {
	c := *p
	w.Rewrite(&c)
	return &c
}

// addressesIn returns the addresses of the tests' packets that a packet still has.
func addressesIn(b []byte) (found [][]byte) {
	macs := [...][]byte{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}
	for _, a := range [...][]byte{client4[:], server4[:], client6[:], server6[:], macs[0], macs[1]} {
		if bytes.Contains(b, a) {
			found = append(found, a)
		}
	}
	return found
}

// rewrites are packets of every kind: all stacks, errors that quote, checksums that are wrong or unfinished.
func rewrites() (packets []*capture.Packet) {
	for _, s := range stacks {
		packets = append(packets, packet(s.link, s.data))
	}
	raw := func(b []byte) { packets = append(packets, packet(101, b)) }
	icmp4 := func(quoted []byte) {
		b := cat([]byte{3, 1, 0, 0}, zeros(4), quoted)
		binary.BigEndian.PutUint16(b[2:], rfc1071(b))
		raw(ip4(1, b))
	}
	icmp6 := func(quoted []byte) {
		b := cat([]byte{1, 4, 0, 0}, zeros(4), quoted)
		sum := rfc1071(cat(client6[:], server6[:], be16(58), be16(len(b)), b))
		binary.BigEndian.PutUint16(b[2:], sum)
		raw(ip6(58, b))
	}
	icmp4(syn4)
	icmp4(data4)
	icmp4(syn4[:28])
	icmp4(syn4[:24])
	icmp6(syn6)
	icmp6(ip6(0, extension(60, zeros(6), extension(6, zeros(14), syn6[40:]))))
	icmp6(ip6fragment(6, 1, 0, true, syn6[40:48]))
	raw(data4)
	raw(data6)
	raw(ip4(6, tcp4(RST, nil, []byte("closed by the administrator"))))
	for _, sum := range []int{0, 1, 0x1234, 0xffff} {
		for _, b := range [][]byte{cat(data4), cat(data6)} {
			at := len(b) - len("GET / HTTP/1.1\r\n\r\n") - 32 + 16
			binary.BigEndian.PutUint16(b[at:], uint16(sum))
			raw(b)
		}
	}
	// Left to the network card: the sum of the pseudo-header alone.
	unfinished := cat(data4)
	length := len(data4) - 20
	binary.BigEndian.PutUint16(unfinished[20+16:], ^rfc1071(cat(client4[:], server4[:], be16(6), be16(length))))
	raw(unfinished)
	wrongHeader := cat(data4)
	wrongHeader[10] ^= 1
	raw(wrongHeader)
	return packets
}

// Only addresses change: everything else decodes the same, a correct checksum stays correct, a wrong one wrong, and an
// unfinished one unfinished. No address is left.
func TestRewriteAddresses(t *testing.T) {
	for n, p := range rewrites() {
		w := NewRewriter()
		w.Addresses = flipped{}
		before, after := NewDecoder(DecoderOptions{}), NewDecoder(DecoderOptions{})
		q := rewritten(w, p)
		if found := addressesIn(q.Data); len(found) > 0 {
			t.Errorf("packet %d, link type %d: it still holds %x: %x", n, p.Link, found, q.Data)
		}
		if len(q.Data) != len(p.Data) || q.Length != p.Length {
			t.Errorf("packet %d: %d bytes of %d, not %d of %d", n, len(q.Data), q.Length, len(p.Data), p.Length)
		}
		sameButAddresses(t, before.Decode(p, nil), after.Decode(q, nil))
		if x, y := before.Stats(), after.Stats(); !reflect.DeepEqual(x, y) {
			t.Errorf("packet %d, link type %d: counted as\n%+v, not\n%+v", n, p.Link, y, x)
		}
		if t.Failed() {
			t.Fatalf("packet %d, link type %d: %x", n, p.Link, p.Data)
		}
	}
}

// The checksums of IPv4, ICMP and UDP headers stay correct. The decoder does not check these.
func TestRewriteOuterChecksums(t *testing.T) {
	icmp := cat([]byte{3, 1, 0, 0}, zeros(4), data4)
	binary.BigEndian.PutUint16(icmp[2:], rfc1071(icmp))
	udp := func(src, dst, payload []byte) []byte {
		b := udpTo(4789, payload)
		binary.BigEndian.PutUint16(b[6:], rfc1071(cat(src, dst, be16(17), be16(len(b)), b)))
		return b
	}
	vxlan4 := ip4(17, udp(client4[:], server4[:], vxlanHeader(42, eth(0x800, data4))))
	vxlan6 := ip6(17, udp(client6[:], server6[:], vxlanHeader(42, eth(0x800, data4))))
	for _, tt := range []struct {
		name  string
		data  []byte
		sumOf func(b []byte) []byte // what the checksum covers, which adds up to 0xffff
	}{
		{"IPv4", data4, func(b []byte) []byte { return b[:20] }},
		{"ICMP", ip4(1, icmp), func(b []byte) []byte { return b[20:] }},
		{"quoted IPv4", ip4(1, icmp), func(b []byte) []byte { return b[28:48] }},
		{"UDP", vxlan4, func(b []byte) []byte { return cat(b[12:20], be16(17), be16(len(b)-20), b[20:]) }},
		{"UDP in IPv6", vxlan6, func(b []byte) []byte { return cat(b[8:40], be16(17), be16(len(b)-40), b[40:]) }},
		{"IPv4 in VXLAN", vxlan6, func(b []byte) []byte { return b[40+8+8+14:][:20] }},
	} {
		if got := rfc1071(tt.sumOf(tt.data)); got != 0 {
			t.Fatalf("%s: the test's own checksum is wrong by %04x", tt.name, got)
		}
		w := NewRewriter()
		w.Addresses = flipped{}
		b := rewritten(w, packet(101, tt.data)).Data
		if got := rfc1071(tt.sumOf(b)); got != 0 {
			t.Errorf("%s: the checksum is wrong by %04x: %x", tt.name, got, b)
		}
	}
}

// Only headers: everything decodes the same except for checksums that cannot be checked any more, and no text is left.
func TestRewriteHeadersOnly(t *testing.T) {
	const text = "closed by the administrator"
	for _, p := range []*capture.Packet{
		packet(1, eth(0x800, data4)), packet(101, data6),
		packet(101, ip4(6, tcp4(RST, nil, []byte(text)))),
		packet(101, ip4(1, cat([]byte{3, 1, 0, 0}, zeros(4), data4))),
		packet(1, cat(eth(0x800, ip4(6, tcp4(ACK, nil, nil))), []byte("trailer"))),
		packet(101, ip4(17, udpTo(53, []byte(text)))),
		packet(101, ip4(1, cat([]byte{8, 0, 0, 0}, zeros(4), []byte(text)))),
		packet(1, eth(0x1234, []byte(text))),
	} {
		w := NewRewriter()
		w.HeadersOnly = true
		q := rewritten(w, p)
		for _, text := range []string{"GET /", text, "trailer"} {
			if bytes.Contains(q.Data, []byte(text)) {
				t.Errorf("%q is left in %x", text, q.Data)
			}
		}
		if !bytes.HasPrefix(p.Data, q.Data) || q.Length != p.Length {
			t.Errorf("%d bytes of %d, not the beginning of %d of %d", len(q.Data), q.Length, len(p.Data), p.Length)
		}
		before, after := NewDecoder(DecoderOptions{}).Decode(p, nil), NewDecoder(DecoderOptions{}).Decode(q, nil)
		if len(before) != len(after) {
			t.Fatalf("%d segments, not %d", len(after), len(before))
		}
		for i := range before {
			was, is := before[i], after[i]
			if was.Len > 0 && was.Quote == nil && (!is.Cut || is.Checksum != ChecksumUnknown) {
				t.Errorf("a segment without its payload is whole: %+v", is)
			}
			was.Cut, was.Checksum, was.Digest, was.Reason = is.Cut, is.Checksum, is.Digest, is.Reason
			if !reflect.DeepEqual(was, is) {
				t.Errorf("segment\n%+v, it was\n%+v", is, was)
			}
		}
	}
}

// Without options nothing is changed.
func TestRewriteNothing(t *testing.T) {
	for _, p := range rewrites() {
		if q := rewritten(NewRewriter(), p); !bytes.Equal(p.Data, q.Data) {
			t.Errorf("link type %d:\n%x became\n%x", p.Link, p.Data, q.Data)
		}
	}
}

// Options can contain addresses: MPTCP's ADD_ADDR, routes and timestamps of IPv4, and unknown kinds, in which load
// balancers put the client's address.
func TestRewriteOptions(t *testing.T) {
	addAddr4 := cat([]byte{30, 16, 0x30, 3}, client4[:], []byte("HMACHMAC"))
	addAddr6 := cat([]byte{30, 28, 0x30, 3}, client6[:], []byte("HMACHMAC"))
	clientAddress := cat([]byte{254, 8, 0, 80}, client4[:])
	toa := cat([]byte{28, 8, 0, 80}, client4[:])
	for _, options := range [][]byte{addAddr4, addAddr6, cat(clientAddress, toa)} {
		for _, b := range [][]byte{ip4(6, tcp4(ACK, options, nil)), ip6(6, tcp6(ACK, options, nil))} {
			w := NewRewriter()
			w.Addresses = flipped{}
			q := rewritten(w, packet(101, b))
			if found := addressesIn(q.Data); len(found) > 0 || bytes.Contains(q.Data, []byte("HMAC")) {
				t.Errorf("options %x: left in %x", options, q.Data)
			}
			if s := one(t, NewDecoder(DecoderOptions{}), q); s.Checksum != ChecksumGood {
				t.Errorf("options %x: the checksum is not right any more: %x", options, q.Data)
			}
		}
	}
	route := cat([]byte{7, 7, 8}, server4[:], []byte{0})
	stamps := cat([]byte{68, 12, 13, 1}, server4[:], be32(7))
	for _, options := range [][]byte{route, stamps} {
		w := NewRewriter()
		w.Addresses = flipped{}
		q := rewritten(w, packet(101, ip4with(6, options, tcp4(ACK, nil, nil))))
		if found := addressesIn(q.Data); len(found) > 0 || rfc1071(q.Data[:20+len(options)]) != 0 {
			t.Errorf("options %x: %x", options, q.Data)
		}
	}
}

// Mirai's ISN is the address that it tries, and masscan's identification depends on it. Both marks stay, with the new
// address. Numbers that follow from the ISN change too.
func TestRewriteNumbersOfAddresses(t *testing.T) {
	isn := binary.BigEndian.Uint32(server4[:])
	newServer := flipped{}.IP4(server4)
	newISN := binary.BigEndian.Uint32(newServer[:])
	segment := func(forth bool, flags Flags, seq, ack uint32, options []byte) *capture.Packet {
		b := tcpHeader(flags, options, nil)
		binary.BigEndian.PutUint32(b[4:], seq)
		binary.BigEndian.PutUint32(b[8:], ack)
		sealTCP(b, cat(client4[:], server4[:]))
		p := ip4(6, b)
		if forth {
			binary.BigEndian.PutUint16(p[4:], uint16(isn)^80^uint16(seq))
		} else {
			copy(p[12:], cat(server4[:], client4[:]))
			p[20], p[21], p[22], p[23] = p[22], p[23], p[20], p[21]
		}
		sealIP4(p[:20])
		return packet(101, p)
	}
	w := NewRewriter()
	w.Addresses = flipped{}
	sack := cat([]byte{1, 1, 5, 10}, be32(int(isn)+101), be32(int(isn)+201))
	const other = 900
	for i, tt := range []struct {
		p        *capture.Packet
		seq, ack uint32
	}{
		{segment(true, SYN, isn, 0, nil), newISN, 0},
		{segment(false, SYN|ACK, other, isn+1, nil), other, newISN + 1},
		{segment(true, ACK, isn+1, other+1, nil), newISN + 1, other + 1},
		{segment(false, ACK, other+1, isn+1, sack), other + 1, newISN + 1},
		{segment(true, FIN|ACK, isn+5, other+1, nil), newISN + 5, other + 1},
	} {
		s := one(t, NewDecoder(DecoderOptions{}), rewritten(w, tt.p))
		if s.Seq != tt.seq || s.Flags.Has(ACK) && s.Ack != tt.ack {
			t.Errorf("segment %d: seq %x, ack %x, not %x and %x", i, s.Seq, s.Ack, tt.seq, tt.ack)
		}
		if s.Checksum != ChecksumGood {
			t.Errorf("segment %d: its checksum is not right any more", i)
		}
		if i == 0 && s.IPID != uint16(newISN)^80^uint16(newISN) {
			t.Errorf("identification %x", s.IPID)
		}
		if s.Options.HasSACK && (s.Options.SACKLeft != newISN+101 || s.Options.SACKRight != newISN+201) {
			t.Errorf("SACK %x to %x", s.Options.SACKLeft, s.Options.SACKRight)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	for _, p := range rewrites() {
		f.Add(uint16(p.Link), p.Data, uint16(0))
	}
	for _, p := range captured(f) {
		f.Add(uint16(p.Link), p.Data, uint16(p.Length-len(p.Data)))
	}
	for _, p := range damaged() {
		f.Add(uint16(p.Link), p.Data, uint16(p.Length-len(p.Data)))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, missing uint16) {
		p := packet(capture.LinkType(link), data)
		p.Length += int(missing)
		before := cat(data)
		if q := rewritten(NewRewriter(), p); !bytes.Equal(q.Data, before) {
			t.Fatal("it changes more than it should")
		}
		w := NewRewriter()
		w.Addresses = flipped{}
		q := rewritten(w, p)
		if !bytes.Equal(p.Data, before) || len(q.Data) != len(before) {
			t.Fatal("the packet itself was changed")
		}
		was, is := NewDecoder(DecoderOptions{}).Decode(p, nil), NewDecoder(DecoderOptions{}).Decode(q, nil)
		for i := range min(len(was), len(is)) { // marks of scanners follow the address
			is[i].Seq, is[i].Ack, is[i].IPID = was[i].Seq, was[i].Ack, was[i].IPID
			is[i].Options.SACKLeft, is[i].Options.SACKRight = was[i].Options.SACKLeft, was[i].Options.SACKRight
		}
		sameButAddresses(t, was, is)
		w.HeadersOnly = true
		if h := rewritten(w, p); len(h.Data) > len(before) {
			t.Fatal("it became longer")
		}
	})
}

// Any fragment of a tunnel can contain an address. Fragments of a segment have addresses only in their own headers.
func TestRewriteFragments(t *testing.T) {
	inner := udpTo(4789, vxlanHeader(42, eth(0x800, data4)))
	for _, test := range []struct {
		protocol int
		payload  []byte
		kept     bool
	}{{17, inner, false}, {6, tcp4(ACK, nil, []byte("a text of more than eight bytes")), true}} {
		w := NewRewriter()
		w.Addresses = flipped{}
		for at := 0; at < len(test.payload); at += 8 {
			end := min(at+8, len(test.payload))
			p := packet(101, ip4fragment(test.protocol, 1, at, end < len(test.payload), test.payload[at:end]))
			q := rewritten(w, p)
			if len(q.Data) != len(p.Data) || bytes.Contains(q.Data, client4[:]) {
				t.Errorf("%x became %x", p.Data, q.Data)
			}
			if at >= 24 && bytes.Equal(q.Data[20:], p.Data[20:]) != test.kept {
				t.Errorf("protocol %d, from %d: %x became %x", test.protocol, at, p.Data[20:], q.Data[20:])
			}
		}
	}
}
