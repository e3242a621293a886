package capture

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// numbered makes files of packets whose one byte of data says where they belong in the whole.
func numbered(files ...[]given) (built [][]byte) {
	for _, file := range files {
		b := le().pcap(0xa1b23c4d, 1)
		for _, p := range file {
			b.record(uint32(p.Time/second), uint32(p.Time%second), p.Data, p.Length)
		}
		built = append(built, b.bytes)
	}
	return built
}

// TestSplit holds that a capture is the same however it was split, and in whatever order its parts are given.
func TestSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		var whole []given
		now := int64(100 * second)
		for i := range random.IntN(12) {
			now += random.Int64N(3) // often the same
			whole = append(whole, given{uint64(i + 1), now, string(rune('a' + i)), 60, 1})
		}
		i := random.IntN(len(whole) + 1)
		j := i + random.IntN(len(whole)-i+1)
		if got, _ := read(t, numbered(whole[:i], whole[i:j], whole[j:])...); !slices.Equal(got, whole) {
			t.Fatalf("split at %d and %d: got %v, want %v", i, j, got, whole)
		}
		// Dealt out, packets of the same time come in the order of the files; so give them different times.
		parts := make([][]given, 1+random.IntN(4))
		for i := range whole {
			whole[i].Time += int64(i)
			part := random.IntN(len(parts))
			parts[part] = append(parts[part], whole[i])
		}
		if got, _ := read(t, numbered(parts...)...); !slices.Equal(got, whole) {
			t.Fatalf("dealt out as %v: got %v, want %v", parts, got, whole)
		}
	}
}

func TestMerge(t *testing.T) {
	at := func(data string, seconds int64) given { return given{0, seconds * second, data, 1, 1} }
	untimed := func(data string) *builder { return le().block(blockSimple, le().u32(1).raw(data)) }
	tests := []struct {
		name  string
		files [][]byte
		want  string
	}{
		{"one file keeps its order", numbered([]given{at("a", 5), at("b", 1), at("c", 3)}), "abc"},
		{"so does one among others", numbered([]given{at("a", 5), at("b", 1), at("c", 6)},
			[]given{at("d", 4), at("e", 7)}), "dabce"},
		{"at the same time the first file goes first", numbered([]given{at("a", 1), at("b", 1)}, []given{at("c", 1)}),
			"abc"},
		{"given backwards", numbered([]given{at("c", 3)}, []given{at("b", 2)}, []given{at("a", 1)}), "abc"},
		{"an empty file", numbered(nil, []given{at("a", 1)}, nil), "a"},
		{"packets without time stay behind those before", [][]byte{
			le().section().netif(1, 0).enhanced(0, 1_000_000, "a", 1).raw(string(untimed("b").bytes)).enhanced(0,
				4_000_000, "d", 1).bytes,
			le().section().netif(1, 0).enhanced(0, 3_000_000, "c", 1).bytes}, "abcd"},
		{"files without any time come last, in their order", [][]byte{
			le().section().netif(1, 0).raw(string(untimed("b").bytes)).bytes,
			le().section().netif(1, 0).raw(string(untimed("c").bytes)).bytes,
			numbered([]given{at("a", 3)})[0]}, "abc"},
		{"a damaged file does not stop the others", [][]byte{
			numbered([]given{at("a", 1), at("d", 4)})[0],
			append(numbered([]given{at("b", 2)})[0], "damage"...),
			numbered([]given{at("c", 3)})[0]}, "abcd"},
		{"of all formats", [][]byte{
			le().section().netif(1, 0).enhanced(0, 1_000_000, "a", 1).enhanced(0, 4_000_000, "d", 1).bytes,
			be().pcap(0xa1b2c3d4, 1).record(2, 0, "b", 1).bytes,
			pack(t, "zstd", numbered([]given{at("c", 3)})[0])}, "abcd"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, _ := read(t, test.files...)
			order := ""
			for i, p := range got {
				order += p.Data
				if p.Number != uint64(i+1) {
					t.Errorf("packet %d has the number %d", i+1, p.Number)
				}
			}
			if order != test.want {
				t.Errorf("got %s, want %s", order, test.want)
			}
		})
	}
}

