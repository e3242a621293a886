package flows

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/tcplife/tcplife/capture"
)

// A Rewriter changes packets with segments so that they can be passed on: it replaces addresses, removes payload, or
// both. The report of the connections stays the same. Packets must come in the order of the capture.
type Rewriter struct {
	// Addresses replaces the addresses in all headers, outer and inner, and in packets that ICMP errors quote; nil
	// changes nothing. Numbers that scanners derive from addresses change too. Names in headers of capturing devices,
	// options of unknown kinds and bytes after the packet become 0.
	Addresses Addresses
	// HeadersOnly removes everything after the innermost header, like a snaplen.
	HeadersOnly bool

	decoder *Decoder     // its layers find the headers
	old     []byte       // the packet before the change
	new     []byte       // the packet after the change
	ip      network      // the innermost IP header so far, before the change
	other   network      // the same, after the change
	ip4     []byte       // the same, in new, if it is IPv4
	sums    []checksumOf // the checksums in the packet, outermost first
	end     int          // the first byte that is left out
	numbers numbers      // sequence numbers that disclose an address
}

// Addresses maps addresses one to one, and always in the same way.
type Addresses interface {
	IP4([4]byte) [4]byte
	IP6([16]byte) [16]byte
	MAC([6]byte) [6]byte
}

const tcpProtocol = 6

// checksumOf is a checksum and the bytes that it covers.
type checksumOf struct {
	field, from, to int
	protocol        uint8   // of the pseudo-header; 0: there is none
	ip, other       network // whose addresses are in it
	wire            int     // length of the message on the wire
}

// NewRewriter makes a Rewriter that changes nothing yet: set its fields.
func NewRewriter() *Rewriter { return &Rewriter{decoder: NewDecoder(DecoderOptions{})} }

// Rewrite changes p. p.Data becomes a copy that is valid until the next call.
func (w *Rewriter) Rewrite(p *capture.Packet) {
	w.old = p.Data
	w.new = append(w.new[:0], p.Data...)
	w.sums, w.end = w.sums[:0], len(w.new)
	w.walk(firstLayer(p.Link), 0, len(w.new), max(p.Length, len(p.Data)))
	for i := len(w.sums) - 1; i >= 0; i-- { // an outer sum covers the inner ones
		w.adjust(&w.sums[i])
	}
	p.Data = w.new[:w.end]
}

// walk visits the headers of new[at:to], like Decoder.walk. wire is the length on the wire.
func (w *Rewriter) walk(typ gopacket.LayerType, at, to, wire int) {
	whole := true // no IP header was met
	w.ip4 = nil
	for range maxLayers {
		if typ >= firstEnd {
			break
		}
		data := w.new[at:to:to]
		l := w.decoder.layers[typ]
		if l.DecodeFromBytes(data, gopacket.NilDecodeFeedback) != nil {
			break
		}
		contents, next := l.LayerContents(), l.NextLayerType()
		if l, is := l.(*tcp); is {
			w.segment(l, at, to, wire)
			return
		}
		w.header(l, contents, at, to, wire)
		message := at
		at += len(contents)
		wire = l.wire(wire - len(contents))
		to = max(at, min(to, at+wire))
		switch l.(type) {
		case *ipv4, *ipv6:
			if whole && w.Addresses != nil {
				clear(w.new[to:]) // a trailer can be a checksum over addresses
			}
			whole = false
		}
		switch next {
		case typeFragment:
			var tunnelled bool
			typ, tunnelled = w.fragment(l)
			if tunnelled && w.Addresses != nil {
				clear(w.new[at:to])
			}
			whole = false
			wire += otherFragments
			continue
		case typeQuote:
			w.quote(message, to)
			return
		case typeAMSDU:
			w.aggregate(at, to, wire)
			return
		}
		typ = next
	}
	if w.HeadersOnly {
		w.end = min(w.end, at)
	}
}

