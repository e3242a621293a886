//go:build cgo && !nopcap

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// The systemd unit leaves the process few rights: systemd-analyze rates its exposure at most 1.5 of 10.
func TestUnitExposure(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("NOT TESTED: there is no systemd-analyze (Debian: apt-get install systemd)")
	}
	unit := filepath.Join(t.TempDir(), "tcplife-live@.service")
	copyFile(t, "../../contrib/tcplife-live@.service", unit)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", unit).CombinedOutput()
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || level == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if exposure, err := strconv.ParseFloat(string(level[1]), 64); err != nil || exposure > 1.5 {
		t.Errorf("the exposure is %s:\n%s", level[1], out)
	}
}
