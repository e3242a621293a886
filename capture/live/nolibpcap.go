//go:build nopcap || (!windows && !cgo) || (windows && !amd64 && !386)

package live

import "github.com/tcplife/tcplife/capture"

// HasLibpcap reports whether this build can capture on devices and compile filters.
const HasLibpcap = false

func listDevices() ([]Device, error) { return nil, ErrNoLibpcap }

func compileFile(path, expr string) ([]instruction, error) { return nil, ErrNoLibpcap }

// handle is an open device. Without libpcap there is none.
type handle struct{}

func openHandle(string, Options) (*handle, error) { return nil, ErrNoLibpcap }

func (*handle) next() (p capture.Packet, err error) { return p, ErrNoLibpcap }
func (*handle) counters() (c counters, err error)   { return c, ErrNoLibpcap }
func (*handle) close()                              {}
