package analyzer

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/randfill"
)

// Packing keeps every field of a connection except those that matter only while it is awake. TestShortcutsChangeNothing
// covers the fields that are stored separately.
func TestRestKeepsEveryField(t *testing.T) {
	awake := func(c *connection) {
		c.older, c.key, c.encap, c.id, c.place, c.number, c.touched = nil, flows.Key{}, nil, 0, 0, 0, false
		c.zeek = c.zeek.Clone()
		// once settled
		c.filtered, c.openUnseen, c.sides[0].finAckUnseen, c.sides[1].finAckUnseen = false, false, false, false
	}
	var used connection // nothing of the last one must remain
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 9293))
		var c connection
		randfill.Fill(r, &c, reflect.TypeFor[*connection](), reflect.TypeFor[*flows.Encapsulation](),
			reflect.TypeFor[record.RoleEvidence]())
		awake(&c)
		if rest := packed.Read(append(packed.Write(nil, &c), 7), &used); len(rest) != 1 {
			t.Fatalf("seed %d: %d bytes too many", seed, len(rest)-1)
		}
		awake(&used)
		if !reflect.DeepEqual(c, used) {
			t.Fatalf("seed %d: packed\n%+v\ncame back as\n%+v", seed, c, used)
		}
	}
}

func TestKeysAreUnpackedUnchanged(t *testing.T) {
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

// lived returns a connection a second after some segments of a short life, and the analyzer that follows it.
func lived(segments int) (*Analyzer, *connection) {
	const syn, ack, fin, psh = flows.SYN, flows.ACK, flows.FIN, flows.PSH
	life := []struct {
		fromB    bool
		flags    flows.Flags
		seq, ack uint32
		len      uint32
	}{
		{false, syn, 1_000_000, 0, 0},
		{true, syn | ack, 2_000_000, 1_000_001, 0},
		{false, ack, 1_000_001, 2_000_001, 0},
		{false, ack | psh, 1_000_001, 2_000_001, 300},
		{true, ack | psh, 2_000_001, 1_000_301, 900},
		{false, ack, 1_000_301, 2_000_901, 0},
		{false, ack | psh, 1_000_301, 2_000_901, 300},
		{true, ack | psh, 2_000_901, 1_000_601, 900},
		{false, ack | fin, 1_000_601, 2_001_801, 0},
		{true, ack | fin, 2_001_801, 1_000_602, 0},
		{false, ack, 1_000_602, 2_001_802, 0},
	}
	a := New(Options{}, func(*record.Connection) {})
	seg := flows.Segment{Packet: 1_000_000, Time: 1_700_000_000e9, TTL: 64, Window: 60000, Checksum: flows.ChecksumGood}
	seg.Key.A, seg.Key.B = flows.Addr{10: 0xff, 11: 0xff, 12: 10}, flows.Addr{10: 0xff, 11: 0xff, 12: 192}
	seg.Key.APort, seg.Key.BPort = 40000, 443
	other := seg // the capture began earlier
	other.Key.APort, other.Packet, other.Time = 39999, 1, seg.Time-60e9
	a.Segment(&other)
	for _, s := range life[:segments] {
		seg.Packet += 1000
		seg.Time += 20_123_457
		seg.FromB, seg.Flags, seg.Seq, seg.Ack, seg.Len = s.fromB, s.flags, s.seq, s.ack, s.len
		seg.Options.HasTimestamp, seg.Options.TSVal = true, seg.Seq<<5
		seg.Options.HasWScale, seg.Options.WScale = true, 7
		a.Segment(&seg)
	}
	a.Advance(seg.Time + 1e9)
	return a, a.lookup(&seg.Key, a.table.seeds.hash(&seg.Key))
}

const opened, established, closed = 3, 8, 11 // segments of a life

// The alarm of an attempt fires long after the connection was established. It must not unpack the resting connection.
func TestEarlyAlarmsUnpackNothing(t *testing.T) {
	a, c := lived(established)
	place := a.table.places.At(c.place)
	a.rest(c)
	early := place.alarm
	a.Advance(early + 1e9)
	if place.kind != kindResting || place.alarm <= early {
		t.Errorf("kind %d, its alarm at %d after that at %d", place.kind, place.alarm, early)
	}
}

// BenchmarkRest puts a connection to rest and wakes it, at three moments of a short life.
func BenchmarkRest(b *testing.B) {
	for _, now := range []struct {
		name     string
		segments int
	}{{"opened", opened}, {"established", established}, {"closed", closed}} {
		b.Run(now.name, func(b *testing.B) {
			a, c := lived(now.segments)
			place := c.place
			b.ReportAllocs()
			for b.Loop() {
				a.rest(c)
				c = a.wake(place)
			}
			a.rest(c)
			b.ReportMetric(float64(a.table.arena.Length(a.table.places.At(place).where)), "bytes")
		})
	}
}
