package compact_test

import (
	"fmt"

	"github.com/tcplife/tcplife/analyzer/compact"
)

type point struct {
	x, y uint32
	at   int64
}

func (p *point) code(k *compact.Coder) {
	k.Uint32(&p.x)
	k.Uint32(&p.y)
	k.Time(&p.at)
}

func Example() {
	var k compact.Coder
	k.Base = 1_700_000_000_000_000_000

	p := point{x: 7, at: k.Base + 20}
	k.Write(nil)
	p.code(&k)
	packed := k.Bytes()

	var q point
	k.Read(packed)
	q.code(&k)
	fmt.Println(len(packed), "bytes:", q)
	// Output: 16 bytes: {7 0 1700000000000000020}
}
