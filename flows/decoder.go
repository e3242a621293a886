package flows

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/tcplife/tcplife/capture"
)

// maxLayers bounds the headers of one packet. Real ones have a dozen.
const maxLayers = 48

// DecoderOptions are the options of a Decoder. The zero value means the defaults.
type DecoderOptions struct {
	// KeyIDs are the ids in the encapsulation that distinguish connections of the same 4-tuple: any of "vlan", "vni"
	// (VXLAN, Geneve) and "gre" (its key). They go into Key.Domain. None by default, because on real networks the two
	// directions of a connection can differ in them.
	KeyIDs []string
	// DropBadChecksums leaves out segments of ChecksumWrong, and counts them as undecoded.
	DropBadChecksums bool
}

// Decoder makes segments from packets. It is not safe for concurrent use.
type Decoder struct {
	options DecoderOptions
	layers  [layerTypes]layer

	// The packet at hand.
	packet  *capture.Packet
	out     []Segment
	ip      network            // the innermost IP header so far
	stack   []Layer            // the encapsulation so far
	header  Checksum           // of the IPv4 headers so far, ChecksumUnknown while none is wrong or unfinished
	end     end                // what the packet turned out to be so far
	wrong   gopacket.LayerType // with endMalformed: the layer
	charged *datagram          // with endFragment: the datagram
	held    bool               // a datagram that waits for other fragments holds part of the packet
	joined  []uint64           // the earlier packets with the other fragments of the datagram that it completes

	encapsulations encapsulations
	reassembly     *reassembly
	turn           func()     // waits until the reassembly may be used; nil: no need to wait
	beside         []*Decoder // others that use the same reassembly

	stats  Stats // without the two maps
	counts [ends]uint64
	wrongs [layerTypes]uint64 // endMalformed by layer
}

// NewDecoder makes a Decoder.
func NewDecoder(options DecoderOptions) *Decoder {
	d := &Decoder{
		options:        options,
		encapsulations: encapsulations{keyIDs: options.KeyIDs, byHash: map[uint64]*encapsulation{}},
		reassembly:     &reassembly{datagrams: map[datagramKey]*datagram{}},
	}
	for _, l := range []layer{
		&ethernet{}, &dot1Q{}, &llc{}, &snap{}, &linuxSLL{}, &loopback{},
		&raw{}, &linuxSLL2{}, &hdlc{}, &ppp{}, &nflog{}, &ppi{},
		&pflog{}, &pflogOld{}, &enc{}, &pktap{typ: typePKTAP}, &pktap{typ: typeMaybePKTAP}, &ipoib{}, &erf{},
		&juniper{typ: typeJuniperEthernet, then: layers.LayerTypeEthernet},
		&juniper{typ: typeJuniperPPP, then: typePPP},
		&juniper{typ: typeJuniperFrameRelay, then: typeFrameRelay}, &juniper{typ: typeJuniperHDLC, then: typeHDLC},
		&frameRelay{}, &aal5{},
		&radioTap{}, &prism{}, &avs{}, &wlan{typ: typeWLAN}, &wlan{typ: typeWLANPadded}, &wlan{typ: typeWLANTunnelled},
		&mpls{}, &mplsPayload{}, &pppoe{}, &providerBridge{}, &portExtender{},
		&ciscoMetaData{typ: typeCiscoMetaData}, &ciscoMetaData{typ: typeCiscoMetaDataGRE}, &vnTag{}, &hsr{},
		&ipv4{}, &ipv6{}, &ipv6Fragment{}, &ah{},
		&ipv6Extension{typ: layers.LayerTypeIPv6HopByHop},
		&ipv6Extension{typ: layers.LayerTypeIPv6Routing},
		&ipv6Extension{typ: layers.LayerTypeIPv6Destination},
		&gre{}, &erspanI{}, &erspanII{}, &erspanIII{}, &udp{}, &vxlan{}, &geneve{}, &gtpu{}, &capwap{}, &wccp{},
		&tcp{}, &icmpv4{}, &icmpv6{},
	} {
		for _, t := range l.CanDecode().LayerTypes() {
			d.layers[t] = l
		}
	}
	return d
}

