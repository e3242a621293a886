package capture

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// FuzzRing writes any packets at any times into rings of any kind, of which the directory may go away: every packet is
// in a file or counted as unwritten, every file can be read whole, and there are no more of them than asked for. The
// packets are kept in memory too (Recent), where the last of them stay as they were.
func FuzzRing(f *testing.F) {
	f.Add([]byte{200, 1, 100, 9, 255, 2, 0, 0, 100, 17, 255, 255, 7, 3}, uint16(0), uint8(0), uint8(0))
	f.Add([]byte{200, 1, 100, 9, 255, 2, 0, 0, 100, 17, 255, 255, 7, 3}, uint16(900), uint8(0), uint8(2))
	f.Add([]byte{200, 1, 100, 9, 255, 2, 0, 0, 100, 17, 255, 255, 7, 3}, uint16(0), uint8(1), uint8(3))
	f.Add([]byte{200, 1, 100, 9, 255, 2, 0, 0, 100, 17, 255, 255, 7, 3}, uint16(500), uint8(2), uint8(0))
	f.Add([]byte{200, 1, 100, 9, 201, 0xc2, 0, 3, 100, 0x8c, 2, 0xc4, 7, 4, 9, 4}, uint16(300), uint8(0), uint8(2))
	f.Add([]byte{200, 1, 101, 0xc9, 201, 0x83, 100, 4, 100, 0xcc, 2, 4, 7, 4, 9, 4}, uint16(0), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, size uint16, every, files uint8) {
		dir := filepath.Join(t.TempDir(), "ring")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		gone, ever := false, false
		o := RingOptions{Path: filepath.Join(dir, "x"), Size: int64(size), Every: time.Duration(every) * time.Second,
			Files: int(files % 8)}
		if every&1 != 0 {
			o.Path += "-%S"
		}
		now := ringStart
		r, err := NewRing(o, now)
		if err != nil {
			t.Fatal(err)
		}
		recent := NewRecent(0)
		steps := [...]time.Duration{0, 1, time.Millisecond, time.Second, 11 * time.Second, time.Hour, -time.Second,
			-time.Hour}
		var drops Drops
		written, inFiles := uint64(0), uint64(0)
		for ; len(data) >= 2 && written < 500; data = data[2:] {
			now += int64(steps[data[1]&7])
			p := Packet{Number: written + 1, Time: now, Data: make([]byte, int(data[0])*8),
				Link: LinkType(1 + data[1]>>3&1)}
			p.Length = len(p.Data) + int(data[1]>>4)
			switch data[1] >> 6 {
			case 1:
				drops.Kernel++
				r.Flush(now)
			case 2:
				r.Next(now, drops)
			case 3:
				ever = true
				if gone = data[0]&1 != 0; gone {
					os.RemoveAll(dir)
				} else if err := os.MkdirAll(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			r.Write(&p, drops)
			recent.Add(&p)
			written++
		}
		r.Close(now, drops)
		unwritten, err := r.Unwritten()
		if unwritten > written || (unwritten > 0) != (err != nil) {
			t.Errorf("%d packets of %d are unwritten: %v", unwritten, written, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil && !gone {
			t.Fatal(err)
		}
		for _, e := range entries {
			file, err := os.Open(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			packets, _, err := decode(file, 64)
			if damage := asDamage(t, err); damage != nil {
				t.Errorf("%s: %v", e.Name(), damage)
			}
			file.Close()
			inFiles += uint64(len(packets))
		}
		if o.Files > 0 && len(entries) > o.Files {
			t.Errorf("%d files, not %d", len(entries), o.Files)
		}
		wrapped := ever || o.Files > 0 || o.Every > 0 && every&1 != 0 // files that are gone, names that come again
		if inFiles > written || !wrapped && inFiles+unwritten != written {
			t.Errorf("%d packets: %d are in files, %d unwritten", written, inFiles, unwritten)
		}
		var numbers []uint64
		for p := range recent.Kept().Packets {
			numbers = append(numbers, p.Number)
		}
		if written > 0 && (!slices.IsSorted(numbers) || numbers[len(numbers)-1] != written) {
			t.Errorf("of %d packets these are kept: %v", written, numbers)
		}
	})
}
