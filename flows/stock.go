package flows

import (
	"encoding/binary"
	"math/bits"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// gopacket v1.1.19 is not maintained. Its layers are used if they are right; only the wrappers in this file work around
// their faults. A wrapper also names the next layer, because gopacket knows too few, and rejects short data first,
// because gopacket's errors cost an allocation. If little of gopacket's layer would be left (IPv6, TCP, …), this
// package has its own.

// ethernet is IEEE 802.3. No fault is known.
type ethernet struct {
	layers.Ethernet
	plain
}

func (l *ethernet) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 14 {
		return errShort
	}
	return l.Ethernet.DecodeFromBytes(data, df)
}

func (l *ethernet) NextLayerType() gopacket.LayerType {
	if l.EthernetType == layers.EthernetTypeLLC {
		return layers.LayerTypeLLC
	}
	return afterEtherType(l.EthernetType)
}

func (l *ethernet) wire(n int) int {
	if l.EthernetType == layers.EthernetTypeLLC {
		return min(n, int(l.Length)) // the rest is padding
	}
	return n
}

// dot1Q is a VLAN tag. Fault: gopacket does not know it under the types 0x9100, 0x9200 and 0x9300, and not that an
// 802.3 length can follow.
type dot1Q struct {
	layers.Dot1Q
	plain
}

func (l *dot1Q) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	return l.Dot1Q.DecodeFromBytes(data, df)
}

func (l *dot1Q) NextLayerType() gopacket.LayerType { return afterTypeOrLength(l.Type) }

func (l *dot1Q) encapsulation() (Layer, bool) {
	return Layer{Kind: "vlan", ID: uint32(l.VLANIdentifier), HasID: true}, true
}

// llc is IEEE 802.2. Fault: gopacket knows only SNAP and spanning tree after it, not IP (RFC 948).
type llc struct {
	layers.LLC
	plain
}

func (l *llc) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 3 || data[2]&3 != 3 && len(data) < 4 {
		return errShort
	}
	return l.LLC.DecodeFromBytes(data, df)
}

func (l *llc) NextLayerType() gopacket.LayerType {
	const unnumberedInformation = 0x03
	switch {
	case l.Control != unnumberedInformation:
		return endLLC.layer()
	case l.DSAP == 0xaa && l.SSAP == 0xaa:
		return layers.LayerTypeSNAP
	case l.DSAP == 0x06 && l.SSAP == 0x06:
		return layers.LayerTypeIPv4
	}
	return endLLC.layer()
}

// snap is the extension of 802.2 that carries EtherTypes (RFC 1042). Fault: gopacket reads the protocol as an EtherType
// whatever organization defined it.
type snap struct {
	layers.SNAP
	plain
}

func (l *snap) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 5 {
		return errShort
	}
	return l.SNAP.DecodeFromBytes(data, df)
}

func (l *snap) NextLayerType() gopacket.LayerType {
	// 00-00-F8 is the bridge tunnel of IEEE 802.1H.
	if oui := [3]byte(l.OrganizationalCode); oui != [3]byte{} && oui != [3]byte{0, 0, 0xf8} {
		return endLLC.layer()
	}
	return afterEtherType(l.Type)
}

// loopback is LINKTYPE_NULL and LINKTYPE_LOOP, the address family in either byte order. No fault is known.
type loopback struct {
	layers.Loopback
	plain
}

func (l *loopback) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	if data[1] != 0 || data[2] != 0 || data[0] != 0 && data[3] != 0 {
		return errBad // no family is above 255
	}
	return l.Loopback.DecodeFromBytes(data, df)
}

func (l *loopback) NextLayerType() gopacket.LayerType {
	switch l.Family {
	case layers.ProtocolFamilyIPv4:
		return layers.LayerTypeIPv4
	case layers.ProtocolFamilyIPv6Linux, layers.ProtocolFamilyIPv6BSD, layers.ProtocolFamilyIPv6FreeBSD,
		layers.ProtocolFamilyIPv6Darwin:
		return layers.LayerTypeIPv6
	}
	return endUnknown.layer()
}

// ipv4 is RFC 791. Faults: gopacket replaces a total length of 0 (TSO) by the captured length modulo 65536, rejects the
// packet for an option of length 2 or any other unusual option, and does not check the version.
type ipv4 struct {
	layers.IPv4
	total int // total length, 0 if the sender left it to the hardware
}

func (l *ipv4) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 20 {
		return errShort
	}
	size := int(data[0]&0xf) * 4
	l.total = int(binary.BigEndian.Uint16(data[2:]))
	if data[0]>>4 != 4 || size < 20 || l.total != 0 && l.total < size {
		return errBad
	}
	if len(data) < size {
		return errShort
	}
	// After these checks every error is one of the two faults; the fixed fields are still filled.
	_ = l.IPv4.DecodeFromBytes(data, df)
	l.Contents, l.Payload = data[:size], data[size:]
	return nil
}

func (l *ipv4) NextLayerType() gopacket.LayerType {
	if l.Flags&layers.IPv4MoreFragments != 0 || l.FragOffset != 0 {
		return typeFragment
	}
	return afterIPv4(l.Protocol)
}

func (l *ipv4) wire(n int) int {
	if l.total == 0 {
		return n
	}
	return l.total - len(l.Contents)
}

func (l *ipv4) encapsulation() (Layer, bool) {
	return Layer{Kind: "ip"}, l.Protocol == layers.IPProtocolIPv4 || l.Protocol == layers.IPProtocolIPv6
}

// udp is RFC 768. Fault: gopacket decodes by the port alone for a dozen application protocols. Here the payload must
// also begin like the tunnel's.
type udp struct {
	layers.UDP
	plain
}

