package distance_test

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/internal/distance"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// heard returns an end that has sent segments with these TTLs.
func heard(ttls ...uint8) *distance.End {
	var e distance.End
	for _, ttl := range ttls {
		e.Segment(&flows.Segment{TTL: ttl, Flags: flows.ACK})
	}
	return &e
}

func TestOrigin(t *testing.T) {
	const endpoint, elsewhere, unknown = record.OriginEndpoint, record.OriginElsewhere, record.NoOrigin
	for _, c := range []struct {
		sent []uint8
		rst  uint8
		near uint8
		want record.Origin
	}{
		{nil, 64, 0, unknown},
		{[]uint8{52}, 52, 52, endpoint},
		{[]uint8{52}, 51, 52, elsewhere},
		{[]uint8{52}, 53, 52, elsewhere},
		{[]uint8{52}, 116, 52, endpoint}, // 64 and 128
		{[]uint8{52}, 115, 52, elsewhere},
		{[]uint8{52}, 243, 52, endpoint}, // 64 and 255
		{[]uint8{52}, 180, 52, elsewhere},
		{[]uint8{116}, 52, 116, endpoint},
		{[]uint8{116}, 243, 116, endpoint}, // 128 and 255
		{[]uint8{116}, 244, 116, elsewhere},
		{[]uint8{128}, 64, 128, endpoint},
		{[]uint8{128}, 127, 128, elsewhere},
		{[]uint8{52}, 20, 52, unknown}, // 64 and 32
		{[]uint8{52}, 19, 52, elsewhere},
		{[]uint8{20}, 52, 20, unknown},
		{[]uint8{1}, 64, 1, unknown}, // it speaks only to neighbours
		{[]uint8{1}, 1, 1, endpoint},
		{[]uint8{2}, 64, 2, elsewhere},
		{[]uint8{52, 50}, 50, 50, endpoint},
		{[]uint8{52, 50}, 51, 50, unknown}, // the path changes
		{[]uint8{52, 50}, 49, 50, elsewhere},
		{[]uint8{50, 52}, 53, 52, elsewhere},
		{[]uint8{50, 52}, 116, 52, endpoint},
		{[]uint8{50, 52}, 0, 50, unknown},
	} {
		e := heard(c.sent...)
		e.Segment(&flows.Segment{TTL: 200, Flags: flows.RST})
		e.Segment(&flows.Segment{TTL: 0, Flags: flows.ACK})
		if got := e.Origin(c.rst); got != c.want || e.Near(c.rst) != c.near {
			t.Errorf("%v, RST %d: %q, near %d, want %q, %d", c.sent, c.rst, got, e.Near(c.rst), c.want, c.near)
		}
	}
}

