package compare_test

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/testrun"
)

// A specimen is a capture of testdata whose packets can be lost, delayed, duplicated and changed.
type specimen struct {
	packets  []capture.Packet
	segments []flows.Segment // by packet; Packet is 0 where there is none, or several
	fromA    []bool          // the segment goes from the first point to the second
	inner    []int           // packets that can be told from all others, inside their connection
}

// captures returns all captures of testdata.
func captures(t *testing.T) (files []string) {
	for _, pattern := range []string{"../testdata/pcaps/*.pcap*", "../testdata/kernel/*/*.pcap*",
		"../testdata/compare/*/client.pcapng"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	if len(files) < 50 {
		t.Fatalf("%d captures, which is too few", len(files))
	}
	return files
}

func readSpecimen(t *testing.T, file string) *specimen {
	reader, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	x := &specimen{}
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	for {
		p, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept := *p
		kept.Data = slices.Clone(p.Data)
		x.packets = append(x.packets, kept)
		var s flows.Segment
		if list := decoder.Decode(p, nil); len(list) == 1 && list[0].Quote == nil {
			s = list[0]
			s.Encap = nil
		}
		x.segments = append(x.segments, s)
	}
	x.choose(t, file)
	return x
}

// choose finds the directions of the segments, from a comparison of the capture with itself, and the segments that
// differ from all others.
func (x *specimen) choose(t *testing.T, file string) {
	type sockets [2]netip.AddrPort
	socketsOf := func(s *flows.Segment) sockets {
		from := netip.AddrPortFrom(flows.IP(s.Key.A, s.Key.V6), s.Key.APort)
		to := netip.AddrPortFrom(flows.IP(s.Key.B, s.Key.V6), s.Key.BPort)
		if s.FromB {
			from, to = to, from
		}
		return sockets{from, to}
	}
	ways := map[sockets]map[bool]bool{}
	of := map[sockets]int{}
	connections, _ := compareFiles(t, compare.Options{}, file, file)
	for _, c := range connections {
		client, server := netip.AddrPortFrom(c.Client.IP, c.Client.Port), netip.AddrPortFrom(c.Server.IP, c.Server.Port)
		forth, back := sockets{client, server}, sockets{server, client}
		for _, way := range []struct {
			sockets
			fromA bool
		}{{forth, c.Opened == result.ToServer}, {back, c.Opened == result.ToClient}} {
			if ways[way.sockets] == nil {
				ways[way.sockets] = map[bool]bool{}
			}
			ways[way.sockets][way.fromA] = true
		}
		of[forth], of[back] = of[forth]+1, of[back]+1
	}
	type look struct {
		sockets
		seq, ack, len uint32
		flags         flows.Flags
		id            uint16
		tsVal, tsEcr  uint32
	}
	alike := map[look]int{}
	looks := make([]look, len(x.packets))
	total, seen := map[flows.Key]int{}, map[flows.Key]int{}
	for i := range x.segments {
		s := &x.segments[i]
		if s.Packet == 0 {
			continue
		}
		looks[i] = look{socketsOf(s), s.Seq, s.Ack, s.Len, s.Flags, s.IPID, s.Options.TSVal, s.Options.TSEcr}
		alike[looks[i]]++
		total[s.Key]++
	}
	x.fromA = make([]bool, len(x.packets))
	const around = 2 // segments of the connection before and after
	for i := range x.segments {
		s := &x.segments[i]
		if s.Packet == 0 {
			continue
		}
		seen[s.Key]++
		way := ways[looks[i].sockets]
		x.fromA[i] = way[true]
		if len(way) == 1 && of[looks[i].sockets] == 1 && alike[looks[i]] == 1 && seen[s.Key] > around &&
			total[s.Key]-seen[s.Key] >= around {
			x.inner = append(x.inner, i)
		}
	}
}

// some returns up to n of the inner packets.
func (x *specimen) some(random *rand.Rand, n int) []int {
	list := slices.Clone(x.inner)
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	list = list[:min(n, len(list))]
	slices.Sort(list)
	return list
}

// write writes packets as a capture, in the order of their times.
func write(t *testing.T, path string, packets []capture.Packet) {
	t.Helper()
	packets = slices.Clone(packets)
	slices.SortStableFunc(packets, func(a, b capture.Packet) int { return int(min(max(a.Time-b.Time, -1), 1)) })
	writeCapture(t, path, packets)
}

// writeCapture writes packets as a capture, in the order in which they are given.
func writeCapture(t *testing.T, path string, packets []capture.Packet) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := capture.NewWriter(file)
	for i := range packets {
		if err := w.Write(&packets[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func compareFiles(t *testing.T, o compare.Options, a, b string) (list []result.Compared, whole *compare.Result) {
	t.Helper()
	sources := []compare.Source{{Name: "a", Files: []string{a}}, {Name: "b", Files: []string{b}}}
	whole, err := compare.Compare(context.Background(), sources, o, func(c *result.Compared) error {
		list = append(list, *c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, whole
}

// verdictsOf returns the verdicts of some kinds, or of all other kinds.
func verdictsOf(list []result.Compared, wanted bool, kinds ...result.VerdictKind) (found []result.Verdict) {
	for _, c := range list {
		for _, v := range c.Verdicts {
			if slices.Contains(kinds, v.Kind) == wanted {
				found = append(found, v)
			}
		}
	}
	return found
}

// TestProperty compares each capture of testdata with an edited copy. The verdicts must be the edits.
func TestProperty(t *testing.T) {
	for _, file := range testrun.Some(3, captures(t)) {
		t.Run(filepath.Base(filepath.Dir(file))+"/"+filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			x := readSpecimen(t, file)
			for seed := range *seeds {
				random := rand.New(rand.NewPCG(seed, 18))
				for _, check := range []func(*testing.T, *specimen, *rand.Rand){lost, bareLost, delayed, duplicated,
					renumbered, translated} {
					check(t, x, random)
				}
			}
		})
	}
}

// numbersAt returns the packets' numbers in a copy without some packets.
func numbersAt(n int, without map[int]bool) []uint64 {
	numbers := make([]uint64, n)
	next := uint64(0)
	for i := range n {
		if !without[i] {
			next++
			numbers[i] = next
		}
	}
	return numbers
}

// lost removes segments from the capture behind the stretch. If the receiver acknowledges their data, the capture only
// lacks them.
func lost(t *testing.T, x *specimen, random *rand.Rand) {
	x.lose(t, x.some(random, 4), result.Lost, result.NotCaptured)
}

// bareLost removes segments that no segment acknowledges.
func bareLost(t *testing.T, x *specimen, random *rand.Rand) {
	var bare []int
	for _, i := range x.some(random, len(x.inner)) {
		if s := &x.segments[i]; s.Len == 0 && s.Flags&(flows.SYN|flows.FIN) == 0 && len(bare) < 4 {
			bare = append(bare, i)
		}
	}
	x.lose(t, bare, result.Lost)
}

func (x *specimen) lose(t *testing.T, list []int, kinds ...result.VerdictKind) {
	chosen := map[int]bool{}
	for _, i := range list {
		chosen[i] = true
	}
	if len(chosen) == 0 {
		return
	}
	var left, right []capture.Packet
	withoutA, withoutB := map[int]bool{}, map[int]bool{}
	for i, p := range x.packets {
		if chosen[i] && !x.fromA[i] {
			withoutA[i] = true
		} else {
			left = append(left, p)
		}
		if chosen[i] && x.fromA[i] {
			withoutB[i] = true
		} else {
			right = append(right, p)
		}
	}
	a, b := filepath.Join(t.TempDir(), "a.pcapng"), filepath.Join(t.TempDir(), "b.pcapng")
	write(t, a, left)
	write(t, b, right)
	found, _ := compareFiles(t, compare.Options{}, a, b)
	atA, atB := numbersAt(len(x.packets), withoutA), numbersAt(len(x.packets), withoutB)
	type place struct {
		at     string
		packet uint64
	}
	want := map[place]int{}
	for i := range chosen {
		if x.fromA[i] {
			want[place{"a", atA[i]}] = i
		} else {
			want[place{"b", atB[i]}] = i
		}
	}
	for _, v := range verdictsOf(found, false, kinds...) {
		t.Errorf("lost %v: %s %s of packet %d at %s, %s", slices.Sorted(maps.Keys(chosen)), v.Kind, v.What,
			v.Segment.Packet, v.Segment.At, v.Reason)
	}
	n := 0
	for _, v := range verdictsOf(found, true, kinds...) {
		n += int(v.Segments)
		if _, some := want[place{v.Segment.At, uint64(v.Segment.Packet)}]; !some {
			t.Errorf("lost %v: %s %s of packet %d at %s", slices.Sorted(maps.Keys(chosen)), v.Kind, v.What,
				v.Segment.Packet, v.Segment.At)
		}
		if v.Kind == result.NotCaptured && v.Reason != result.BlindDropped {
			t.Errorf("lost %v: packet %d at %s not captured: %s", slices.Sorted(maps.Keys(chosen)), v.Segment.Packet,
				v.Segment.At, v.Reason)
		}
	}
	if n != len(chosen) {
		t.Errorf("lost %v: %d verdicts", slices.Sorted(maps.Keys(chosen)), n)
	}
}

// delayed lets segments come to the second point later, or leave it earlier.
func delayed(t *testing.T, x *specimen, random *rand.Rand) {
	by := 200 * time.Millisecond
	chosen := map[int]bool{}
	for _, i := range x.some(random, 2) {
		chosen[i] = true
	}
	if len(chosen) == 0 || len(x.inner) < 8 {
		return // too few segments to know the usual delay
	}
	behind := slices.Clone(x.packets)
	for i := range chosen {
		if x.fromA[i] {
			behind[i].Time += int64(by)
		} else {
			behind[i].Time -= int64(by)
		}
	}
	a, b := filepath.Join(t.TempDir(), "a.pcapng"), filepath.Join(t.TempDir(), "b.pcapng")
	write(t, a, x.packets)
	write(t, b, behind)
	list, whole := compareFiles(t, compare.Options{}, a, b)
	for _, v := range verdictsOf(list, false, result.Delayed, result.Reordered) {
		t.Errorf("delayed %v: %s %s of packet %d at %s, %s", slices.Sorted(maps.Keys(chosen)), v.Kind, v.What,
			v.Segment.Packet, v.Segment.At, v.Reason)
	}
	for _, v := range verdictsOf(list, true, result.Reordered) {
		if v.Segment.At == "a" && !chosen[int(v.Segment.Packet)-1] {
			t.Errorf("delayed %v: reordered packet %d at %s", slices.Sorted(maps.Keys(chosen)), v.Segment.Packet,
				v.Segment.At)
		}
	}
	found := verdictsOf(list, true, result.Delayed)
	for _, v := range found {
		packet := v.Packets["a"]
		if !chosen[int(packet)-1] {
			t.Errorf("delayed %v: delayed packet %d by %v", slices.Sorted(maps.Keys(chosen)), packet,
				time.Duration(v.By))
		}
		if d := time.Duration(v.By) - by; whole.Points[1].Clock.Error != record.NoDuration &&
			max(d, -d) > 2*time.Duration(whole.Points[1].Clock.Error)+time.Microsecond {
			t.Errorf("delayed %v: packet %d by %v, want %v", slices.Sorted(maps.Keys(chosen)), packet,
				time.Duration(v.By), by)
		}
	}
	if len(found) != len(chosen) {
		t.Errorf("delayed %v: %d verdicts; clock %+v", slices.Sorted(maps.Keys(chosen)), len(found),
			whole.Points[1].Clock)
	}
}

// duplicated duplicates segments behind the stretch.
func duplicated(t *testing.T, x *specimen, random *rand.Rand) {
	chosen := map[int]bool{}
	for _, i := range x.some(random, 3) {
		chosen[i] = true
	}
	if len(chosen) == 0 {
		return
	}
	var left, right []capture.Packet
	for i, p := range x.packets {
		left, right = append(left, p), append(right, p)
		if chosen[i] {
			p.Time += int64(100 * time.Microsecond)
			if x.fromA[i] {
				right = append(right, p)
			} else {
				left = append(left, p)
			}
		}
	}
	a, b := filepath.Join(t.TempDir(), "a.pcapng"), filepath.Join(t.TempDir(), "b.pcapng")
	write(t, a, left)
	write(t, b, right)
	list, _ := compareFiles(t, compare.Options{}, a, b)
	for _, v := range verdictsOf(list, false, result.Duplicated) {
		t.Errorf("duplicated %v: %s %s of packet %d at %s", slices.Sorted(maps.Keys(chosen)), v.Kind, v.What,
			v.Segment.Packet, v.Segment.At)
	}
	if n := len(verdictsOf(list, true, result.Duplicated)); n != len(chosen) {
		t.Errorf("duplicated %v: %d verdicts", slices.Sorted(maps.Keys(chosen)), n)
	}
}

// edit changes the TCP header of an IPv4 packet on Ethernet, and corrects its checksums. ok is false for other packets.
func edit(p *capture.Packet, change func(ip, tcp []byte)) (changed capture.Packet, ok bool) {
	changed = *p
	changed.Data = slices.Clone(p.Data)
	const ethernet = 14
	d := changed.Data
	if p.Link != 1 || len(d) < ethernet+40 || binary.BigEndian.Uint16(d[12:]) != 0x0800 || d[ethernet]>>4 != 4 ||
		d[ethernet+9] != 6 {
		return changed, false
	}
	ip := d[ethernet:]
	tcp := ip[int(ip[0]&15)*4:]
	if len(tcp) < 20 {
		return changed, false
	}
	header := len(ip) - len(tcp)
	before := slices.Clone(ip[:header+20])
	change(ip, tcp)
	// RFC 1624: the checksums change with the words. The TCP checksum covers the addresses too.
	mend := func(sum []byte, words ...int) {
		total := uint32(^binary.BigEndian.Uint16(sum))
		for _, i := range words {
			total += uint32(^binary.BigEndian.Uint16(before[i:])) + uint32(binary.BigEndian.Uint16(ip[i:]))
		}
		for total>>16 != 0 {
			total = total&0xffff + total>>16
		}
		binary.BigEndian.PutUint16(sum, ^uint16(total))
	}
	addresses := []int{12, 14, 16, 18}
	mend(ip[10:], addresses...)
	mend(tcp[16:], append(addresses, header, header+2, header+4, header+6, header+8, header+10)...)
	return changed, true
}

// connectionOf chooses a connection, and returns its packets if all can be edited.
func (x *specimen) connectionOf(random *rand.Rand) (key flows.Key, packets []int) {
	chosen := x.some(random, 1)
	if len(chosen) == 0 {
		return key, nil
	}
	key = x.segments[chosen[0]].Key
	for i := range x.segments {
		if x.segments[i].Packet != 0 && x.segments[i].Key == key {
			if _, ok := edit(&x.packets[i], func(_, _ []byte) {}); !ok {
				return key, nil
			}
			packets = append(packets, i)
		}
	}
	return key, packets
}

// renumbered shifts the numbers of a connection behind the stretch, as some firewalls do.
func renumbered(t *testing.T, x *specimen, random *rand.Rand) {
	key, packets := x.connectionOf(random)
	if packets == nil {
		return
	}
	shift := [2]uint32{random.Uint32(), random.Uint32()}
	behind := slices.Clone(x.packets)
	for _, i := range packets {
		s := &x.segments[i]
		mine, other := shift[0], shift[1]
		if s.FromB {
			mine, other = other, mine
		}
		behind[i], _ = edit(&x.packets[i], func(_, tcp []byte) {
			if !s.Flags.Has(flows.RST) || s.Seq != 0 {
				binary.BigEndian.PutUint32(tcp[4:], s.Seq+mine)
			}
			if s.Flags.Has(flows.ACK) {
				binary.BigEndian.PutUint32(tcp[8:], s.Ack+other)
			}
		})
	}
	a, b := filepath.Join(t.TempDir(), "a.pcapng"), filepath.Join(t.TempDir(), "b.pcapng")
	write(t, a, x.packets)
	write(t, b, behind)
	list, _ := compareFiles(t, compare.Options{}, a, b)
	altered := 0
	for _, v := range verdictsOf(list, false) {
		if v.Kind != result.Altered || v.Field != result.FieldSeq && v.Field != result.FieldAck {
			t.Errorf("renumbered %v: %s %s %s of packet %d at %s, %s", key, v.Kind, v.Field, v.What, v.Segment.Packet,
				v.Segment.At, v.Reason)
		}
		altered++
	}
	if altered == 0 {
		t.Errorf("renumbered %v: no verdict", key)
	}
}

// translated gives the client of a connection another address and port behind the stretch.
func translated(t *testing.T, x *specimen, random *rand.Rand) {
	key, packets := x.connectionOf(random)
	if packets == nil {
		return
	}
	behind := slices.Clone(x.packets)
	for _, i := range packets {
		at, port := 12, 0
		if !x.fromA[i] {
			at, port = 16, 2
		}
		behind[i], _ = edit(&x.packets[i], func(ip, tcp []byte) {
			copy(ip[at:], []byte{192, 0, 2, 77})
			binary.BigEndian.PutUint16(tcp[port:], 61077)
		})
	}
	a, b := filepath.Join(t.TempDir(), "a.pcapng"), filepath.Join(t.TempDir(), "b.pcapng")
	write(t, a, x.packets)
	write(t, b, behind)
	list, _ := compareFiles(t, compare.Options{}, a, b)
	altered := 0
	for _, v := range verdictsOf(list, false) {
		switch v.Field {
		case result.FieldSource, result.FieldSourcePort, result.FieldTarget, result.FieldTargetPort:
			altered++
		default:
			t.Errorf("translated %v: %s %s %s of packet %d at %s, %s", key, v.Kind, v.Field, v.What, v.Segment.Packet,
				v.Segment.At, v.Reason)
		}
	}
	if altered == 0 {
		t.Errorf("translated %v: no verdict", key)
	}
}

// TestUnrelated compares captures of different traffic between the same hosts, at the same time and an hour apart: they
// have no connection in common, and nothing was lost.
func TestUnrelated(t *testing.T) {
	files := captures(t)
	for i := 0; i < len(files); i += testrun.Size(3, 1) {
		a, other := files[i], files[(i+7)%len(files)]
		x := readSpecimen(t, other)
		for k := range x.packets {
			x.packets[k].Time += int64(time.Hour)
		}
		b := filepath.Join(t.TempDir(), "b.pcapng")
		write(t, b, x.packets)
		for _, b := range []string{b, other} {
			list, whole := compareFiles(t, compare.Options{}, a, b)
			if verdicts := verdictsOf(list, false); len(verdicts) > 0 || whole.Comparison.Connections > 0 {
				t.Errorf("%s and %s have %d connections in common: %+v", a, b, whole.Comparison.Connections,
					list[0].Pairing)
			}
		}
	}
}
