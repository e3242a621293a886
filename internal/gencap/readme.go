//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/internal/scenes"
)

// readme is the README.md of the directory of captures.
func readme(crafted []file) []byte {
	var b strings.Builder
	b.WriteString(`# Captures

All are made by [internal/gencap](../../internal/gencap), which also writes this file.

## Crafted

Each is made from a script in [internal/gencap/scripts](../../internal/gencap/scripts) (the floods, the scans and the
pcapng file in crafted.go and crowds.go beside it). This makes them, byte for byte the same each time:

    go run ./internal/gencap

| capture | what happens |
| --- | --- |
`)
	row := func(name, what string) {
		fmt.Fprintf(&b, "| [%s](%[1]s) | %s |\n", name, strings.ReplaceAll(what, "|", `\|`))
	}
	for _, f := range crafted {
		row(f.name, f.what)
	}
	b.WriteString(`
## Real

Connections between two network namespaces of a Linux 6.18 kernel, over a wire with 10 ms of delay one way, captured
in the middle of the wire. On Linux, as root, this makes others like them:

    go run ./internal/gencap -real

| capture | what happens |
| --- | --- |
`)
	for _, s := range scenes.All {
		row(sceneFile(&s), s.What)
	}
	for _, f := range socketsFiles {
		row(f.name, f.what)
	}
	return []byte(b.String())
}
