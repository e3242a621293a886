package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture/live"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report/query"
)

// prepareInput checks --where and the flags for the input before a file is opened.
func (f *readFlags) prepareInput(cmd *cobra.Command) (*reading, error) {
	r, err := f.prepareReading(cmd)
	if err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("where") {
		if r.where, err = query.NewWhere(f.where); err != nil {
			return nil, &usageError{"--where: " + err.Error(), "tcplife fields lists the names"}
		}
	}
	return r, nil
}

// prepareReading checks the flags for the input, but --where: its fields are not the same in all commands.
func (f *readFlags) prepareReading(cmd *cobra.Command) (*reading, error) {
	given := cmd.Flags().Changed
	r := &reading{flags: f, stdin: cmd.InOrStdin(), stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
	var err error

	if f.filter != "" {
		if err := needLibpcap("-f"); err != nil {
			return nil, fmt.Errorf("%w; --where chooses connections without libpcap", err)
		}
		if r.filter, err = live.CompileFilter(f.filter); err != nil {
			return nil, &usageError{err.Error(), "see pcap-filter(7); 'host 10.0.0.7 and port 443' for example"}
		}
	}
	if given("count") && f.count == 0 {
		return nil, &usageError{"--count must be at least 1", "without it all packets are read"}
	}
	if r.options.MSL, err = parseMSL(f.msl); err != nil {
		return nil, &usageError{fmt.Sprintf("--msl %q: %v", f.msl, err), ""}
	}
	for _, limit := range []struct {
		flag  string
		value time.Duration
	}{{"embryonic-limit", f.embryonicLimit}, {"idle-limit", f.idleLimit}} {
		if given(limit.flag) && limit.value <= 0 {
			return nil, &usageError{fmt.Sprintf("--%s must be above 0", limit.flag),
				"to keep connections longer, say for example 1000h"}
		}
	}
	if f.ports != "" {
		if r.options.Ports, err = parsePorts(f.ports); err != nil {
			return nil, &usageError{fmt.Sprintf("--port-range %q: %v", f.ports, err), ""}
		}
	}
	r.options.EmbryonicLimit, r.options.IdleLimit = f.embryonicLimit, f.idleLimit
	if given("max-connections") && f.maxConnections == 0 {
		return nil, &usageError{"--max-connections must be at least 1", "without it there is no limit"}
	}
	r.options.MaxConnections = f.maxConnections
	emptyTables()
	if given("memory") {
		if r.memory, err = limitMemory(f.memory); err != nil {
			return nil, &usageError{fmt.Sprintf("--memory %q: %v", f.memory, err), "for example 512MiB or 2GiB"}
		}
	} else {
		r.memory, r.options.SplitMemory = limitMemoryByDefault(), true
	}
	r.options.MaxMemory, r.bounds.MaxMemory = uint64(r.memory)/2, r.memory/4
	if f.verbose && r.memory > 0 {
		warnf(r.stderr, "memory: at most %s (--memory)", units.BytesSize(float64(r.memory)))
	}
	if given("max-unpacked") {
		if r.bounds.MaxUnpacked, err = units.RAMInBytes(f.maxUnpacked); err != nil || r.bounds.MaxUnpacked < 1 {
			return nil, &usageError{fmt.Sprintf("--max-unpacked %q: not a size", f.maxUnpacked), "for example 100GiB"}
		}
	}
	for _, layer := range f.key {
		if err := oneOf("--key", layer, keyLayers); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// parsePorts parses two ports with a hyphen between.
func parsePorts(s string) (r ledger.PortRange, err error) {
	low, high, _ := strings.Cut(s, "-")
	for _, end := range []struct {
		text string
		port *uint16
	}{{low, &r.Low}, {high, &r.High}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil || n == 0 {
			return r, errors.New("it must be two ports, such as 32768-60999")
		}
		*end.port = uint16(n)
	}
	if r.High < r.Low {
		return r, errors.New("the second port must not be below the first")
	}
	return r, nil
}

// prepare checks all flags of `tcplife read`.
func (f *readFlags) prepare(cmd *cobra.Command) (*reading, error) {
	r, err := f.prepareInput(cmd)
	if err != nil {
		return nil, err
	}
	given := cmd.Flags().Changed
	if err := oneOf("--output", f.output, readFormats); err != nil {
		return nil, err
	}
	if err := f.checkSuggest(r, given); err != nil {
		return nil, err
	}
	if err := oneOf("--color", f.color, colorModes); err != nil {
		return nil, err
	}
	if f.output != "table" {
		for _, flag := range []string{"top", "sort", "by", "columns", "color"} {
			if given(flag) {
				return nil, &usageError{fmt.Sprintf("--%s works only with tables; the output is %s", flag, f.output),
					"leave one of the two out"}
			}
		}
	}
	if err := f.checkParquet(r.stdout, given); err != nil {
		return nil, err
	}
	if err := f.checkLocal(given("local")); err != nil {
		return nil, err
	}
	if !f.begins() {
		if r.report, err = f.newReporter(r.stdout); err != nil {
			return nil, err
		}
	}
	if given("fail-on") {
		if r.failOn, err = query.NewFailOn(f.failOn); err != nil {
			return nil, &usageError{"--fail-on: " + err.Error(), "tcplife fields --summary lists the names"}
		}
	}
	for _, flag := range []string{"no-comments", "headers-only", "anonymize"} {
		if given(flag) && !given("write") {
			return nil, &usageError{fmt.Sprintf("--%s works only with -w",
				flag), "-w FILE writes packets"}
		}
	}
	// a table shows what other tools say only where it is asked for
	r.options.NoPeers = f.output == "table" && f.where == "" && !slices.Contains(f.columns, "zeek") &&
		!slices.Contains(f.columns, "tshark")
	if given("write") {
		if err := f.checkWrite(r.stdout, given("output") || given("suggest")); err != nil {
			return nil, err
		}
		if f.writeTo == "-" {
			r.report = nil
		}
	}
	return r, nil
}

// oneOf refuses an unknown value of what: a flag or a command.
func oneOf(what, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return &usageError{fmt.Sprintf("%s: unknown value %q", what, value), "it can be " + strings.Join(values, ", ")}
}

// checkWrite refuses wrong uses of -w.
func (f *readFlags) checkWrite(stdout io.Writer, reportAsked bool) error {
	if f.writeTo == "" {
		return &usageError{"-w needs a file", `"-" is the standard output`}
	}
	if in, same := sameFile(f.writeTo, f.files); same {
		return &usageError{fmt.Sprintf("-w %s would overwrite the input %s", f.writeTo, in),
			"write to another file"}
	}
	if f.where != "" && slices.Contains(f.files, "-") {
		return &usageError{"-w with --where reads its input twice, which is impossible on standard input",
			"save it to a file and read the file"}
	}
	if f.writeTo != "-" {
		return nil
	}
	if reportAsked {
		return &usageError{"-w - writes packets to standard output, where -o would write the report",
			"leave one of the two out, or name a file for -w"}
	}
	if _, terminal := terminalWidth(stdout); terminal {
		return &usageError{"-w - would write packets to the terminal", "send standard output to a file or a pipe"}
	}
	return nil
}
