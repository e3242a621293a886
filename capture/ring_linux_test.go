package capture

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRingFullDisk holds that a full disk costs packets of the files, which are told, and nothing else.
func TestRingFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("NOT TESTED: a small file system cannot be mounted here:", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	r, err := NewRing(RingOptions{Path: filepath.Join(dir, "x"), Size: 40_000, Files: 2}, ringStart)
	if err != nil {
		t.Fatal(err)
	}
	const sent = 400
	for i := range sent {
		p := ringPacket(time.Duration(i) * time.Second / 10)
		r.Write(p, Drops{})
		r.Flush(p.Time)
	}
	r.Close(ringStart+100*second, Drops{})
	unwritten, err := r.Unwritten()
	if !errors.Is(err, syscall.ENOSPC) || unwritten == 0 {
		t.Fatalf("%d packets not written: %v", unwritten, err)
	}
	names := strings.Fields(ringNames(t, dir))
	var paths []string
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name))
	}
	c, err := Open(paths, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := packets(t, c)
	if s := c.Stats(); len(s.Damage) > 0 {
		t.Errorf("damage in the files: %+v", s.Damage)
	}
	if last := got[len(got)-1].Time; last < ringStart+25*second {
		t.Errorf("the last packet is of %v: writing did not go on when there was room again", time.Unix(0, last).UTC())
	}
	t.Logf("%d packets, %d not written, %d left in %s", sent, unwritten, len(got), names)
}
