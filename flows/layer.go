package flows

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// layer is one header: gopacket's interface, and what this package needs in addition.
type layer interface {
	gopacket.DecodingLayer
	LayerContents() []byte
	// wire returns how many of the n bytes after the header on the wire are payload. The rest is a trailer.
	wire(n int) int
	// encapsulation returns the layer that the header adds to the record, if any.
	encapsulation() (Layer, bool)
}

// plain is the behaviour of most headers: all bytes after them are payload, and they add nothing to the record.
type plain struct{}

func (plain) wire(n int) int               { return n }
func (plain) encapsulation() (Layer, bool) { return Layer{}, false }

// header is the base of this package's own layers.
type header struct {
	layers.BaseLayer
	plain
	next gopacket.LayerType
}

// NextLayerType returns the next layer that DecodeFromBytes found.
func (h *header) NextLayerType() gopacket.LayerType { return h.next }

// split ends the header after n bytes.
func (h *header) split(data []byte, n int, next gopacket.LayerType) error {
	if len(data) < n {
		return errShort
	}
	h.Contents, h.Payload, h.next = data[:n], data[n:], next
	return nil
}

// problem is the reason why a header could not be decoded. A constant needs no allocation.
type problem string

func (p problem) Error() string { return string(p) }

const (
	errShort = problem("the bytes end inside the header")
	errBad   = problem("the header contradicts itself or its specification")
)

// The layers that gopacket has no type for. Its own numbers are below 1000.
const (
	typeRaw gopacket.LayerType = 1000 + iota
	typeLinuxSLL2
	typeHDLC
	typePPP
	typeNFLOG
	typePPI
	typeRadioTap
	typePrism
	typeAVS
	typeWLAN
	typeWLANPadded
	typeAMSDU
	typeProviderBridge
	typePortExtender
	typeMPLSPayload
	typeFragment
	typeQuote
	typeERSPANI
	typeERSPANIII
	typePFLog
	typePFLogOld
	typeEnc
	typePKTAP
	typeMaybePKTAP
	typeJuniperEthernet
	typeJuniperPPP
	typeJuniperFrameRelay
	typeJuniperHDLC
	typeIPoIB
	typeERF
	typeFrameRelay
	typeAAL5
	typeCiscoMetaData
	typeCiscoMetaDataGRE
	typeVNTag
	typeHSR
	typeCAPWAP
	typeWLANTunnelled
	typeWCCP
	layerTypes // one more than the largest number of a layer
)

// A number from firstEnd on is not a layer but an end: firstEnd plus what the packet counts as.
const firstEnd gopacket.LayerType = layerTypes
