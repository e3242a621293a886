// Package pieces chooses packets together with those that carried the other fragments of their datagrams.
package pieces

import (
	"slices"

	"github.com/tcplife/tcplife/flows"
)

// Pieces are the chosen packets of a capture, by number.
type Pieces struct {
	joined map[uint64][]uint64 // the packets before whose fragments a packet made whole
	chosen map[uint64]bool
}

// Decoded takes the packet that was decoded last, chosen or not. A packet that is not may be a piece of a later one.
func (p *Pieces) Decoded(number uint64, decoder *flows.Decoder, chosen bool) {
	if p.chosen == nil {
		p.joined, p.chosen = map[uint64][]uint64{}, map[uint64]bool{}
	}
	if joined := decoder.Joined(); len(joined) > 0 {
		p.joined[number] = slices.Clone(joined)
	}
	if chosen {
		p.choose(number)
	}
}

func (p *Pieces) choose(number uint64) {
	if p.chosen[number] {
		return
	}
	p.chosen[number] = true
	for _, n := range p.joined[number] {
		p.choose(n)
	}
}

// Has reports whether a packet is chosen.
func (p *Pieces) Has(number uint64) bool { return p.chosen[number] }