func TestObserver(t *testing.T) {
	const ms, none = record.Duration(1e6), record.NoDuration
	known := func(n uint64) record.Count { return record.Count{Number: n, Known: true} }
	for name, c := range map[string]struct {
		client, server       uint8
		clientRTT, serverRTT record.Duration
		want                 record.Observer
	}{
		"nothing": {0, 0, none, none, record.Observer{}},
		"at the client": {64, 52, ms / 20, 20 * ms, record.Observer{Nearer: record.Client, Why: record.NearerByBoth,
			ClientHops: known(0), ServerHops: known(12)}},
		"at the server": {116, 64, 20 * ms, ms / 20, record.Observer{Nearer: record.Server, Why: record.NearerByBoth,
			ClientHops: known(12), ServerHops: known(0)}},
		"one host": {64, 64, ms / 50, ms / 20, record.Observer{ClientHops: known(0), ServerHops: known(0)}},
		"one host, slowly": {64, 64, ms / 50, ms/50 + ms - 1,
			record.Observer{ClientHops: known(0), ServerHops: known(0)}},
		"one link": {64, 64, ms / 50, ms/50 + ms,
			record.Observer{Nearer: record.Client, Why: record.NearerByHandshake, ClientHops: known(0),
				ServerHops: known(0)}},
		"in the middle": {60, 60, 10 * ms, 19 * ms, record.Observer{ClientHops: known(4), ServerHops: known(4)}},
		"a third": {60, 60, 10 * ms, 20 * ms,
			record.Observer{Nearer: record.Client, Why: record.NearerByHandshake, ClientHops: known(4),
				ServerHops: known(4)}},
		"midstream": {255, 254, none, none, record.Observer{Nearer: record.Client, Why: record.NearerByTTL,
			ClientHops: known(0), ServerHops: known(1)}},
		"one leg": {60, 62, ms, none, record.Observer{Nearer: record.Server, Why: record.NearerByTTL,
			ClientHops: known(4), ServerHops: known(2)}},
		"hops, nearly": {60, 61, none, none, record.Observer{ClientHops: known(4), ServerHops: known(3)}},
		"a proxy": {50, 64, ms, 40 * ms, record.Observer{Why: record.NearerContradicted, ClientHops: known(14),
			ServerHops: known(0)}},
		"a router, far": {63, 64, ms, 4 * ms, record.Observer{Nearer: record.Client, Why: record.NearerByHandshake,
			ClientHops: known(1), ServerHops: known(0)}},
		"two hops": {62, 64, ms, 4 * ms, record.Observer{Nearer: record.Client, Why: record.NearerByHandshake,
			ClientHops: known(2), ServerHops: known(0)}},
		"three hops": {61, 64, ms, 4 * ms, record.Observer{Why: record.NearerContradicted, ClientHops: known(3),
			ServerHops: known(0)}},
		"far": {33, 64, none, none, record.Observer{Nearer: record.Server, Why: record.NearerByTTL,
			ClientHops: known(31), ServerHops: known(0)}},
		"too far":    {32, 64, none, none, record.Observer{ServerHops: known(0)}},
		"beyond 128": {129, 97, none, none, record.Observer{ServerHops: known(31)}},
		"one side":   {64, 0, none, none, record.Observer{ClientHops: known(0)}},
	} {
		var client, server distance.End
		if c.client > 0 {
			client = *heard(c.client)
		}
		if c.server > 0 {
			server = *heard(c.server)
		}
		if got := distance.Observer(&client, &server,
			&record.Handshake{ClientRTT: c.clientRTT, ServerRTT: c.serverRTT}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// The SYN-ACK of a device in front of the server is distinguished from a SYN-ACK of the server.
func TestOriginOfSynAck(t *testing.T) {
	for _, c := range []struct {
		syn, rest uint8
		two       bool
	}{{64, 64, false}, {64, 63, true}, {255, 57, true}, {128, 64, false}, {52, 20, false}, {0, 57, false},
		{57, 0, false}} {
		var e distance.End
		if c.syn > 0 {
			e.Segment(&flows.Segment{TTL: c.syn, Flags: flows.SYN | flows.ACK})
		}
		e.Segment(&flows.Segment{TTL: 1, Flags: flows.RST})
		if c.rest > 0 {
			e.Segment(&flows.Segment{TTL: c.rest, Flags: flows.ACK})
		}
		e.Segment(&flows.Segment{TTL: 99, Flags: flows.SYN | flows.ACK})
		if syn, rest, two := e.Makers(); two != c.two || two && (syn != c.syn || rest != c.rest) {
			t.Errorf("%+v: %d, %d, %t", c, syn, rest, two)
		}
	}
}

// Only the first RSTs are kept.
func TestPack(t *testing.T) {
	var resets distance.Resets
	for i := range uint64(9) {
		resets.Segment(&flows.Segment{Packet: 100 + i, TTL: uint8(60 + i), Flags: flows.RST, FromB: i%2 > 0})
		resets.Segment(&flows.Segment{Packet: 200 + i, TTL: 1, Flags: flows.ACK})
	}
	if r := resets.Of(107); r != (distance.Reset{Packet: 107, TTL: 67, From: 1}) || resets.Of(108).TTL != 0 ||
		resets.Of(201).TTL != 0 {
		t.Errorf("%+v, %+v, %+v", r, resets.Of(108), resets.Of(201))
	}
}
