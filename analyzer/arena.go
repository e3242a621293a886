package analyzer

// arena is room for short strings of bytes that come and go. It holds no pointer but one a megabyte, so that the collector
// need not walk it, and gives back to itself what is freed, by size.
type arena struct {
	chunks [][]byte
	used   uint64         // bytes handed out, rounded up to their class
	at     int            // within the last chunk
	free   [classes]block // by class, each the first of a list that goes on in its first bytes
}

// block is where a string is: its number of grains from the beginning, plus one; 0 is none.
type block uint32

const (
	// grain is what every size is a multiple of, in bytes. A connection grows as it goes on: were sizes finer, what it leaves
	// behind would fit none of the others, which have all grown too.
	grain     = 128
	chunkSize = 1 << 20
	fine      = 8 // classes one grain apart; beyond, each is twice as big as the one before
	classes   = fine + 6
	maxString = grain * fine << (classes - fine)
)

// class is the class that holds n bytes, and its size.
func class(n int) (c, size int) {
	if n <= grain*fine {
		c = max(0, (n-1)/grain)
		return c, (c + 1) * grain
	}
	size = grain * fine
	for c = fine - 1; size < n; c++ {
		size *= 2
	}
	return c, size
}

// put keeps a string of up to maxString bytes.
func (a *arena) put(b []byte) block {
	c, size := class(len(b))
	p := a.free[c]
	if p != 0 {
		room := a.bytes(p)
		a.free[c] = block(uint32(room[0]) | uint32(room[1])<<8 | uint32(room[2])<<16 | uint32(room[3])<<24)
	} else {
		if len(a.chunks) == 0 || a.at+size > chunkSize {
			a.chunks = append(a.chunks, make([]byte, chunkSize))
			a.at = 0
		}
		p = block((len(a.chunks)-1)*(chunkSize/grain)+a.at/grain) + 1
		a.at += size
	}
	copy(a.bytes(p), b)
	a.used += uint64(size)
	return p
}

// bytes are those of a block, and what follows it.
func (a *arena) bytes(p block) []byte {
	n := uint32(p - 1)
	return a.chunks[n/(chunkSize/grain)][n%(chunkSize/grain)*grain:]
}

// drop frees a string of n bytes.
func (a *arena) drop(p block, n int) {
	c, size := class(n)
	room, next := a.bytes(p), uint32(a.free[c])
	room[0], room[1], room[2], room[3] = byte(next), byte(next>>8), byte(next>>16), byte(next>>24)
	a.free[c] = p
	a.used -= uint64(size)
}
