package whole

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/readtest"
	"github.com/tcplife/tcplife/internal/segtest"
	"github.com/tcplife/tcplife/internal/testrun"
)

// longestSeed keeps seeds short, so that the fuzzer's changes matter.
const longestSeed = 16 << 10

// seeds are the project's captures that are short enough, and those of the tracker's hard cases.
func seeds(t testing.TB) (files [][]byte) {
	for _, path := range readtest.Captures(t, 2) {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(file) <= longestSeed {
			files = append(files, file)
		}
	}
	scripts, err := filepath.Glob("../../analyzer/testdata/hardcases/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no hard cases: ", err)
	}
	for _, path := range scripts {
		script, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, segtest.Script(string(script.Files[0].Data)).Pcap())
	}
	return files
}

// filtered is a capture without the segments that have none of SYN, FIN and RST. Many captures are made so.
func filtered(t testing.TB, file []byte) []byte {
	var left []capture.Packet
	for _, p := range packetsOf(t, file) {
		if _, tcp := headers(&p); tcp+14 <= len(p.Data) && p.Data[tcp+13]&7 != 0 {
			left = append(left, p)
		}
	}
	return segtest.Pcap(left...)
}

// FuzzBytes reads any bytes.
func FuzzBytes(f *testing.F) {
	for _, file := range testrun.Some(3, seeds(f)) {
		f.Add(file)
		f.Add(filtered(f, file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 4*longestSeed {
			t.Skip()
		}
		hold(t, file)
	})
}

// programs has each edit by itself, and some together.
func programs() (list [][]byte) {
	list = append(list, nil)
	for what := range byte(20) {
		for packet := range byte(3) {
			list = append(list, []byte{what, packet, what ^ packet*11, packet * 9})
		}
	}
	return append(list,
		[]byte{0, 3, 8, 0, 4, 5, 11, 0, 18, 0, 5, 0},                 // a jump of numbers, silence, pcapng
		[]byte{2, 4, 0x04, 0, 7, 4, 5, 0, 5, 5, 8, 0, 10, 5, 0, 0},   // resets of both sides, one out of time
		[]byte{2, 3, 0x02, 0, 4, 3, 15, 0, 0, 3, 18, 0, 18, 0, 7, 0}, // a new SYN behind TIME_WAIT
		[]byte{7, 0, 9, 0, 5, 0, 21, 0, 19, 0, 90, 2, 18, 0, 1, 0},   // an old SYN, a block's length
		[]byte{16, 1, 3, 3, 16, 3, 11, 0, 16, 2, 5, 64},              // ICMP errors
		[]byte{128, 2, 4, 0, 129, 3, 5, 0, 13, 1, 2, 3, 9, 4, 60, 0}, // wrong sums, a length, a snaplen
	)
}

// FuzzEdits changes sound captures.
func FuzzEdits(f *testing.F) {
	files := seeds(f)
	for i, program := range programs() {
		f.Add(uint8(i*7), program)
	}
	f.Fuzz(func(t *testing.T, seed uint8, program []byte) {
		hold(t, apply(t, files[int(seed)%len(files)], program))
	})
}

// FuzzMerged reads several files as one: a capture, a changed one, a piece of the first, and one that does not exist.
func FuzzMerged(f *testing.F) {
	files := seeds(f)
	for i, program := range programs() {
		if i%4 == 0 {
			f.Add(uint8(i*7), uint8(i*5+1), program, uint16(i*101))
		}
	}
	f.Fuzz(func(t *testing.T, one, two uint8, program []byte, cut uint16) {
		first, second := files[int(one)%len(files)], files[int(two)%len(files)]
		changed := apply(t, second, program)
		files := [][]byte{first, changed, first[:min(len(first), int(cut))]}
		if cut&1 != 0 {
			files = append(files, nil)
		}
		hold(t, files...)
	})
}
