//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestCommand(t *testing.T) {
	c := command{name: "sh", argv: []string{"sh", "-c",
		`echo "gc 1 @0.1s 4%: 0.5+6.7+0.25 ms clock, $VALUE ms cpu" >&2`}, env: []string{"VALUE=2"}}
	got, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	if got.wall <= 0 || got.peak <= 0 {
		t.Errorf("a run of %v, %v bytes: want both above 0", got.wall, got.peak)
	}
	if got.pause != 500*time.Microsecond {
		t.Errorf("longest pause %v, want 0.5ms", got.pause)
	}

	for _, test := range []struct{ script, want string }{
		{"echo no such capture >&2; exit 3", "exit status 3: no such capture"},
		{"", "not installed"},
	} {
		c := command{argv: []string{"sh", "-c", test.script}}
		if test.script == "" {
			c.argv = []string{"no-such-peer"}
		}
		if _, err := c.run(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %v, want %q", c.argv, err, test.want)
		}
	}
}

func TestEvictionsAreNoFailure(t *testing.T) {
	exits := func(code string, mayEvict, evicts bool) error {
		_, err := (&command{argv: []string{"sh", "-c", "exit " + code}, mayEvict: mayEvict, evicts: evicts}).run()
		return err
	}
	if err := errors.Join(exits("0", true, false), exits("3", true, false), exits("3", true, true)); err != nil {
		t.Error(err)
	}
	if exits("3", false, false) == nil || exits("0", true, true) == nil || exits("1", true, false) == nil {
		t.Error("a failure was accepted as a measurement")
	}
}

func TestLongestPause(t *testing.T) {
	const trace = `gc 1 @0.011s 4%: 1.1+6.7+0.005 ms clock, 2.2+0.72/0.75/3.6+0.010 ms cpu, 5->6->5 MB, 5 MB goal, 0 MB stacks, 5 MB globals, 2 P
tcplife: something else 99+99+99 ms clock
gc 2 @0.070s 3%: 0.3+900+3.25 ms clock, 7.1+0/3.5/7.3+0.44 ms cpu, 13->15->13 MB, 15 MB goal, 0 MB stacks, 5 MB globals, 2 P (forced)
`
	if got := longestPause(trace); got != 3250*time.Microsecond {
		t.Errorf("longest pause %v, want 3.25ms", got)
	}
}

func TestSlowCommandsRunOnce(t *testing.T) {
	b := bench{log: &strings.Builder{}}
	shell := func(script string) *command { return &command{name: script, argv: []string{"sh", "-c", script}} }
	slow, tenth := shell("true"), shell("true")
	slow.once, tenth.tenth = true, true
	s := b.inTurn(3, shell("true"), slow, tenth, shell("exit 1"))
	for i, want := range []int{3, 1, 1, 0} {
		if got := len(s[i].costs); got != want {
			t.Errorf("command %d ran %d times, want %d", i, got, want)
		}
		if known(s[i]) != (want > 0) {
			t.Errorf("command %d: known is %v", i, known(s[i]))
		}
	}
}

