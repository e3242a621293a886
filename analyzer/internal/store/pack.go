package store

import (
	"encoding/binary"
	"math/bits"
	"reflect"
	"slices"
	"unsafe"
)

// A Packer packs structs of one type into few bytes. It finds their fields by reflection, so that none is forgotten,
// and packs all except those tagged `rest:"-"`. A field that is 0 takes almost no room. Most numbers are stored as the
// difference from an earlier number.
type Packer[T any] struct{ shape *shape }

// NewPacker returns a Packer for T. It panics if T has a field of a type that it does not support.
func NewPacker[T any]() Packer[T] { return Packer[T]{shapeOf(reflect.TypeFor[T]())} }

// Write appends a struct to b.
func (k Packer[T]) Write(b []byte, v *T) []byte {
	return k.shape.write(b, unsafe.Pointer(v), &[2]numbers{})
}

// Read reads a struct that Write wrote at the beginning of b, and returns the bytes after it. It reuses the capacity of
// the lists in v. If Write did not write the bytes, the result is undefined, and Read may panic.
func (k Packer[T]) Read(b []byte, v *T) (rest []byte) {
	return k.shape.read(b, unsafe.Pointer(v), &[2]numbers{})
}

// shape describes the fields of a type, in groups of eight. In the packed form, a byte for each group says which of its
// fields are not 0. Another byte for eight groups says which of them have such fields.
type shape struct {
	groups [][]field
	held   []held // element types of the lists and pointers
	size   uintptr
}

// field describes one field. It is small, because there are hundreds.
type field struct {
	offset uint32
	kind   kind
	held   uint8 // of a list or pointer: its index in shape.held
}

// held describes a list or pointer.
type held struct {
	typ reflect.Type
	of  *shape // of its elements
}

type kind uint8

const (
	truth kind = iota
	byte1
	bytes2
	bytes4
	bytes8
	text // a list of bytes
	list
	pointer
)

func shapeOf(t reflect.Type) *shape {
	s := &shape{size: t.Size()}
	fields := s.fields(nil, t, 0)
	slices.SortStableFunc(fields, func(x, y field) int { return int(x.kind) - int(y.kind) })
	s.groups = slices.Collect(slices.Chunk(fields, 8))
	return s
}

// fields appends the fields of a type that lies at an offset.
func (s *shape) fields(all []field, t reflect.Type, offset uintptr) []field {
	f := field{offset: uint32(offset), held: uint8(len(s.held))}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if part := t.Field(i); part.Tag.Get("rest") != "-" {
				all = s.fields(all, part.Type, offset+part.Offset)
			}
		}
		return all
	case reflect.Array:
		for i := range t.Len() {
			all = s.fields(all, t.Elem(), offset+uintptr(i)*t.Elem().Size())
		}
		return all
	case reflect.Bool:
		f.kind = truth
	case reflect.Uint8, reflect.Int8:
		f.kind = byte1
	case reflect.Uint16, reflect.Int16:
		f.kind = bytes2
	case reflect.Uint32, reflect.Int32:
		f.kind = bytes4
	case reflect.Uint64, reflect.Int64, reflect.Int:
		f.kind = bytes8
	case reflect.Slice:
		if f.kind = list; t.Elem().Kind() == reflect.Uint8 {
			f.kind = text
		}
		s.held = append(s.held, held{t, shapeOf(t.Elem())})
	case reflect.Pointer:
		f.kind = pointer
		s.held = append(s.held, held{t, shapeOf(t.Elem())})
	default:
		panic("store: cannot pack a " + t.String())
	}
	return append(all, f)
}

// slice is a list's layout in memory.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

func (s *shape) write(b []byte, p unsafe.Pointer, n *[2]numbers) []byte {
	var all int // the index of the byte that says which of eight groups have fields
	for g, group := range s.groups {
		if g%8 == 0 {
			all = len(b)
			b = append(b, 0)
		}
		at := len(b)
		b = append(b, 0)
		mask := byte(0)
		for i, f := range group {
			q, had := unsafe.Add(p, f.offset), len(b)
			switch f.kind {
			case truth:
				if *(*bool)(q) {
					mask |= 1 << i
				}
				continue
			case byte1:
				if v := *(*uint8)(q); v != 0 {
					b = append(b, v)
				}
			case bytes2:
				if v := *(*uint16)(q); v != 0 {
					b = binary.LittleEndian.AppendUint16(b, v)
				}
			case bytes4:
				if v := *(*uint32)(q); v != 0 {
					b = n[0].write(b, uint64(v), 32)
				}
			case bytes8:
				if v := *(*uint64)(q); v != 0 {
					b = n[1].write(b, v, 0)
				}
			case text:
				if v := *(*[]byte)(q); len(v) > 0 {
					b = append(binary.AppendUvarint(b, uint64(len(v))), v...)
				}
			case list:
				if v := (*slice)(q); v.len > 0 {
					b = binary.AppendUvarint(b, uint64(v.len))
					of := s.held[f.held].of
					for i := range v.len {
						b = of.write(b, unsafe.Add(v.data, uintptr(i)*of.size), n)
					}
				}
			case pointer:
				if v := *(*unsafe.Pointer)(q); v != nil {
					b = s.held[f.held].of.write(b, v, n)
				}
			}
			if len(b) > had {
				mask |= 1 << i
			}
		}
		if b[at] = mask; mask != 0 {
			b[all] |= 1 << (g % 8)
		} else {
			b = b[:at]
		}
	}
	return b
}