// Beside makes another Decoder for the same capture, so that several goroutines can decode parts of it. Its packets
// count in the Stats of d. Fragments must be decoded in the order of the capture: the Decoder calls turn before it
// processes one, and turn must return when all parts before are decoded.
func (d *Decoder) Beside(turn func()) *Decoder {
	other := NewDecoder(d.options)
	other.reassembly, other.turn = d.reassembly, turn
	d.beside = append(d.beside, other)
	return other
}

// Decode appends to dst the TCP segments that the packet holds, or completes as a fragment: usually one or none,
// several in an aggregated 802.11 frame. An ICMP error that quotes a segment is appended with Quote set. Decode keeps
// nothing of p.
func (d *Decoder) Decode(p *capture.Packet, dst []Segment) []Segment {
	return d.decode(p, dst, true)
}

// decode is Decode, without the shortcut if short is false.
func (d *Decoder) decode(p *capture.Packet, dst []Segment, short bool) []Segment {
	d.packet, d.out = p, dst
	d.end, d.charged, d.held, d.joined = endNone, nil, false, d.joined[:0]
	d.header, d.stack = ChecksumUnknown, d.stack[:0]
	if !short || !d.shortcut(p) {
		d.walk(firstLayer(p.Link), p.Data, max(p.Length, len(p.Data)))
	}
	d.stats.Packets++
	d.counts[d.end]++
	switch d.end {
	case endMalformed:
		d.wrongs[d.wrong]++
	case endFragment:
		d.charged.packets++
	}
	dst, d.out, d.packet = d.out, nil, nil
	return dst
}

// walk removes one header after the other. data is the captured part from here on, wire its length on the wire.
func (d *Decoder) walk(typ gopacket.LayerType, data []byte, wire int) {
	for range maxLayers {
		if typ >= firstEnd {
			d.found(end(typ - firstEnd))
			return
		}
		l := d.layers[typ]
		if err := l.DecodeFromBytes(data, gopacket.NilDecodeFeedback); err != nil {
			if err == errShort && len(data) < wire {
				d.found(endTruncated)
			} else {
				d.malformed(typ)
			}
			return
		}
		next := l.NextLayerType()
		switch l := l.(type) {
		case *tcp:
			d.segment(data, wire)
			return
		case *ipv4:
			d.ip.from4(l)
			d.checkIPv4(l.Contents, sum(l.Contents, 0))
		case *ipv6:
			d.ip.from6(l)
		case *ipv6Extension:
			l.apply(&d.ip)
		}
		if e, ok := l.encapsulation(); ok {
			d.stack = append(d.stack, e)
		}
		message := data
		d.ip.headers += len(l.LayerContents())
		wire = l.wire(wire - len(l.LayerContents()))
		data = l.LayerPayload()
		data = data[:max(0, min(len(data), wire))]

		switch next {
		case typeFragment:
			data, wire, next = d.fragment(l, data, wire)
		case typeQuote:
			d.quote(message)
			return
		case typeAMSDU:
			around := len(d.stack)
			subframes(data, wire, func(data []byte, wire int) {
				d.stack, d.header = d.stack[:around], ChecksumUnknown
				d.walk(layers.LayerTypeLLC, data, wire)
			})
			if d.end == endNone {
				d.found(endWLAN)
			}
			return
		}
		typ = next
	}
	d.found(endTooManyLayers)
}

// checkIPv4 checks the checksum of an IPv4 header. If it is 0, the network card fills it in.
func (d *Decoder) checkIPv4(header []byte, sum uint64) {
	switch {
	case checks(sum):
	case header[10] == 0 && header[11] == 0:
		d.header = max(d.header, ChecksumUnfinished)
	default:
		d.stats.BadIPChecksums++
		d.header = ChecksumWrong
	}
}

