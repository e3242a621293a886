package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	accounts "github.com/tcplife/tcplife/internal/account"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
)

// An account says what was read, and what is missing.
type account struct {
	read        capture.Stats
	decoded     flows.Stats
	interrupted bool
	events      *report.Events // of --on
	evicted     uint64         // analyzer.Result.Evicted
	after       uint64         // analyzer.Result.AfterEviction
	memory      uint64         // the limit of the run, 0 for none
	flagsOnly   record.FlagsOnly

	devices    []string // of live, nil for files
	lost       []string // devices that disappeared
	shed       uint64   // records not written because of overload,
	unread     uint64   // and because standard output was blocked
	unwritten  uint64   // packets not written to a file of -w,
	writeError error    // and why

	unreadBytes int // bytes of standard output that were never read
}

func (r *reading) accountOf(from *tcplife.Report) *account {
	return &account{read: from.Capture, decoded: from.Decoded, interrupted: from.Stopped, evicted: from.Evicted,
		after: from.AfterEviction, memory: uint64(r.memory), flagsOnly: from.FlagsOnly}
}

// record returns the account for the report.
func (a *account) record(filter string) *report.Capture {
	record := accounts.New(&a.read, &a.decoded)
	record.Evicted, record.AfterEviction = a.evicted, a.after
	record.FlagsOnly, record.Interrupted = a.flagsOnly, a.interrupted
	record.Devices, record.LostDevices, record.Shed, record.Unwritten = a.devices, a.lost, a.shed+a.unread, a.unwritten
	record.Events = a.events
	if a.evicted > 0 && a.memory > 0 {
		record.MemoryLimit = &a.memory
	}
	if a.devices != nil { // a device always counts its drops
		record.Dropped = report.Dropped{Kernel: &a.read.Drops.Kernel, Interface: &a.read.Drops.Interface}
	}
	if filter != "" {
		record.Filter = &filter
	}
	return record
}

// tellOmissions writes to standard error what is missing, one line for each kind. It returns errIncomplete if anything
// is.
func (a *account) tellOmissions(stderr io.Writer) (err error) {
	for i := range a.read.Damage {
		warnf(stderr, "%v", &a.read.Damage[i])
		err = errIncomplete
	}
	if dropped := a.read.Drops.Kernel + a.read.Drops.Interface; dropped > 0 {
		if a.devices != nil {
			warnf(stderr, "%s dropped: %d by the kernel (overload), %d by the devices", were(dropped, "packet"),
				a.read.Drops.Kernel, a.read.Drops.Interface)
		} else {
			warnf(stderr, "%s dropped while capturing, according to the file", were(dropped, "packet"))
		}
		err = errIncomplete
	}
	a.tellUndecoded(stderr)
	if a.shed > 0 {
		warnf(stderr, "overloaded: %s counted but not written", were(a.shed, "failed attempt"))
		err = errIncomplete
	}
	if a.unread > 0 {
		warnf(stderr, "standard output was blocked: %s counted but not written", were(a.unread, "connection"))
		err = errIncomplete
	}
	if a.unreadBytes > 0 {
		warnf(stderr, "standard output was blocked: its last %s are lost", byteSize(int64(a.unreadBytes)))
		err = errIncomplete
	}
	if a.unwritten > 0 {
		warnf(stderr, "%s not written to a capture file: %v", were(a.unwritten, "packet"), a.writeError)
		err = errIncomplete
	}
	if len(a.lost) > 0 {
		warnf(stderr, "not captured to the end: %s", strings.Join(a.lost, ", "))
		err = errIncomplete
	}
	if a.evicted > 0 {
		warnf(stderr, "%s evicted to stay within --max-connections or --memory", were(a.evicted, "connection"))
		err = errIncomplete
	}
	if a.interrupted {
		warnf(stderr, "interrupted: the report holds the %s read until then", counted(a.read.Packets, "packet"))
		err = errIncomplete
	}
	return err
}

// tellUndecoded writes to standard error that most packets were not decoded, and why. This is not an error, because all
// packets were read.
func (a *account) tellUndecoded(stderr io.Writer) {
	var undecoded uint64
	for _, packets := range a.decoded.Undecoded {
		undecoded += packets
	}
	if undecoded <= a.decoded.Packets/2 {
		return
	}
	reasons := slices.SortedFunc(maps.Keys(a.decoded.Undecoded), func(x, y string) int {
		return cmp.Or(cmp.Compare(a.decoded.Undecoded[y], a.decoded.Undecoded[x]), strings.Compare(x, y))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%s %d", reason, a.decoded.Undecoded[reason])
	}
	warnf(stderr, "the report lacks %d of %s, which could not be decoded: %s; docs/SUPPORTED.md explains the reasons",
		undecoded, counted(a.decoded.Packets, "packet"), strings.Join(reasons, ", "))
}

// tellSpeed writes to standard error what was read and how long it took.
func (a *account) tellSpeed(stderr io.Writer, took time.Duration) {
	warnf(stderr, "%s, %s on the wire, read in %v: %.0f packets/s", counted(a.read.Packets, "packet"),
		byteSize(int64(a.read.WireBytes)),
		took.Round(time.Millisecond), float64(a.read.Packets)/took.Seconds())
}

// checkFailOn writes to standard error which conditions hold, and returns errConditionHolds if one does.
func checkFailOn(f query.FailOn, s *record.Summary, stderr io.Writer) error {
	holding, err := f.Check(s)
	for _, h := range holding {
		warnf(stderr, "--fail-on: %s", h)
	}
	if err == nil && holding != nil {
		err = errConditionHolds
	}
	return err
}
