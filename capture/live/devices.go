package live

import (
	"fmt"
	"net/netip"
)

// AnyDevice is the name of libpcap's device that stands for all of them (Linux).
const AnyDevice = "any"

// Device is one that Open can capture on.
type Device struct {
	Name        string
	Description string // "" for none
	Addresses   []netip.Prefix
	Loopback    bool
	Up          bool // as the administrator wants it
	Running     bool // it has a carrier
}

// Devices lists those that libpcap knows, in its order: the likely ones first. It needs no rights to capture. Without
// libpcap the error is ErrNoLibpcap.
func Devices() ([]Device, error) {
	devices, err := listDevices()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return devices, nil
}
