package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/privileges"
)

// openLive opens the devices. If privileges are missing, the error says how to get them.
func (f *liveFlags) openLive() (*live.Capture, error) {
	privileges.UseRightToCapture()
	devices, err := live.Open(f.devices, live.Options{
		Filter: f.filter, Snaplen: f.snaplen, Buffer: f.buffer << 10, Promiscuous: !f.noPromiscuous,
		Immediate: f.immediate || f.viewed, Count: f.count,
	})
	if errors.Is(err, live.ErrNoDevice) {
		err = fmt.Errorf("%w; list the devices with: tcplife devices", err)
	}
	if !errors.Is(err, fs.ErrPermission) {
		return devices, err
	}
	program, nameErr := os.Executable()
	if nameErr != nil {
		program = "tcplife"
	}
	return nil, fmt.Errorf("%w: capturing needs root or CAP_NET_RAW; grant it once with: sudo setcap cap_net_raw+ep %s",
		err,
		program)
}

// secure drops what is no longer needed once the devices are open. It creates the first capture file with the remaining
// privileges, so that an unwritable directory shows now, and not when the next file is due.
func (l *following) secure() error {
	f := l.flags
	said, err := privileges.Drop(f.user)
	if wrong := (*privileges.UserError)(nil); errors.As(err, &wrong) {
		return &usageError{wrong.Message, wrong.Hint}
	}
	if err != nil {
		return err
	}
	var dirs, readDirs []string
	if l.meter != nil {
		if readDirs, err = l.meter.configDirs(); err != nil {
			return err
		}
	}
	if f.ring.Path != "" {
		if l.ring, err = capture.NewRing(f.ring, time.Now().UnixNano()); err != nil {
			err = fmt.Errorf("begin the capture file: %w", err)
			switch {
			case errors.Is(err, fs.ErrPermission):
				err = notWritable(err)
			case errors.Is(err, fs.ErrNotExist):
				err = fmt.Errorf("%w; the directory must be there", err)
			}
			return err
		}
		dirs = append(dirs, ringDirectory(f.ring.Path))
	}
	if f.begins() {
		if l.report, err = f.newReporter(l.out); errors.Is(err, fs.ErrPermission) {
			err = notWritable(err)
		}
		if err != nil {
			return err
		}
		switch {
		case f.partition != "":
			dirs = append(dirs, f.partition)
		case f.to != "":
			dirs = append(dirs, filepath.Dir(f.to))
		}
	}
	dumps, err := l.occasions.prepareDumps(f.decoding())
	if err != nil {
		return err
	}
	dirs = append(dirs, dumps...)
	if f.viewed {
		if l.extracts = writableDirectory(); l.extracts != "" {
			dirs = append(dirs, l.extracts)
		}
	}
	confined, err := privileges.Confine(dirs, readDirs, l.meter != nil)
	if err != nil {
		return err
	}
	if l.meter != nil {
		if err := l.meter.checkConfig(); err != nil {
			return err
		}
	}
	if f.verbose {
		warnf(l.stderr, "dropped privileges: %s", strings.Join(append(said, confined...), "; "))
	}
	return nil
}

// notWritable adds to an error which user cannot write, and what to do.
func notWritable(err error) error {
	return fmt.Errorf("%w; live writes as user %s: make it writable for %[2]s, or set --user", err, ownName())
}

// ownName is the name of the user that the process runs as now, or its number.
func ownName() string {
	id := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// writableDirectory is where the view writes captures of connections: the current directory, or else the directory for
// temporary files, because the user that live has become often cannot write where root started it. "" means nowhere.
func writableDirectory() string {
	for _, dir := range []string{".", os.TempDir(), "/tmp"} {
		if writable(dir) {
			return dir
		}
	}
	return ""
}

// ringDirectory is the directory that has all files of a ring.
func ringDirectory(path string) string {
	if i := strings.IndexByte(path, '%'); i >= 0 {
		path = path[:i] + "x"
	}
	return filepath.Dir(path)
}
