//go:build !linux

package live

import "net"

// system answers questions about devices.
type system struct{}

func openSystem() (*system, error) { return &system{}, nil }

func (s *system) close() {}

// index is the number of a device, which it keeps as long as it exists. ErrNoDevice is certain. After other errors it
// is unknown.
func (s *system) index(name string) (int, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return 0, err
	}
	for _, d := range devices {
		if d.Name == name {
			return d.Index, nil
		}
	}
	return 0, ErrNoDevice
}

// state returns a device's present name, and whether it is up. ErrNoDevice is certain. After other errors both are
// unknown.
func (s *system) state(index int) (name string, up bool, err error) {
	devices, err := net.Interfaces()
	if err != nil {
		return "", false, err
	}
	for _, d := range devices {
		if d.Index == index {
			return d.Name, d.Flags&net.FlagUp != 0, nil
		}
	}
	return "", false, ErrNoDevice
}
