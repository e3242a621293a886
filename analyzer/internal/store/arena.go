package store

import (
	"slices"
	"unsafe"
)

// An Arena stores byte strings. Each string has a head, into which most strings fit, and as many links after it as it
// needs. All heads have one size, and all links have one size, so that freed ones fit the next string.
type Arena struct {
	heads Slabs[head]
	links Slabs[link]
	Used  uint64 // bytes of heads and links in use
}

type (
	head struct {
		data   [252]byte
		length uint32
		next   uint32 // the first link
	}
	link struct {
		data [60]byte
		next uint32
	}
)

const (
	headSize = uint64(unsafe.Sizeof(head{}))
	linkSize = uint64(unsafe.Sizeof(link{}))
)

// Put stores a string and returns the number of its head, never 0.
func (a *Arena) Put(b []byte) uint32 {
	n := a.heads.Take()
	h := a.heads.At(n)
	h.length = uint32(len(b))
	a.Used += headSize
	b = b[copy(h.data[:], b):]
	for next := &h.next; len(b) > 0; {
		*next = a.links.Take()
		l := a.links.At(*next)
		a.Used += linkSize
		b = b[copy(l.data[:], b):]
		next = &l.next
	}
	return n
}

// Head returns the beginning of a string. The rest may be in its links.
func (a *Arena) Head(n uint32) []byte { return a.heads.At(n).data[:] }

// Length is the length of a string in bytes.
func (a *Arena) Length(n uint32) int { return int(a.heads.At(n).length) }

// Bytes appends a string to room.
func (a *Arena) Bytes(n uint32, room []byte) []byte {
	h := a.heads.At(n)
	length := int(h.length)
	room = slices.Grow(room, length)
	room = append(room, h.data[:min(length, len(h.data))]...)
	next := h.next
	for length -= len(h.data); length > 0; {
		l := a.links.At(next)
		room = append(room, l.data[:min(length, len(l.data))]...)
		length -= len(l.data)
		next = l.next
	}
	return room
}

// Drop frees a string.
func (a *Arena) Drop(n uint32) {
	h := a.heads.At(n)
	length, next := int(h.length), h.next
	a.heads.Drop(n)
	a.Used -= headSize
	for length -= len(h.data); length > 0; {
		l := a.links.At(next)
		length -= len(l.data)
		a.links.Drop(next)
		a.Used -= linkSize
		next = l.next
	}
}

// Spare is the number of bytes of free heads and links.
func (a *Arena) Spare() uint64 { return a.heads.Spare() + a.links.Spare() }

// Squeeze frees them, as Slabs.Squeeze does. The function each must call move once with the number of every string.
func (a *Arena) Squeeze(each func(move func(n *uint32))) {
	a.heads.Squeeze(each)
	a.links.Squeeze(func(move func(n *uint32)) {
		each(func(n *uint32) {
			h := a.heads.At(*n)
			next := &h.next
			for length := int(h.length) - len(h.data); length > 0; {
				move(next)
				l := a.links.At(*next)
				length -= len(l.data)
				next = &l.next
			}
		})
	})
}
