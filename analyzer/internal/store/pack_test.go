package store_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/store"
	"github.com/tcplife/tcplife/internal/randfill"
)

func Example() {
	type visit struct {
		at, until int64
		name      []byte
		pages     [4]uint32
		paid, new bool
	}
	packer := store.NewPacker[visit]()
	const at = 1_700_000_000_000_000_000

	v := visit{at: at, until: at + 20, name: []byte("sue"), pages: [4]uint32{2: 70_000, 3: 70_002}, new: true}
	b := packer.Write(nil, &v)
	var w visit
	packer.Read(b, &w)
	fmt.Println(len(b), "bytes:", w.until-w.at, string(w.name), w.pages, w.paid, w.new)
	// Output: 24 bytes: 20 sue [0 0 70000 70002] false true
}

// everything has fields of all types that can be packed, more than one group of them.
type everything struct {
	Truth        [11]bool
	A            uint8
	B            int8
	C            uint16
	D            [5]uint32
	E            int
	F            int64
	G            [20]uint64
	Text         []byte
	List         []inner
	Numbers      []uint32
	Inner        *inner
	Leave        int `rest:"-"`
	Nothing      struct{}
	Deep         [3]inner
	PointersOnly []*uint32
}

type inner struct {
	At   int64
	Seen bool
	List []uint64
	More *uint16
}

// A struct is read as it was written, whatever the target held before, and the bytes after it are returned.
func TestPackKeepsEveryField(t *testing.T) {
	packer := store.NewPacker[everything]()
	used := everything{Leave: 9}
	for seed := range uint64(3000) {
		var v everything
		randfill.Fill(rand.New(rand.NewPCG(seed, 9293)), &v)
		b := packer.Write([]byte("front"), &v)
		rest := packer.Read(append(b, "back"...)[len("front"):], &used)
		if v.Leave = 9; !reflect.DeepEqual(v, used) || string(rest) != "back" {
			t.Fatalf("seed %d: packed\n%+v\nread\n%+v\nwith %q after it", seed, v, used, rest)
		}
	}
}

// An empty struct takes one byte for 64 fields, and empties the lists of the target.
func TestPackNothing(t *testing.T) {
	packer := store.NewPacker[everything]()
	var used everything
	randfill.Fill(rand.New(rand.NewPCG(1, 1)), &used)
	b := packer.Write(nil, &everything{})
	if packer.Read(b, &used); len(b) != 1 || len(used.Text)+len(used.List)+len(used.Numbers) > 0 || used.Inner != nil {
		t.Errorf("%d bytes were read as %+v", len(b), used)
	}
}

// Reading a list does not write into memory that its old elements pointed to: another struct may own that now.
func TestPackSharesNothing(t *testing.T) {
	packer := store.NewPacker[everything]()
	var used everything
	packer.Read(packer.Write(nil, &everything{List: []inner{{List: []uint64{1, 2, 3}}}}), &used)
	taken := used.List[0]
	packer.Read(packer.Write(nil, &everything{List: []inner{{List: []uint64{4, 5, 6}}}}), &used)
	if taken.List[0] != 1 {
		t.Errorf("%v was 1, 2, 3", taken.List)
	}
}
