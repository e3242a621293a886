package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/report"
)

// A reporter is one of package report's formats.
type reporter interface {
	Connection(*analyzer.Connection) error
	Finish(*report.Ending) error
}

// formatNames are the values of --output.
var formatNames = []string{"table", "json", "jsonl", "csv"}

// newReporter returns the format that the flags ask for. It fails for what there is not.
func (f *readFlags) newReporter(stdout io.Writer) (reporter, error) {
	switch f.output {
	case "table":
		width, onTerminal := terminalWidth(stdout)
		if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && columns > 0 {
			width = columns
		}
		table, err := report.NewTable(stdout, report.TableOptions{
			Width:   width,
			Color:   f.color == "always" || f.color == "auto" && onTerminal && colorWelcome(),
			Top:     f.top,
			Sort:    f.sort,
			Columns: f.columns,
		})
		if err != nil {
			return nil, &usageError{err.Error(), ""}
		}
		return table, nil
	case "json":
		return report.NewJSON(stdout), nil
	case "jsonl":
		return report.NewJSONL(stdout), nil
	case "csv":
		return report.NewCSV(stdout), nil
	}
	return nil, &usageError{"there is no format " + strconv.Quote(f.output), "the formats are " + strings.Join(formatNames, ", ")}
}

// colorWelcome is false where the environment says so (https://no-color.org).
func colorWelcome() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

func names(columns []report.Column) string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}
