// Package compact keeps structs in few bytes while nobody looks at them. A struct names its fields once, in one function
// that is called both to write and to read them, so that the two cannot differ. A field that is zero costs a bit.
package compact

import "encoding/binary"

// Coder writes fields one after the other, or reads them in the same order. It is not safe for concurrent use. What it
// reads must be what a Coder has written, by the same calls with the same Base: anything else makes it panic.
type Coder struct {
	// Base is what Time takes off: a moment near most of those that are kept.
	Base int64

	data    []byte
	next    int // to be read
	reading bool
	bits    uint64 // one for each field of the group: is it there
	left    uint   // fields that the group has room for
	group   int    // where the group's bits are to be written, or noGroup
}

const (
	groupBits = 64 // fields that share one word of bits
	noGroup   = -1
)

// Write makes the coder ready to append to b.
func (k *Coder) Write(b []byte) { *k = Coder{Base: k.Base, data: b, group: noGroup} }

// Read makes the coder ready to read from the beginning of b, which may hold more than was written.
func (k *Coder) Read(b []byte) { *k = Coder{Base: k.Base, data: b, group: noGroup, reading: true} }

// Reading reports which of the two the coder does.
func (k *Coder) Reading() bool { return k.reading }

// Bytes ends the writing and gives what was written, behind what Write was given.
func (k *Coder) Bytes() []byte {
	k.flush()
	return k.data
}

// flush writes down which fields of the group are there.
func (k *Coder) flush() {
	if k.group != noGroup {
		binary.LittleEndian.PutUint64(k.data[k.group:], k.bits)
	}
}

// open begins the next group of fields.
func (k *Coder) open() {
	k.left = groupBits
	if k.reading {
		k.bits = binary.LittleEndian.Uint64(k.data[k.next:])
		k.next += 8
		return
	}
	k.flush()
	k.group, k.bits = len(k.data), 0
	k.data = append(k.data, 0, 0, 0, 0, 0, 0, 0, 0)
}

// there notes whether the next field is other than zero, or tells it.
func (k *Coder) there(isThere bool) bool {
	if k.left == 0 {
		k.open()
	}
	k.left--
	if k.reading {
		return k.bits>>k.left&1 != 0
	}
	if isThere {
		k.bits |= 1 << k.left
	}
	return isThere
}

// Bool is a truth value: its bit is all of it.
func (k *Coder) Bool(p *bool) { *p = k.there(*p) }

// Some notes that something is other than zero, and needs to be written field by field, or makes it zero when it is not.
func Some[T comparable](k *Coder, p *T) bool {
	var zero T
	if k.there(*p != zero) {
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
	case !k.there(*p != 0):
		*p = 0
	case k.reading:
		*p = k.uvarint()
	default:
		k.data = binary.AppendUvarint(k.data, *p)
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
	case !k.there(*p != 0):
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
	case !k.there(*p != 0):
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
	case !k.there(*p != 0):
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
	case !k.there(*p != 0):
		*p = 0
	case k.reading:
		v := k.uvarint()
		*p = (int64(v>>1) ^ -int64(v&1)) + k.Base
	default:
		d := *p - k.Base
		k.data = binary.AppendUvarint(k.data, uint64(d)<<1^uint64(d>>63))
	}
}

// Int64 is a number near 0, a length of time as a rule.
func (k *Coder) Int64(p *int64) {
	base := k.Base
	k.Base = 0
	k.Time(p)
	k.Base = base
}

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

func (k *Coder) uvarint() uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		b := k.data[k.next]
		k.next++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}
