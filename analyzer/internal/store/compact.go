package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Coder keeps structs in few bytes while nobody looks at them. A struct names its fields once, in one function that
// is called both to write and to read them, so that the two cannot differ. It names several at once, those of near
// values one after the other: of a number no more is kept than how far it is from the one before it. What is the
// same, or 0, costs three bits; all that are named at once cost one bit if they are 0.
//
// A Coder writes fields, or reads them in the same order. It is not safe for concurrent use. What it reads must be
// what a Coder has written, by the same calls near the same numbers: anything else comes back as nonsense, or makes
// it panic.
type Coder struct {
	reading bool
	data    []byte // bytes of numbers and text
	start   int    // of what is written
	at      int    // the next byte
	bits    []byte // what takes less than a byte: written apart, and put behind the bytes in the end
	n       uint   // bits so far
	own     []byte // room for bits
}

const header = 2 // bytes that tell how many bytes of numbers and text follow

// Most is how many numbers can be named at once, and MostBools how many truth values: so many that their bits fit
// into a word that begins anywhere in a byte.
const (
	Most      = 18
	MostBools = 55
)

// Slack is how many more bytes there must be room for behind what is read. Those of the numbers that are named at
// once are looked for without asking at each where the room ends.
const Slack = 1<<8 + 8

// Write makes the coder ready to append to b.
func (k *Coder) Write(b []byte) {
	k.reading, k.data, k.start, k.at = false, b[:cap(b)], len(b), len(b)+header
	k.bits, k.n = k.own, 0
	k.room(0)
}

// Bytes ends the writing and gives what was written behind what Write was given, up to 64 KiB, and behind it room of
// Slack.
func (k *Coder) Bytes() []byte {
	k.room(int(k.n/8) + 1)
	binary.LittleEndian.PutUint16(k.data[k.start:], uint16(k.at-k.start-header))
	k.own = k.bits
	return append(k.data[:k.at], k.bits[:(k.n+7)/8]...)
}

// Read makes the coder ready to read from the beginning of b, which may hold more than was written.
func (k *Coder) Read(b []byte) {
	b = b[:len(b)+Slack]
	k.reading, k.data, k.at = true, b, header
	k.bits, k.n = b[header+int(binary.LittleEndian.Uint16(b)):], 0
}

// Rest is what follows behind what was read.
func (k *Coder) Rest() []byte { return k.bits[(k.n+7)/8 : len(k.bits)-Slack] }

// Reading reports which of the two the coder does.
func (k *Coder) Reading() bool { return k.reading }

// room sees to it that there is room for n bytes, and for Slack.
func (k *Coder) room(n int) {
	if len(k.data)-k.at < n+Slack {
		k.grow(n + Slack)
	}
}

//go:noinline // so that what calls it stays small
func (k *Coder) grow(n int) {
	k.data = slices.Grow(k.data[:min(k.at, len(k.data))], header+n)
	k.data = k.data[:cap(k.data)]
}

// put writes the upper bits of all, n for each element of a list, or one bit if they are all 0.
func (k *Coder) put(all uint64, n, length int) {
	n *= length
	if n > MostBools {
		panic("too many fields named at once")
	}
	v, size := all>>((63-n)&63)|1, uint(1+n)
	if all == 0 {
		v, size = 0, 1
	}
	i := k.n / 8
	if uint(len(k.bits)) < i+8 {
		k.growBits()
	}
	b := k.bits[i : i+8]
	begun := uint64(b[0]) & (1<<(k.n%8) - 1)
	binary.LittleEndian.PutUint64(b, v<<(k.n%8)|begun)
	k.n += size
}

//go:noinline
func (k *Coder) growBits() { k.bits = append(k.bits, make([]byte, 1<<8)...) }

// get reads what put has written, into the lower bits. Above them may be anything.
func (k *Coder) get(n, length int) (all uint64) {
	i := k.n / 8
	v := binary.LittleEndian.Uint64(k.bits[i:i+8]) >> (k.n % 8)
	k.n++
	if v&1 != 0 {
		k.n += uint(n * length)
		all = v >> 1
	}
	return all
}

// Bools are up to MostBools truth values.
func (k *Coder) Bools(list ...*bool) {
	var all uint64
	if k.reading {
		all = k.get(1, len(list))
		for _, p := range list {
			*p = all&1 != 0
			all >>= 1
		}
		return
	}
	for _, p := range list {
		all >>= 1
		if *p {
			all |= 1 << 63
		}
	}
	k.put(all, 1, len(list))
}

