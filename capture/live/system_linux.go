package live

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// system queries the state of devices. It keeps its own socket, so that it works when no descriptor is left.
type system struct{ socket int }

func openSystem() (*system, error) {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket to ask about devices: %w", err)
	}
	return &system{socket}, nil
}

func (s *system) close() { unix.Close(s.socket) }

// index is the number of a device, which it keeps as long as it exists. ErrNoDevice is certain. After other errors it
// is unknown.
func (s *system) index(name string) (int, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, ErrNoDevice // no device has such a name
	}
	if err := unix.IoctlIfreq(s.socket, unix.SIOCGIFINDEX, r); err != nil {
		return 0, certain(err)
	}
	return int(r.Uint32()), nil
}

// state returns a device's present name, and whether it is up. ErrNoDevice is certain. After other errors both are
// unknown.
func (s *system) state(index int) (name string, up bool, err error) {
	r, err := unix.NewIfreq("")
	if err != nil {
		return "", false, err
	}
	r.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(s.socket, unix.SIOCGIFNAME, r); err != nil {
		return "", false, certain(err)
	}
	name = r.Name()
	if err := unix.IoctlIfreq(s.socket, unix.SIOCGIFFLAGS, r); err != nil {
		return "", false, fmt.Errorf("ask whether %s is up: %w", name, err) // it may have been renamed between the two
	}
	return name, r.Uint16()&unix.IFF_UP != 0, nil
}

// certain returns ErrNoDevice for the one error that shows it.
func certain(err error) error {
	if err == unix.ENODEV {
		return ErrNoDevice
	}
	return err
}
