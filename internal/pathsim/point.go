package pathsim

import (
	"cmp"
	"encoding/binary"
	"math"
	"os"
	"slices"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// A Point captures the frames that pass it.
type Point struct {
	Name   string
	Offset time.Duration // of its clock
	Drift  float64       // of its clock, in parts per million
	From   time.Duration // begins to capture
	Until  time.Duration // ends; 0 is never
	Delete float64       // the share of frames that its capture loses
	Tell   bool          // the capture says how many it lost
	Only   *Way          // captures one direction
	Filter func(*Frame) bool
	Merge  bool // captures frames that arrive together as one (GRO)

	index   int
	records []*captured
	lost    uint64
}

// captured is a packet of a capture.
type captured struct {
	at    int64
	order int
	frame Frame
	rows  []*Row
}

func (p *Point) take(s *Sim, at int, f *Frame, w Way) {
	x := &f.row.Passed[p.index]
	*x = Sighting{At: s.now, Passed: true, Frame: *f.plain()}
	switch {
	case s.now < int64(p.From), p.Until > 0 && s.now >= int64(p.Until), p.Only != nil && *p.Only != w,
		p.Filter != nil && !p.Filter(f):
	case s.Rand.Float64() < p.Delete:
		p.lost++
	default:
		p.capture(s, f, w)
	}
	s.forward(at, f, w)
}

func (p *Point) capture(s *Sim, f *Frame, w Way) {
	if p.Merge && f.Len > 0 {
		const together = 60e3 // ns
		for i := len(p.records) - 1; i >= 0 && s.now-p.records[i].at < together; i-- {
			c := p.records[i]
			if c.rows[0].Way == w && c.frame.Src == f.Src && c.frame.Dst == f.Dst && c.frame.Len >= mss &&
				c.frame.Flags == flows.ACK &&
				c.frame.Seq+uint32(c.frame.Len) == f.Seq && c.frame.Ack == f.Ack && c.frame.Options == f.Options &&
				c.frame.Len < 40000 {
				c.frame.Len += f.Len
				c.frame.Flags |= f.Flags
				c.rows = append(c.rows, f.row)
				return
			}
		}
	}
	p.records = append(p.records, &captured{at: s.now, order: len(p.records), frame: *f.plain(), rows: []*Row{f.row}})
}

// number numbers the packets.
func (p *Point) number() {
	slices.SortStableFunc(p.records, func(a, b *captured) int { return cmp.Compare(a.at, b.at) })
	for i, c := range p.records {
		for _, row := range c.rows {
			row.note(p.index, uint64(i+1))
		}
	}
}

// note writes a packet's number into a row, and into the rows that were duplicated or split off behind the point.
func (r *Row) note(point int, packet uint64) {
	r.Passed[point].Packet = packet
	for _, d := range r.derived {
		if d.Passed[point].Passed && d.Passed[point].At == r.Passed[point].At {
			d.note(point, packet)
		}
	}
}

// longest is above the delay of any link. Nothing shows whether a frame that was due this shortly before a capture's
// end came after it.
const longest = 25 * time.Millisecond

// complete reports whether the point's capture shows that it holds each frame that passes, or would have passed, at a
// moment. The capture counts as begun with its first packet.
func (p *Point) complete(at int64, f *Frame, w Way) bool {
	if len(p.records) == 0 {
		return false
	}
	first, last := p.records[0].at, p.records[len(p.records)-1].at
	return (p.From == 0 || at >= first) && (p.Until == 0 || at < last-int64(longest)) &&
		(p.Only == nil || *p.Only == w) &&
		(p.Filter == nil || p.Filter(f)) && p.Delete == 0
}

// clock is the point's time at a moment.
func (p *Point) clock(at int64) int64 {
	return Epoch + at + int64(p.Offset) + int64(math.Round(float64(at)*p.Drift/1e6))
}

// Packets returns the capture.
func (p *Point) Packets() []capture.Packet {
	var packets []capture.Packet
	for i, c := range p.records {
		data := c.frame.bytes()
		packets = append(packets, capture.Packet{Number: uint64(i + 1), Time: p.clock(c.at), Data: data,
			Length: len(data), Link: 1})
	}
	return packets
}

// Write writes the capture to a file, as pcapng in nanoseconds.
func (p *Point) Write(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := capture.NewWriter(file)
	packets := p.Packets()
	for i := range packets {
		if err := w.Write(&packets[i]); err != nil {
			return err
		}
	}
	if p.Tell && len(packets) > 0 {
		until := packets[len(packets)-1].Time
		if err := w.Statistics(until, capture.Drops{Received: uint64(len(packets)) + p.lost,
			Kernel: p.lost}); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// bytes returns the frame on Ethernet with correct checksums.
func (f *Frame) bytes() []byte {
	be := binary.BigEndian
	var options []byte
	o := &f.Options
	if o.HasMSS {
		options = be.AppendUint16(append(options, 2, 4), o.MSS)
	}
	if o.SACKPermitted {
		options = append(options, 4, 2, 1, 1)
	}
	if o.HasTimestamp {
		options = be.AppendUint32(be.AppendUint32(append(options, 1, 1, 8, 10), o.TSVal), o.TSEcr)
	}
	if o.HasWScale {
		options = append(options, 1, 3, 3, o.WScale)
	}
	segment := make([]byte, 20, 20+len(options)+f.Len)
	be.PutUint16(segment[0:], f.Src.Port())
	be.PutUint16(segment[2:], f.Dst.Port())
	be.PutUint32(segment[4:], f.Seq)
	be.PutUint32(segment[8:], f.Ack)
	be.PutUint16(segment[12:], uint16(20+len(options))<<10|uint16(f.Flags))
	be.PutUint16(segment[14:], f.Window)
	segment = append(segment, options...)
	for i := range f.Len {
		segment = append(segment, byte(f.Seq)+byte(i))
	}
	src, dst := f.Src.Addr(), f.Dst.Addr()
	pseudo := append(append([]byte{}, src.AsSlice()...), dst.AsSlice()...)
	pseudo = append(be.AppendUint32(pseudo, uint32(len(segment))), 0, 0, 0, 6)
	be.PutUint16(segment[16:], ^sum(append(pseudo, segment...)))

	frame := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	if src.Is4() {
		ip := make([]byte, 20)
		ip[0], ip[8], ip[9] = 0x45, f.TTL, 6
		be.PutUint16(ip[2:], uint16(20+len(segment)))
		be.PutUint16(ip[4:], f.ID)
		be.PutUint16(ip[6:], 0x4000)
		copy(ip[12:], src.AsSlice())
		copy(ip[16:], dst.AsSlice())
		be.PutUint16(ip[10:], ^sum(ip))
		frame = append(append(frame, 8, 0), ip...)
	} else {
		ip := make([]byte, 40)
		ip[0], ip[6], ip[7] = 0x60, 6, f.TTL
		be.PutUint16(ip[4:], uint16(len(segment)))
		copy(ip[8:], src.AsSlice())
		copy(ip[24:], dst.AsSlice())
		frame = append(append(frame, 0x86, 0xdd), ip...)
	}
	return append(frame, segment...)
}

// sum is the one's complement sum of RFC 1071.
func sum(b []byte) uint16 {
	total := uint32(0)
	for i := 0; i < len(b)-1; i += 2 {
		total += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		total += uint32(b[len(b)-1]) << 8
	}
	for total>>16 != 0 {
		total = total&0xffff + total>>16
	}
	return uint16(total)
}
