package main

import (
	"encoding/binary"
	"io"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// file is a classic capture file (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html), little endian.
type file struct {
	w       io.Writer
	buffer  []byte
	perUnit int64 // nanoseconds in a unit of the stamps' fraction
	err     error // the first one; later packets are lost
}

const (
	recordHeader  = 16
	largestRecord = recordHeader + 1514
)

func newFile(w io.Writer, nanoseconds bool) *file {
	f := &file{w: w, buffer: make([]byte, 0, 1<<20), perUnit: 1000}
	magic := uint32(0xa1b2c3d4)
	if nanoseconds {
		magic, f.perUnit = 0xa1b23c4d, 1
	}
	b := le.AppendUint32(f.buffer, magic)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, 262144)
	f.buffer = le.AppendUint32(b, 1) // LINKTYPE_ETHERNET
	return f
}

// record begins a packet of n bytes, stamped with at, nanoseconds since the Unix epoch, and returns the place for its
// bytes. The place has the bytes of an earlier packet.
func (f *file) record(at int64, n int) []byte {
	if cap(f.buffer)-len(f.buffer) < largestRecord {
		f.flush()
	}
	start := len(f.buffer)
	f.buffer = f.buffer[:start+recordHeader+n]
	b := f.buffer[start:]
	le.PutUint32(b[0:], uint32(at/1e9))
	le.PutUint32(b[4:], uint32(at%1e9/f.perUnit))
	le.PutUint32(b[8:], uint32(n))
	le.PutUint32(b[12:], uint32(n))
	return b[recordHeader:]
}

func (f *file) flush() error {
	if f.err == nil {
		_, f.err = f.w.Write(f.buffer)
	}
	f.buffer = f.buffer[:0]
	return f.err
}
