package capture

import (
	"bytes"
	"iter"
	"math"
)

// NoTime means no time: First and Last of a capture in which no packet has a time.
const NoTime = math.MinInt64

// Packet is one captured packet. It and its Data stay valid until the next packet is read.
type Packet struct {
	Number uint64   // counted from 1 over all files of the capture, as tshark's frame.number
	Time   int64    // nanoseconds since the Unix epoch, UTC, by the capture's clock; may step back
	Data   []byte   // the captured bytes
	Length int      // bytes the packet had on the wire, at least len(Data)
	Link   LinkType // the type of the header with which Data begins

	options []byte // of its pcapng block, in this byte order; nil for none
	order   order
}

// Clone returns a copy that stays valid.
func (p *Packet) Clone() *Packet {
	c := *p
	c.Data, c.options = bytes.Clone(p.Data), bytes.Clone(p.options)
	return &c
}

// Comments returns the comments of the file on the packet (opt_comment, UTF-8), which are valid as long as the packet.
func (p *Packet) Comments() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for code, value := range p.order.options(p.options) {
			if code == optionComment && !yield(value) {
				return
			}
		}
	}
}