// fragment returns the first layer of a datagram's first fragment. Other fragments begin without a header; in a tunnel,
// they may have headers with addresses anywhere.
func (w *Rewriter) fragment(l layer) (first gopacket.LayerType, tunnelled bool) {
	offset := 0
	switch l := l.(type) {
	case *ipv4:
		offset, first, tunnelled = int(l.FragOffset), afterIPv4(l.Protocol), l.Protocol != layers.IPProtocolTCP
	case *ipv6Fragment:
		offset, first, tunnelled = l.offset, afterIPv6(l.protocol), l.protocol != layers.IPProtocolTCP
	}
	if offset == 0 {
		return first, false
	}
	return endFragment.layer(), tunnelled
}

// otherFragments is added to the length of a part of a message, so that it does not count as the whole.
const otherFragments = 1 << 16

// aggregate rewrites an A-MSDU. The payload of its frames cannot be removed, so it becomes 0.
func (w *Rewriter) aggregate(at, to, wire int) {
	whole := w.new[at:to:to]
	subframes(whole, wire, func(data []byte, wire int) {
		begin, end := at+cap(whole)-cap(data), at+cap(whole)-cap(data)+len(data)
		w.macs(w.new[begin-14:], 0, 6)
		w.end = end
		w.walk(layers.LayerTypeLLC, begin, end, wire)
		clear(w.new[w.end:end])
	})
	w.end = len(w.new)
}

// header rewrites the addresses in a header, and notes its checksum.
func (w *Rewriter) header(l layer, contents []byte, at, to, wire int) {
	switch l := l.(type) {
	case *ipv4:
		w.ip4 = contents
		w.ip.from4(l)
		w.inIPv4(contents)
		w.other.from4(l)
		w.sums = append(w.sums, checksumOf{field: at + 10, from: at, to: at + len(contents)})
	case *ipv6:
		w.ip4 = nil
		w.ip.from6(l)
		w.ip6s(contents, 8, 24)
		w.other.from6(l)
	case *ipv6Extension:
		l.apply(&w.ip)
		w.inExtension(l)
		l.apply(&w.other)
	case *udp:
		w.sums = append(w.sums, checksumOf{
			field: at + 6, from: at, to: to, protocol: 17, ip: w.ip, other: w.other, wire: wire,
		})
	case *icmpv4:
		w.sums = append(w.sums, checksumOf{field: at + 2, from: at, to: to})
	case *icmpv6:
		w.sums = append(w.sums, checksumOf{
			field: at + 2, from: at, to: to, protocol: 58, ip: w.ip, other: w.other, wire: wire,
		})
	case *gre:
		if contents[0]&0x80 != 0 { // it has a checksum (RFC 2784 §2.1)
			w.sums = append(w.sums, checksumOf{field: at + 4, from: at, to: to})
		}
	}
	if w.Addresses != nil {
		w.outside(l, contents)
	}
}

// outside rewrites a header that is not IP.
func (w *Rewriter) outside(l layer, b []byte) {
	switch l := l.(type) {
	case *ethernet:
		w.macs(b, 0, 6)
	case *linuxSLL:
		w.macs(b, 6)
		clear(b[12:14]) // of longer addresses
	case *linuxSLL2:
		w.macs(b, 12)
		clear(b[18:20])
	case *wlan:
		if len(b) >= 24 {
			w.macs(b, 4, 10, 16)
		}
		if len(b) >= 30 && (b[1]&3 == 3 || l.typ == typeWLANTunnelled && b[0]&3 == 3) {
			w.macs(b, 24)
		}
	case *ipoib:
		w.ip6s(b, 8, 24) // global identifiers
	case *pflog, *pflogOld:
		clear(b[4:]) // interfaces, rules, processes, addresses
	case *ppi, *capwap:
		clear(b[8:]) // positions; the access point's address
	case *pktap:
		clear(b[min(12, len(b)):]) // interfaces, processes
	case *nflog:
		w.nflog(b)
	case *geneve:
		clear(b[8:]) // options
	}
}

// nflog clears the attributes before the packet, except the packet header.
func (w *Rewriter) nflog(b []byte) {
	var order binary.ByteOrder = binary.LittleEndian
	if b[7] != 0 {
		order = binary.BigEndian
	}
	for n := 4; n+4 < len(b); {
		const packetHeader = 1
		end := min(n+int(order.Uint16(b[n:])), len(b))
		if order.Uint16(b[n+2:]) != packetHeader {
			clear(b[n+4 : max(n+4, end)])
		}
		n += (end - n + 3) &^ 3
	}
}

