package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/nft"
	"github.com/tcplife/tcplife/report/page"
	"github.com/tcplife/tcplife/report/parquet"
	"github.com/tcplife/tcplife/report/zeek"
)

// A reporter is a format of package report.
type reporter interface {
	Connection(*record.Connection) error
	Finish(*report.Ending) error
}

// The values of flags that have a choice.
var (
	liveFormats  = []string{"table", "json", "jsonl", "csv", "parquet", "zeek", "zeek-json"} // --output of live,
	readFormats  = append(slices.Clip(liveFormats), "html")                                  // of read,
	tableFormats = []string{"table", "json", "jsonl", "csv"}                                 // of at and population
	colorModes   = []string{"auto", "always", "never"}                                       // --color
	// --key: flows.DecoderOptions.KeyIDs
	keyLayers = []string{"vlan", "vni", "gre"}
)

// newReporter returns the format that the flags choose. It fails for unknown columns and orders of tables.
func (f *readFlags) newReporter(stdout io.Writer) (reporter, error) {
	if f.suggest != "" {
		return nft.New(stdout), nil
	}
	switch f.output {
	case "json":
		return report.NewJSON(stdout), nil
	case "jsonl":
		lines := report.NewJSONL(stdout)
		lines.FlushLines = f.follows || f.waits() // a reader of a pipe may wait for the output
		return lines, nil
	case "csv":
		rows := report.NewCSV(stdout)
		rows.FlushLines = f.follows
		return rows, nil
	case "parquet":
		return f.newParquet(stdout)
	case "html":
		return page.New(stdout, page.Options{Chosen: f.where != "", Where: f.where, Command: f.command()}), nil
	case "zeek", "zeek-json":
		local, err := localNets(f.local)
		if err != nil {
			return nil, &usageError{err.Error(), "for example --local private,192.0.2.0/24"}
		}
		conn := zeek.NewTSV(stdout, local)
		if f.output == "zeek-json" {
			conn = zeek.NewJSON(stdout, local)
		}
		conn.FlushLines = f.follows || f.waits()
		return conn, nil
	default:
		width, color := f.look(stdout)
		table, err := report.NewTable(stdout, report.TableOptions{
			Width:   width,
			Color:   color,
			Top:     f.top,
			Sort:    f.sort,
			By:      f.by,
			Where:   f.where,
			Command: f.command(),
			Columns: f.columns,
			Follow:  f.follows,
		})
		if err != nil {
			return nil, &usageError{err.Error(), ""}
		}
		return table, nil
	}
}

// command adds to a command the files that are read, and the flags that change which connections they have. It is nil
// if the files cannot be read again.
func (f *readFlags) command() func(string) string {
	if len(f.files) == 0 || slices.Contains(f.files, "-") {
		return nil
	}
	files := "FILE..."
	if len(f.files) <= 3 {
		files = shellWords(f.files)
	}
	if f.filter != "" {
		files += " -f " + shellWords([]string{f.filter})
	}
	if len(f.key) > 0 {
		files += " --key " + shellWords([]string{strings.Join(f.key, ",")})
	}
	return func(next string) string {
		name, flags, _ := strings.Cut(next, " ")
		return "tcplife " + name + " " + files + " " + flags
	}
}

// plainWord matches words that need no quotes in a shell.
var plainWord = regexp.MustCompile(`^[\w./:@%+,=-]+$`)

// shellWords writes words for a POSIX shell.
func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = word; !plainWord.MatchString(word) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// newParquet creates the files that the flags name, or one on standard output.
func (f *readFlags) newParquet(stdout io.Writer) (reporter, error) {
	var w *parquet.Writer
	var err error
	switch {
	case f.partition != "":
		w, err = parquet.Partition(f.partition)
	case f.to != "":
		w, err = parquet.Create(f.to)
	default:
		w = parquet.NewWriter(stdout)
	}
	if err != nil {
		return nil, fmt.Errorf("begin the Parquet file: %w", err)
	}
	return w, nil
}

