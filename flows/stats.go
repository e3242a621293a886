package flows

import (
	"strings"

	"github.com/google/gopacket"
)

// Stats counts packets by what they held. Packets is the sum of Decoded and Undecoded.
type Stats struct {
	Packets uint64

	// Decoded counts packets by protocol: tcp, udp, icmp, arp, …. A packet that completes a datagram counts as what the
	// datagram held, its other fragments as fragment.
	Decoded map[string]uint64
	// Undecoded counts packets that may have held TCP but could not be decoded, by the reason: truncated, link_type,
	// wlan_protected, malformed_ipv4, ….
	Undecoded map[string]uint64

	Segments       uint64 // TCP segments; an aggregated 802.11 frame can have several
	Quotes         uint64 // ICMP errors that quote a segment
	BadIPChecksums uint64 // IPv4 headers whose checksum is wrong
	Reassembled    uint64 // complete datagrams from fragments
	LostDatagrams  uint64 // dropped datagrams, or still incomplete now

	CheckedTCPSegments     uint64 // segments captured whole
	BadTCPChecksums        uint64 // of these, those with ChecksumWrong
	UnfinishedTCPChecksums uint64 // of these, those with ChecksumUnfinished
}

// add adds the counts of more, except the two maps.
func (s *Stats) add(more *Stats) {
	s.Packets += more.Packets
	s.Segments += more.Segments
	s.Quotes += more.Quotes
	s.BadIPChecksums += more.BadIPChecksums
	s.CheckedTCPSegments += more.CheckedTCPSegments
	s.BadTCPChecksums += more.BadTCPChecksums
	s.UnfinishedTCPChecksums += more.UnfinishedTCPChecksums
}

// end is what a packet counts as.
type end uint8

const (
	endNone end = iota // nothing yet

	// Decoded.
	endTCP
	endUDP
	endICMP
	endICMPv6
	endIGMP
	endSCTP
	endIP // another protocol over IP
	endARP
	endLLC // 802.2 without IP: spanning tree, IS-IS, …
	endPPP // PPP's own protocols: LCP, IPCP, …
	endPPPoE
	endWLAN       // 802.11 management, control, or data frame without data
	endEtherType  // a known protocol over Ethernet that carries no IP
	endFrameRelay // Q.933, LMI, OSI
	endMetadata   // a message of a capturing device without a packet
	endFragment

	// Undecoded.
	firstUndecoded
	endLinkType
	endUnknown // an unknown EtherType or other protocol number
	endERF     // a record type of ERF
	endARCNET
	endFDDI
	endFabricPath
	endMACsec
	endWLANProtected
	endWLANFragment
	endCAPWAPProtected
	endCAPWAPFragment
	endESP
	endIPComp
	endTruncated
	endTooManyLayers
	endFragmentOverlap
	endFragmentIncomplete
	endBadChecksum
	endMalformed // counted by layer as well

	ends
)

var endNames = [ends]string{
	endTCP: "tcp", endUDP: "udp", endICMP: "icmp", endICMPv6: "icmpv6", endIGMP: "igmp", endSCTP: "sctp",
	endIP:  "other_ip",
	endARP: "arp", endLLC: "llc", endPPP: "ppp", endPPPoE: "pppoe", endWLAN: "wlan", endEtherType: "other_ethertype",
	endFrameRelay: "frame_relay", endMetadata: "metadata", endFragment: "fragment",

	endLinkType: "link_type", endUnknown: "unknown_protocol", endERF: "erf_type",
	endARCNET: "arcnet", endFDDI: "fddi", endFabricPath: "fabricpath", endMACsec: "macsec",
	endWLANProtected: "wlan_protected", endWLANFragment: "wlan_fragment",
	endCAPWAPProtected: "capwap_protected", endCAPWAPFragment: "capwap_fragment", endESP: "esp", endIPComp: "ipcomp",
	endTruncated: "truncated", endTooManyLayers: "too_many_layers", endFragmentOverlap: "fragment_overlap",
	endFragmentIncomplete: "fragment_incomplete", endBadChecksum: "bad_checksum", endMalformed: "malformed",
}

// layer returns the end as a possible next layer.
func (e end) layer() gopacket.LayerType { return firstEnd + gopacket.LayerType(e) }

// ownNames are the names of layers for which gopacket has no readable name.
var ownNames = map[gopacket.LayerType]string{
	typeRaw: "raw", typeLinuxSLL2: "sll2", typeHDLC: "hdlc", typePPP: "ppp", typeNFLOG: "nflog", typePPI: "ppi",
	typeRadioTap: "radiotap", typePrism: "prism", typeAVS: "avs", typeWLAN: "wlan", typeWLANPadded: "wlan_padded",
	typeProviderBridge: "8021ah", typePortExtender: "8021br", typeMPLSPayload: "mpls_payload", typeFragment: "fragment",
	typeERSPANI: "erspan_i", typeERSPANIII: "erspan_iii", typePFLog: "pflog", typePFLogOld: "old_pflog", typeEnc: "enc",
	typePKTAP: "pktap", typeMaybePKTAP: "pktap", typeJuniperEthernet: "juniper", typeJuniperPPP: "juniper",
	typeJuniperFrameRelay: "juniper", typeJuniperHDLC: "juniper", typeIPoIB: "ipoib", typeERF: "erf",
	typeFrameRelay: "frame_relay", typeAAL5: "aal5", typeCiscoMetaData: "cmd", typeCiscoMetaDataGRE: "cmd",
	typeVNTag: "vntag", typeHSR: "hsr", typeCAPWAP: "capwap", typeWLANTunnelled: "wlan", typeWCCP: "wccp",
}

// layerName returns the name of a layer in Undecoded.
func layerName(t gopacket.LayerType) string {
	if name, ok := ownNames[t]; ok {
		return name
	}
	return strings.ReplaceAll(strings.ToLower(t.String()), " ", "_")
}
