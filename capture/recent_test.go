package capture_test

import (
	"bytes"
	"testing"

	"github.com/tcplife/tcplife/capture"
)

// numbered is a packet that can be told from every other one.
func numbered(n uint64, size int) *capture.Packet {
	return &capture.Packet{Number: n, Time: -int64(n), Length: size + 7, Link: capture.LinkType(n % 300),
		Data: bytes.Repeat([]byte{byte(n)}, size)}
}

func TestRecentKeepsTheLastPackets(t *testing.T) {
	const limit, last = 3 << 20, 20_000
	r := capture.NewRecent(limit)
	for n := uint64(1); n <= last; n++ {
		r.Add(numbered(n, int(n%1500)))
	}
	kept, held := r.Kept(), 0
	var next uint64
	for p := range kept.Packets {
		if next == 0 {
			next = p.Number
		}
		want := numbered(next, int(next%1500))
		if p.Number != want.Number || p.Time != want.Time || p.Length != want.Length || p.Link != want.Link ||
			!bytes.Equal(p.Data, want.Data) {
			t.Fatalf("packet %d came as %+v", next, p)
		}
		held += len(p.Data)
		next++
	}
	if next != last+1 {
		t.Errorf("the last packet kept is %d, want %d", next-1, last)
	}
	if held > limit || held < limit-(2<<20) {
		t.Errorf("%d bytes of packets are kept with a limit of %d", held, limit)
	}
}

// What was kept at one moment stays, though more comes; and that nobody sees a part of a packet.
func TestKeptDoesNotChange(t *testing.T) {
	r := capture.NewRecent(0)
	if n := count(r.Kept()); n != 0 {
		t.Errorf("%d packets are kept of none", n)
	}
	for n := uint64(1); n <= 100; n++ {
		r.Add(numbered(n, 100))
	}
	before := r.Kept()
	for n := uint64(101); n <= 100_000; n++ {
		r.Add(numbered(n, 100))
	}
	if n := count(before); n != 100 {
		t.Errorf("%d packets are kept of 100", n)
	}
	for p := range before.Packets {
		if p.Number > 100 || p.Data[0] != byte(p.Number) {
			t.Fatalf("packet %d was overwritten", p.Number)
		}
	}
}

// A packet larger than a block is still kept.
func TestRecentKeepsALargePacket(t *testing.T) {
	r := capture.NewRecent(0)
	r.Add(numbered(1, 10))
	r.Add(numbered(2, 5<<20))
	var kept []uint64
	for p := range r.Kept().Packets {
		kept = append(kept, p.Number)
	}
	if len(kept) != 1 || kept[0] != 2 {
		t.Errorf("packets %v are kept, want the large one", kept)
	}
}

func count(k capture.Kept) (n int) {
	for range k.Packets {
		n++
	}
	return n
}