// Some notes that something is other than zero, and needs to be written field by field, or makes it zero when it is
// not.
func Some[T comparable](k *Coder, p *T) bool {
	var zero T
	is := !k.reading && *p != zero
	k.Bools(&is)
	if k.reading && !is {
		*p = zero
	}
	return is
}

type integer interface {
	~int | ~int8 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Near are up to Most numbers, each of them 0, for none, or near the one before it that is not. The first one is near a
// number that the reader knows already.
func Near[T integer](k *Coder, near T, list ...*T) {
	if k.reading {
		read(k, near, true, list)
	} else {
		write(k, near, true, list)
	}
}

// Small are up to Most numbers that are near 1 as a rule: counts, enumerations.
func Small[T integer](k *Coder, list ...*T) {
	if k.reading {
		read(k, 1, false, list)
	} else {
		write(k, 1, false, list)
	}
}

// A number is its code, of codeBits, and so many bytes as the code says. They hold its difference, the sign last, so
// that small is what is near.
const (
	codeBits = 3
	isZero   = 0
	isSame   = 1 // as the one that it is near
)

// widths are the numbers of bytes by code.
var widths = [1 << codeBits]uint8{0, 0, 1, 2, 3, 4, 6, 8}

// masks keep what counts of eight bytes, by code.
var masks = func() (list [1 << codeBits]uint64) {
	for code, width := range widths {
		list[code] = 1<<(8*width) - 1
	}
	return list
}()

// codes are by the length of a difference in bits.
var codes = func() (list [65]uint8) {
	code := uint8(isSame)
	for n := range list {
		if n > 8*int(widths[code]) {
			code++
		}
		list[n] = code
	}
	return list
}()

func write[T integer](k *Coder, near T, follow bool, list []*T) {
	if zero(list) {
		k.put(0, codeBits, len(list))
		return
	}
	unused := 64 - bits.Len64(uint64(^T(0)))
	k.room(0)
	b := (*[Slack]byte)(k.data[k.at:])
	var at uint8
	var all uint64
	for _, p := range list {
		v := *p
		all >>= codeBits
		if v == near {
			if v != 0 {
				all |= isSame << (64 - codeBits)
			}
			continue
		}
		if v == 0 {
			continue
		}
		d := int64(uint64(v-near)<<unused) >> unused
		u := uint64(d)<<1 ^ uint64(d>>63)
		binary.LittleEndian.PutUint64(b[int(at):int(at)+8], u)
		code := codes[bits.Len64(u)]
		at += widths[code%(1<<codeBits)]
		all |= uint64(code) << (64 - codeBits)
		if follow {
			near = v
		}
	}
	k.at += int(at)
	k.put(all, codeBits, len(list))
}

func zero[T integer](list []*T) bool {
	for _, p := range list {
		if *p != 0 {
			return false
		}
	}
	return true
}

func read[T integer](k *Coder, near T, follow bool, list []*T) {
	all := k.get(codeBits, len(list))
	if all == 0 {
		for _, p := range list {
			*p = 0
		}
		return
	}
	b := (*[Slack]byte)(k.data[k.at:])
	var at uint8
	for _, p := range list {
		code := all % (1 << codeBits)
		all >>= codeBits
		switch code {
		case isSame:
			*p = near
			continue
		case isZero:
			*p = 0
			continue
		}
		u := binary.LittleEndian.Uint64(b[int(at):int(at)+8]) & masks[code]
		at += widths[code]
		v := near + T(int64(u>>1)^-int64(u&1))
		*p = v
		if follow {
			near = v
		}
	}
	k.at += int(at)
}

// Text is a short string of bytes: at most 65,535 of them are kept. Room that *p has is used again.
func (k *Coder) Text(p *[]byte) {
	n := min(len(*p), 1<<16-1)
	Small(k, &n)
	if k.reading {
		*p = append((*p)[:0], k.data[k.at:k.at+n]...)
	} else {
		k.room(n)
		copy(k.data[k.at:], (*p)[:n])
	}
	k.at += n
}

// Resize gives a list a length, and room that it has is used again: the elements may hold anything.
func Resize[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	return list[:n]
}