func TestRatio(t *testing.T) {
	of := func(walls ...time.Duration) *series {
		var s series
		for _, w := range walls {
			s.costs = append(s.costs, cost{wall: w})
		}
		return &s
	}
	if got := ratio(of(2, 30, 8), of(1, 10, 2), cost.time); got != 3 { // 2, 3, 4: each run against that of its turn
		t.Errorf("ratio %v, want 3", got)
	}
	if got := ratio(of(2, 30, 8), of(4), cost.time); got != 2 {
		t.Errorf("ratio %v, want 2", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v, want 2.5", got)
	}
}

func TestLoad(t *testing.T) {
	runs := func(peak float64, walls ...time.Duration) *series {
		var s series
		for _, w := range walls {
			s.costs = append(s.costs, cost{wall: w, peak: peak})
		}
		return &s
	}
	small := load{connections: 10, packets: 4, opening: runs(900, 100, 120), all: runs(1000, 170, 140)}
	small.compare(nil)
	if small.perPacket != 10 || small.perConnection != 100 {
		t.Errorf("a packet costs %v ns, a connection %v bytes; want 10, 100", small.perPacket, small.perConnection)
	}
	large := load{connections: 110, packets: 4, opening: runs(0, 1), all: runs(6000, 2)}
	large.compare([]load{small})
	if large.perConnection != 50 {
		t.Errorf("a connection costs %v bytes, want 50", large.perConnection)
	}
}

func TestTableAndMarks(t *testing.T) {
	var table strings.Builder
	writeTable(&table, [][]string{{"", "time"}, {"ein Maß", "1 µs"}})
	const want = `|         | time |
|---------|-----:|
| ein Maß | 1 µs |
`
	if table.String() != want {
		t.Errorf("table:\n%swant:\n%s", table.String(), want)
	}

	const beginMark, endMark = "<!-- make x writes from here -->\n", "<!-- to here -->\n"
	const other = "<!-- make y writes from here -->\n" + endMark
	file := filepath.Join(t.TempDir(), "BENCHMARKS.md")
	if err := os.WriteFile(file, []byte("# Before\n"+other+beginMark+"old\n"+endMark+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replaceBetweenMarks(file, "x", "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# Before\n" + other + beginMark + "\nnew\n\n" + endMark + "after\n"; string(got) != want {
		t.Errorf("file:\n%s\nwant:\n%s", got, want)
	}
	if err := os.WriteFile(file, []byte("# Before\n"+other), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceBetweenMarks(file, "x", "new\n"); err == nil {
		t.Error("a file without marks was written")
	}
}

func TestCounts(t *testing.T) {
	type counts struct{ taken, dropped, shed uint64 }
	for text, want := range map[string]counts{
		"tcplife: 5000 packets, 4.9 MiB on the wire, read in 2s: 2500 packets/s\n": {5000, 0, 0},
		"tcplife: 1 packet, 58 B on the wire, read in 2s: 0 packets/s\n" +
			"tcplife: 1 packet was dropped: 1 by the kernel (overload), 0 by the devices\n": {1, 1, 0},
		"tcplife: 7 packets were dropped: 7 by the kernel (overload), 0 by the devices\n" +
			"tcplife: overloaded: 3 failed attempts were counted but not written\n" +
			"tcplife: 9 packets, 1.0 KiB on the wire, read in 2s: 4 packets/s\n": {9, 7, 3},
	} {
		taken, dropped, shed, err := liveCounts([]byte(text))
		if got := (counts{taken, dropped, shed}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	if _, _, _, err := liveCounts([]byte("tcplife: no such device\n")); err == nil {
		t.Error("no error without a count of packets")
	}
	for text, want := range map[string]counts{
		"12 packets captured\n12 packets received by filter\n3 packets dropped by kernel\n": {12, 3, 0},
		"1 packet captured\n1 packet received by filter\n0 packets dropped by kernel\n":     {1, 0, 0},
	} {
		taken, dropped, _, err := tcpdumpCounts([]byte(text))
		if err != nil || taken != want.taken || dropped != want.dropped {
			t.Errorf("%s: %d taken, %d dropped, %v, want %+v", text, taken, dropped, err, want)
		}
	}
}

func TestLinesAreShort(t *testing.T) {
	const linux = "2026-11-29: 2 processors of AMD EPYC, 25.28 GB of memory, Linux 6.18.44, go1.26.8"
	b := bench{scale: 0.01}
	got := b.conditions(linux + strings.Repeat(", tcpdump 4.99.3", 20))
	if !strings.HasPrefix(got, "Measured on "+linux+", tcpdump") ||
		!strings.HasSuffix(got, ", tcpdump 4.99.3 at a scale of 0.01, at which nothing is promised.\n") {
		t.Errorf("conditions:\n%s", got)
	}
	for _, words := range []string{got, paragraph(strings.Repeat("é ", 500)), paragraph(strings.Repeat("word ", 500))} {
		lines := strings.Split(strings.TrimSuffix(words, "\n"), "\n")
		for i, line := range lines {
			n := utf8.RuneCountInString(line)
			if n > 120 || i < len(lines)-1 && n < 100 {
				t.Errorf("line %d has %d characters: %q", i+1, n, line)
			}
		}
	}
	if got := paragraph("one  two\nthree"); got != "one two three\n" {
		t.Errorf("paragraph %q", got)
	}
}

func TestUnits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{count(1), "1"}, {count(999), "999"}, {count(1000), "1,000"}, {count(10_000_000), "10,000,000"},
		{seconds(1500 * time.Microsecond), "0.002 s"}, {seconds(12345 * time.Millisecond), "12.35 s"},
		{size(2.5e9), "2.50 GB"}, {size(32e6), "32 MB"}, {milliseconds(1234 * time.Microsecond), "1.23 ms"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
