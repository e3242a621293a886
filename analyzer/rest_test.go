package analyzer

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer/compact"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/randfill"
)

// A field that pack forgets would be lost as soon as a connection rests. So every field is given some value by reflection,
// but for those of a connection that is awake.
func TestPackKeepsEveryField(t *testing.T) {
	awake := func(c *connection) {
		c.older, c.key, c.encap, c.id, c.place, c.number, c.touched = nil, flows.Key{}, nil, 0, 0, 0, false
		c.zeek.history, c.zeek.room = slices.Clone(c.zeek.history), [16]byte{}
	}
	var used connection // what the last one has left must not show
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 9293))
		var c connection
		randfill.Fill(r, &c, reflect.TypeFor[*connection](), reflect.TypeFor[*flows.Encapsulation](), reflect.TypeFor[RoleEvidence]())
		c.role = roles[r.IntN(len(roles))]
		awake(&c)
		var k compact.Coder
		k.Base = int64(seed) * 1e9
		k.Write(nil)
		c.pack(&k)
		packed := k.Bytes()
		k.Read(packed)
		used.pack(&k)
		awake(&used)
		if !reflect.DeepEqual(c, used) {
			t.Fatalf("seed %d: packed\n%+v\ncame back as\n%+v", seed, c, used)
		}
	}
}

func TestKeysComeBack(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 9293))
		var key, back flows.Key
		randfill.Fill(r, &key)
		if !key.V6 {
			copy(key.A[:], "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff")
			copy(key.B[:], "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff")
		}
		b := appendKey(nil, &key)
		if rest := readKey(append(b, 7), &back); back != key || len(b) > maxPackedKey || len(rest) != 1 {
			t.Fatalf("%+v came back as %+v, and %d bytes too many", key, back, len(rest))
		}
	}
}