func (w *Rewriter) macs(b []byte, at ...int) {
	if w.Addresses == nil {
		return
	}
	for _, at := range at {
		mac := w.Addresses.MAC([6]byte(b[at:]))
		copy(b[at:], mac[:])
	}
}

func (w *Rewriter) ip4s(b []byte, at ...int) {
	if w.Addresses == nil {
		return
	}
	for _, at := range at {
		ip := w.Addresses.IP4([4]byte(b[at:]))
		copy(b[at:], ip[:])
	}
}

func (w *Rewriter) ip6s(b []byte, at ...int) {
	if w.Addresses == nil {
		return
	}
	for _, at := range at {
		ip := w.Addresses.IP6([16]byte(b[at:]))
		copy(b[at:], ip[:])
	}
}

// inIPv4 rewrites the addresses of an IPv4 header, and those in its options (RFC 791 §3.1).
func (w *Rewriter) inIPv4(b []byte) {
	w.ip4s(b, 12, 16)
	for o := b[20:]; len(o) > 0 && o[0] != 0; {
		if o[0] == 1 {
			o = o[1:]
			continue
		}
		if len(o) < 3 || o[1] < 3 || int(o[1]) > len(o) {
			return
		}
		option := o[:o[1]]
		o = o[o[1]:]
		switch option[0] {
		case 7, 131, 137: // record route, loose and strict source routes
			for n := 3; n+4 <= len(option); n += 4 {
				w.ip4s(option, n)
			}
		case 68: // timestamps, with flag 1 or 3 each after an address
			for n := 4; n+8 <= len(option) && option[3]&0xd == 1; n += 8 {
				w.ip4s(option, n)
			}
		}
	}
}

// inExtension rewrites a home address (RFC 6275 §6.3), and the addresses of a routing header (RFC 8200 §4.4, RFC 6275
// §6.4, RFC 8754 §2).
func (w *Rewriter) inExtension(l *ipv6Extension) {
	if l.home != nil {
		w.ip6s(l.home, 0)
	}
	if l.typ != layers.LayerTypeIPv6Routing {
		return
	}
	addresses := l.Contents[8:]
	switch kind, last := l.Contents[2], int(l.Contents[4]); kind {
	case 0, 2:
	case 4: // other data can follow
		addresses = addresses[:min(len(addresses), 16*(last+1))]
	default:
		return
	}
	for ; len(addresses) >= 16; addresses = addresses[16:] {
		w.ip6s(addresses, 0)
	}
}

// segment rewrites a TCP header whose segment ends at to.
func (w *Rewriter) segment(l *tcp, at, to, wire int) {
	w.sums = append(w.sums, checksumOf{
		field: at + 16, from: at, to: to, protocol: tcpProtocol, ip: w.ip, other: w.other, wire: wire,
	})
	w.inTCP(w.ip4, l.Contents, &w.ip, &w.other)
	if w.HeadersOnly {
		w.end = at + len(l.Contents)
	}
}

// inTCP rewrites fields that disclose an address in a TCP header, b, of at least 8 bytes, and in the IPv4 header before
// it, nil for none. was is the IP header before the change, is the one after it.
func (w *Rewriter) inTCP(ip4, b []byte, was, is *network) {
	if w.Addresses == nil {
		return
	}
	w.renumber(ip4, b, was, is)
	if len(b) > 20 {
		w.options(b[20:])
	}
}

// tcpOptions yields the options of a TCP header that have a length, up to the first impossible one.
func tcpOptions(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 1 && b[0] != 0 {
			if b[0] == 1 {
				b = b[1:]
				continue
			}
			size := int(b[1])
			if size < 2 || size > len(b) || !yield(b[:size]) {
				return
			}
			b = b[size:]
		}
	}
}

