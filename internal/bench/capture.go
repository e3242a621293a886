//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A bench measures tcplife and its peers, and keeps the results.
type bench struct {
	tcplife string
	dir     string
	keep    bool
	scale   float64
	runs    int
	log     io.Writer // for progress

	maker  string // the program that makes captures
	goals  []goal
	groups []group
	loads  []load

	written     []format
	connections int
}

// prepare builds the maker of captures.
func (b *bench) prepare() error {
	if err := os.MkdirAll(b.flows(), 0o755); err != nil {
		return err
	}
	b.maker = filepath.Join(b.dir, "benchcap")
	build := exec.Command("go", "build", "-o", b.maker, "github.com/tcplife/tcplife/internal/benchcap")
	build.Stderr = b.log
	if err := build.Run(); err != nil {
		return fmt.Errorf("build internal/benchcap: %w", err)
	}
	// Debian has some of the peers where only root looks for programs.
	return os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
}

func (b *bench) cleanUp() {
	os.Remove(b.maker)
	os.RemoveAll(b.flows())
	os.Remove(b.dir) // unless captures are kept in it
}

// capture makes a capture of about the given size, and reads it once so that the page cache holds it if there is room.
// done removes it.
func (b *bench) capture(name string, bytes int, args ...string) (file string, done func(), err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(b.dir, &fs); err != nil {
		return "", nil, fmt.Errorf("statfs %s: %w", b.dir, err)
	}
	if free := float64(fs.Bavail) * float64(fs.Bsize); free < 1.1*float64(bytes) {
		return "", nil, fmt.Errorf("%s has %s free, a capture needs %s; choose another -dir or a smaller -scale", b.dir,
			size(free), size(float64(bytes)))
	}
	file = filepath.Join(b.dir, name+".pcap")
	fmt.Fprintf(b.log, "%s: %s\n", file, strings.Join(args, " "))
	done = func() {
		if !b.keep {
			os.Remove(file)
		}
	}
	if out, err := exec.Command(b.maker, append(args, "-o", file)...).CombinedOutput(); err != nil {
		done()
		return "", nil, fmt.Errorf("make %s: %w: %s", file, err, out)
	}
	unix.Sync() // nothing is written while something is measured
	f, err := os.Open(file)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, f); err != nil {
		return "", nil, err
	}
	return file, done, nil
}
