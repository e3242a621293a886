// Package account makes a report's record of the capture that was read.
package account

import (
	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
)

// Of returns the record of captures read from files.
func Of(r *tcplife.Report) *report.Capture {
	c := New(&r.Capture, &r.Decoded)
	c.Evicted, c.AfterEviction = r.Evicted, r.AfterEviction
	c.FlagsOnly, c.Interrupted = r.FlagsOnly, r.Stopped
	return c
}

// New returns the record of packets and their decoding.
func New(read *capture.Stats, decoded *flows.Stats) *report.Capture {
	c := &report.Capture{
		Record:       "capture",
		Schema:       record.Schema,
		Files:        read.Files,
		Packets:      read.Packets,
		Bytes:        read.WireBytes,
		First:        record.Time(read.First),
		Last:         record.Time(read.Last),
		Untimed:      read.Untimed,
		LinkTypes:    map[string]uint64{},
		Decoded:      decoded.Decoded,
		Undecoded:    decoded.Undecoded,
		BadChecksums: decoded.BadIPChecksums + decoded.BadTCPChecksums,
		Unfinished:   decoded.UnfinishedTCPChecksums,
		Damage:       []report.Damage{},
	}
	for link, packets := range read.LinkTypes {
		c.LinkTypes[link.String()] = packets
	}
	if read.Drops != (capture.Drops{}) {
		c.Dropped = report.Dropped{Kernel: &read.Drops.Kernel, Interface: &read.Drops.Interface}
	}
	for _, d := range read.Damage {
		c.Damage = append(c.Damage, report.Damage(d))
	}
	return c
}