func (s *shape) read(b []byte, p unsafe.Pointer, n *[2]numbers) []byte {
	var all byte
	for g, group := range s.groups {
		if g%8 == 0 {
			all, b = b[0], b[1:]
		}
		mask := byte(0)
		if all&(1<<(g%8)) != 0 {
			mask, b = b[0], b[1:]
		}
		for i, f := range group {
			q, is := unsafe.Add(p, f.offset), mask&(1<<i) != 0
			var v uint64
			switch f.kind {
			case truth:
				*(*bool)(q) = is
			case byte1:
				if is {
					v, b = uint64(b[0]), b[1:]
				}
				*(*uint8)(q) = uint8(v)
			case bytes2:
				if is {
					v, b = uint64(binary.LittleEndian.Uint16(b)), b[2:]
				}
				*(*uint16)(q) = uint16(v)
			case bytes4:
				if is {
					v, b = n[0].read(b, 32)
				}
				*(*uint32)(q) = uint32(v)
			case bytes8:
				if is {
					v, b = n[1].read(b, 0)
				}
				*(*uint64)(q) = v
			case text, list:
				b = s.held[f.held].readList(b, q, is, n)
			case pointer:
				at, h := (*unsafe.Pointer)(q), &s.held[f.held]
				if *at = nil; is { // another struct may own the old target now
					reflect.NewAt(h.typ, q).Elem().Set(reflect.New(h.typ.Elem()))
					b = h.of.read(b, *at, n)
				}
			}
		}
	}
	return b
}

// readList reads a list, if there is one, into the capacity of the list at q. It first clears elements that have lists
// or pointers, because another struct may own those now.
func (h *held) readList(b []byte, q unsafe.Pointer, is bool, n *[2]numbers) []byte {
	v := (*slice)(q)
	v.len = 0
	if !is {
		return b
	}
	length, size := binary.Uvarint(b)
	b = b[size:]
	if v.cap < int(length) {
		reflect.NewAt(h.typ, q).Elem().Set(reflect.MakeSlice(h.typ, int(length), int(length)))
	}
	v.len = int(length)
	if h.of.size == 1 {
		return b[copy(*(*[]byte)(q), b):]
	}
	if len(h.of.held) > 0 {
		reflect.NewAt(h.typ, q).Elem().Clear()
	}
	for i := range v.len {
		b = h.of.read(b, unsafe.Add(v.data, uintptr(i)*h.of.size), n)
	}
	return b
}

// numbers are the numbers that were written or read so far. A new number may be equal to one of them, or near one of
// the last.
type numbers struct {
	seen  [1 << 6]uint64
	count int
	index [1 << 6]uint8 // indexes of seen, from 1 on, by a hash of the number
	last  [3]uint64     // the last ones that were far from each other
}

// The first byte of a number has either its index in seen, or the number itself if it is small. Otherwise it says which
// of the last numbers it is near (from 1 on, 0 for none), and how many bytes of the difference follow. The sign is the
// lowest bit of the difference.
const (
	isSeen  = 0x80
	isSmall = 0x40
	apart   = 3 // numbers whose difference takes more bytes are far from each other
)

// hash spreads numbers that differ in few bits (D. Knuth, The Art of Computer Programming, volume 3, section 6.4).
func hash(v uint64) uint64 { return v * 0x9e3779b97f4a7c15 >> 58 }

func (n *numbers) write(b []byte, v uint64, unused uint) []byte {
	if v < isSmall {
		return append(b, isSmall|byte(v))
	}
	if i := n.index[hash(v)]; i > 0 && n.seen[i-1] == v {
		return append(b, isSeen|(i-1))
	}
	which, best := 0, v
	for i, last := range n.last {
		d := int64(v-last) << unused >> unused
		if u := uint64(d)<<1 ^ uint64(d>>63); u < best {
			which, best = i+1, u
		}
	}
	size := (bits.Len64(best) + 7) / 8
	n.remember(v, which, size)
	b = binary.LittleEndian.AppendUint64(append(b, byte(which<<4|size)), best)
	return b[:len(b)-8+size]
}

func (n *numbers) read(b []byte, unused uint) (v uint64, rest []byte) {
	how := b[0]
	switch {
	case how&isSeen != 0:
		return n.seen[how&^isSeen], b[1:]
	case how&isSmall != 0:
		return uint64(how &^ isSmall), b[1:]
	}
	which, size := int(how>>4), int(how&15)
	for i := range size {
		v |= uint64(b[1+i]) << (8 * i)
	}
	if which > 0 {
		v = (n.last[which-1] + uint64(int64(v>>1)^-int64(v&1))) << unused >> unused
	}
	n.remember(v, which, size)
	return v, b[1+size:]
}

// remember adds a number to last, in place of the number that it is near, or else in front of all.
func (n *numbers) remember(v uint64, which, size int) {
	if which > 0 && size <= apart {
		n.last[which-1] = v
	} else {
		n.last[2], n.last[1], n.last[0] = n.last[1], n.last[0], v
	}
	if n.count < len(n.seen) {
		n.seen[n.count] = v
		n.count++
		n.index[hash(v)] = uint8(n.count)
	}
}
