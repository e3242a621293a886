//go:build js && wasm

// Command web is tcplife for a browser: it reads the captures that a page has opened, and writes a report.
//
//	web html FILE...     a page (report/page)
//	web jsonl FILE...    the records, as tcplife read -o jsonl writes them
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/account"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/page"
)

func main() {
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write reads the files and writes the report that mode names.
func write(mode string, files []string) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20) // each write is a message to the page
	var to interface {
		Connection(*record.Connection) error
		Finish(*report.Ending) error
	}
	p := page.New(out, page.Options{Command: func(next string) string { return command(files, next) }})
	if to = p; mode == "jsonl" {
		to = report.NewJSONL(out)
	}
	read, err := follow(files, analyzer.Options{}, to.Connection)
	if err != nil {
		return err
	}
	if mode == "html" {
		o := analyzer.Options{}
		o.Trace, o.Traced, o.Proven = p.SecondReading()
		nothing := func(*record.Connection) error { return nil }
		if _, err := follow(files, o, nothing); err != nil {
			return err
		}
	}
	if err := to.Finish(&report.Ending{Result: read.Result, Capture: account.Of(read)}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return out.Flush()
}

// follow reads the files once.
func follow(files []string, o analyzer.Options, visit func(*record.Connection) error) (*tcplife.Report, error) {
	r, err := tcplife.Open(context.Background(), tcplife.Options{Tracking: o, Reuse: true}, files...)
	if err != nil {
		return nil, err
	}
	for c, err := range r.Connections(context.Background()) {
		if damage := (*capture.Damage)(nil); errors.As(err, &damage) {
			continue // the report lists it
		}
		if err == nil {
			err = visit(c)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.Report(), nil
}

// command completes a command that shows more, for users who have tcplife.
func command(files []string, next string) string {
	name := "FILE..."
	if len(files) == 1 && plainName(files[0]) {
		name = files[0]
	}
	verb, flags := next, ""
	for i := range next {
		if next[i] == ' ' {
			verb, flags = next[:i], next[i+1:]
			break
		}
	}
	return "tcplife " + verb + " " + name + " " + flags
}

// plainName reports whether a name needs no quotes in a shell.
func plainName(name string) bool {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-') {
			return false
		}
	}
	return name != "" && name[0] != '-'
}
