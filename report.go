package tcplife

import (
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// Report has what only the end of a capture shows.
type Report struct {
	*record.Result
	Capture capture.Stats // what was read, and the damage
	Decoded flows.Stats   // what the packets were
	Stopped bool          // Stop ended the reading
	Fault   error         // a panic while a packet was decoded, before which the reading ended; nil if there was none
}

// Report returns the totals, once the captures were read to the end without an error other than damage; else nil.
func (r *Reading) Report() *Report { return r.report.Load() }

func (r *Reading) summarize(result *record.Result) {
	report := &Report{Result: result, Capture: r.capture.Stats(), Decoded: r.decoder.Stats(), Stopped: r.stopped.Load()}
	if r.fault != nil {
		report.Fault = r.fault
	}
	r.report.Store(report)
}
