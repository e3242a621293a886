package flows

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// This file has Frame Relay and ATM, which both identify protocols by NLPID and SNAP. gopacket has neither.

// frameRelay is LINKTYPE_FRELAY: an address of two, three or four bytes (ITU-T Q.922 §3.3), then RFC 2427, or Cisco's
// format, an EtherType.
type frameRelay struct {
	header
	dlci uint32 // data link connection identifier
}

func (l *frameRelay) CanDecode() gopacket.LayerClass { return typeFrameRelay }

func (l *frameRelay) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	const (
		last = 0x01 // in the last byte of an address

		unnumberedInformation = 0x03
	)
	if len(data) < 2 {
		return errShort
	}
	if data[0]&last != 0 {
		return errBad
	}
	l.dlci = uint32(data[0]>>2)<<4 | uint32(data[1]>>4)
	size := 2
	if data[1]&last == 0 {
		if len(data) < 3 {
			return errShort
		}
		if data[2]&last == 0 {
			l.dlci = l.dlci<<7 | uint32(data[2]>>1)
			size++
		}
		if len(data) < size+1 {
			return errShort
		}
		if data[size]&last == 0 {
			return errBad
		}
		l.dlci = l.dlci<<6 | uint32(data[size]>>2)
		size++
	}
	if len(data) < size+2 {
		return errShort
	}
	if data[size] != unnumberedInformation {
		if l.dlci == 0 { // the network's own signalling (Q.933 annex A)
			return l.split(data, size, endFrameRelay.layer())
		}
		return l.split(data, size+2, afterEtherType(layers.EthernetType(binary.BigEndian.Uint16(data[size:]))))
	}
	return l.splitNLPID(data, size+1, 0)
}

func (l *frameRelay) encapsulation() (Layer, bool) {
	return Layer{Kind: "frame_relay", ID: l.dlci, HasID: true}, true
}

// splitNLPID ends the header after the network layer protocol identifier (ISO/IEC TR 9577) at n, or after the SNAP
// header that it announces. A zero may precede it. pad is the number of bytes between SNAP and a bridged frame.
func (h *header) splitNLPID(data []byte, n, pad int) error {
	if n < len(data) && data[n] == 0 {
		n++
	}
	if len(data) < n+1 {
		return errShort
	}
	switch data[n] {
	case 0x80:
		return h.splitSNAP(data, n+1, pad)
	case 0x8e:
		return h.split(data, n+1, layers.LayerTypeIPv6)
	case 0xcc:
		return h.split(data, n+1, layers.LayerTypeIPv4)
	case 0xcf: // RFC 1973, RFC 2364
		return h.split(data, n+1, typePPP)
	case 0x08, 0x09, 0x81, 0x82, 0x83: // Q.933, LMI, CLNP, ES-IS, IS-IS
		return h.split(data, n+1, endFrameRelay.layer())
	}
	return h.split(data, n+1, endUnknown.layer())
}

// splitSNAP ends the header after SNAP's organization and protocol: an EtherType, or a bridged Ethernet frame (RFC 2427
// §4.2, RFC 2684 §5.2).
func (h *header) splitSNAP(data []byte, n, pad int) error {
	const bridged, withFCS, withoutFCS = 0x0080c2, 1, 7
	if len(data) < n+5 {
		return errShort
	}
	organization, protocol := binary.BigEndian.Uint32(data[n:])>>8, binary.BigEndian.Uint16(data[n+3:])
	switch {
	case organization == 0:
		return h.split(data, n+5, afterEtherType(layers.EthernetType(protocol)))
	case organization == bridged && (protocol == withFCS || protocol == withoutFCS):
		return h.split(data, n+5+pad, layers.LayerTypeEthernet)
	}
	return h.split(data, n+5, endUnknown.layer())
}

// aal5 is a frame in ATM, and LINKTYPE_ATM_RFC1483: RFC 2684 with LLC. A circuit for one protocol has no LLC. Then the
// version identifies IP, the protocol identifies PPP (RFC 2364), and two zeros precede a bridged Ethernet frame.
type aal5 struct{ header }

func (l *aal5) CanDecode() gopacket.LayerClass { return typeAAL5 }

func (l *aal5) DecodeFromBytes(data []byte, _ gopacket.DecodeFeedback) error {
	if len(data) < 4 {
		return errShort
	}
	switch head := binary.BigEndian.Uint32(data); {
	case head>>8 == 0xaaaa03:
		return l.splitSNAP(data, 3, 2)
	case head>>8 == 0xfefe03:
		return l.splitNLPID(data, 3, 2)
	case head>>28 == 4 || head>>28 == 6:
		return l.splitIP(data, 0)
	case head>>16 == 0xff03, head>>16 == 0x0021, head>>16 == 0x0057, head>>24 >= 0x80:
		return l.split(data, 0, typePPP)
	case head>>16 == 0:
		return l.split(data, 2, layers.LayerTypeEthernet)
	}
	return l.split(data, 0, endUnknown.layer())
}