// Packets of two files that alternate are read at once, as soon as both files are open.
func TestAlternatingFiles(t *testing.T) {
	var even, odd []given
	for i := range int64(50) {
		even = append(even, given{0, 2 * i * second, "even", 4, 1})
		odd = append(odd, given{0, (2*i + 1) * second, "odd", 3, 1})
	}
	r, err := Open(write(t, numbered(even, odd)...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	calls, packets := 0, 0
	for batch := make([]Packet, 100); err == nil; calls++ {
		var n int
		n, err = r.Read(batch)
		packets += n
	}
	if packets != 100 || calls > 5 {
		t.Errorf("%d packets in %d calls", packets, calls)
	}
}

func TestFewFilesAreOpen(t *testing.T) {
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Skip("cannot count open files: ", err)
	}
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	var files [][]given
	for i := range 50 {
		files = append(files, []given{{0, int64(2*i) * second, "a", 1, 1}, {0, int64(2*i+1) * second, "b", 1, 1}})
	}
	paths := write(t, numbered(files...)...)
	before, most := open(), 0
	r, err := Open(paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		most = max(most, open()-before)
		if _, err := r.Next(); err != nil {
			break
		}
	}
	if n := r.Stats().Packets; n != 100 || most > 1 {
		t.Errorf("%d packets, want 100, with %d files open at once, want 1", n, most)
	}
	if left := open() - before; left != 0 {
		t.Errorf("%d files are still open at the end", left)
	}
}

func TestVanishedFile(t *testing.T) {
	paths := write(t, numbered([]given{{0, 1, "a", 1, 1}, {0, 3, "c", 1, 1}}, []given{{0, 2, "b", 1, 1}})...)
	r, err := Open(paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	if got := packets(t, r); len(got) != 2 {
		t.Errorf("got %v, want the two packets of the file that is left", got)
	}
	want := []Damage{{File: paths[1],
		Expected: "the file that was there when the capture was opened: no such file or directory"}}
	if got := r.Stats().Damage; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStats(t *testing.T) {
	b := le()
	b.section().netif(1, 0).netif(276, 0).
		enhanced(0, 20_000_000, "abc", 60).enhanced(1, 10_000_000, "abcd", 4).
		block(blockSimple, le().u32(1).raw("a")).
		enhanced(0, 15_000_000, "abc", 60)
	got, stats := read(t, b.bytes, append(slices.Clone(plainHeader), "damage"...))
	if len(got) != 4 {
		t.Fatalf("%d packets, want 4", len(got))
	}
	if len(stats.Files) != 2 || len(stats.Damage) != 1 || stats.Damage[0].File != stats.Files[1] {
		t.Errorf("damage %+v, want some in the second of %v", stats.Damage, stats.Files)
	}
	stats.Files, stats.Damage = nil, nil
	want := Stats{
		Packets: 4, CapturedBytes: 11, WireBytes: 125, First: 10 * second, Last: 20 * second, Until: NoTime, Untimed: 1,
		LinkTypes: map[LinkType]uint64{1: 3, 276: 1},
	}
	if !reflect.DeepEqual(stats, want) {
		t.Errorf("got  %+v\nwant %+v", stats, want)
	}
	_, stats = read(t, plainHeader)
	if stats.First != NoTime || stats.Last != NoTime {
		t.Errorf("without packets the first and the last time are %d and %d, want NoTime", stats.First, stats.Last)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const erf = "\x00\x00\x00\x80\x00\xf1Se\x02\x04\x00\x14\x00\x00\x00\x04abcd" // a record of Ethernet
	const expected = " (expected pcap or pcapng, plain or compressed by gzip, zstd, lz4, bzip2 or xz)"
	tests := []struct {
		path string
		want string
	}{
		{filepath.Join(dir, "missing"), "no such file or directory"},
		{dir, "is a directory; name the capture files in it"},
		{file("empty", ""), "empty file"},
		{file("x", "x"), `not a capture file: begins with "x"` + expected},
		{file("text", "hello, dear world\n"), `not a capture file: begins with "hello, dear worl"…` + expected},
		{file("binary", "\x7fELF\x02"), `not a capture file: begins with "\x7fELF\x02"` + expected},
		{file("snoop", "snoop\x00\x00\x00"), `not a capture file: begins with "snoop\x00\x00\x00", snoop; ` +
			`convert it with: editcap -F pcapng IN OUT` + expected},
		{file("5views", "\xaa\xaa\xaa\xaa\x20\x00\x00\x00"),
			`not a capture file: begins with "\xaa\xaa\xaa\xaa \x00\x00\x00", 5Views; ` +
				`convert it with: editcap -F pcapng IN OUT` + expected},
		{file("erf", erf+erf),
			`not a capture file: begins with "\x00\x00\x00\x80\x00\xf1Se\x02\x04\x00\x14\x00\x00\x00\x04"…, ` +
				`Endace's ERF; ` +
				`convert it with: editcap -F pcapng IN OUT` + expected},
		{file("not-erf", erf+"hello, dear world"),
			`not a capture file: begins with "\x00\x00\x00\x80\x00\xf1Se\x02\x04\x00\x14\x00\x00\x00\x04"…` + expected},
		{file("etl", "\x00\x00\x01\x00"+strings.Repeat("\x00", 68)+"\x02\x00\x02\xc0"),
			`not a capture file: begins with ` +
				`"\x00\x00\x01` + strings.Repeat(`\x00`, 13) +
				`"…, a Windows event trace (.etl); convert it with: etl2pcapng IN OUT` + expected},
		{file("zip", "PK\x03\x04"), `not a capture file: begins with "PK\x03\x04", a zip archive; unpack it first` +
			expected},
		{file("empty.gz", string(pack(t, "gzip", nil))), "empty gzip-compressed file"},
		{file("text.gz", string(pack(t, "gzip", []byte("hello")))),
			`not a capture file: gzip-compressed begins with "hello"` + expected},
		{file("cut.gz", "\x1f\x8b\x08"), "not a readable gzip-compressed file: gzip: unexpected EOF"},
		{file("bad.zst", "\x28\xb5\x2f\xfd\x00"), "not a readable zstd-compressed file: zstd: unexpected EOF"},
	}
	for _, test := range tests {
		r, err := Open([]string{test.path}, Options{})
		if want := `open capture "` + test.path + `": ` + test.want; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if r != nil {
			t.Errorf("%s: a Reader beside an error", test.path)
		}
	}
	_, err := Open([]string{filepath.Join(dir, "missing")}, Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	// One among several costs that file; of several that are all bad the first is told.
	bad, missing := file("bad", "hello"), filepath.Join(dir, "missing")
	r, err := Open([]string{bad, file("good", string(plainHeader)+string(plainPacket)), missing}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Errorf("the good file: %v", err)
	}
	want := []Damage{{File: bad, Expected: `not a capture file: begins with "hello"` + expected, Unread: true},
		{File: missing, Expected: "no such file or directory", Unread: true}}
	if got := r.Stats().Damage; !slices.Equal(got, want) {
		t.Errorf("damage %+v, want %+v", got, want)
	}
	r.Close()
	if _, err := Open([]string{bad, missing}, Options{}); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("two bad files: %v", err)
	}
}

// TestStdin holds that a packet is given as soon as it has arrived.
func TestStdin(t *testing.T) {
	src, dst := io.Pipe()
	arrived := make(chan bool)
	go func() {
		dst.Write(plainHeader)
		for range 3 {
			dst.Write(plainPacket)
			<-arrived
		}
		dst.Close()
	}()
	r, err := Open([]string{"-"}, Options{Stdin: src, Done: make(chan struct{})})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 3 {
		if p, err := r.Next(); err != nil || string(p.Data) != "abc" {
			t.Fatalf("got %v, %v", p, err)
		}
		arrived <- true
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("got %v, want io.EOF", err)
	}
	if done, total := r.Progress(); done != 24+3*19 || total != 0 {
		t.Errorf("progress %d of %d, want 81 of 0, the unknown", done, total)
	}
	if _, err := Open([]string{"-", "-"}, Options{Stdin: strings.NewReader(string(plainHeader))}); err == nil {
		t.Error("the standard input was opened twice")
	}
}

// TestStdinCompressed holds the same for a compressed stream, whose decompressor is a goroutine of its own.
func TestStdinCompressed(t *testing.T) {
	src, dst := io.Pipe()
	arrived := make(chan bool)
	go func() {
		dst.Write(pack(t, "zstd", plainHeader))
		for range 3 {
			dst.Write(pack(t, "zstd", plainPacket))
			<-arrived
		}
		dst.Close()
	}()
	r, err := Open([]string{"-"}, Options{Stdin: src, Done: make(chan struct{})})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 3 {
		if p, err := r.Next(); err != nil || string(p.Data) != "abc" {
			t.Fatalf("got %v, %v", p, err)
		}
		arrived <- true
	}
}

func TestProgress(t *testing.T) {
	whole := append(slices.Clone(plainHeader), plainPacket...)
	files := [][]byte{whole, pack(t, "gzip", whole), plainHeader}
	size := int64(0)
	for _, file := range files {
		size += int64(len(file))
	}
	r, err := Open(write(t, files...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The file without packets is done with already.
	if done, total := r.Progress(); done != 24 || total != size {
		t.Errorf("at first %d of %d, want 24 of %d", done, total, size)
	}
	packets(t, r)
	if done, total := r.Progress(); done != size || total != size {
		t.Errorf("at the end %d of %d, want all %d", done, total, size)
	}
}

func TestCloseEarly(t *testing.T) {
	b := le().section().netif(1, 0)
	for range 100_000 {
		b.enhanced(0, 1, "abc", 60, option{4, b.u64(1)})
	}
	before := runtime.NumGoroutine()
	r, err := Open(write(t, pack(t, "gzip", b.bytes)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if drops := r.Stats().Drops.Kernel; drops != 2 {
		t.Errorf("%d drops before the end, want 2", drops)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("after Close: %v, want io.EOF", err)
	}
	if stats := r.Stats(); stats.Packets != 2 || stats.Drops.Kernel != 2 || len(stats.Damage) != 0 {
		t.Errorf("after Close: %+v", stats)
	}
	for runtime.NumGoroutine() > before { // until the test's own time limit
		runtime.Gosched()
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	pcap, pcapng := le().pcap(0xa1b2c3d4, 1), le().section().netif(1, 0)
	for i := range uint32(2000) {
		pcap.record(i, 0, strings.Repeat("x", 1400), 1400)
		pcapng.enhanced(0, uint64(i)*1_000_000, strings.Repeat("x", 1400), 1400, option{4, le().u64(1)})
	}
	for name, files := range map[string][][]byte{
		"pcap": {pcap.bytes}, "pcapng": {pcapng.bytes}, "merged": {pcap.bytes, pcapng.bytes},
	} {
		r, err := Open(write(t, files...), Options{})
		if err != nil {
			t.Fatal(err)
		}
		batch := make([]Packet, 3)
		if n := testing.AllocsPerRun(450, func() { r.Next(); r.Read(batch) }); n != 0 {
			t.Errorf("%s: %v allocations for some packets", name, n)
		}
		if n := r.Stats().Packets; n < 2*451 {
			t.Errorf("%s: %d packets", name, n)
		}
		r.Close()
	}
}

func TestLinkTypeString(t *testing.T) {
	for link, want := range map[LinkType]string{
		0: "NULL", 1: "EN10MB", 12: "RAW", 101: "RAW", 113: "LINUX_SLL", 239: "NFLOG", 276: "LINUX_SLL2",
		65535: "LINKTYPE_65535",
	} {
		if got := link.String(); got != want {
			t.Errorf("%d: %s, want %s", uint16(link), got, want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	pcap, pcapng := le().pcap(0xa1b2c3d4, 1), le().section().netif(1, 0)
	for i := range uint32(100_000) {
		data := strings.Repeat("x", int(60+i%140))
		pcap.record(i, 0, data, 1400)
		pcapng.enhanced(0, uint64(i)*1_000_000, data, 1400)
	}
	for name, file := range map[string][]byte{
		"pcap": pcap.bytes, "pcapng": pcapng.bytes,
		"pcap.gz": pack(b, "gzip", pcap.bytes), "pcap.zst": pack(b, "zstd", pcap.bytes),
	} {
		b.Run(name, func(b *testing.B) {
			paths := write(b, file)
			b.ReportAllocs()
			b.ResetTimer()
			var r *Reader
			batch := make([]Packet, 256)
			for done := 0; done < b.N; {
				if r != nil {
					if n, err := r.Read(batch); err == nil {
						done += n
						continue
					}
					r.Close()
				}
				var err error
				if r, err = Open(paths, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			r.Close()
		})
	}
}

// A path with a scheme is what Remote opens, once to plan and once when it is due. Without Remote it is a file's name.
func TestRemote(t *testing.T) {
	store := fstest.MapFS{
		"day/1.pcap": {Data: le().pcap(0xa1b2c3d4, 1).record(20, 0, "b", 1).bytes},
		"day/2.pcap": {Data: le().pcap(0xa1b2c3d4, 1).record(10, 0, "a", 1).bytes},
		"day/3.pcap": {Data: []byte("no capture at all")},
	}
	opened := 0
	remote := func(path string) (fs.File, error) {
		opened++
		return store.Open(strings.TrimPrefix(path, "s3://"))
	}
	paths := []string{"s3://day/1.pcap", "s3://day/2.pcap", "s3://day/3.pcap", "s3://day/4.pcap"}
	r, err := Open(paths, Options{Remote: remote})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := packets(t, r)
	if len(got) != 2 || got[0].Data != "a" || got[1].Data != "b" || opened != 6 {
		t.Errorf("%v, opened %d times", got, opened)
	}
	var unread []string
	for _, d := range r.Stats().Damage {
		if d.Unread {
			unread = append(unread, d.File)
		}
	}
	if !slices.Equal(unread, paths[2:]) {
		t.Errorf("not read: %q", unread)
	}
	if _, err := Open(paths, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without Remote: %v", err)
	}
}
