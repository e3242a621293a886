package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
)

// atFlags is the command line of `tcplife at`: some of the flags of read, and its own.
type atFlags struct {
	readFlags
	time string // --time
}

func newAtCommand() *cobra.Command {
	f := atFlags{}
	cmd := &cobra.Command{
		Use:   "at FILE... --time TIME [flags]",
		Short: "Show the state of every socket at a moment, as ss -tan would have",
		Long: `Prints what "ss -tan" would have printed at one moment on every host of the capture: each
connection with at least one side that was not CLOSED, the states of both sides, since when,
and the connection's age. "-" is standard input.

TIME is one of
  2023-11-14T22:13:20.5Z       absolute, RFC 3339
  2023-11-14 22:13:20.5        absolute, UTC
  22:13:20.5                   absolute, UTC, of a capture that lies within one day
  1700000000.5                 absolute, seconds since 1970
  +12.5s, +1m30s               after the first packet
  '#1234'                      after packet 1234 of the capture

States are settled: later packets have corrected them. A handshake whose final ACK was lost
behind the point of capture was not ESTABLISHED on both sides. A state after ~ is inferred. "-"
means not known yet. --msl sets how long TIME_WAIT lasts. Listening sockets send nothing, so no
capture shows them.`,
		Example: `  tcplife at web.pcap --time +12.5s
  tcplife at web.pcap --time '2023-11-14 22:13:32.5' --msl linux
  tcplife at web.pcap --time '#1234' --where 'server.port == 443'
  tcplife at web.pcap --time +1m -o json | jq '.by_state'`,
		Args: needFiles(`tcplife at FILE --time +12.5s; "-" is the standard input`),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args
			r, moment, err := f.prepare(cmd)
			if err != nil {
				return err
			}
			return r.at(cmd.Context(), moment, f.time)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.time, "time", "", "the moment: a `TIME` as above")
	f.addPacketFlags(flags)
	f.addTableFlags(flags)
	f.addTrackingFlags(flags)
	f.addFileFlags(flags)
	givenOnce(flags)
	complete(cmd, "output", tableFormats)
	complete(cmd, "color", colorModes)
	complete(cmd, "msl", mslNames())
	complete(cmd, "key", keyLayers)
	return cmd
}

