package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/tcplife/tcplife/capture"
)

// firstLayer returns the first layer of a link type's packets (https://www.tcpdump.org/linktypes.html). gopacket's own
// table lacks most of these, and is indexed by a byte, so that 276 would be 20.
func firstLayer(link capture.LinkType) gopacket.LayerType {
	switch link {
	case 0, 108: // NULL, LOOP
		return layers.LayerTypeLoopback
	case 1: // ETHERNET
		return layers.LayerTypeEthernet
	case 7, 129: // ARCNET_BSD, ARCNET_LINUX
		return endARCNET.layer()
	case 9: // PPP
		return typePPP
	case 10: // FDDI
		return endFDDI.layer()
	case 11, 100: // ATM_RFC1483 on BSD and in files
		return typeAAL5
	case 12, 14, 101: // RAW, and the numbers that some systems wrote for it
		return typeRaw
	case 17: // OLD_PFLOG
		return typePFLogOld
	case 50, 104: // PPP_HDLC, C_HDLC
		return typeHDLC
	case 51: // PPP_ETHER
		return layers.LayerTypePPPoE
	case 105: // IEEE802_11
		return typeWLAN
	case 107: // FRELAY
		return typeFrameRelay
	case 109: // ENC
		return typeEnc
	case 113: // LINUX_SLL
		return layers.LayerTypeLinuxSLL
	case 117: // PFLOG
		return typePFLog
	case 119: // IEEE802_11_PRISM
		return typePrism
	case 127: // IEEE802_11_RADIOTAP
		return typeRadioTap
	case 149: // USER2, where Apple's systems first wrote PKTAP
		return typeMaybePKTAP
	case 163: // IEEE802_11_AVS
		return typeAVS
	case 178: // JUNIPER_ETHER
		return typeJuniperEthernet
	case 179: // JUNIPER_PPP
		return typeJuniperPPP
	case 180: // JUNIPER_FRELAY
		return typeJuniperFrameRelay
	case 181: // JUNIPER_CHDLC
		return typeJuniperHDLC
	case 192: // PPI
		return typePPI
	case 197: // ERF
		return typeERF
	case 228: // IPV4
		return layers.LayerTypeIPv4
	case 229: // IPV6
		return layers.LayerTypeIPv6
	case 239: // NFLOG
		return typeNFLOG
	case 242: // IPOIB
		return typeIPoIB
	case 258: // PKTAP
		return typePKTAP
	case 276: // LINUX_SLL2
		return typeLinuxSLL2
	}
	return endLinkType.layer()
}

// afterEtherType returns the layer that an EtherType announces.
func afterEtherType(t layers.EthernetType) gopacket.LayerType {
	switch t {
	case 0x0800:
		return layers.LayerTypeIPv4
	case 0x86dd:
		return layers.LayerTypeIPv6
	case 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300: // 802.1Q, 802.1ad, and those that were in use before it
		return layers.LayerTypeDot1Q
	case 0x8847, 0x8848: // RFC 5332
		return layers.LayerTypeMPLS
	case 0x8863:
		return endPPPoE.layer()
	case 0x8864:
		return layers.LayerTypePPPoE
	case 0x88e7:
		return typeProviderBridge
	case 0x8909:
		return typeCiscoMetaData
	case 0x8926:
		return typeVNTag
	case 0x892f:
		return typeHSR
	case 0x893f:
		return typePortExtender
	case 0x6558: // transparent Ethernet bridging (RFC 1701, NVGRE, Geneve)
		return layers.LayerTypeEthernet
	case 0x880b:
		return typePPP
	case 0x0806:
		return endARP.layer()
	case 0x8903:
		return endFabricPath.layer()
	case 0x88e5:
		return endMACsec.layer()
	case 0x0842, 0x2000, 0x22f3, 0x22f4, // wake-on-LAN, CDP, TRILL and its IS-IS
		0x6002, 0x6003, 0x6004, 0x6007, // DEC MOP, DECnet, LAT, LAVC
		0x8035, 0x809b, 0x80f3, 0x8137, // RARP and SLARP, AppleTalk and its ARP, IPX
		0x872d, 0x8808, 0x8809, // WLCCP, flow control, slow protocols
		0x887b, 0x888e, 0x8892, 0x88a2, 0x88a4, // HomePlug, EAPOL, PROFINET, AoE, EtherCAT
		0x88b4, 0x88b8, 0x88b9, 0x88ba, 0x88c7, // WAPI, IEC 61850, 802.11 preauthentication
		0x88cc, 0x88cd, 0x88e1, 0x88e3, // LLDP, SERCOS, HomePlug AV, MRP
		0x88f5, 0x88f6, 0x88f7, 0x88fb, // MVRP, MMRP, PTP, supervision of PRP and HSR
		0x8902, 0x8906, 0x890d, 0x8914, 0x8915, // CFM, FCoE, 802.11 remote requests, FIP, RoCE
		0x8940, 0x9000: // ECP, configuration test
		return endEtherType.layer()
	}
	return endUnknown.layer()
}

// afterTypeOrLength returns the layer after a field that is an EtherType or, below 0x0600, the length of an 802.2
// frame.
func afterTypeOrLength(t layers.EthernetType) gopacket.LayerType {
	if t < 0x0600 {
		return layers.LayerTypeLLC
	}
	return afterEtherType(t)
}