// options rewrites the addresses that MPTCP advertises (RFC 8684 §3.4.1), and clears options of unknown kinds, because
// load balancers put the client's address there.
func (w *Rewriter) options(b []byte) {
	for option := range tcpOptions(b) {
		size := len(option)
		switch kind := option[0]; {
		case kind == 30 && size > 2 && option[2]>>4 == 3:
			switch size {
			case 8, 10, 16, 18:
				w.ip4s(option, 4)
				clear(option[min(size, 8+size%4):]) // the rest is a hash of the address
			case 20, 22, 28, 30:
				w.ip6s(option, 4)
				clear(option[min(size, 20+size%4):])
			default:
				clear(option[3:])
			}
		case slices.Contains(knownOptions, kind):
		case kind == 254 && size >= 4 && binary.BigEndian.Uint16(option[2:]) == fastOpenID:
		default:
			clear(option[2:])
		}
	}
}

// knownOptions do not have addresses: MSS, window scale, SACK, timestamps, MD5 and authentication, MPTCP, Fast Open,
// and the counters of accurate ECN.
var knownOptions = []byte{2, 3, 4, 5, 8, 19, 29, 30, 34, 172, 174}

// quote rewrites the packet that an ICMP error quotes, which begins at at.
func (w *Rewriter) quote(at, to int) {
	from := at + 8
	message, b := w.new[at:to:to], w.new[from:to:to]
	// If extensions follow, which can have addresses, a field has the length of the quoted packet in words (RFC 4884
	// §3, RFC 5837). It is at least 128 bytes.
	const leastQuoted = 128
	quoted := int(message[5]) * 4
	if w.ip.v6 {
		quoted = int(message[4]) * 8
	}
	if quoted > 0 && w.Addresses != nil {
		clear(b[min(max(quoted, leastQuoted), len(b)):])
	}
	var was, is network
	var ip4, segment []byte
	size := 0 // of the segment, as the IP header says
	switch {
	case !w.ip.v6 && len(b) >= 20 && b[0]>>4 == 4:
		header := int(b[0]&0xf) * 4
		if header < 20 || header > len(b) {
			break
		}
		ip4 = b[:header]
		was.id = binary.BigEndian.Uint16(b[4:])
		was.src.set4(b[12:])
		was.dst.set4(b[16:])
		w.inIPv4(ip4)
		is.src.set4(b[12:])
		is.dst.set4(b[16:])
		w.sums = append(w.sums, checksumOf{field: from + 10, from: from, to: from + header})
		_, _, segment = quotedIPv4(b)
		size = int(binary.BigEndian.Uint16(b[2:])) - header
	case w.ip.v6 && len(b) >= 40 && b[0]>>4 == 6:
		was.v6, is.v6 = true, true
		_, _, segment = quotedIPv6(b)
		size = 40 + int(binary.BigEndian.Uint16(b[4:])) - (len(b) - len(segment))
		w.quoteIPv6(b[:len(b)-len(segment)], &was, &is)
	}
	if len(segment) < 8 {
		if w.HeadersOnly {
			w.end = min(to, to-len(segment)+4)
		}
		return
	}
	begin := to - len(segment)
	if size <= 0 {
		size = otherFragments
	}
	if len(segment) >= 18 {
		w.sums = append(w.sums, checksumOf{
			field: begin + 16, from: begin, to: to, protocol: tcpProtocol, ip: was, other: is, wire: size,
		})
	}
	header := 8
	if len(segment) >= tcpNeeded {
		header = max(20, int(segment[12]>>4)*4)
	}
	header = min(header, len(segment))
	w.inTCP(ip4, segment[:header], &was, &is)
	if w.HeadersOnly {
		w.end = begin + header
	}
}

// quoteIPv6 rewrites the headers before a quoted segment.
func (w *Rewriter) quoteIPv6(b []byte, was, is *network) {
	was.src, was.dst = Addr(b[8:24]), Addr(b[24:40])
	w.ip6s(b, 8, 24)
	is.src, is.dst = Addr(b[8:24]), Addr(b[24:40])
	protocol, b := layers.IPProtocol(b[6]), b[40:]
	for len(b) >= 8 {
		l := ipv6Extension{typ: afterIPv6(protocol)}
		switch l.typ {
		case layers.LayerTypeIPv6Fragment:
			protocol, b = layers.IPProtocol(b[0]), b[8:]
			continue
		case layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
		default:
			return
		}
		if l.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
			return
		}
		l.apply(was)
		w.inExtension(&l)
		l.apply(is)
		protocol, b = l.protocol, l.Payload
	}
}

