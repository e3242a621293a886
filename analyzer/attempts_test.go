package analyzer

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/lines"
	"github.com/tcplife/tcplife/flows"
	"pgregory.net/rapid"
)

func mapped(ip uint32) (a flows.Addr) {
	setMapped(&a, ip)
	return a
}

// read returns an attempt as put stored it, and hasKey accepts only its own key.
func TestAttemptsKeepAll(t *testing.T) {
	var kept attempts
	rapid.Check(t, func(t *rapid.T) {
		u32 := func(name string) uint32 { return rapid.Uint32().Draw(t, name) }
		u16 := func(name string) uint16 { return rapid.Uint16().Draw(t, name) }
		rarely := func(name string) bool { return rapid.IntRange(0, 7).Draw(t, name) == 0 }
		e := attempt{
			key: flows.Key{A: mapped(10 | u32("a")<<8), B: mapped(11 | u32("b")<<8),
				APort: u16("port of a"), BPort: u16("port of b")},
			packet: rapid.Uint64().Draw(t, "packet"), at: rapid.Int64().Draw(t, "at"), seq: u32("seq"),
			syn: lines.Line{Passed: uint64(u32("ack")), Digest: u32("digest"), TSVal: u32("ts"), Behind: u16("mss"),
				Len: u16("options"), Traits: lines.Traits(rapid.Uint64().Draw(t, "traits"))},
		}
		e.heard = e.at
		if rarely("v6") {
			e.key.V6, e.key.A[0], e.key.B[0] = true, 0x20, 0x20
		}
		if rarely("domain") {
			e.key.Domain = 7
		}
		if rarely("text") {
			e.len = 1
		}
		if rarely("echo") {
			e.syn.TSEcr = 1
		}
		if rarely("heard later") {
			e.heard++
		}
		before := kept.live()
		n := kept.put(&e)
		var got attempt
		if kept.read(n, &got); got != e || !kept.hasKey(n, &e.key) || kept.live() != before+1 {
			t.Fatalf("put %+v, got %+v", e, got)
		}
		other := e.key
		switch rapid.IntRange(0, 3).Draw(t, "other") {
		case 0:
			other.V6 = !other.V6
		case 1:
			other.Domain++
		case 2:
			other.APort++
		default:
			other.B[15]++
		}
		if kept.hasKey(n, &other) {
			t.Fatalf("%+v passes for %+v", other, e.key)
		}
		if rapid.Bool().Draw(t, "drop") {
			kept.drop(n)
		}
	})
}