// afterCooked returns the layer after Linux's cooked headers, whose protocol is an EtherType or one of Linux's own
// numbers.
func afterCooked(protocol []byte) gopacket.LayerType {
	t := layers.EthernetType(binary.BigEndian.Uint16(protocol))
	if t == 0x0004 { // LINUX_SLL_P_802_2
		return layers.LayerTypeLLC
	}
	return afterEtherType(t)
}

// afterVersion returns the layer of a packet that only the IP version in its first byte identifies.
func afterVersion(data []byte) (next gopacket.LayerType, err error) {
	switch {
	case len(data) == 0:
		return 0, errShort
	case data[0]>>4 == 4:
		return layers.LayerTypeIPv4, nil
	case data[0]>>4 == 6:
		return layers.LayerTypeIPv6, nil
	}
	return 0, errBad
}

// raw is LINKTYPE_RAW: IPv4 or IPv6 without another header.
type raw struct{ header }

func (l *raw) CanDecode() gopacket.LayerClass { return typeRaw }

func (l *raw) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	next, err := afterVersion(data)
	if err != nil {
		return err
	}
	return l.split(data, 0, next)
}

// linuxSLL is LINKTYPE_LINUX_SLL. gopacket's layer panics if the length of the address is greater than the header; the
// address is not needed here.
type linuxSLL struct{ header }

func (l *linuxSLL) CanDecode() gopacket.LayerClass { return layers.LayerTypeLinuxSLL }

func (l *linuxSLL) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 16 {
		return errShort
	}
	return l.split(data, 16, afterCooked(data[14:]))
}

// linuxSLL2 is LINKTYPE_LINUX_SLL2, which tcpdump -i any has written since 4.99. gopacket lacks it.
type linuxSLL2 struct{ header }

func (l *linuxSLL2) CanDecode() gopacket.LayerClass { return typeLinuxSLL2 }

func (l *linuxSLL2) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 20 {
		return errShort
	}
	return l.split(data, 20, afterCooked(data))
}

// hdlc is Cisco's HDLC (address, control, EtherType), or PPP in HDLC-like framing (RFC 1662), which begins with the
// all-stations address. gopacket lacks the former.
type hdlc struct{ header }

func (l *hdlc) CanDecode() gopacket.LayerClass { return typeHDLC }

func (l *hdlc) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	if data[0] == 0xff {
		return l.split(data, 0, typePPP)
	}
	return l.split(data, 4, afterEtherType(layers.EthernetType(binary.BigEndian.Uint16(data[2:]))))
}

// ppp is RFC 1661, with or without the address and control of RFC 1662 before it, and with the protocol in one or two
// bytes. gopacket's layer does not check its lengths and is no DecodingLayer. Some programs write Cisco's HDLC under
// this link type.
type ppp struct{ header }

func (l *ppp) CanDecode() gopacket.LayerClass { return typePPP }

func (l *ppp) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	n := 0
	if len(data) > 0 && data[0] == 0xff { // no protocol begins with this byte
		n = 2
	}
	if len(data) < n+1 {
		return errShort
	}
	if data[0] == 0x0f || data[0] == 0x8f { // nobody uses such a one-byte protocol
		if len(data) < 2 {
			return errShort
		}
		if data[1] == 0 {
			return l.split(data, 0, typeHDLC)
		}
	}
	protocol := uint16(data[n])
	n++
	if protocol&1 == 0 { // an odd first byte is the last one
		if len(data) < n+1 {
			return errShort
		}
		protocol = protocol<<8 | uint16(data[n])
		n++
	}
	switch protocol {
	case 0x0021:
		return l.split(data, n, layers.LayerTypeIPv4)
	case 0x0057:
		return l.split(data, n, layers.LayerTypeIPv6)
	case 0x0281, 0x0283:
		return l.split(data, n, layers.LayerTypeMPLS)
	}
	if protocol < 0x4000 { // a network layer (RFC 1661 §2), or compressed, encrypted or fragmented packets
		return l.split(data, n, endUnknown.layer())
	}
	return l.split(data, n, endPPP.layer())
}

// nflog is LINKTYPE_NFLOG: attributes of Linux's netfilter log. The packet is one of them.
type nflog struct {
	header
	length int
}

func (l *nflog) CanDecode() gopacket.LayerClass { return typeNFLOG }

func (l *nflog) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const payload = 9 // NFULA_PAYLOAD
	if len(data) < 8 {
		return errShort
	}
	// The attributes are in the byte order of the machine that wrote them. Their types are below 256, so the first one
	// shows the order.
	var order binary.ByteOrder = binary.LittleEndian
	if data[7] != 0 {
		order = binary.BigEndian
	}
	for n := 4; n+4 <= len(data); {
		length := int(order.Uint16(data[n:]))
		if length < 4 {
			return errBad
		}
		if order.Uint16(data[n+2:]) != payload {
			n += (length + 3) &^ 3
			continue
		}
		next, err := afterVersion(data[n+4:])
		if err != nil {
			return err
		}
		l.length = length - 4
		return l.split(data, n+4, next)
	}
	return errShort
}

func (l *nflog) wire(n int) int { return min(n, l.length) }

// ppi is LINKTYPE_PPI, per-packet information in front of a packet of another link type.
type ppi struct{ header }

func (l *ppi) CanDecode() gopacket.LayerClass { return typePPI }

func (l *ppi) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	size, link := int(binary.LittleEndian.Uint16(data[2:])), binary.LittleEndian.Uint32(data[4:])
	if size < 8 || link > 0xffff {
		return errBad
	}
	return l.split(data, size, firstLayer(capture.LinkType(link)))
}
