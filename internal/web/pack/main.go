// Command pack makes the page that reads captures itself: pack WASM > tcplife.html. It fails if the page is larger than
// 4 MB, the limit that docs/PAGE.md promises.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tcplife/tcplife/report/page"
)

// most is the most bytes that the page may have.
const most = 4_000_000

func main() {
	if err := pack(); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack() error {
	wasm, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find Go's directory: %w", err)
	}
	run, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec.js"))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := page.WriteReader(&out, wasm, run); err != nil {
		return err
	}
	if out.Len() > most {
		return fmt.Errorf("the page has %d bytes, want at most %d: look for packages that it does not need with "+
			"GOOS=js GOARCH=wasm go list -deps ./internal/web", out.Len(), most)
	}
	_, err = out.WriteTo(os.Stdout)
	return err
}
