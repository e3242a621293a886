package main

import (
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// A reporter is one of package report's formats.
type reporter interface {
	Connection(*record.Connection) error
	Finish(*report.Ending) error
}

// The values of flags that have a choice.
var (
	formatNames = []string{"table", "json", "jsonl", "csv"} // --output
	colorModes  = []string{"auto", "always", "never"}       // --color
	keyLayers   = []string{"vlan", "vni", "gre"}            // --key: flows.DecoderOptions.KeyIDs
)

// newReporter returns the format that the flags ask for. It fails for columns and orders of tables that there are not.
func (f *readFlags) newReporter(stdout io.Writer) (reporter, error) {
	switch f.output {
	case "json":
		return report.NewJSON(stdout), nil
	case "jsonl":
		lines := report.NewJSONL(stdout)
		lines.FlushLines = f.follows || slices.Contains(f.files, "-") // who reads from a pipe may wait for what comes out
		return lines, nil
	case "csv":
		rows := report.NewCSV(stdout)
		rows.FlushLines = f.follows
		return rows, nil
	default:
		width, color := f.look(stdout)
		table, err := report.NewTable(stdout, report.TableOptions{
			Width:   width,
			Color:   color,
			Top:     f.top,
			Sort:    f.sort,
			Columns: f.columns,
			Follow:  f.follows,
		})
		if err != nil {
			return nil, &usageError{err.Error(), ""}
		}
		return table, nil
	}
}

// look is how wide what is for people may be (0 for no limit), and whether it is coloured.
func (f *readFlags) look(stdout io.Writer) (width int, color bool) {
	width, onTerminal := terminalWidth(stdout)
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
		width = columns
	}
	return width, f.color == "always" || f.color == "auto" && onTerminal && colorWelcome()
}

// colorWelcome is false where the environment says so (https://no-color.org).
func colorWelcome() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

func names(columns []report.Column) []string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return list
}
