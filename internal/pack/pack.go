// Package pack writes values as bytes and reads them again, for a transfer to another process of the same program: both
// must have the same types. The bytes have no names and no versions, so they are not for files to keep.
//
// All fields of a struct are packed, also those that are not exported. A nil slice and an empty one stay different, and
// so do a nil pointer and one to a zero value. There must be no maps, interfaces, channels, functions and cycles.
package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"sync"
	"unsafe"
)

// A Codec packs values of type T.
type Codec[T any] struct{ codec codec }

// Of returns the Codec of a type. It panics if the type contains one that cannot be packed.
func Of[T any]() Codec[T] { return Codec[T]{codecOf(reflect.TypeFor[T]())} }

// Append appends *v.
func (c Codec[T]) Append(b []byte, v *T) []byte { return c.codec.append(b, unsafe.Pointer(v)) }

// Read reads a value that Append has appended into *v, and returns the rest of b. It overwrites *v, which shares no
// memory with b.
func (c Codec[T]) Read(b []byte, v *T) ([]byte, error) { return c.codec.read(b, unsafe.Pointer(v)) }

var errShort = errors.New("unpack: the bytes end too early")

// codec packs and reads the value at an address.
type codec struct {
	append func([]byte, unsafe.Pointer) []byte
	read   func([]byte, unsafe.Pointer) ([]byte, error)
}

var codecs sync.Map // of codec by reflect.Type

func codecOf(t reflect.Type) codec {
	if c, known := codecs.Load(t); known {
		return c.(codec)
	}
	c := newCodec(t)
	codecs.Store(t, c)
	return c
}

func newCodec(t reflect.Type) codec {
	if t == reflect.TypeFor[netip.Addr]() {
		return codec{appendAddr, readAddr}
	}
	switch t.Kind() {
	case reflect.Bool:
		return codec{
			func(b []byte, p unsafe.Pointer) []byte { return append(b, *(*byte)(p)) },
			func(b []byte, p unsafe.Pointer) ([]byte, error) {
				if len(b) < 1 {
					return nil, errShort
				}
				*(*bool)(p) = b[0] != 0
				return b[1:], nil
			},
		}
	case reflect.Int, reflect.Int64:
		return signed[int64]()
	case reflect.Int32:
		return signed[int32]()
	case reflect.Int16:
		return signed[int16]()
	case reflect.Int8:
		return signed[int8]()
	case reflect.Uint, reflect.Uint64:
		return unsigned[uint64]()
	case reflect.Uint32:
		return unsigned[uint32]()
	case reflect.Uint16:
		return unsigned[uint16]()
	case reflect.Uint8:
		return unsigned[uint8]()
	case reflect.Float64:
		return codec{
			func(b []byte, p unsafe.Pointer) []byte {
				return binary.LittleEndian.AppendUint64(b, math.Float64bits(*(*float64)(p)))
			},
			func(b []byte, p unsafe.Pointer) ([]byte, error) {
				if len(b) < 8 {
					return nil, errShort
				}
				*(*float64)(p) = math.Float64frombits(binary.LittleEndian.Uint64(b))
				return b[8:], nil
			},
		}
	case reflect.String:
		return codec{
			func(b []byte, p unsafe.Pointer) []byte {
				s := *(*string)(p)
				return append(binary.AppendUvarint(b, uint64(len(s))), s...)
			},
			func(b []byte, p unsafe.Pointer) ([]byte, error) {
				n, b, err := length(b)
				if err != nil {
					return nil, err
				}
				*(*string)(p) = string(b[:n])
				return b[n:], nil
			},
		}
	case reflect.Array:
		return arrayCodec(t)
	case reflect.Struct:
		return structCodec(t)
	case reflect.Slice:
		return sliceCodec(t)
	case reflect.Pointer:
		return pointerCodec(t)
	}
	panic(fmt.Sprintf("pack: a %v cannot be packed", t))
}

func signed[T int8 | int16 | int32 | int64]() codec {
	return codec{
		func(b []byte, p unsafe.Pointer) []byte { return binary.AppendVarint(b, int64(*(*T)(p))) },
		func(b []byte, p unsafe.Pointer) ([]byte, error) {
			x, n := binary.Varint(b)
			if n <= 0 {
				return nil, errShort
			}
			*(*T)(p) = T(x)
			return b[n:], nil
		},
	}
}

func unsigned[T uint8 | uint16 | uint32 | uint64]() codec {
	return codec{
		func(b []byte, p unsafe.Pointer) []byte { return binary.AppendUvarint(b, uint64(*(*T)(p))) },
		func(b []byte, p unsafe.Pointer) ([]byte, error) {
			x, n := binary.Uvarint(b)
			if n <= 0 {
				return nil, errShort
			}
			*(*T)(p) = T(x)
			return b[n:], nil
		},
	}
}

// length reads the number of bytes or elements that follow. Each has at least one byte.
func length(b []byte) (n int, rest []byte, err error) {
	x, width := binary.Uvarint(b)
	if width <= 0 || x > uint64(len(b)-width) {
		return 0, nil, errShort
	}
	return int(x), b[width:], nil
}

