package view

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/pieces"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/ladder"
)

// Kept has the options to read kept packets again as they were read the first time.
type Kept struct {
	Decoder  flows.DecoderOptions
	Tracker  analyzer.Options
	Extracts string // the directory for written files, "" for none
}

// A keptLife is what the kept packets show of a connection.
type keptLife struct {
	record      *record.Connection // according to the kept packets alone
	first, last uint64             // of its packets
	kept        uint64             // packets of the connection
	missing     uint64             // packets that are no longer kept
}

// segments calls visit for each kept packet that has segments between the two sockets of a connection, with all
// segments of the packet.
func (s *scene) segments(o Kept, of *record.Connection, visit func(*capture.Packet, []flows.Segment)) {
	s.decoded(o, of, func(packet *capture.Packet, own []flows.Segment, _ *flows.Decoder) {
		if len(own) > 0 {
			visit(packet, own)
		}
	})
}

// decoded calls visit for each kept packet, with its segments between the two sockets of a connection and the decoder.
func (s *scene) decoded(o Kept, of *record.Connection, visit func(*capture.Packet, []flows.Segment, *flows.Decoder)) {
	x, y := netip.AddrPortFrom(of.Client.IP, of.Client.Port), netip.AddrPortFrom(of.Server.IP, of.Server.Port)
	decoder := flows.NewDecoder(o.Decoder)
	var segments []flows.Segment
	for packet := range s.kept.Packets {
		segments = decoder.Decode(packet, segments[:0])
		own := segments[:0]
		for _, seg := range segments {
			if a, b := seg.Key.AddrPortA(), seg.Key.AddrPortB(); a == x && b == y || a == y && b == x {
				own = append(own, seg)
			}
		}
		visit(packet, own, decoder)
	}
}

// track follows the kept segments between the sockets of a connection.
func (s *scene) track(o Kept, of *record.Connection, trace func(uint64, *flows.Segment, tcpstate.Effect),
	emit func(*record.Connection)) {
	options := o.Tracker
	options.Trace, options.AtClose = trace, false
	tracker := analyzer.New(options, emit)
	s.segments(o, of, func(_ *capture.Packet, segments []flows.Segment) {
		for i := range segments {
			tracker.Segment(&segments[i])
		}
	})
	tracker.Advance(int64(s.vitals.At))
	tracker.Close()
}

// life finds what is kept of a connection. If its beginning is not kept, it seems to begin with the first kept packet.
func (s *scene) life(o Kept, of *record.Connection) (*keptLife, error) {
	life := &keptLife{}
	s.track(o, of, nil, func(c *record.Connection) {
		begins := c.ID == of.ID || c.ID > of.ID && c.Start <= of.End
		if begins && (life.record == nil || c.ID < life.record.ID) {
			life.record = ladder.Choose(c).Connection
		}
	})
	if life.record == nil {
		return nil, fmt.Errorf("the packets of connection %d are gone: only the last %d MiB of the capture are kept",
			of.ID, keptBytes>>20)
	}
	if life.record.EndedBy == record.EndCaptureEnd {
		life.record.EndedBy = record.EndOpen
	}
	life.first = math.MaxUint64
	s.track(o, of, func(id uint64, seg *flows.Segment, _ tcpstate.Effect) {
		if id == life.record.ID {
			life.first, life.last = min(life.first, seg.Packet), max(life.last, seg.Packet)
			if seg.Quote == nil {
				life.kept++
			}
		}
	}, func(*record.Connection) {})
	if total := of.Client.Packets + of.Server.Packets; life.record.ID != of.ID && total > life.kept {
		life.missing = total - life.kept
	}
	return life, nil
}

// tellMissing says which packets are no longer kept, if any.
func (l *keptLife) tellMissing() string {
	switch l.missing {
	case 0:
		return ""
	case 1:
		return "its first packet is gone"
	}
	return fmt.Sprintf("its first %d packets are gone", l.missing)
}

// explain draws the ladder of a connection from the kept packets.
func (s *scene) explain(o Kept, of *record.Connection, look ladder.Options) (string, error) {
	life, err := s.life(o, of)
	if err != nil {
		return "", err
	}
	ladders := ladder.NewCollector([]ladder.Chosen{{Connection: life.record}})
	s.track(o, of, ladders.Trace, func(*record.Connection) {})
	var text bytes.Buffer
	if life.missing > 0 {
		fmt.Fprintf(&text, "INCOMPLETE: %s.\nIn the list it is connection %d.\n\n", life.tellMissing(), of.ID)
	}
	e := ladder.Explanation{Ladders: ladders.Finish()}
	if err := e.WriteText(&text, look); err != nil {
		return "", err
	}
	return text.String(), nil
}

// write writes the kept packets of a connection to a new file. It returns a message about what it wrote.
func (s *scene) write(o Kept, of *record.Connection) (said string, err error) {
	life, err := s.life(o, of)
	if err != nil {
		return "", err
	}
	if o.Extracts == "" {
		return "", errors.New("write packets: the user of --user can write neither here nor in " + os.TempDir())
	}
	file, err := createNew(filepath.Join(o.Extracts, fmt.Sprintf("tcplife-%d", of.ID)), ".pcapng")
	if err != nil {
		return "", fmt.Errorf("write packets: %w", err)
	}
	writer := capture.NewWriter(file)
	var own pieces.Pieces
	s.decoded(o, of, func(packet *capture.Packet, segments []flows.Segment, decoder *flows.Decoder) {
		chosen := len(segments) > 0 && life.first <= packet.Number && packet.Number <= life.last
		own.Decoded(packet.Number, decoder, chosen)
	})
	packets := 0
	for packet := range s.kept.Packets {
		if err == nil && own.Has(packet.Number) {
			err = writer.Write(packet)
			packets++
		}
	}
	err = errors.Join(err, writer.Flush(), file.Close())
	if err != nil {
		return "", fmt.Errorf("write packets to %s: %w", file.Name(), err)
	}
	said = fmt.Sprintf("%d packets of connection %d are in %s", packets, of.ID, file.Name())
	if life.missing > 0 {
		said += "; INCOMPLETE: " + life.tellMissing()
	}
	return said, nil
}

// createNew creates a file with an unused name: name-2, name-3, … if the name exists.
func createNew(name, extension string) (*os.File, error) {
	for n := 1; ; n++ {
		path := name + extension
		if n > 1 {
			path = fmt.Sprintf("%s-%d%s", name, n, extension)
		}
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}
