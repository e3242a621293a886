package analyzer_test

import (
	"cmp"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/testrun"
)

// With Options.Whole, the sums and the whole records are the same, and the brief records agree with them.
func TestBriefRecords(t *testing.T) {
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	const msl = 50 * time.Millisecond // some TIME_WAITs expire, others last
	const disturbed = 300             // exchanges of FuzzOrdinary
	briefs, explained, expired, asked := 0, 0, 0, 0
	files = append(testrun.Some(3, files), "ordinary connections")
	for seed := range disturbed {
		files = append(files, strconv.Itoa(seed))
	}
	for _, file := range files {
		var segments []flows.Segment
		if seed, err := strconv.Atoi(file); err == nil {
			segments = exchange(rand.New(rand.NewPCG(uint64(seed), 9293)))
		} else if segments = ordinaryConnections(); file != "ordinary connections" {
			segments = segmentsOf(t, file)
		}
		var plain []*record.Connection
		one := analyzer.New(analyzer.Options{MSL: msl}, func(c *record.Connection) { plain = append(plain, c.Clone()) })
		for i := range segments {
			seg := segments[i]
			one.Segment(&seg)
		}
		one.Close()
		for _, n := range []int{0, 3} {
			i := 0
			o := analyzer.Options{MSL: msl, Whole: func(c *record.Connection) bool {
				if c.ID%3 == 0 {
					asked++
				}
				return c.ID%3 == 0
			}}
			emit := func(c *record.Connection) {
				p := plain[i]
				if i++; c.Record != "" {
					if whole, want := marshal(t, c), marshal(t, p); whole != want {
						t.Fatalf("%s, %d trackers: the whole record is\n%s\nnot\n%s", file, n, whole, want)
					}
					return
				}
				briefs++
				if explained += len(c.Findings); c.EndedBy == record.EndTimeWaitExpired {
					expired++
				}
				q := record.Connection{ID: p.ID, Start: p.Start, Ended: p.Ended, EndedBy: p.EndedBy}
				b := record.Connection{ID: c.ID, Start: c.Start, Ended: c.Ended, EndedBy: c.EndedBy}
				for _, pair := range [...][2]*record.Connection{{&q, p}, {&b, c}} {
					for _, f := range pair[1].Findings {
						f = record.Finding{Code: f.Code, Severity: f.Severity, Side: f.Side}
						pair[0].Findings = append(pair[0].Findings, f)
					}
					to, from := pair[0], pair[1]
					to.Handshake.Outcome = from.Handshake.Outcome
					to.Client.IP, to.Client.Port = from.Client.IP, from.Client.Port
					to.Server.IP, to.Server.Port = from.Server.IP, from.Server.Port
				}
				if brief, want := marshal(t, &b), marshal(t, &q); c.ID%3 == 0 || brief != want {
					t.Fatalf("%s, %d trackers: the brief record is\n%s\nnot\n%s", file, n, brief, want)
				}
			}
			var result *record.Result
			if n == 0 {
				a := analyzer.New(o, emit)
				for i := range segments {
					seg := segments[i]
					a.Segment(&seg)
				}
				a.Close()
				result = a.Result()
			} else {
				s := analyzer.NewShards(o, n, emit, func([]flows.Segment) {})
				s.Segments(segments)
				s.Close()
				result = s.Result()
			}
			if got, want := asJSON(result), asJSON(one.Result()); got != want || i != len(plain) {
				t.Fatalf("%s, %d trackers: %d records of %d add up to\n%s\nnot\n%s", file, n, i, len(plain), got, want)
			}
		}
	}
	if briefs < 1000 || explained < 10 || expired < 100 || asked < 100 {
		t.Errorf("%d briefs, %d findings in them, %d expired, asked for %d: too few to show much", briefs, explained,
			expired, asked)
	}
}

// ordinaryConnections returns connections of many clients at once. Each sixteenth client has predictable ISNs.
func ordinaryConnections() (list []flows.Segment) {
	random := rand.New(rand.NewPCG(1, 9293))
	send := func(at int64, i int, end int, flags flows.Flags, length uint32, sent *[2]uint32) {
		s := flows.Segment{Time: at, FromB: end == serverEnd, Flags: flags, Seq: sent[end], Ack: sent[1-end],
			Window: 1000, Len: length, TTL: 60 + uint8(i%3), Checksum: flows.ChecksumGood, Digest: random.Uint32()}
		s.Key.A = flows.Addr{10: 0xff, 11: 0xff, 12: 10, 15: byte(i % 100)}
		s.Key.B = flows.Addr{10: 0xff, 11: 0xff, 12: 11}
		s.Key.APort, s.Key.BPort = uint16(40000+i), 80+uint16(i%2)
		if flags == flows.SYN {
			s.Ack = 0
		}
		list = append(list, s)
		if sent[end] += length; flags&(flows.SYN|flows.FIN) != 0 {
			sent[end]++
		}
	}
	const ack = flows.ACK
	for i := range 2000 {
		at := int64(1e18) + int64(i)*1e6
		sent := [2]uint32{random.Uint32(), random.Uint32()}
		if i%100%16 == 0 {
			sent[0] = uint32(i) * 64000
		}
		first := i % 2
		for _, s := range []struct {
			end    int
			flags  flows.Flags
			length uint32
		}{{0, flows.SYN, 0}, {1, flows.SYN | ack, 0}, {0, ack, 0}, {0, ack, 10}, {1, ack, 100 * uint32(i%5)},
			{first, ack | flows.FIN, 0}, {1 - first, ack, 0}, {1 - first, ack | flows.FIN, 0}, {first, ack, 0}} {
			if at += random.Int64N(5e6); s.end == 1-first && s.flags == ack && s.length == 0 && i%3 == 0 {
				continue // three segments close it
			}
			send(at, i, s.end, s.flags, s.length, &sent)
		}
	}
	slices.SortStableFunc(list, func(x, y flows.Segment) int { return cmp.Compare(x.Time, y.Time) })
	for i := range list {
		list[i].Packet = uint64(i + 1)
	}
	return list
}
