package tcpstate

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/internal/randfill"
)

// A field that Pack forgets would be lost as soon as a connection rests. So every field is given some value by reflection.
func TestPackKeepsEveryField(t *testing.T) {
	var used Conn // what the last one has left must not show
	for seed := range uint64(500) {
		var c Conn
		randfill.Fill(rand.New(rand.NewPCG(seed, 9293)), &c)
		var k store.Coder
		k.Write(nil)
		c.Pack(&k, int(seed%2), int64(seed)*1e9, int64(seed)*2e9, seed)
		packed := k.Bytes()
		k.Read(packed)
		used.Pack(&k, int(seed%2), int64(seed)*1e9, int64(seed)*2e9, seed)
		if !reflect.DeepEqual(c, used) {
			t.Fatalf("seed %d: packed\n%+v\ncame back as\n%+v", seed, c, used)
		}
	}
}
