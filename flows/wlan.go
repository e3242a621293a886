package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// radioTap is the radio header of LINKTYPE_IEEE802_11_RADIOTAP (https://www.radiotap.org). gopacket's layer allocates
// for every packet, to append a checksum.
type radioTap struct{ header }

func (l *radioTap) CanDecode() gopacket.LayerClass { return typeRadioTap }

func (l *radioTap) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const (
		more  = 1 << 31 // another word of presence bits follows
		tsft  = 1 << 0
		flags = 1 << 1

		flagPadded = 0x20 // the 802.11 header is padded to four bytes
	)
	if len(data) < 8 {
		return errShort
	}
	size := int(binary.LittleEndian.Uint16(data[2:]))
	if data[0] != 0 || size < 8 {
		return errBad
	}
	if len(data) < size {
		return errShort
	}
	fields := 4
	for present := uint32(more); present&more != 0; fields += 4 {
		if size < fields+4 {
			return errBad
		}
		present = binary.LittleEndian.Uint32(data[fields:])
	}
	next := typeWLAN
	if present := binary.LittleEndian.Uint32(data[4:]); present&flags != 0 {
		if present&tsft != 0 {
			fields = (fields+7)&^7 + 8
		}
		if size < fields+1 {
			return errBad
		}
		if data[fields]&flagPadded != 0 {
			next = typeWLANPadded
		}
	}
	return l.split(data, size, next)
}

// prism is the header of LINKTYPE_IEEE802_11_PRISM, in the byte order of the capturing machine. Later programs wrote
// the AVS header under the same number. gopacket's layer does not check its lengths, and allocates.
type prism struct{ header }

func (l *prism) CanDecode() gopacket.LayerClass { return typePrism }

func (l *prism) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	if binary.BigEndian.Uint32(data)&^0xfff == avsMagic {
		return l.split(data, 0, typeAVS)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 0 {
		order = binary.BigEndian
	}
	size := order.Uint32(data[4:])
	if code := order.Uint32(data); code != 0x41 && code != 0x44 || size < 24 || size > 0xffff {
		return errBad
	}
	return l.split(data, int(size), typeWLAN)
}

const avsMagic = 0x80211000 // without the version in the last twelve bits

// avs is the header of LINKTYPE_IEEE802_11_AVS. gopacket lacks it.
type avs struct{ header }

func (l *avs) CanDecode() gopacket.LayerClass { return typeAVS }

func (l *avs) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		return errShort
	}
	size := binary.BigEndian.Uint32(data[4:])
	if binary.BigEndian.Uint32(data)&^0xfff != avsMagic || size < 8 || size > 0xffff {
		return errBad
	}
	return l.split(data, int(size), typeWLAN)
}

// wlan is the MAC header of IEEE 802.11 §9.2. gopacket always reads the last four bytes as a checksum, even if there is
// none, and does not know aggregates.
type wlan struct {
	header
	// typ is typeWLANPadded if the header is padded to four bytes, typeWLANTunnelled in a tunnel of a controller.
	typ gopacket.LayerType
}

func (l *wlan) CanDecode() gopacket.LayerClass { return l.typ }

func (l *wlan) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const (
		data2        = 2    // the type of data frames
		subtypeEmpty = 0x40 // in the first byte: no data follows
		subtypeQoS   = 0x80

		toDS, fromDS, moreFragments, protected, order = 0x01, 0x02, 0x04, 0x40, 0x80 // in the second byte

		aggregate = 0x80 // in the first byte of QoS control
	)
	if len(data) < 2 {
		return errShort
	}
	kind, flags := data[0], data[1]
	if l.typ == typeWLANTunnelled && kind&3 != 0 { // some access points send the two in the other order
		kind, flags = flags, kind
	}
	if kind&3 != 0 {
		return errBad // no other version exists
	}
	if kind>>2&3 != data2 || kind&subtypeEmpty != 0 {
		return l.split(data, 2, endWLAN.layer())
	}
	size := 24
	if flags&(toDS|fromDS) == toDS|fromDS { // a fourth address
		size += 6
	}
	next := layers.LayerTypeLLC
	if kind&subtypeQoS != 0 {
		if len(data) < size+2 {
			return errShort
		}
		if data[size]&aggregate != 0 {
			next = typeAMSDU
		}
		size += 2
		if flags&order != 0 { // HT control
			size += 4
		}
	}
	if len(data) < size {
		return errShort
	}
	switch {
	case flags&protected != 0:
		next = endWLANProtected.layer()
	case binary.LittleEndian.Uint16(data[22:])&0xf != 0: // only the first fragment has the headers
		next = endWLANFragment.layer()
	}
	if l.typ == typeWLANPadded {
		size = (size + 3) &^ 3
	}
	return l.split(data, size, next)
}

// subframes calls f with every MSDU of an A-MSDU (IEEE 802.11 §9.3.2.2). Before each are two addresses and a length,
// after it padding to four bytes.
func subframes(data []byte, wire int, f func(data []byte, wire int)) {
	for len(data) > 14 {
		length := int(binary.BigEndian.Uint16(data[12:]))
		f(data[14:min(14+length, len(data))], min(length, wire-14))
		skip := (14 + length + 3) &^ 3
		if skip >= len(data) {
			return
		}
		data, wire = data[skip:], wire-skip
	}
}
