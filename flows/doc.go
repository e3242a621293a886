// Package flows decodes packets down to TCP segments, each with the key of its connection.
//
// A packet is a stack of headers. Decoder.Decode removes them one by one, outermost first. Each header has a layer: one
// of gopacket, called directly and preallocated, or, if gopacket's is wrong or missing, one of this package. Each layer
// names the next one. Two lengths are tracked, captured and on the wire, so that a snaplen loses nothing that a header
// still shows.
//
//	decoder.go   the loop over the headers
//	layer.go     what each header must provide
//	link.go      the first header of each link type; PPP, HDLC, Linux cooked, NFLOG, PPI
//	devices.go   headers that capturing devices put before a packet: PFLOG, ENC, PKTAP, Juniper, IPoIB, ERF
//	framerelay.go Frame Relay, ATM
//	wlan.go      802.11 and the headers before it
//	tags.go      VLAN, MPLS, PPPoE, provider bridges, VN-Tag, Cisco metadata, HSR
//	ip.go        IPv4, IPv6 and its extension headers, AH
//	fragment.go  reassembly
//	tunnel.go    GRE, ERSPAN, VXLAN, Geneve, GTP-U, CAPWAP, WCCP
//	tcp.go       the segment
//	icmp.go      errors that quote a segment; icmpkinds.go says what they mean
//	stock.go     gopacket's layers, with corrections of v1.1.19
//	fast.go      a shortcut for the most common stacks; tests compare it with the loop
//	stats.go     counts of packets by what they held
//
// The innermost TCP header counts; the headers around it are the segment's Encapsulation. Stats counts every packet
// once: as TCP, as another protocol, or as undecoded with the reason.
package flows
