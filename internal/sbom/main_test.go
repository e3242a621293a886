package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"testing"
)

// The document of this test's program names every module that is in it, and Go.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	if err := write(&out, os.Args[0]); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("the test's program does not list its modules")
	}
	if d.Format != "CycloneDX" || d.Metadata.Component.Name != info.Main.Path || len(d.Components) != len(info.Deps)+1 {
		t.Errorf("want %d modules and Go, got\n%s", len(info.Deps), &out)
	}
	refs := map[string]bool{}
	for _, c := range d.Components {
		if refs[c.Ref] || c.Version == "" {
			t.Errorf("%+v is listed twice, or has no version", c)
		}
		refs[c.Ref] = true
	}
	var again bytes.Buffer
	if write(&again, os.Args[0]); !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("two documents of one program differ")
	}
	if err := write(&again, "main.go"); err == nil {
		t.Error("no error for a file that is no program")
	}
}