// adjust adapts a checksum to the changed packet (RFC 1624 §3): a right one stays right, a wrong one stays wrong, and
// one that was left to the network card stays unfinished.
func (w *Rewriter) adjust(s *checksumOf) {
	if s.field+2 > s.to {
		return // it was not captured
	}
	field := w.new[s.field:][:2]
	was := binary.BigEndian.Uint16(field)
	put := func(c uint16) { binary.BigEndian.PutUint16(field, c) }

	delta := uint64(fold(bigSum(w.new[s.from:s.to]))) + uint64(^fold(bigSum(w.old[s.from:s.to])))
	if s.protocol != 0 {
		delta += uint64(fold(bigSum(s.other.src[:], s.other.dst[:]))) + uint64(^fold(bigSum(s.ip.src[:], s.ip.dst[:])))
		delta += s.rerouted()
	}
	if fold(delta) == 0xffff {
		return // nothing that it covers has changed
	}
	right := ^fold(uint64(^was) + delta)
	switch {
	case s.protocol == 0:
		unfinished := was == 0 && fold(bigSum(w.old[s.from:s.to])) != 0xffff
		if right == 0 && fold(bigSum(w.old[s.from:s.to])) != 0xffff {
			right = 1 // a wrong one, which must not look unfinished
		}
		if !unfinished {
			put(right)
		}
	case was == 0 && s.protocol != 58: // there is none, or the network card fills it in
		if s.protocol == tcpProtocol && s.judge(&s.ip, w.old) == ChecksumGood {
			put(right)
		}
	default:
		before := s.judge(&s.ip, w.old)
		if before == ChecksumUnfinished {
			put(fold(uint64(was) + delta)) // the sum of the pseudo-header as it is
			if s.judge(&s.other, w.new) == ChecksumUnfinished {
				return
			}
		}
		if right == 0 && s.protocol == 17 {
			right = 0xffff // 0 would say that there is none (RFC 768)
		}
		put(right)
		for before == ChecksumWrong && s.judge(&s.other, w.new) != ChecksumWrong {
			right++
			put(right)
		}
	}
}

// rerouted returns the change of the sum by addresses that the checksum uses instead of those in the header.
func (s *checksumOf) rerouted() (delta uint64) {
	if s.ip.rehomed {
		delta += uint64(fold(bigSum(s.other.home[:], s.ip.src[:])))
		delta += uint64(^fold(bigSum(s.ip.home[:], s.other.src[:])))
	}
	if s.ip.redirected {
		delta += uint64(fold(bigSum(s.other.final[:], s.ip.dst[:])))
		delta += uint64(^fold(bigSum(s.ip.final[:], s.other.dst[:])))
	}
	return delta
}

// judge returns the verdict on the checksum. For a cut segment, or another message, it says only whether the checksum
// is unfinished.
func (s *checksumOf) judge(ip *network, packet []byte) Checksum {
	segment := packet[s.from:s.to]
	if s.protocol == tcpProtocol && s.wire <= len(segment) {
		return checkTCP(ip, segment[:s.wire])
	}
	pseudo := ip.pseudo() + (uint64(s.protocol)-tcpProtocol)<<8
	if unfinished(binary.LittleEndian.Uint16(packet[s.field:]), pseudo, pseudoLength(s.wire)) {
		return ChecksumUnfinished
	}
	return ChecksumUnknown
}

// bigSum adds the big-endian words of bytes. Only the last part may have an odd number of bytes.
func bigSum(parts ...[]byte) (s uint64) {
	for _, b := range parts {
		for ; len(b) >= 2; b = b[2:] {
			s += uint64(binary.BigEndian.Uint16(b))
		}
		if len(b) > 0 {
			s += uint64(b[0]) << 8
		}
	}
	return s
}
