package live

import (
	"fmt"
	"net/netip"
)

// AnyDevice is the name of libpcap's device that stands for all of them (Linux).
const AnyDevice = "any"

// Device is a device on which Open can capture.
type Device struct {
	Name        string
	Description string // "" for none
	Addresses   []netip.Prefix
	Loopback    bool
	Up          bool // the administrator has set it up
	Running     bool // it has a carrier
}

// Devices lists the devices of libpcap, in its order: the likely ones first. It needs no privileges. Without libpcap
// the error is ErrNoLibpcap.
func Devices() ([]Device, error) {
	devices, err := listDevices()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return devices, nil
}
