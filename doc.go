// Package tcplife reads captures and tells the life of every TCP connection in them: how it was born, how it lived,
// how it died, and in which state of RFC 9293 each side was at every moment.
//
//	for c, err := range tcplife.Connections(ctx, tcplife.Options{}, "a.pcap", "b.pcapng.gz") {
//		if err != nil {
//			return err
//		}
//		fmt.Println(c.Client.IP, c.Server.IP, c.Handshake.Outcome, c.Teardown.Kind)
//	}
//
// It reads pcap and pcapng, compressed or not, several files as one capture in order of time, on all processors. The
// same files give the same records in the same order, on one processor or many. It needs no C and no libpcap.
//
// # What comes out
//
// A record.Connection comes when nothing more can happen to the connection: after TIME_WAIT, after a reset, when its
// ports are used again, when it has been silent for long, or with the end of the capture. Times are nanoseconds of
// the capture's clock since 1970, UTC; durations are nanoseconds. A value that is not known has a form of its own,
// such as record.NoTime. Each field's comment is its definition; docs/RECORD.md has them all.
//
// A record that Connections gives belongs to the caller, who may keep and change it. Records share memory with their
// neighbours, so a few that are kept of many should be cloned. With Options.Reuse a record is valid
// only until the next one.
//
// What only many connections show is in the Report once the loop has ended: the summary, floods, scans, listeners,
// TIME_WAIT.
//
// # Errors
//
// If no file can be opened, that is an error before any record. One file among several that cannot be opened, and
// damage inside a file, are no reason to lose what can be read: the records come, and then one *capture.Damage for each
// place, with file, offset and what was expected there. When ctx is cancelled the loop ends with its error. Leaving the
// loop early is allowed. In every case the goroutines end; one that waits for a pipe ends when its read returns.
//
// # Packets from elsewhere
//
// A program with a source of its own decodes packets by package flows, and gives their segments to package analyzer.
//
// # Compatibility
//
// From version 1 on, this package and those of the records, analyzer/record and analyzer/tcpstate, follow semantic
// versioning: what compiles against a version compiles against later ones with the same major number. Names and
// meanings in JSON and CSV change only with record.Schema; fields are added without. Structs may gain fields, so name
// fields in literals. Other packages are exported for programs that need them and may change with a minor version;
// CHANGELOG.md tells. Before version 1 anything may change, and CHANGELOG.md tells that too.
package tcplife
