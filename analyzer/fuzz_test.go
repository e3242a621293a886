package analyzer_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/invariant"
)

// FuzzAnalyzer feeds segments made of arbitrary bytes, with few sockets and numbers near each other, so that they meet
// in the same connections. It checks what every record must satisfy.
func FuzzAnalyzer(f *testing.F) {
	f.Add([]byte("\x00\x02\x00\x00\x00\x00\x01\x01\x12\x01\x00\x00\x00\x01\x00\x10\x01\x01\x00\x00\x01"))
	f.Add([]byte("\x00\x02\x00\x00\x00\x00\x01\x00\x02\x00\x05\x00\x00\x02\x00\x04\x01\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records := fuzzRecords(t, data, analyzer.Options{}, analyzer.NoTwins)
		if rested := fuzzRecords(t, data, analyzer.Options{}, analyzer.Rest); rested != records {
			t.Errorf("without rest\n%s\nwith it\n%s", records, rested)
		}
		fuzzRecords(t, data, analyzer.Options{MaxConnections: 2}, analyzer.Rest)
		shared := shardRecords(t, 3, 5, fuzzSegments(data))
		if shared := strings.Join(shared[:len(shared)-1], "\n"); shared != strings.TrimSuffix(records, "\n") {
			t.Errorf("with one tracker\n%s\nwith three\n%s", records, shared)
		}
	})
}

// fuzzRecords returns the records of the segments made of the bytes, as JSON.
func fuzzRecords(t *testing.T, data []byte, o analyzer.Options, prepare func(*analyzer.Analyzer)) string {
	sums := invariant.NewSums()
	var packets uint64
	var list []byte
	a := analyzer.New(o, func(r *record.Connection) {
		for _, wrong := range sums.Add(r) {
			t.Errorf("#%d: %s", r.ID, wrong)
		}
		list = append(append(list, marshal(t, r)...), '\n')
	})
	prepare(a)
	for _, seg := range fuzzSegments(data) {
		packets++
		a.Segment(&seg)
		if n := a.Live().Connections; o.MaxConnections > 0 && n > o.MaxConnections {
			t.Errorf("%d connections at once", n)
		}
	}
	a.Close()
	if after := a.Result().AfterEviction; sums.Packets+after != packets {
		t.Errorf("%d packets went in, the records hold %d, and %d came later", packets, sums.Packets, after)
	}
	for _, wrong := range sums.Against(a.Result()) {
		t.Error(wrong)
	}
	if left := a.Live(); left.Connections != 0 {
		t.Errorf("%+v left after the end", left)
	}
	return string(list)
}

// fuzzSegments makes a segment of each seven bytes.
func fuzzSegments(data []byte) (segments []flows.Segment) {
	var last record.Time
	for ; len(data) >= 7; data = data[7:] {
		segments = append(segments, fuzzSegment(data[:7], uint64(len(segments))+1, &last))
	}
	return segments
}

// fuzzSegment makes a segment of seven bytes: socket pair and direction, flags, two numbers, length, time.
func fuzzSegment(b []byte, packet uint64, clock *record.Time) flows.Segment {
	steps := [...]record.Time{0, 1e4, 1e6, 5e7, 3e8, 2e9, 7e10, 5e11}
	*clock += steps[b[6]&7]
	seg := flows.Segment{
		Packet: packet, Time: int64(*clock),
		Key: flows.Key{APort: 1000 + uint16(b[0]>>1&1), BPort: 80, A: flows.Addr{10: 0xff, 11: 0xff, 15: 1},
			B: flows.Addr{10: 0xff, 11: 0xff, 15: 2}},
		FromB:  b[0]&1 == 1,
		Flags:  flows.Flags(b[1]),
		Seq:    uint32(int32(int8(b[2])) * 50),
		Ack:    uint32(int32(int8(b[3])) * 50),
		Len:    uint32(b[4]&7) * 50,
		Window: binary.BigEndian.Uint16(b[4:6]),
		IPID:   uint16(b[6] >> 3),
		Digest: uint32(packet),
	}
	if b[0]&0x80 != 0 {
		seg.Key.B, seg.Key.BPort, seg.FromB = seg.Key.A, seg.Key.APort, false // to itself
	}
	if b[0]&0x40 != 0 {
		seg.Seq, seg.Ack = seg.Seq+1, seg.Ack+1
	}
	if b[0]&0x20 != 0 {
		seg.Options = flows.Options{HasTimestamp: true, TSVal: uint32(int8(b[5]))}
	}
	if b[0]&0x10 != 0 {
		seg.Checksum = flows.Checksum(b[5] & 3)
	}
	return seg
}
