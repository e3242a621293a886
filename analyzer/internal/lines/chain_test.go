package lines

import (
	"testing"

	"pgregory.net/rapid"
)

// Read returns the lines that Append stored, of several chains that grow in turn, also after others are dropped and the
// rest is moved.
func TestChainsKeepLines(t *testing.T) {
	type kept struct {
		chain Chain
		syn   Line
		lines []Line
	}
	rapid.Check(t, func(t *rapid.T) {
		var chains Chains
		list := make([]*kept, 3)
		for i := range list {
			k := &kept{syn: Line{Traits: Traits(rapid.Uint64().Draw(t, "SYN")), TSVal: rapid.Uint32().Draw(t, "TSVal")}}
			k.chain.Begin(&k.syn)
			list[i] = k
		}
		for range rapid.IntRange(0, 3*Most).Draw(t, "lines") {
			k := rapid.SampledFrom(list).Draw(t, "chain")
			if len(k.lines) == Most {
				continue
			}
			l := draw(t, k.syn.Traits)
			chains.Append(&k.chain, &l)
			k.lines = append(k.lines, l)
		}
		before := chains.Used()
		if rapid.Bool().Draw(t, "drop") {
			dropped := list[0]
			chains.Drop(&dropped.chain)
			list = list[1:]
			if len(dropped.lines) > 0 && chains.Used() >= before {
				t.Fatalf("%d bytes are used, of %d before a chain was dropped", chains.Used(), before)
			}
			chains.Squeeze(func(visit func(*Chain)) {
				for _, k := range list {
					visit(&k.chain)
				}
			})
			if chains.Spare() != 0 {
				t.Fatalf("%d bytes are still spare", chains.Spare())
			}
		}
		for _, k := range list {
			var read [Most]Line
			chains.Read(&k.chain, &k.syn, &read)
			if int(k.chain.Count) != len(k.lines) {
				t.Fatalf("%d lines, want %d", k.chain.Count, len(k.lines))
			}
			for i, l := range k.lines {
				if read[i] != l {
					t.Fatalf("line %d is %+v, want %+v", i, read[i], l)
				}
			}
		}
	})
}

// draw returns a line such as any segment may have, most often one like those before.
func draw(t *rapid.T, usual Traits) Line {
	often := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) > 0 }
	l := Line{Passed: 1000 * rapid.Uint64Range(0, MostPassed/1000).Draw(t, "µs"), Traits: usual,
		Packets: 1, Digest: rapid.Uint32().Draw(t, "digest")}
	l.Traits ^= Traits(rapid.IntRange(0, 1).Draw(t, "sender")) * fromB
	if !often("µs only") {
		l.Passed = rapid.Uint64Range(0, MostPassed).Draw(t, "ns")
	}
	if !often("usual") {
		l.Traits = Traits(rapid.Uint64().Draw(t, "traits"))
	}
	if !often("next packet") {
		l.Packets = rapid.Uint32().Draw(t, "packets")
	}
	if !often("acknowledges all") {
		l.Behind = rapid.Uint16().Draw(t, "behind")
	}
	if !often("no text") {
		l.Len = rapid.Uint16().Draw(t, "text")
	}
	if l.Traits&stamped != 0 || !often("no echo") {
		l.TSEcr = rapid.Uint32().Draw(t, "echo")
	}
	if l.Traits&stamped != 0 {
		l.TSVal = rapid.Uint32().Draw(t, "stamp")
	}
	return l
}

// The longest line takes lineBytes.
func TestLongestLine(t *testing.T) {
	var c Chain
	var b code
	c.Begin(&Line{Traits: ^Traits(0) &^ fromB &^ (1 << ipidAt)})
	l := Line{Passed: MostPassed, Packets: 1<<32 - 1, TSVal: 1<<32 - 1, TSEcr: 1<<32 - 1, Behind: 1<<16 - 1,
		Len: 1<<16 - 1, Traits: stamped}
	if n := c.encode(&b, &l); n != lineBytes {
		t.Errorf("the longest line takes %d bytes, not %d", n, lineBytes)
	}
}