// begins reports whether the format creates files. It does so only after all checks.
func (f *readFlags) begins() bool { return f.output == "parquet" }

// rotate completes the current parts of a format.
func rotate(r reporter) error {
	if w, is := r.(*parquet.Writer); is {
		if err := w.Rotate(); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

// discard removes the incomplete files of a format.
func discard(r reporter) {
	if w, is := r.(*parquet.Writer); is {
		w.Discard()
	}
}

// checkParquet refuses wrong combinations of the flags for Parquet files.
func (f *readFlags) checkParquet(stdout io.Writer, given func(string) bool) error {
	for _, flag := range []string{"to", "partition"} {
		if given(flag) && f.output != "parquet" {
			return &usageError{fmt.Sprintf("--%s works only with -o parquet; the output is %s", flag, f.output),
				"leave one of the two out"}
		}
	}
	if f.output != "parquet" {
		return nil
	}
	_, terminal := terminalWidth(stdout)
	switch {
	case given("to") && given("partition"):
		return &usageError{"--to writes one file, --partition a directory of files", "leave one of the two out"}
	case given("to") && (f.to == "" || f.to == "-" || os.IsPathSeparator(f.to[len(f.to)-1])):
		return &usageError{"--to needs the name of a file",
			"for example --to web.parquet; without --to the file goes to standard output"}
	case given("partition") && f.partition == "":
		return &usageError{"--partition needs a directory", "it is created if it does not exist"}
	case !given("to") && !given("partition") && terminal:
		return &usageError{"-o parquet would write a Parquet file to the terminal",
			"use --to FILE or --partition DIR"}
	}
	if in, same := sameFile(f.to, f.files); given("to") && same {
		return &usageError{fmt.Sprintf("--to %s would overwrite the input %s", f.to, in), "write to another file"}
	}
	return nil
}

// privateNets stands in --local for the networks that are local to Zeek by default.
const privateNets = "private"

// localNets parses the networks of --local.
func localNets(words []string) (nets []netip.Prefix, err error) {
	for _, word := range words {
		if word == privateNets {
			nets = append(nets, zeek.PrivateNets()...)
			continue
		}
		net, err := netip.ParsePrefix(word)
		if err != nil {
			ip, ipErr := netip.ParseAddr(word)
			if ipErr != nil {
				return nil, fmt.Errorf("--local %q: it must be a network such as 10.0.0.0/8, or %s", word, privateNets)
			}
			net = netip.PrefixFrom(ip, ip.BitLen())
		}
		nets = append(nets, net.Masked())
	}
	return nets, nil
}

// checkLocal refuses --local with a format that does not use it.
func (f *readFlags) checkLocal(given bool) error {
	if given && f.output != "zeek" && f.output != "zeek-json" {
		return &usageError{fmt.Sprintf("--local works only with -o zeek; the output is %s", f.output),
			"-o zeek writes Zeek's conn.log"}
	}
	return nil
}

// look returns the width of tables and text (0 for no limit), and whether to use colours.
func (f *readFlags) look(stdout io.Writer) (width int, color bool) {
	width, onTerminal := terminalWidth(stdout)
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		width = columns
	}
	return width, f.color == "always" || f.color == "auto" && onTerminal && colorWelcome()
}

// colorWelcome is false if the environment forbids colours (https://no-color.org).
func colorWelcome() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// colorUsage is the help of --color.
const colorUsage = "`WHEN` to use colours: always, never, or auto (default: on a terminal)"

func names(columns []report.Column) []string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return list
}

// waits reports whether a file may still grow when it is opened: it is a pipe, by name or as standard input.
func (f *readFlags) waits() bool {
	return slices.ContainsFunc(f.files, func(path string) bool {
		info, err := os.Stat(path)
		return path == "-" || err == nil && !info.Mode().IsRegular()
	})
}
