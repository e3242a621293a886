package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/tcplife/tcplife/internal/testrun"
)

// The command for the browser compiles. No other test compiles it, because it is for WebAssembly only.
func TestWebCompiles(t *testing.T) {
	if !testrun.All() {
		t.Skip("NOT TESTED: compiling for WebAssembly takes long; make test-all and make cross do it")
	}
	build := exec.Command("go", "build", "-o", os.DevNull, "github.com/tcplife/tcplife/internal/web")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