func appendAddr(b []byte, p unsafe.Pointer) []byte {
	text, _ := (*netip.Addr)(p).MarshalBinary() // it never fails
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func readAddr(b []byte, p unsafe.Pointer) ([]byte, error) {
	n, b, err := length(b)
	if err != nil {
		return nil, err
	}
	if err := (*netip.Addr)(p).UnmarshalBinary(b[:n]); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return b[n:], nil
}

func arrayCodec(t reflect.Type) codec {
	if t.Elem().Kind() == reflect.Uint8 {
		n := t.Len()
		return codec{
			func(b []byte, p unsafe.Pointer) []byte { return append(b, unsafe.Slice((*byte)(p), n)...) },
			func(b []byte, p unsafe.Pointer) ([]byte, error) {
				if len(b) < n {
					return nil, errShort
				}
				copy(unsafe.Slice((*byte)(p), n), b)
				return b[n:], nil
			},
		}
	}
	e, size, n := codecOf(t.Elem()), t.Elem().Size(), t.Len()
	return codec{
		func(b []byte, p unsafe.Pointer) []byte {
			for i := range n {
				b = e.append(b, unsafe.Add(p, uintptr(i)*size))
			}
			return b
		},
		func(b []byte, p unsafe.Pointer) (_ []byte, err error) {
			for i := range n {
				if b, err = e.read(b, unsafe.Add(p, uintptr(i)*size)); err != nil {
					return nil, err
				}
			}
			return b, nil
		},
	}
}

func structCodec(t reflect.Type) codec {
	type field struct {
		codec
		offset uintptr
	}
	var fields []field
	for i := range t.NumField() {
		if f := t.Field(i); f.Name != "_" {
			fields = append(fields, field{codecOf(f.Type), f.Offset})
		}
	}
	return codec{
		func(b []byte, p unsafe.Pointer) []byte {
			for i := range fields {
				b = fields[i].append(b, unsafe.Add(p, fields[i].offset))
			}
			return b
		},
		func(b []byte, p unsafe.Pointer) (_ []byte, err error) {
			for i := range fields {
				if b, err = fields[i].read(b, unsafe.Add(p, fields[i].offset)); err != nil {
					return nil, err
				}
			}
			return b, nil
		},
	}
}

// A slice is packed as its length plus 1, or 0 for nil, and its elements.
func sliceCodec(t reflect.Type) codec {
	if t.Elem().Kind() == reflect.Uint8 {
		return bytesCodec()
	}
	e, size := codecOf(t.Elem()), t.Elem().Size()
	return codec{
		func(b []byte, p unsafe.Pointer) []byte {
			s := reflect.NewAt(t, p).Elem()
			if s.IsNil() {
				return append(b, 0)
			}
			n := s.Len()
			b = binary.AppendUvarint(b, uint64(n)+1)
			first := s.UnsafePointer()
			for i := range n {
				b = e.append(b, unsafe.Add(first, uintptr(i)*size))
			}
			return b
		},
		func(b []byte, p unsafe.Pointer) (_ []byte, err error) {
			x, width := binary.Uvarint(b)
			if width <= 0 || x > uint64(len(b)) { // each element has at least a byte
				return nil, errShort
			}
			b = b[width:]
			s := reflect.NewAt(t, p).Elem()
			if x == 0 {
				s.SetZero()
				return b, nil
			}
			n := int(x) - 1
			s.Set(reflect.MakeSlice(t, n, n))
			first := s.UnsafePointer()
			for i := range n {
				if b, err = e.read(b, unsafe.Add(first, uintptr(i)*size)); err != nil {
					return nil, err
				}
			}
			return b, nil
		},
	}
}

func bytesCodec() codec {
	return codec{
		func(b []byte, p unsafe.Pointer) []byte {
			s := *(*[]byte)(p)
			if s == nil {
				return append(b, 0)
			}
			return append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
		},
		func(b []byte, p unsafe.Pointer) ([]byte, error) {
			x, width := binary.Uvarint(b)
			if width <= 0 || x > uint64(len(b)-width)+1 {
				return nil, errShort
			}
			b = b[width:]
			if x == 0 {
				*(*[]byte)(p) = nil
				return b, nil
			}
			*(*[]byte)(p) = append(make([]byte, 0, x-1), b[:x-1]...)
			return b[x-1:], nil
		},
	}
}

func pointerCodec(t reflect.Type) codec {
	e := codecOf(t.Elem())
	return codec{
		func(b []byte, p unsafe.Pointer) []byte {
			to := *(*unsafe.Pointer)(p)
			if to == nil {
				return append(b, 0)
			}
			return e.append(append(b, 1), to)
		},
		func(b []byte, p unsafe.Pointer) ([]byte, error) {
			if len(b) < 1 {
				return nil, errShort
			}
			if b[0] == 0 {
				*(*unsafe.Pointer)(p) = nil
				return b[1:], nil
			}
			to := reflect.New(t.Elem())
			reflect.NewAt(t, p).Elem().Set(to)
			return e.read(b[1:], to.UnsafePointer())
		},
	}
}
