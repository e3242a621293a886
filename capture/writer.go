package capture

import (
	"bufio"
	"encoding/binary"
	"io"
	"strings"
)

// Writer writes packets as they are into a file that tcpdump and tshark read.
//
// The file is pcapng, with one interface for each link type, in nanoseconds: a classic pcap file has one link type,
// which is not known before the last packet, and ends in 2106. libpcap reads both alike, unless link types are mixed,
// and of those a pcap file could not hold the second.
type Writer struct {
	w          *bufio.Writer
	interfaces map[writerInterface]uint32
	block      []byte
}

// writerInterface is what packets on one interface have in common.
type writerInterface struct {
	link LinkType
	past bool // before 1970: timestamps are unsigned, so these need an if_tsoffset
}

// pastSeconds is how far before 1970 the timestamps of such an interface begin: before every time that an int64 holds.
const pastSeconds = 10_000_000_000

// NewWriter returns a Writer to w. It buffers: call Flush at the end.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: bufio.NewWriterSize(w, 64<<10), interfaces: map[writerInterface]uint32{}}
}

// longestComment is how many bytes an option has room for.
const longestComment = 1<<16 - 1

// Write writes p, with comments (opt_comment) of at most 65,535 bytes of UTF-8; more is cut off. Its number is not
// kept: the file's packets count from 1. Nor are comments of its own, unless they are among these.
func (w *Writer) Write(p *Packet, comments ...string) error {
	number, err := w.describe(writerInterface{p.Link, p.Time < 0})
	if err != nil {
		return err
	}
	units := uint64(p.Time)
	if p.Time < 0 {
		units += pastSeconds * 1_000_000_000
	}
	w.begin(blockEnhanced)
	w.u32(number, uint32(units>>32), uint32(units), uint32(len(p.Data)), uint32(p.Length))
	w.block = append(w.block, p.Data...)
	for _, comment := range comments {
		w.pad()
		if len(comment) > longestComment {
			comment = strings.ToValidUTF8(comment[:longestComment], "") // not a part of a character
		}
		w.u32(uint32(len(comment))<<16 | optionComment)
		w.block = append(w.block, comment...)
	}
	if len(comments) > 0 {
		w.pad()
		w.u32(0) // the end of the options
	}
	return w.end()
}

// Statistics writes until when packets were captured (ns since the Unix epoch, of 1970 or later), and what became of
// them in this file: so that a reader knows what is missing, and that nothing came after the last packet.
func (w *Writer) Statistics(until int64, d Drops) error {
	if err := w.describeAny(); err != nil {
		return err
	}
	high, low := uint32(uint64(until)>>32), uint32(uint64(until))
	w.begin(blockStatistics)
	w.u32(0, high, low)
	w.u32(8<<16|optionEndTime, high, low)
	for _, count := range []struct {
		option uint32
		n      uint64
	}{{optionReceived, d.Received}, {optionInterfaceDrops, d.Interface}, {optionOperatingSystem, d.Kernel}} {
		w.u32(8<<16 | count.option)
		w.block = binary.LittleEndian.AppendUint64(w.block, count.n)
	}
	w.u32(0) // the end of the options
	return w.end()
}

// Flush writes what is buffered. A file without packets also gets an interface, because libpcap requires one.
func (w *Writer) Flush() error {
	if err := w.describeAny(); err != nil {
		return err
	}
	return w.w.Flush()
}

// describeAny sees to it that there is an interface.
func (w *Writer) describeAny() error {
	if len(w.interfaces) > 0 {
		return nil
	}
	_, err := w.describe(writerInterface{link: ethernet})
	return err
}

// describe returns the number of an interface, and writes its description if it is new.
func (w *Writer) describe(i writerInterface) (uint32, error) {
	number, known := w.interfaces[i]
	if known {
		return number, nil
	}
	number = uint32(len(w.interfaces))
	if number == 0 {
		w.begin(blockSection)
		w.u32(byteOrderMagic, 1, 0xffffffff, 0xffffffff) // version 1.0, a length that is not known
		if err := w.end(); err != nil {
			return 0, err
		}
	}
	w.interfaces[i] = number
	w.begin(blockInterface)
	w.u32(uint32(i.link), 0)         // no snaplen
	w.u32(1<<16|optionResolution, 9) // 10^-9 s
	if i.past {
		w.u32(8<<16 | optionOffset)
		w.block = binary.LittleEndian.AppendUint64(w.block, -pastSeconds&(1<<64-1))
	}
	w.u32(0) // the end of the options
	return number, w.end()
}

// begin begins a block, end pads and writes it, and u32 and pad append to it in between.
func (w *Writer) begin(kind uint32) {
	w.block = w.block[:0]
	w.u32(kind, 0)
}

func (w *Writer) u32(values ...uint32) {
	for _, v := range values {
		w.block = binary.LittleEndian.AppendUint32(w.block, v)
	}
}

func (w *Writer) pad() { w.block = append(w.block, make([]byte, -len(w.block)&3)...) }

func (w *Writer) end() error {
	w.pad()
	length := uint32(len(w.block) + 4)
	w.u32(length)
	binary.LittleEndian.PutUint32(w.block[4:], length)
	if len(w.block) > w.w.Available() { // whole blocks only go to the file, so that it can be cut behind one
		if err := w.w.Flush(); err != nil {
			return err
		}
	}
	_, err := w.w.Write(w.block)
	return err
}
