// Package flows decodes packets down to TCP segments and says which connection each belongs to.
//
// A packet is a stack of headers. Decoder.Decode takes them off one by one, outermost first, each with the layer that
// belongs to it: one of gopacket's, called directly and preallocated, or, where gopacket is wrong or has none, one of
// our own that is a gopacket.DecodingLayer as well. Each layer names the next one. Two lengths go along: the bytes that
// were captured and the bytes that were on the wire, for a snaplen must cost nothing that a header still tells.
//
//	decoder.go   the way through the headers
//	layer.go     what a header must be able to say
//	link.go      what a capture's link type begins with; PPP, HDLC, Linux cooked, NFLOG, PPI
//	devices.go   what capturing devices put before a packet: PFLOG, ENC, PKTAP, Juniper, IPoIB, ERF
//	framerelay.go Frame Relay, ATM
//	wlan.go      802.11 and what is put before it
//	tags.go      VLAN, MPLS, PPPoE, provider bridges, VN-Tag, Cisco metadata, HSR
//	ip.go        IPv4, IPv6 and its extension headers, AH
//	fragment.go  reassembly
//	tunnel.go    GRE, ERSPAN, VXLAN, Geneve, GTP-U, CAPWAP, WCCP
//	tcp.go       the segment
//	icmp.go      errors that quote a segment
//	stock.go     gopacket's layers, each with what is wrong in v1.1.19
//	fast.go      a short cut for the most common stacks, held to the long way by tests
//	stats.go     what packets count as
//
// The innermost TCP header counts; what is around it is the segment's Encapsulation. Every packet is accounted for
// once, in Stats: as TCP, as something that is not, or as undecoded with the reason.
package flows