// fragment gives a fragment to reassembly, and returns the whole payload or an end.
func (d *Decoder) fragment(l layer, data []byte, wire int) ([]byte, int, gopacket.LayerType) {
	p := piece{v6: d.ip.v6, time: d.packet.Time, number: d.packet.Number, data: data, wire: wire}
	p.key = datagramKey{src: d.ip.src, dst: d.ip.dst, around: hashLayers(d.stack)}
	switch l := l.(type) {
	case *ipv4:
		p.key.id, p.key.protocol = uint32(l.Id), uint8(l.Protocol)
		p.offset, p.more = int(l.FragOffset)*8, l.Flags&layers.IPv4MoreFragments != 0
		p.next = afterIPv4(l.Protocol)
	case *ipv6Fragment:
		p.key.id = l.id
		d.ip.headers -= len(l.Contents) // the whole datagram has no fragment header
		p.offset, p.more = l.offset, l.more
		p.next = afterIPv6(l.protocol)
	}
	if d.turn != nil {
		d.turn()
	}
	payload, length, next := d.reassembly.add(&p)
	d.held = d.held || p.held && next >= firstEnd
	d.joined = append(d.joined, p.joined...)
	if p.charged != nil {
		d.charged = p.charged
	}
	if next == endMalformed.layer() {
		d.wrong = typeFragment
	}
	return payload, length, next
}

// Held reports whether a fragment of the packet decoded last waits for others.
func (d *Decoder) Held() bool { return d.held }

// Joined returns the numbers of the earlier packets whose fragments complete a datagram together with the packet
// decoded last. They are valid until the next packet is decoded.
func (d *Decoder) Joined() []uint64 { return d.joined }

// Waiting returns the numbers of the packets whose fragments wait. Another Decoder that gets these packets, in order,
// has the same state, so that a capture can be decoded in pieces.
func (d *Decoder) Waiting() []uint64 { return d.reassembly.waiting() }

// found records what the packet, or one part of an aggregate, turned out to be. TCP takes precedence over losses, and
// losses take precedence over the rest.
func (d *Decoder) found(e end) {
	rank := func(e end) int {
		switch {
		case e == endNone:
			return 0
		case e == endTCP:
			return 3
		case e > firstUndecoded:
			return 2
		}
		return 1
	}
	if rank(e) > rank(d.end) {
		d.end = e
	}
}

// malformed records in which layer decoding failed.
func (d *Decoder) malformed(typ gopacket.LayerType) {
	d.wrong = typ
	d.found(endMalformed)
}

// extend appends a segment with the fields that all segments of the packet share.
func (d *Decoder) extend() *Segment {
	d.out = append(d.out, Segment{})
	s := &d.out[len(d.out)-1]
	s.Packet, s.Time, s.TTL, s.IPID, s.ECN = d.packet.Number, d.packet.Time, d.ip.ttl, d.ip.id, d.ip.ecn
	if len(d.stack) > 0 {
		e := d.encapsulations.intern(d.stack)
		s.Encap, s.Key.Domain = &e.Encapsulation, e.domain
	}
	return s
}

// Stats returns the counts so far. Fragments that still wait for others count as lost, because no more may come.
func (d *Decoder) Stats() Stats {
	s, counts, wrongs := d.stats, d.counts, d.wrongs
	for _, o := range d.beside {
		s.add(&o.stats)
		for e, n := range o.counts {
			counts[e] += n
		}
		for t, n := range o.wrongs {
			wrongs[t] += n
		}
	}
	s.Reassembled, s.LostDatagrams = d.reassembly.complete, d.reassembly.lost
	for e, n := range d.reassembly.moved {
		counts[endFragment] -= n
		counts[e] += n
	}
	for _, g := range d.reassembly.datagrams {
		if !g.poisoned {
			s.LostDatagrams++
			counts[endFragment] -= g.packets
			counts[endFragmentIncomplete] += g.packets
		}
	}
	counts[endMalformed] = 0 // by layer instead
	s.Decoded, s.Undecoded = map[string]uint64{}, map[string]uint64{}
	for e, n := range counts {
		switch {
		case n == 0:
		case end(e) > firstUndecoded:
			s.Undecoded[endNames[e]] = n
		default:
			s.Decoded[endNames[e]] = n
		}
	}
	for t, n := range wrongs {
		if n > 0 {
			s.Undecoded["malformed_"+layerName(gopacket.LayerType(t))] += n
		}
	}
	return s
}
