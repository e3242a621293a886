package main

import (
	"runtime/debug"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	commit := []debug.BuildSetting{
		{Key: "GOARCH", Value: "amd64"}, {Key: "GOOS", Value: "linux"},
		{Key: "vcs.revision", Value: revision}, {Key: "vcs.time", Value: "2026-08-22T23:59:59Z"},
		{Key: "vcs.modified", Value: "false"},
	}
	modified := append(commit[:4:4], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for _, test := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", commit, "tcplife v1.2.3 (commit 0123456789ab of 2026-08-22), go1.26.8 linux/amd64"},
		{"v1.2.3+dirty", modified,
			"tcplife v1.2.3 (commit 0123456789ab of 2026-08-22, modified), go1.26.8 linux/amd64"},
		{"v1.2.4-0.20260822235959-0123456789ab", commit,
			"tcplife commit 0123456789ab of 2026-08-22, go1.26.8 linux/amd64"},
		{"v0.0.0-20260822235959-0123456789ab+dirty", modified,
			"tcplife commit 0123456789ab of 2026-08-22, modified, go1.26.8 linux/amd64"},
		{"(devel)", commit, "tcplife commit 0123456789ab of 2026-08-22, go1.26.8 linux/amd64"},
		{"v1.2.3", commit[:2], "tcplife v1.2.3, go1.26.8 linux/amd64"}, // go install …@v1.2.3
		{"(devel)", commit[:2], "tcplife (devel), go1.26.8 linux/amd64"},
	} {
		info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: test.version},
			Settings: test.settings}
		if got := describeBuild(info); got != test.want {
			t.Errorf("of %s: %s, want %s", test.version, got, test.want)
		}
	}
}
