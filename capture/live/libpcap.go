//go:build !nopcap && ((cgo && !windows) || (windows && (amd64 || 386)))

package live

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/gopacket/pcap"
	"github.com/tcplife/tcplife/capture"
)

// HasLibpcap reports whether this build can capture on devices and compile filters. On Windows it then needs Npcap's
// wpcap.dll when it runs.
const HasLibpcap = true

// The flags of a device, PCAP_IF_… of pcap/pcap.h.
const (
	deviceLoopback = 1
	deviceUp       = 2
	deviceRunning  = 4
)

func listDevices() ([]Device, error) {
	found, err := pcap.FindAllDevs()
	if err != nil {
		return nil, err
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

// prefixOf returns an address of a device with the length of its network. It is not ok if the address is not IP.
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

// handle is an open device.
type handle struct {
	pcap *pcap.Handle
	link capture.LinkType
}

func openHandle(name string, o Options) (*handle, error) {
	inactive, err := pcap.NewInactiveHandle(name)
	if err != nil {
		return nil, err
	}
	defer inactive.CleanUp()
	for _, set := range []func() error{
		func() error { return inactive.SetSnapLen(o.Snaplen) },
		func() error { return inactive.SetPromisc(o.Promiscuous && name != AnyDevice) },
		func() error { return inactive.SetTimeout(readTimeout) },
		func() error { return inactive.SetBufferSize(o.Buffer) },
		func() error { return inactive.SetImmediateMode(o.Immediate) },
	} {
		if err := set(); err != nil {
			return nil, err
		}
	}
	active, err := inactive.Activate()
	if err != nil {
		switch what := strings.ToLower(err.Error()); {
		case strings.Contains(what, "permi"): // PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED
			err = fs.ErrPermission
		case strings.Contains(what, "not up"): // PCAP_ERROR_IFACE_NOT_UP
			err = errors.New("it is down: bring it up first")
		}
		return nil, err
	}
	if o.Filter != "" {
		if err := active.SetBPFFilter(o.Filter); err != nil {
			active.Close()
			return nil, fmt.Errorf("filter %q: %w", o.Filter, err)
		}
	}
	return &handle{active, linkTypeOf(int(active.LinkType()))}, nil
}

// dltRaw is DLT_RAW on Linux, which differs from its LINKTYPE_RAW.
const dltRaw = 12

// linkTypeOf returns the link type of files for a dlt of the system.
func linkTypeOf(dlt int) capture.LinkType {
	if dlt == dltRaw {
		return 101
	}
	return capture.LinkType(dlt)
}

// next reads the next packet. The data are valid until the next call. After readTimeout without a packet it is errIdle.
func (h *handle) next() (p capture.Packet, err error) {
	data, info, err := h.pcap.ZeroCopyReadPacketData()
	switch err {
	case nil:
		return capture.Packet{Time: info.Timestamp.UnixNano(), Data: data, Length: max(info.Length, len(data)),
			Link: h.link}, nil
	case pcap.NextErrorTimeoutExpired:
		return p, errIdle
	case pcap.NextErrorReadError:
		return p, h.pcap.Error()
	}
	return p, err
}

func (h *handle) counters() (c counters, err error) {
	stats, err := h.pcap.Stats()
	if err != nil {
		return c, err
	}
	return counters{uint32(stats.PacketsReceived), uint32(stats.PacketsDropped), uint32(stats.PacketsIfDropped)}, nil
}

func (h *handle) close() { h.pcap.Close() }

// compileFile compiles an expression for the link type of a capture file.
func compileFile(path, expr string) ([]instruction, error) {
	file, err := pcap.OpenOffline(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	compiled, err := file.CompileBPFFilter(expr)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "can't parse filter expression: "))
	}
	program := make([]instruction, len(compiled))
	for i, c := range compiled {
		program[i] = instruction(c)
	}
	return program, nil
}
