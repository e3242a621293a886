// Package live captures packets on devices, and compiles filters. It is the only package that needs libpcap.
//
// Open opens devices. A goroutine for each copies packets into chunks (device.go, chunk.go). There is a fixed number of
// chunks, so memory is bounded; further packets wait in the kernel's buffer until it drops them. Capture.Next merges
// the devices by time (live.go). While a device is idle, a monotonic clock advances its time (idle.go).
//
// A Filter is an expression of libpcap's language. libpcap compiles it (filter.go); it runs here, on packets of any
// source (bpf.go).
//
// Without C, or with the build tag nopcap, the package still builds: HasLibpcap is false then, and Open, Devices and
// CompileFilter fail with ErrNoLibpcap. libpcap.go and nolibpcap.go have the differences.
package live
