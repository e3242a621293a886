package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// mpls is one entry of a label stack (RFC 3032 §2.1). gopacket's is no DecodingLayer and does not check its length.
type mpls struct {
	header
	label uint32
}

func (l *mpls) CanDecode() gopacket.LayerClass { return layers.LayerTypeMPLS }

func (l *mpls) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	entry := binary.BigEndian.Uint32(data)
	l.label = entry >> 12
	if entry&0x100 == 0 { // not the bottom of the stack
		return l.split(data, 4, layers.LayerTypeMPLS)
	}
	return l.split(data, 4, typeMPLSPayload)
}

func (l *mpls) encapsulation() (Layer, bool) {
	return Layer{Kind: "mpls", ID: l.label, HasID: true}, true
}

// mplsPayload is the payload after a label stack, which does not name its protocol. The version identifies IP; a
// control word whose first four bits are zero identifies an Ethernet pseudowire (RFC 4385 §3, RFC 4448 §4.6). A
// pseudowire without a control word looks like IP.
type mplsPayload struct{ header }

func (l *mplsPayload) CanDecode() gopacket.LayerClass { return typeMPLSPayload }

func (l *mplsPayload) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) > 0 && data[0]>>4 == 0 {
		return l.split(data, 4, layers.LayerTypeEthernet)
	}
	next, err := afterVersion(data)
	if err == errBad {
		next = endUnknown.layer()
	} else if err != nil {
		return err
	}
	return l.split(data, 0, next)
}

// pppoe is the session stage of RFC 2516. gopacket's is no DecodingLayer and does not check its lengths.
type pppoe struct {
	header
	session uint16
	length  int
}

func (l *pppoe) CanDecode() gopacket.LayerClass { return layers.LayerTypePPPoE }

func (l *pppoe) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 6 {
		return errShort
	}
	l.session, l.length = binary.BigEndian.Uint16(data[2:]), int(binary.BigEndian.Uint16(data[4:]))
	if data[1] != 0 { // not a session's data
		return l.split(data, 6, endPPPoE.layer())
	}
	return l.split(data, 6, typePPP)
}

func (l *pppoe) wire(n int) int { return min(n, l.length) }

func (l *pppoe) encapsulation() (Layer, bool) {
	return Layer{Kind: "pppoe", ID: uint32(l.session), HasID: true}, true
}

// providerBridge is the service instance tag of 802.1ah (IEEE 802.1Q §9.7). The customer's addresses, which are the
// last part of the tag, are decoded as the first part of the customer's frame.
type providerBridge struct {
	header
	instance uint32
}

func (l *providerBridge) CanDecode() gopacket.LayerClass { return typeProviderBridge }

func (l *providerBridge) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	l.instance = binary.BigEndian.Uint32(data) & 0xffffff
	return l.split(data, 4, layers.LayerTypeEthernet)
}

func (l *providerBridge) encapsulation() (Layer, bool) {
	return Layer{Kind: "8021ah", ID: l.instance, HasID: true}, true
}

// portExtender is the E-TAG of IEEE 802.1BR §7.
type portExtender struct {
	header
	channel uint32
}

func (l *portExtender) CanDecode() gopacket.LayerClass { return typePortExtender }

func (l *portExtender) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	// The E-CID is 22 bits: the extension, the group, the base.
	l.channel = uint32(data[5])<<14 | uint32(binary.BigEndian.Uint16(data[2:])&0x3fff)
	return l.split(data, 8, afterTypeOrLength(layers.EthernetType(binary.BigEndian.Uint16(data[6:]))))
}

func (l *portExtender) encapsulation() (Layer, bool) {
	return Layer{Kind: "8021br", ID: l.channel, HasID: true}, true
}

// ciscoMetaData is the tag of Cisco TrustSec (draft-smith-kandula-sxp): a version, the number of options, and options
// of four bytes. The first option has the sender's security group. In GRE the EtherType of the payload comes first.
type ciscoMetaData struct {
	header
	typ   gopacket.LayerType
	group uint16
}

func (l *ciscoMetaData) CanDecode() gopacket.LayerClass { return l.typ }

func (l *ciscoMetaData) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	tag := data
	if l.typ == typeCiscoMetaDataGRE {
		tag = data[2:]
	}
	options := int(tag[1])
	if tag[0] != 1 || options == 0 {
		return errBad
	}
	size := 2 + 4*options + 2 // with the EtherType
	if len(data) < size {
		return errShort
	}
	etherType := data[size-2:]
	if l.typ == typeCiscoMetaDataGRE {
		etherType = data
	}
	l.group = binary.BigEndian.Uint16(tag[4:])
	return l.split(data, size, afterTypeOrLength(layers.EthernetType(binary.BigEndian.Uint16(etherType))))
}

func (l *ciscoMetaData) encapsulation() (Layer, bool) {
	return Layer{Kind: "cmd", ID: uint32(l.group), HasID: true}, true
}

// vnTag is Cisco's VN-Tag, between a bridge and the virtual interfaces of a network card or fabric extender.
type vnTag struct {
	header
	virtualInterface uint16
}

func (l *vnTag) CanDecode() gopacket.LayerClass { return typeVNTag }

func (l *vnTag) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const fromBridge = 0x80
	if len(data) < 6 {
		return errShort
	}
	l.virtualInterface = binary.BigEndian.Uint16(data[2:]) & 0xfff // the source
	if data[0]&fromBridge != 0 {
		l.virtualInterface = binary.BigEndian.Uint16(data) & 0x3fff // the destination
	}
	return l.split(data, 6, afterTypeOrLength(layers.EthernetType(binary.BigEndian.Uint16(data[4:]))))
}

func (l *vnTag) encapsulation() (Layer, bool) {
	return Layer{Kind: "vntag", ID: uint32(l.virtualInterface), HasID: true}, true
}

// hsr is the tag of High-availability Seamless Redundancy (IEC 62439-3): path and size, sequence number, EtherType.
// PRP, of the same standard, appends such a tag to the frame, which counts as padding.
type hsr struct{ header }

func (l *hsr) CanDecode() gopacket.LayerClass { return typeHSR }

func (l *hsr) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 6 {
		return errShort
	}
	return l.split(data, 6, afterTypeOrLength(layers.EthernetType(binary.BigEndian.Uint16(data[4:]))))
}

func (l *hsr) encapsulation() (Layer, bool) { return Layer{Kind: "hsr"}, true }
