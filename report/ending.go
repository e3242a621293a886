package report

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// Ending is what is known once the last packet was read.
type Ending struct {
	Result  *record.Result
	Capture *Capture
}

// A list is a member of the JSON document: the records of one kind.
type list struct {
	name    string
	records []any
}

// lists are the records of what only many connections show, in the order of the document.
func (e *Ending) lists() []list {
	return []list{
		{"listeners", records(e.Result.Listeners, encode.FilledListener)},
		{"syn_floods", records(e.Result.SynFloods, encode.FilledFlood)},
		{"scans", records(e.Result.Scans, encode.FilledScan)},
		{"backscatter", records(e.Result.Backscatter, encode.FilledBackscatter)},
		{"time_wait", records(e.Result.TimeWait, nil)},
		{"population", records(e.Result.Population, encode.FilledPopulation)},
	}
}

// records are those of one kind, with what must not be null filled, if there is such.
func records[T any](of []T, filled func(T) T) []any {
	list := make([]any, len(of))
	for i := range of {
		list[i] = of[i]
		if filled != nil {
			list[i] = filled(of[i])
		}
	}
	return list
}

// Capture is the record of what was read: how much, what of it could be used, and what is missing. A report is only
// as complete as this record says.
type Capture struct {
	Record       string            `json:"record"` // "capture"
	Schema       int               `json:"schema"` // analyzer.Schema
	Files        []string          `json:"files"`  // as named by the user, "-" for standard input; in the order given
	Packets      uint64            `json:"packets"`
	Bytes        uint64            `json:"bytes"`                // of all packets, as they were on the wire
	First        record.Time       `json:"first"`                // time of the earliest packet
	Last         record.Time       `json:"last"`                 // time of the latest packet
	Untimed      uint64            `json:"untimed"`              // packets whose capture format gives them no time; they got the one before
	LinkTypes    map[string]uint64 `json:"link_types"`           // packets by the name of their link type
	Decoded      map[string]uint64 `json:"decoded"`              // packets by what they were
	Undecoded    map[string]uint64 `json:"undecoded"`            // packets that could not be decoded, by reason
	BadChecksums uint64            `json:"bad_checksums"`        // IPv4 headers and TCP segments with a wrong one
	Unfinished   uint64            `json:"unfinished_checksums"` // TCP segments whose checksum was left to the network card
	Dropped      Dropped           `json:"dropped"`
	Evicted      uint64            `json:"evicted"` // analyzer.Result.Evicted
	Damage       []Damage          `json:"damage"`
	Filter       *string           `json:"filter"`      // libpcap expression; nil for none
	Interrupted  bool              `json:"interrupted"` // the reading was ended by a signal

	// Of a capture on devices.
	Devices     []string `json:"devices"`
	LostDevices []string `json:"lost_devices"` // those that went away before the end
	Shed        uint64   `json:"shed"`         // records of attempts that came to nothing, not written for want of time; the summary counts them
	Unwritten   uint64   `json:"unwritten"`    // packets that could not be written to capture files
	Interim     bool     `json:"interim"`      // the capture goes on
}

// Dropped counts packets that were on the wire but not in the capture; nil where the capture does not say.
type Dropped struct {
	Kernel    *uint64 `json:"kernel"`    // for want of buffer space
	Interface *uint64 `json:"interface"` // by the interface or its driver
}

// Damage is a place from which on a file could not be read.
type Damage struct {
	File     string `json:"file"`
	Offset   int64  `json:"offset"` // in bytes from the file's beginning, after decompression
	Expected string `json:"expected"`
}
