// Package compact keeps structs in few bytes while nobody looks at them. A struct names its fields once, in one function
// that is called both to write and to read them, so that the two cannot differ. A field that is zero costs a bit.
package compact

import (
	"encoding/binary"
	"math/bits"
)

// Coder writes fields one after the other, or reads them in the same order. It is not safe for concurrent use. What it
// reads must be what a Coder has written, by the same calls with the same Base: anything else makes it panic.
type Coder struct {
	// Base is what Time takes off: a moment near most of those that are kept.
	Base int64

	data    []byte
	start   int // of what is written
	next    int // to be read
	end     int // of what is read
	reading bool

	n     uint             // fields so far
	there [maxWords]uint64 // a bit for each: is it other than zero
}

// maxWords bounds the fields of one struct, list elements included, to 2048.
const maxWords = 32

// header is the length of the fields' bytes, and how many words of bits are behind them.
const header = 2 + 1

// Write makes the coder ready to append to b.
func (k *Coder) Write(b []byte) {
	k.start, k.reading, k.n, k.there = len(b), false, 0, [maxWords]uint64{}
	k.data = append(b, 0, 0, 0)
}

// Bytes ends the writing and gives what was written, behind what Write was given: up to 64 KiB.
func (k *Coder) Bytes() []byte {
	words := (k.n + 63) / 64
	binary.LittleEndian.PutUint16(k.data[k.start:], uint16(len(k.data)-k.start-header))
	k.data[k.start+2] = byte(words)
	for _, w := range k.there[:words] {
		k.data = binary.LittleEndian.AppendUint64(k.data, w)
	}
	return k.data
}

// Read makes the coder ready to read from the beginning of b, which may hold more than was written.
func (k *Coder) Read(b []byte) {
	k.data, k.next, k.reading, k.n = b, header, true, 0
	k.end = header + int(binary.LittleEndian.Uint16(b))
	for i := range int(b[2]) {
		k.there[i] = binary.LittleEndian.Uint64(b[k.end:])
		k.end += 8
	}
}

// Rest is what follows behind what was read.
func (k *Coder) Rest() []byte { return k.data[k.end:] }

// Reading reports which of the two the coder does.
func (k *Coder) Reading() bool { return k.reading }

// is notes whether the next field is other than zero, or tells it.
func (k *Coder) is(there bool) bool {
	word, bit := k.n/64, k.n%64
	k.n++
	if k.reading {
		return k.there[word]>>bit&1 != 0
	}
	if there {
		k.there[word] |= 1 << bit
	}
	return there
}

// Bool is a truth value: its bit is all of it.
func (k *Coder) Bool(p *bool) { *p = k.is(*p) }

// Some notes that something is other than zero, and needs to be written field by field, or makes it zero when it is not.
func Some[T comparable](k *Coder, p *T) bool {
	var zero T
	if k.is(*p != zero) {
		return true
	}
	if k.reading {
		*p = zero
	}
	return false
}

// Uint64 is a number that is small as a rule.
func (k *Coder) Uint64(p *uint64) {
	switch {
	case !k.is(*p != 0):
		*p = 0
	case k.reading:
		*p = k.number()
	default:
		k.append(*p)
	}
}

// Int is a number that is small as a rule, and not below 0.
func (k *Coder) Int(p *int) {
	v := uint64(*p)
	k.Uint64(&v)
	*p = int(v)
}

// Uint32 is any number: a sequence number, a hash.
func (k *Coder) Uint32(p *uint32) {
	switch {
	case !k.is(*p != 0):
		*p = 0
	case k.reading:
		*p = binary.LittleEndian.Uint32(k.data[k.next:])
		k.next += 4
	default:
		k.data = binary.LittleEndian.AppendUint32(k.data, *p)
	}
}

// Uint16 is any number.
func (k *Coder) Uint16(p *uint16) {
	switch {
	case !k.is(*p != 0):
		*p = 0
	case k.reading:
		*p = binary.LittleEndian.Uint16(k.data[k.next:])
		k.next += 2
	default:
		k.data = binary.LittleEndian.AppendUint16(k.data, *p)
	}
}

// Uint8 is any number.
func (k *Coder) Uint8(p *uint8) {
	switch {
	case !k.is(*p != 0):
		*p = 0
	case k.reading:
		*p = k.data[k.next]
		k.next++
	default:
		k.data = append(k.data, *p)
	}
}

// Time is a moment near Base, or 0 for none.
func (k *Coder) Time(p *int64) {
	switch {
	case !k.is(*p != 0):
		*p = 0
	case k.reading:
		*p = signed(k.number()) + k.Base
	default:
		k.append(unsigned(*p - k.Base))
	}
}

// Int64 is a number near 0, a length of time as a rule.
func (k *Coder) Int64(p *int64) {
	switch {
	case !k.is(*p != 0):
		*p = 0
	case k.reading:
		*p = signed(k.number())
	default:
		k.append(unsigned(*p))
	}
}

// unsigned puts the sign last, so that what is near 0 is small.
func unsigned(d int64) uint64 { return uint64(d)<<1 ^ uint64(d>>63) }

func signed(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// Text is a short string of bytes: at most 65,535 of them are kept. Room that *p has is used again.
func (k *Coder) Text(p *[]byte) {
	n := uint16(min(len(*p), 1<<16-1))
	k.Uint16(&n)
	if k.reading {
		*p = append((*p)[:0], k.data[k.next:k.next+int(n)]...)
		k.next += int(n)
		return
	}
	k.data = append(k.data, (*p)[:n]...)
}

// Len is the length of a list whose elements follow. The list is made that long when it is read; room that it has is used
// again, and the elements may hold anything.
func Len[T any](k *Coder, list *[]T) {
	n := len(*list)
	k.Int(&n)
	if !k.reading {
		return
	}
	if cap(*list) < n {
		*list = make([]T, n)
	}
	*list = (*list)[:n]
}

// append writes a number in as many bytes as it needs, seven bits in each, and as many zeros at its lower end as there are
// bytes to follow: so the first byte tells how many.
func (k *Coder) append(v uint64) {
	if v >= 1<<56 {
		k.data = binary.LittleEndian.AppendUint64(append(k.data, 0), v)
		return
	}
	size := (bits.Len64(v|1) + 6) / 7
	k.data = binary.LittleEndian.AppendUint64(k.data, (v<<1|1)<<(size-1))
	k.data = k.data[:len(k.data)-8+size]
}

// number reads what append has written.
func (k *Coder) number() uint64 {
	var word uint64
	if b := k.data[k.next:]; len(b) >= 8 {
		word = binary.LittleEndian.Uint64(b)
	} else {
		var room [8]byte
		copy(room[:], b)
		word = binary.LittleEndian.Uint64(room[:])
	}
	if byte(word) == 0 {
		v := binary.LittleEndian.Uint64(k.data[k.next+1:])
		k.next += 9
		return v
	}
	size := bits.TrailingZeros8(byte(word)) + 1
	k.next += size
	return word << (64 - 8*size) >> (64 - 7*size)
}
