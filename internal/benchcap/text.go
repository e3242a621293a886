package main

// A text is the data of all segments, with the sums that make a checksum cheap: sums[i] adds up the first 2i bytes.
type text struct {
	bytes []byte
	sums  []uint64
}

const textLen = 1 << 15 // without the bytes that a packet reads beyond it

func newText() text {
	t := text{bytes: make([]byte, textLen+1500), sums: []uint64{0}}
	for i := range t.bytes {
		t.bytes[i] = 'a' + byte(mix(uint64(i))%26)
	}
	for i := 0; i < len(t.bytes); i += 2 {
		t.sums = append(t.sums, t.sums[i/2]+uint64(be.Uint16(t.bytes[i:])))
	}
	return t
}

// copy fills b with the data for a place in sequence space and returns its sum.
func (t *text) copy(b []byte, seq uint32) uint64 {
	from := int(seq) % textLen &^ 1
	copy(b, t.bytes[from:])
	s := t.sums[(from+len(b))/2] - t.sums[from/2]
	if len(b)%2 != 0 {
		s += uint64(b[len(b)-1]) << 8
	}
	return s
}
