package live

import (
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/fault"
)

// chunk has packets on their way from a device.
type chunk struct {
	from    *device
	snaplen int
	packets []capture.Packet
	all     []capture.Packet
	data    []byte
	until   int64 // as Batch.Until, for this device
	drops   capture.Drops
	changes []Change
	last    bool

	panicked *fault.Error // a panic of the device's goroutine
}

// A device has at most chunksEach chunks on the way, each of at most chunkPackets packets.
const (
	chunksEach   = 64
	chunkPackets = 512
)

// begin makes the chunk empty.
func (c *chunk) begin() {
	if c.data == nil {
		c.data = make([]byte, 0, min(chunkPackets*c.snaplen, 1<<18)+c.snaplen)
	}
	*c = chunk{from: c.from, snaplen: c.snaplen, all: c.all[:0], data: c.data[:0], until: capture.NoTime}
}

// add copies a packet into the chunk.
func (c *chunk) add(p capture.Packet) {
	from := len(c.data)
	c.data = append(c.data, p.Data...)
	p.Data = c.data[from:len(c.data):len(c.data)]
	c.all = append(c.all, p)
}

// full reports whether the next packet may not fit.
func (c *chunk) full() bool {
	return len(c.all) == chunkPackets || len(c.data)+c.snaplen > cap(c.data)
}

// release gives the chunk back for further packets.
func (c *chunk) release() {
	if c != nil {
		c.from.free.Put(c)
	}
}