func (l *udp) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	if n := binary.BigEndian.Uint16(data[4:]); n != 0 && n < 8 {
		return errBad
	}
	return l.UDP.DecodeFromBytes(data, df)
}

func (l *udp) NextLayerType() gopacket.LayerType {
	if next := udpTunnel(uint16(l.DstPort), l.Payload); next != 0 {
		return next
	}
	if next := udpTunnel(uint16(l.SrcPort), l.Payload); next != 0 {
		return next
	}
	return endUDP.layer()
}

func (l *udp) wire(n int) int {
	if l.Length == 0 { // a jumbogram (RFC 2675 §4)
		return n
	}
	return min(n, int(l.Length)-8)
}

// gre is RFC 2784 and 2890, with the routing of RFC 1701 and version 1 of RFC 2637 (PPTP). Faults: gopacket panics if
// optional fields are missing, and does not know MikroTik's EoIP, which is version 1 with a different key.
type gre struct {
	layers.GRE
}

func (l *gre) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	if version := data[1] & 7; version > 1 {
		return errBad
	}
	size := 4
	if data[0]&0xc0 != 0 { // checksum, routing: both fields are there for either
		size += 4
	}
	if data[0]&0x20 != 0 { // key
		size += 4
	}
	if data[0]&0x10 != 0 { // sequence number
		size += 4
	}
	if data[0]&0x40 != 0 { // source route entries, the last one empty
		for {
			if len(data) < size+4 {
				return errShort
			}
			entry := data[size : size+4]
			size += 4 + int(entry[3])
			if entry[0]|entry[1]|entry[3] == 0 {
				break
			}
		}
	}
	if data[1]&0x80 != 0 { // acknowledgement number
		size += 4
	}
	if len(data) < size {
		return errShort
	}
	return l.GRE.DecodeFromBytes(data, df)
}

func (l *gre) NextLayerType() gopacket.LayerType {
	switch l.Protocol {
	case 0x88be:
		// ERSPAN type I has no header of its own, and no sequence number in GRE's; that is the only difference.
		if !l.SeqPresent {
			return typeERSPANI
		}
		return layers.LayerTypeERSPANII
	case 0x22eb:
		return typeERSPANIII
	case etherTypeEoIP:
		return layers.LayerTypeEthernet
	case 0, 0x2001: // a keepalive, NHRP
		return endIP.layer()
	case 0x6559:
		return typeFrameRelay
	case 0x883e:
		return typeWCCP
	case 0x8909:
		return typeCiscoMetaDataGRE
	case 0x9000: // Aruba, as well
		return typeWLANTunnelled
	}
	if l.Protocol&^0x1f0 == 0x8200 { // Aruba: the rest numbers its tunnels
		return typeWLANTunnelled
	}
	return afterEtherType(l.Protocol)
}

func (l *gre) wire(n int) int {
	if l.Version == 1 { // the key's upper half is the payload length (RFC 2637 §4.1)
		return min(n, int(l.Key>>16))
	}
	return n
}

func (l *gre) encapsulation() (Layer, bool) {
	id := l.Key
	if l.Version == 1 { // its lower half is the call id
		id &= 0xffff
		if l.Protocol == etherTypeEoIP { // a tunnel id, with the low byte first
			id = uint32(bits.ReverseBytes16(uint16(id)))
		}
	}
	if !l.KeyPresent {
		return Layer{Kind: "gre"}, true
	}
	return Layer{Kind: "gre", ID: id, HasID: true}, true
}

const etherTypeEoIP = 0x6400

// vxlan is RFC 7348. No fault is known.
type vxlan struct {
	layers.VXLAN
	plain
}

func (l *vxlan) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	return l.VXLAN.DecodeFromBytes(data, df)
}

func (l *vxlan) encapsulation() (Layer, bool) {
	return Layer{Kind: "vxlan", ID: l.VNI, HasID: true}, true
}

// erspanII is draft-foschiano-erspan §4.2. Fault: gopacket does not check the length.
type erspanII struct {
	layers.ERSPANII
	plain
}

func (l *erspanII) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	return l.ERSPANII.DecodeFromBytes(data, df)
}

func (l *erspanII) encapsulation() (Layer, bool) {
	return Layer{Kind: "erspan", ID: uint32(l.SessionID), HasID: true}, true
}

// icmpv4 is RFC 792. No fault is known. gopacket does not decode the quoted packet.
type icmpv4 struct {
	layers.ICMPv4
	plain
}

func (l *icmpv4) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	return l.ICMPv4.DecodeFromBytes(data, df)
}

func (l *icmpv4) NextLayerType() gopacket.LayerType {
	switch l.TypeCode.Type() {
	case layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4TypeSourceQuench, layers.ICMPv4TypeRedirect,
		layers.ICMPv4TypeTimeExceeded, layers.ICMPv4TypeParameterProblem:
		return typeQuote
	}
	return endICMP.layer()
}

// icmpv6 is RFC 4443. No fault is known. gopacket does not decode the quoted packet.
type icmpv6 struct {
	layers.ICMPv6
	plain
}

func (l *icmpv6) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	return l.ICMPv6.DecodeFromBytes(data, df)
}

func (l *icmpv6) NextLayerType() gopacket.LayerType {
	switch l.TypeCode.Type() {
	case layers.ICMPv6TypeDestinationUnreachable, layers.ICMPv6TypePacketTooBig, layers.ICMPv6TypeTimeExceeded,
		layers.ICMPv6TypeParameterProblem:
		return typeQuote
	}
	return endICMPv6.layer()
}
