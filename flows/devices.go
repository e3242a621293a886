package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/tcplife/tcplife/capture"
)

// This file has headers that a capturing device puts before a packet. gopacket knows only one version of PFLOG.

// pflog is LINKTYPE_PFLOG, the log of the packet filter pf. The first byte is the header's length without the padding
// to four bytes: 45 on OpenBSD 3.4, 61 on OpenBSD 3.8, macOS and NetBSD, 69 on FreeBSD, 100 on OpenBSD 4.9. The address
// family has another number for IPv6 on each system, so the version in the packet decides.
type pflog struct{ header }

func (l *pflog) CanDecode() gopacket.LayerClass { return typePFLog }

func (l *pflog) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 1 {
		return errShort
	}
	if data[0] < 45 {
		return errBad
	}
	return l.splitIP(data, (int(data[0])+3)&^3)
}

// pflogOld is the header of OpenBSD before 3.4: address family, interface, rule, reason, action, direction.
type pflogOld struct{ header }

func (l *pflogOld) CanDecode() gopacket.LayerClass { return typePFLogOld }

func (l *pflogOld) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	return l.splitIP(data, 28)
}

// enc is LINKTYPE_ENC, a packet that IPsec has decrypted or will encrypt: address family, SPI, flags. Family and flags
// are in the byte order of the capturing machine, so the version in the packet decides.
type enc struct{ header }

func (l *enc) CanDecode() gopacket.LayerClass { return typeEnc }

func (l *enc) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	return l.splitIP(data, 12)
}

// splitIP ends the header after n bytes, before IPv4 or IPv6.
func (h *header) splitIP(data []byte, n int) error {
	if len(data) < n {
		return errShort
	}
	next, err := afterVersion(data[n:])
	if err != nil {
		return err
	}
	return h.split(data, n, next)
}

// pktap is LINKTYPE_PKTAP of macOS and iOS: process and interface before a packet of another link type, in
// little-endian order. Early systems wrote it as link type 149, which is for private use. There the header must be
// plausible.
type pktap struct {
	header
	typ gopacket.LayerType // typePKTAP or typeMaybePKTAP
}

func (l *pktap) CanDecode() gopacket.LayerClass { return l.typ }

func (l *pktap) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const (
		shortest = 108 // up to the effective process's name

		noPacket, packet = 0, 1 // what follows
	)
	if len(data) < 12 {
		return errShort
	}
	size, kind := binary.LittleEndian.Uint32(data), binary.LittleEndian.Uint32(data[4:])
	link := binary.LittleEndian.Uint32(data[8:])
	switch {
	case size < shortest || size > 0xffff || kind > packet || link > 0xffff:
		if l.typ == typeMaybePKTAP {
			return l.split(data, 0, endLinkType.layer())
		}
		return errBad
	case kind == noPacket:
		return l.split(data, 12, endMetadata.layer())
	}
	// This is a DLT_… of the system. If its number differs from the LINKTYPE_… of files, firstLayer accepts both.
	return l.split(data, int(size), firstLayer(capture.LinkType(link)))
}

// juniper is the common header of LINKTYPE_JUNIPER_…: a magic number, flags and extensions. The frame follows. If Junos
// has removed the frame's own header, the number of the protocol and the packet follow instead.
type juniper struct {
	header
	typ  gopacket.LayerType
	then gopacket.LayerType // of the frame, by the link type
}

func (l *juniper) CanDecode() gopacket.LayerClass { return l.typ }

func (l *juniper) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const (
		magic = 0x4d4743 // "MGC"

		bare, extended = 0x02, 0x80

		mplsInIPv4, mplsAlone, mplsInIPv6 = 4, 5, 8
	)
	if len(data) < 4 {
		return errShort
	}
	if binary.BigEndian.Uint32(data)>>8 != magic {
		return errBad
	}
	flags, size := data[3], 4
	if flags&extended != 0 {
		if len(data) < 6 {
			return errShort
		}
		size = 6 + int(binary.BigEndian.Uint16(data[4:]))
	}
	if flags&bare == 0 {
		return l.split(data, size, l.then)
	}
	if len(data) < size+4 {
		return errShort
	}
	switch data[size] { // the other three bytes are 0
	case mplsInIPv4, mplsAlone, mplsInIPv6:
		return l.split(data, size+4, layers.LayerTypeMPLS)
	}
	return l.splitIP(data, size+4)
}

// ipoib is LINKTYPE_IPOIB: the global route header of InfiniBand, or room for it, and an EtherType (RFC 4391 §6).
type ipoib struct{ header }

func (l *ipoib) CanDecode() gopacket.LayerClass { return typeIPoIB }

func (l *ipoib) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 44 {
		return errShort
	}
	return l.split(data, 44, afterEtherType(layers.EthernetType(binary.BigEndian.Uint16(data[40:]))))
}

// erf is LINKTYPE_ERF, the extensible record format of Endace: time, type, length of the record, length of the frame on
// the wire; then extension headers, a part that depends on the type, the frame, and padding.
type erf struct {
	header
	length int // of the frame on the wire
}

func (l *erf) CanDecode() gopacket.LayerClass { return typeERF }

func (l *erf) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 16 {
		return errShort
	}
	kind, record := data[8], int(binary.BigEndian.Uint16(data[10:]))
	l.length = int(binary.BigEndian.Uint16(data[14:]))
	size := 16
	for more := kind&0x80 != 0; more; size += 8 {
		if len(data) < size+8 {
			return errShort
		}
		more = data[size]&0x80 != 0
	}
	next := endERF.layer()
	switch kind & 0x7f {
	case 1, 10, 15, 19: // HDLC_POS, COLOR_…, DSM_COLOR_…, COLOR_HASH_…
		next = typeHDLC
	case 2, 11, 16, 20: // ETH, COLOR_…, DSM_COLOR_…, COLOR_HASH_…: an offset and a pad
		next, size = layers.LayerTypeEthernet, size+2
	case 4: // AAL5: the cell's header without its checksum
		next, size = typeAAL5, size+4
	case 5, 17: // MC_HDLC, COLOR_…: the channel
		next, size = typeHDLC, size+4
	case 9: // MC_AAL5
		next, size = typeAAL5, size+8
	case 22:
		next = layers.LayerTypeIPv4
	case 23:
		next = layers.LayerTypeIPv6
	case 13, 14, 27, 48: // counters of addresses and flows, META, PAD
		next = endMetadata.layer()
	}
	if record < size && next < firstEnd {
		return errBad
	}
	if err := l.split(data, size, next); err != nil {
		return err
	}
	l.Payload = l.Payload[:min(len(l.Payload), max(0, record-size))]
	return nil
}

func (l *erf) wire(n int) int {
	if l.length == 0 {
		return n
	}
	return l.length
}
