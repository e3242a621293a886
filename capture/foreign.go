package capture

import (
	"encoding/binary"
	"strings"
)

// unsupported lists formats that people take for a capture file of libpcap, and how to convert them.
var unsupported = []struct{ magic, advice string }{
	{"snoop\x00", "snoop; " + byEditcap},
	{"GMBU", "Microsoft Network Monitor; " + byEditcap},
	{"RTSS", "Microsoft Network Monitor; " + byEditcap},
	{"XCP\x00", "NetXRay; " + byEditcap},
	{"TRSNIFF", "Sniffer; " + byEditcap},
	{"\xaa\xaa\xaa\xaa", "5Views; " + byEditcap},
	{"PK\x03\x04", "a zip archive; unpack it first"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"},
}

const byEditcap = "convert it with: editcap -F pcapng IN OUT"

// advice names the format of a file that is not a capture, and how to convert it; "" if unknown.
func advice(b []byte) string {
	for _, f := range unsupported {
		if strings.HasPrefix(string(b[:min(len(b), len(f.magic))]), f.magic) {
			return ", " + f.advice
		}
	}
	switch {
	case isEventTrace(b):
		return ", a Windows event trace (.etl); convert it with: etl2pcapng IN OUT"
	case isERF(b):
		return ", Endace's ERF; " + byEditcap
	}
	return ""
}

// isEventTrace recognises a log of Event Tracing for Windows, of "netsh trace" or pktmon for example: a buffer whose
// first event, behind a header of 72 bytes, is the log's own, with the marker of a SYSTEM_TRACE_HEADER of 32 or 64
// bits.
func isEventTrace(b []byte) bool {
	if len(b) < 76 {
		return false
	}
	size, marker := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[72:])
	return size > 0 && size%1024 == 0 && (marker == 0xc0010002 || marker == 0xc0020002)
}

// isERF recognises records of ERF, which have no magic number: each has its type at byte 8 and its length, big-endian,
// at byte
// 10. Three in a row are no accident, nor is one that is the whole file.
func isERF(b []byte) bool {
	const header, mostTypes, enough = 16, 48, 3
	for n := 0; ; n++ {
		if n == enough || n > 0 && len(b) == 0 {
			return true
		}
		if len(b) < header {
			return false
		}
		kind, length := b[8]&0x7f, int(binary.BigEndian.Uint16(b[10:]))
		if kind == 0 || kind > mostTypes || length < header || length > len(b) {
			return false
		}
		b = b[length:]
	}
}
