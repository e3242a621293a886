package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// udpTunnel returns the tunnel that a UDP port and the first bytes of the payload indicate together, or 0. The ports
// are IANA's, and 8472, which Linux still uses by default for VXLAN.
func udpTunnel(port uint16, payload []byte) gopacket.LayerType {
	if len(payload) < 8 {
		return 0
	}
	switch port {
	case 4789, 8472:
		if payload[0]&0x08 != 0 { // the VNI is valid (RFC 7348 §5)
			return layers.LayerTypeVXLAN
		}
	case 6081:
		if payload[0]>>6 == 0 { // version (RFC 8926 §3.4)
			return layers.LayerTypeGeneve
		}
	case 2152:
		if payload[0]>>4 == 3 && payload[1] == 255 { // GTP version 1, not GTP'; a user's packet (3GPP TS 29.281 §5.1)
			return layers.LayerTypeGTPv1U
		}
	case 4754:
		if payload[0]&^0xb0 == 0 && payload[1] == 0 { // version 0 without routing (RFC 8086 §3.1)
			return layers.LayerTypeGRE
		}
	case 5247:
		switch payload[0] { // the version and the type of the preamble (RFC 5415 §4.1)
		case 0:
			return typeCAPWAP
		case 1:
			return endCAPWAPProtected.layer()
		}
	}
	return 0
}

// geneve is RFC 8926. gopacket's layer does not fit into a set of DecodingLayers, and its list of options grows
// forever.
type geneve struct {
	header
	vni uint32
}

func (l *geneve) CanDecode() gopacket.LayerClass { return layers.LayerTypeGeneve }

func (l *geneve) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	l.vni = binary.BigEndian.Uint32(data[4:]) >> 8
	return l.split(data, 8+int(data[0]&0x3f)*4, afterEtherType(layers.EthernetType(binary.BigEndian.Uint16(data[2:]))))
}

func (l *geneve) encapsulation() (Layer, bool) {
	return Layer{Kind: "geneve", ID: l.vni, HasID: true}, true
}

// gtpu is a user's packet in GTP-U version 1 (3GPP TS 29.281 §5). gopacket's list of extension headers grows forever.
// It refuses packets that the snaplen cut, and prints to standard output.
type gtpu struct {
	header
	teid uint32
}

func (l *gtpu) CanDecode() gopacket.LayerClass { return layers.LayerTypeGTPv1U }

func (l *gtpu) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	l.teid = binary.BigEndian.Uint32(data[4:])
	size := 8
	if data[0]&7 != 0 { // sequence number, N-PDU number, extension header: all four bytes are there for any
		size += 4
	}
	if data[0]&4 != 0 {
		// The last byte of each header is the type of the next one; its first is its length in words.
		for len(data) > size && data[size-1] != 0 {
			if data[size] == 0 {
				return errBad
			}
			size += int(data[size]) * 4
		}
	}
	if len(data) <= size {
		return errShort
	}
	next, err := afterVersion(data[size:])
	if err == errBad { // a PDP context of type PPP, or not IP at all
		next = endUDP.layer()
	}
	return l.split(data, size, next)
}

func (l *gtpu) encapsulation() (Layer, bool) {
	return Layer{Kind: "gtp", ID: l.teid, HasID: true}, true
}

// erspanI is ERSPAN without a header (draft-foschiano-erspan §4.1). gopacket lacks it.
type erspanI struct{ header }

func (l *erspanI) CanDecode() gopacket.LayerClass { return typeERSPANI }

func (l *erspanI) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	return l.split(data, 0, layers.LayerTypeEthernet)
}

func (l *erspanI) encapsulation() (Layer, bool) { return Layer{Kind: "erspan"}, true }

// erspanIII is draft-foschiano-erspan §4.3. gopacket lacks it.
type erspanIII struct {
	header
	session uint32
}

func (l *erspanIII) CanDecode() gopacket.LayerClass { return typeERSPANIII }

func (l *erspanIII) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 12 {
		return errShort
	}
	l.session = uint32(binary.BigEndian.Uint16(data[2:]) & 0x3ff)
	size := 12
	if data[11]&1 != 0 { // a platform-specific subheader
		size += 8
	}
	switch frame := data[10] >> 2 & 0x1f; frame {
	case 0:
		return l.split(data, size, layers.LayerTypeEthernet)
	case 2:
		return l.split(data, size, typeRaw)
	}
	return l.split(data, size, endUnknown.layer())
}

func (l *erspanIII) encapsulation() (Layer, bool) {
	return Layer{Kind: "erspan", ID: l.session, HasID: true}, true
}

// capwap is the data channel between an access point and its controller (RFC 5415 §4.3). The header's length includes
// its two optional parts. The payload is an 802.11 frame, or an Ethernet frame if the access point translated it.
type capwap struct{ header }

func (l *capwap) CanDecode() gopacket.LayerClass { return typeCAPWAP }

func (l *capwap) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const (
		native              = 0x01 // in the third byte
		fragment, keepalive = 0x80, 0x08

		reserved, wlanBinding = 0, 1 // Cisco sends 0 for 1
	)
	if len(data) < 8 {
		return errShort
	}
	size, binding := int(data[1]>>3)*4, data[2]>>1&0x1f
	if size < 8 {
		return errBad
	}
	next := layers.LayerTypeEthernet
	switch {
	case data[3]&keepalive != 0:
		next = endUDP.layer()
	case data[3]&fragment != 0 && binary.BigEndian.Uint16(data[6:])>>3 != 0: // only the first one has the headers
		next = endCAPWAPFragment.layer()
	case data[2]&native == 0:
	case binding == reserved || binding == wlanBinding:
		next = typeWLANTunnelled
	default:
		next = endUnknown.layer()
	}
	return l.split(data, size, next)
}

func (l *capwap) encapsulation() (Layer, bool) { return Layer{Kind: "capwap"}, true }

// wccp is a packet that a router redirects to a web cache in GRE (draft-mclaggan-wccp-v2rev1 §3.12). Version 2 puts a
// redirect header of four bytes before it, which never begins like IPv4.
type wccp struct{ header }

func (l *wccp) CanDecode() gopacket.LayerClass { return typeWCCP }

func (l *wccp) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 1 {
		return errShort
	}
	if data[0]>>4 == 4 {
		return l.split(data, 0, layers.LayerTypeIPv4)
	}
	return l.splitIP(data, 4)
}
