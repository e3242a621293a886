//go:build linux

// Gencap makes the captures in testdata/pcaps and the table of them in its README.md.
//
//	go run ./internal/gencap         the crafted ones, from scripts, with the same bytes each time
//	go run ./internal/gencap -real   real connections between network namespaces (Linux, as root)
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// file is one capture.
type file struct {
	name string // of the file, with its extension
	what string // what happens in it, in one line
	data []byte
}

func main() {
	dir := flag.String("o", "testdata/pcaps", "`DIRECTORY` to write to")
	fromKernel := flag.Bool("real", false, "capture real connections instead of making the crafted captures")
	flag.Parse()
	if err := run(*dir, *fromKernel); err != nil {
		fmt.Fprintln(os.Stderr, "gencap:", err)
		os.Exit(1)
	}
}

func run(dir string, fromKernel bool) error {
	fromScripts, err := crafted()
	if err != nil {
		return err
	}
	files := fromScripts
	if fromKernel {
		if files, err = captured(); err != nil {
			return err
		}
	}
	for _, f := range append(files, file{name: "README.md", data: readme(fromScripts)}) {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
