// Package tcplife reads captures and reports the life of every TCP connection in them: how it was opened, how it was
// closed, and in which state of RFC 9293 each side was at every moment.
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
// A record.Connection is emitted when nothing more can happen to the connection: after TIME_WAIT, after a reset, when
// its ports are reused, after a long silence, or at the end of the capture. Times are nanoseconds of the capture's
// clock since 1970, UTC; durations are nanoseconds. An unknown value has a special form, such as record.NoTime. Each
// field's comment is its definition; docs/RECORD.md lists all fields.
//
// A record that Connections yields belongs to the caller, who may keep and change it. Records share memory with their
// neighbours: to keep a few of many, clone them. With Options.Reuse a record is valid only until the next one.
//
// Facts across connections are in the Report once the loop has ended: the summary, floods, scans, listeners, TIME_WAIT.
//
// # Errors
//
// If no file can be opened, the only result is an error. If one of several files cannot be opened or is damaged,
// everything else is still read: the records come first, then one *capture.Damage for each place, with file, offset and
// what was expected there. When ctx is cancelled the loop ends with its error. The loop may be left early. In every
// case all goroutines end; one that waits for a pipe ends when its read returns.
//
// # Packets from elsewhere
//
// A program with its own source of packets decodes them with package flows, and passes the segments to package
// analyzer.
//
// # Compatibility
//
// From version 1 on, this package and those of the records, analyzer/record, analyzer/tcpstate and compare/result,
// follow semantic versioning: what compiles against a version compiles against later ones with the same major number.
// Names and meanings in JSON and CSV change only with record.Schema; fields are added without. Structs may gain fields,
// so name fields in literals. Other packages are exported for programs that need them and may change with a minor
// version; CHANGELOG.md lists such changes. Before version 1 anything may change; CHANGELOG.md lists that too.
package tcplife
