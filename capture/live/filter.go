package live

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/tcplife/tcplife/capture"
)

// Filter is an expression in libpcap's language, pcap-filter(7). One Filter serves one goroutine.
type Filter struct {
	expr     string
	programs map[capture.LinkType][]instruction
	link     capture.LinkType // of the last packet,
	program  []instruction
}

// filterLinks are the link types for which an expression is compiled before there is a packet. Some expressions are
// valid only on some link types (`wlan type mgt`), but one that is valid on none of these is wrong.
var filterLinks = []capture.LinkType{1, 105, 113, 101} // EN10MB, IEEE802_11, LINUX_SLL, RAW

// CompileFilter compiles an expression. An empty one matches every packet. The error names the expression. Without
// libpcap it is ErrNoLibpcap.
func CompileFilter(expr string) (*Filter, error) {
	f := &Filter{expr: expr, programs: map[capture.LinkType][]instruction{}}
	var first error
	for _, link := range filterLinks {
		program, err := compileBPF(expr, link)
		if err == nil {
			f.programs[link], f.link, f.program = program, link, program
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("filter %q: %w", expr, first)
}

// Match reports whether the filter accepts p. It is an error if the expression does not apply to p's link type.
func (f *Filter) Match(p *capture.Packet) (bool, error) {
	if p.Link != f.link {
		program, ok := f.programs[p.Link]
		if !ok {
			var err error
			if program, err = compileBPF(f.expr, p.Link); err != nil {
				return false, fmt.Errorf("filter %q: on packets of link type %v: %w", f.expr, p.Link, err)
			}
			f.programs[p.Link] = program
		}
		f.link, f.program = p.Link, program
	}
	return runBPF(f.program, p), nil
}

// compileBPF compiles an expression for a link type. It uses a file, whose header has the LINKTYPE_… in full: libpcap's
// way without a file takes a DLT_…, and gopacket only eight bits of it.
func compileBPF(expr string, link capture.LinkType) ([]instruction, error) {
	header := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	header = binary.LittleEndian.AppendUint16(header, 2)
	header = binary.LittleEndian.AppendUint16(header, 4)
	header = append(header, make([]byte, 8)...)
	header = binary.LittleEndian.AppendUint32(header, capture.MaxPacket)
	header = binary.LittleEndian.AppendUint32(header, uint32(link))
	file, err := os.CreateTemp("", "tcplife-filter-*.pcap")
	if err != nil {
		return nil, fmt.Errorf("compiling it takes a temporary file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(header)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("compiling it takes a temporary file: %w", err)
	}
	return compileFile(file.Name(), expr)
}