// addTableFlags adds the flags of subcommands that report totals instead of connections.
func (f *readFlags) addTableFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT`: "+list(tableFormats))
	flags.StringVar(&f.where, "where", "", "only connections for which `EXPRESSION` holds")
	flags.IntVar(&f.top, "top", report.DefaultTop, "show the first `N` rows of a table; 0 shows all")
	flags.StringVar(&f.color, "color", "auto", colorUsage)
}

// prepareTable checks these flags and those of the input.
func (f *readFlags) prepareTable(cmd *cobra.Command) (*reading, error) {
	r, err := f.prepareInput(cmd)
	if err != nil {
		return nil, err
	}
	if err := oneOf("--output", f.output, tableFormats); err != nil {
		return nil, err
	}
	if err := oneOf("--color", f.color, colorModes); err != nil {
		return nil, err
	}
	for _, flag := range []string{"top", "color"} {
		if f.output != "table" && cmd.Flags().Changed(flag) {
			return nil, &usageError{fmt.Sprintf("--%s works only with tables; the output is %s", flag, f.output),
				"leave one of the two out"}
		}
	}
	if f.top < 0 {
		return nil, &usageError{"--top must not be negative", "0 shows all rows"}
	}
	return r, nil
}

// A wantedMoment is the value of --time, before the capture is read.
type wantedMoment struct {
	absolute record.Time
	clock    bool           // absolute is the time since midnight of the first packet's day
	after    *time.Duration // after the first packet; nil if not given so
	packet   uint64         // or 0
}

// parseMoment parses the forms that the help of `tcplife at` lists.
func parseMoment(s string) (m wantedMoment, err error) {
	if number, ok := strings.CutPrefix(s, "#"); ok {
		if m.packet, err = strconv.ParseUint(number, 10, 64); err != nil || m.packet == 0 {
			return m, errors.New("# is followed by the number of a packet, at least 1")
		}
		return m, nil
	}
	if after, ok := strings.CutPrefix(s, "+"); ok {
		d, err := time.ParseDuration(after)
		if err != nil {
			d, err = time.ParseDuration(after + "s")
		}
		if err != nil || d < 0 {
			return m, errors.New("+ is followed by a duration, such as 12.5s or 1m30s")
		}
		m.after = &d
		return m, nil
	}
	moment, err := query.ParseMoment(s)
	if err != nil {
		return m, fmt.Errorf("%w; write it like 2023-11-14T22:13:20.5Z, '2023-11-14 22:13:20.5', 22:13:20.5, "+
			"1700000000.5, +12.5s or '#1234'", err)
	}
	m.absolute, m.clock = moment.Time, moment.Clock
	return m, nil
}

// day is the midnight before a time, UTC.
func day(t record.Time) record.Time {
	const length = record.Time(24 * time.Hour)
	return t - (t%length+length)%length
}

// moment returns the wanted time in a capture that begins at first.
func (m wantedMoment) moment(first record.Time) record.Time {
	if m.clock {
		return day(first) + m.absolute
	}
	return m.absolute
}

// prepare checks the flags before a file is opened.
func (f *atFlags) prepare(cmd *cobra.Command) (*reading, wantedMoment, error) {
	r, err := f.prepareTable(cmd)
	if err != nil {
		return nil, wantedMoment{}, err
	}
	if !cmd.Flags().Changed("time") {
		return nil, wantedMoment{}, &usageError{"--time is missing",
			"for example --time +12.5s, --time '2023-11-14 22:13:20' or --time '#1234', a packet"}
	}
	m, err := parseMoment(f.time)
	if err != nil {
		return nil, m, &usageError{fmt.Sprintf("--time %q: %v", f.time, err), ""}
	}
	return r, m, nil
}

// at reads the capture and writes the snapshot of the wanted moment, which errors call what.
func (r *reading) at(ctx context.Context, wanted wantedMoment, what string) error {
	started := time.Now()
	var alive *ledger.Snapshot // nil until the moment is known; a connection that ended before it is not alive
	var failed error           // the first error of the callback
	first, last := record.NoTime, record.NoTime
	see := func(files *files, packet *capture.Packet) {
		before := last
		last = record.Time(packet.Time)
		if first == record.NoTime {
			first = record.Time(files.Stats().First) // a filter may have removed the first packet
			before = first
		}
		if alive != nil || packet.Number < wanted.packet {
			return
		}
		m := ledger.Moment{Time: wanted.moment(first), Packet: record.PacketNumber(wanted.packet)}
		switch {
		case wanted.after != nil:
			m.Time = first + record.Time(*wanted.after)
		case packet.Number == wanted.packet:
			m.Time = last
		case wanted.packet != 0:
			m.Time = before
		}
		alive = ledger.NewSnapshot(m)
	}
	account, err := r.trackSeeing(ctx, see, func(c *record.Connection) {
		if alive == nil || failed != nil {
			return
		}
		holds := true
		if r.where != nil {
			holds, failed = r.where.Holds(c)
		}
		if holds && failed == nil {
			alive.Add(c)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if from, to := record.Time(account.read.First), record.Time(account.read.Last); wanted.clock &&
		day(from) != day(to) {
		return fmt.Errorf("--time %s: the capture lasts from %s to %s, more than one day: "+
			"add the date, as in '%.10s %s'", what, from.Append(nil), to.Append(nil), from.Append(nil), what)
	}
	if alive == nil {
		if wanted.packet > account.read.Packets {
			return fmt.Errorf("--time %s: the capture has %s", what, counted(account.read.Packets, "packet"))
		}
		return fmt.Errorf("--time %s: no matching packet at or after that time", what)
	}
	snapshot := alive.Record()
	if snapshot.Packet == 0 && (snapshot.Time < record.Time(account.read.First) ||
		snapshot.Time > record.Time(account.read.Last)) {
		return fmt.Errorf("--time %s: not within the capture, which lasts from %s to %s", what,
			record.Time(account.read.First).Append(nil), record.Time(account.read.Last).Append(nil))
	}
	switch r.flags.output {
	case "json":
		err = report.WriteSnapshotJSON(r.stdout, snapshot)
	case "jsonl":
		err = report.WriteSnapshotJSONL(r.stdout, snapshot)
	case "csv":
		err = report.WriteSnapshotCSV(r.stdout, snapshot)
	default:
		width, color := r.flags.look(r.stdout)
		err = report.WriteSnapshotTable(r.stdout, snapshot, first,
			report.TableOptions{Width: width, Color: color, Top: r.flags.top})
	}
	if err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	if r.flags.verbose {
		account.tellSpeed(r.stderr, time.Since(started))
	}
	return account.tellOmissions(r.stderr)
}
