package store

import (
	"encoding/binary"
	"slices"
)

// Arena is room for strings of bytes that come and go. Each has a head, which most fit into, and behind it as many links as it
// needs. All heads are of one size, and so are all links: what one string leaves behind fits the next, though they grow as
// connections go on.
type Arena struct {
	heads, links blocks
	Used         uint64 // bytes handed out
}

const (
	headSize = 256
	linkSize = 64
)

func NewArena() Arena { return Arena{heads: blocks{size: headSize}, links: blocks{size: linkSize}} }

// Put keeps a string, and gives the number of its head, never 0.
func (a *Arena) Put(b []byte) uint32 {
	head, room := a.heads.take()
	for {
		a.Used += uint64(len(room) + nextSize)
		if b = b[copy(room, b):]; len(b) == 0 {
			return head
		}
		next, more := a.links.take()
		setNext(room, next)
		room = more
	}
}

// Head is the beginning of a string, the end of which may be elsewhere.
func (a *Arena) Head(n uint32) []byte { return a.heads.at(n) }

// Bytes are those of a string of a length: where they lie, or gathered behind room. Behind them is room for compact.Slack.
func (a *Arena) Bytes(head uint32, length int, room []byte) []byte {
	b := a.heads.at(head)
	if length <= len(b) {
		return b[:length]
	}
	room = append(room, b...)
	for length -= len(b); length > 0; length -= len(b) {
		b = a.links.at(next(b))
		room = append(room, b[:min(length, len(b))]...)
	}
	return slices.Grow(room, Slack)
}

// Drop frees a string of a length.
func (a *Arena) Drop(head uint32, length int) {
	b := a.heads.at(head)
	link := next(b)
	a.heads.drop(head)
	a.Used -= headSize
	for length -= len(b); length > 0; length -= len(b) {
		b = a.links.at(link)
		after := next(b)
		a.links.drop(link)
		a.Used -= linkSize
		link = after
	}
}

// blocks are pieces of memory of one size, by number, and each with the number of one that comes next. There is no pointer in
// them that the collector would have to follow.
type blocks struct {
	size   int
	chunks [][]byte
	made   uint32 // numbers handed out so far, from 1 on
	free   uint32 // the first of those that are not used
}

const (
	perChunk = 1 << 12
	nextSize = 4 // bytes at the end of a block
)

// at is a block but for what comes next.
func (s *blocks) at(n uint32) []byte {
	from := int(n%perChunk) * s.size
	return s.chunks[n/perChunk][from : from+s.size-nextSize]
}

// next is the number of the block behind one.
func next(b []byte) uint32 { return binary.LittleEndian.Uint32(b[len(b) : len(b)+nextSize]) }

func setNext(b []byte, n uint32) { binary.LittleEndian.PutUint32(b[len(b):len(b)+nextSize], n) }

// take gives one that is not used.
func (s *blocks) take() (n uint32, b []byte) {
	if n = s.free; n != 0 {
		b = s.at(n)
		s.free = next(b)
		return n, b
	}
	s.made++
	if int(s.made/perChunk) == len(s.chunks) {
		size := perChunk * s.size
		s.chunks = append(s.chunks, make([]byte, size, size+Slack))
	}
	return s.made, s.at(s.made)
}

// drop takes one back.
func (s *blocks) drop(n uint32) {
	setNext(s.at(n), s.free)
	s.free = n
}
