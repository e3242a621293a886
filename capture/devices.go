package capture

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/gopacket/pcap"
)

// AnyDevice is the name of libpcap's device that stands for all of them (Linux).
const AnyDevice = "any"

// Device is one that Live can capture on.
type Device struct {
	Name        string
	Description string // "" for none
	Addresses   []netip.Prefix
	Loopback    bool
	Up          bool // as the administrator wants it
	Running     bool // it has a carrier
}

// The flags of a device, PCAP_IF_… of pcap/pcap.h.
const (
	deviceLoopback = 1
	deviceUp       = 2
	deviceRunning  = 4
)

// Devices lists those that libpcap knows, in its order: the likely ones first. It needs no rights to capture.
func Devices() ([]Device, error) {
	found, err := pcap.FindAllDevs()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	devices := make([]Device, len(found))
	for i, d := range found {
		devices[i] = Device{
			Name: d.Name, Description: d.Description,
			Loopback: d.Flags&deviceLoopback != 0, Up: d.Flags&deviceUp != 0, Running: d.Flags&deviceRunning != 0,
		}
		for _, a := range d.Addresses {
			if prefix, ok := prefixOf(a); ok && !slices.Contains(devices[i].Addresses, prefix) {
				devices[i].Addresses = append(devices[i].Addresses, prefix)
			}
		}
	}
	return devices, nil
}

// prefixOf is an address of a device with the length of its network; not ok if it is of another family than IP.
func prefixOf(a pcap.InterfaceAddress) (p netip.Prefix, ok bool) {
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return p, false
	}
	ip = ip.Unmap()
	bits, size := a.Netmask.Size()
	if size != ip.BitLen() {
		bits = ip.BitLen()
	}
	return netip.PrefixFrom(ip, bits), true
}

// deviceState is what the system says of a device by its index: whether there is one and whether it is up.
func deviceState(index int) (exists, up bool) {
	d, err := net.InterfaceByIndex(index)
	if err != nil {
		return false, false
	}
	return true, d.Flags&net.FlagUp != 0
}
