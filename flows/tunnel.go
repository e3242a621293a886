package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// udpTunnel is the tunnel that a UDP port and the first bytes of the payload both stand for, or 0. The ports are IANA's,
// and 8472, which Linux used for VXLAN before there was a number and still does by default.
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
	}
	return 0
}

// geneve is RFC 8926. gopacket's cannot be put into a set of DecodingLayers and its list of options grows for ever.
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

// gtpu is a user's packet in GTP-U version 1 (3GPP TS 29.281 §5). gopacket's list of extension headers grows for ever, it
// refuses what the snaplen cut, and prints.
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
	return l.split(data, size, endEtherType.layer())
}

func (l *erspanIII) encapsulation() (Layer, bool) {
	return Layer{Kind: "erspan", ID: l.session, HasID: true}, true
}
