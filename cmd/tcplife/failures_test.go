package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
)

// failureClass is a row of the table of docs/DIFFERENCES.md: class, meaning, question and capture.
var failureClass = regexp.MustCompile("(?m)^\\| ([A-Za-z]{3}) \\| [^|]+ \\| `([^`]+)` \\| ([a-z-]+) \\|$")

// TestFailureClasses runs the question of docs/DIFFERENCES.md for each of nine classes of failed attempts, on a capture
// that has one.
func TestFailureClasses(t *testing.T) {
	page, err := os.ReadFile("../../docs/DIFFERENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	var classes []string
	for _, row := range failureClass.FindAllSubmatch(page, -1) {
		class, where, capture := string(row[1]), string(row[2]), "../../testdata/pcaps/"+string(row[3])+".pcap"
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
		out, err := exec.Command("tcplife", "read", capture, "-o", "jsonl", "--where", where).Output()
		if err != nil {
			t.Errorf("%s: %v", class, err)
		}
		if !bytes.Contains(out, []byte(`{"record":"connection"`)) {
			t.Errorf("%s: no connection of %s is one with %s", class, capture, where)
		}
	}
	if want := []string{"RST", "CHA", "IMC", "SYN", "SaR", "NOS", "CLR", "CIC", "MAR"}; !slices.Equal(classes, want) {
		t.Errorf("the table has %v, want %v", classes, want)
	}
}
