package report

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// Ending has what is known after the last packet.
type Ending struct {
	Result  *record.Result
	Capture *Capture
}

// A list is a member of the JSON document: the records of one kind.
type list struct {
	name   string
	len    int
	append func(e *encode.Encoder, b []byte, i int) []byte // of the ith
}

// lists are the records across connections, in the order of the document.
func (e *Ending) lists() []list {
	return []list{
		listOf("listeners", e.Result.Listeners, (*encode.Encoder).AppendListener),
		listOf("syn_floods", e.Result.SynFloods, (*encode.Encoder).AppendSynFlood),
		listOf("scans", e.Result.Scans, (*encode.Encoder).AppendScan),
		listOf("backscatter", e.Result.Backscatter, (*encode.Encoder).AppendBackscatter),
		listOf("time_wait", e.Result.TimeWait, (*encode.Encoder).AppendTimeWaitHolding),
		listOf("population", e.Result.Population, (*encode.Encoder).AppendPopulationSeries),
	}
}

func listOf[T any](name string, of []T, append func(*encode.Encoder, []byte, *T) []byte) list {
	return list{name, len(of), func(e *encode.Encoder, b []byte, i int) []byte { return append(e, b, &of[i]) }}
}

// Capture says what was read, what could be used, and what is missing. It shows how complete a report is.
type Capture struct {
	Record string `json:"record" const:"capture"`
	Schema int    `json:"schema" const:"1"`
	// As named by the user; - is standard input.
	Files []string `json:"files"`
	// Packets read.
	Packets uint64 `json:"packets"`
	// Their bytes, as they were on the wire.
	Bytes uint64 `json:"bytes"`
	// Time of the earliest packet; null: there was none with a time.
	First record.Time `json:"first" field:"null"`
	// Time of the latest packet; null: there was none with a time.
	Last record.Time `json:"last" field:"null"`
	// Packets to which the capture's format gives no time; they took that of the packet before.
	Untimed uint64 `json:"untimed"`
	// Packets by the name of their link type (https://www.tcpdump.org/linktypes.html).
	LinkTypes map[string]uint64 `json:"link_types"`
	// Packets by what they were.
	Decoded map[string]uint64 `json:"decoded"`
	// Packets that could not be decoded, by reason.
	Undecoded map[string]uint64 `json:"undecoded"`
	// TCP segments and IPv4 headers whose checksum could be checked and was wrong.
	BadChecksums uint64 `json:"bad_checksums"`
	// TCP segments whose checksum was left to the network card: it is the sum of the pseudo-header, or 0.
	Unfinished uint64 `json:"unfinished_checksums"`
	// Packets that were on the wire but are not in the capture.
	Dropped Dropped `json:"dropped"`
	// Connections evicted to stay within --max-connections or --memory; their ended_by is evicted.
	Evicted uint64 `json:"evicted"`
	// TCP segments that came after their connections were evicted, while there was no room to follow these again; they
	// are in no record.
	AfterEviction uint64 `json:"after_eviction"`
	// The limit of memory in bytes, if connections were evicted; null: none were.
	MemoryLimit *uint64 `json:"memory_limit" field:"null"`
	// Places after which a file could not be read.
	Damage []Damage `json:"damage"`
	// The libpcap expression that packets had to match; null: none.
	Filter *string `json:"filter" field:"null"`
	// What all its segments have in common, decided for the whole capture: syn, each is a SYN or a SYN-ACK;
	// syn_fin_rst, each has SYN, FIN or RST, and there is a FIN, or an RST beyond ISN+1. Then a filter left out the
	// others, and what they acknowledged is inferred. null: there are others, or only segments of scans and health
	// checks.
	FlagsOnly record.FlagsOnly `json:"flags_only" field:"null"`
	// Whether a signal ended the reading before the capture's end.
	Interrupted bool `json:"interrupted"`

	// What live captured on; empty for files.
	Devices []string `json:"devices"`
	// Devices that disappeared before the end.
	LostDevices []string `json:"lost_devices"`
	// Records that live did not write: those of failed attempts under overload, and any while standard output was
	// blocked. The summary counts them.
	Shed uint64 `json:"shed"`
	// Packets that could not be written to the files of live -w.
	Unwritten uint64 `json:"unwritten"`
	// What live --on did; null: it was not given.
	Events *Events `json:"events" field:"null"`
	// Whether the capture continues: this record and the summary before it are interim.
	Interim bool `json:"interim"`
}

// Events counts what happened to the records for which live --on held.
type Events struct {
	// Records for which the expression held.
	Matched uint64 `json:"matched"`
	// Commands of --exec that were run.
	Run uint64 `json:"commands_run"`
	// Commands that did not start, or ended with an exit code other than 0.
	Failed uint64 `json:"commands_failed"`
	// Commands that were killed after 10 s.
	Killed uint64 `json:"commands_killed"`
	// Records for which no command ran: 64 already waited, or the process that runs them had ended.
	Dropped uint64 `json:"commands_dropped"`
	// Files that --dump wrote.
	Dumps uint64 `json:"dumps"`
	// Records whose packets could not be written: 16 dumps already waited, the disk was full, or no packet was kept.
	DumpsDropped uint64 `json:"dumps_dropped"`
}

// Dropped counts packets that were on the wire but not in the capture; nil where the capture does not say.
type Dropped struct {
	// By the kernel, for lack of buffer space; null: the capture does not say.
	Kernel *uint64 `json:"kernel" field:"null"`
	// By the interface or its driver; null: the capture does not say.
	Interface *uint64 `json:"interface" field:"null"`
}

// Damage is a place after which a file could not be read, or a file that could not be read at all.
type Damage struct {
	// The file's name.
	File string `json:"file"`
	// In bytes from its beginning, after decompression.
	Offset int64 `json:"offset" field:"min=0"`
	// What was expected there.
	Expected string `json:"expected"`
	// Nothing of the file was read: expected says why.
	Unread bool `json:"unread"`
}
