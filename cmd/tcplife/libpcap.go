package main

import (
	"fmt"
	"runtime"

	"github.com/tcplife/tcplife/capture/live"
)

// needLibpcap fails in a build without libpcap, for what only libpcap can do.
func needLibpcap(what string) error {
	if live.HasLibpcap {
		return nil
	}
	release := ""
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" {
		release = "tcplife-packets_*_amd64.deb of a release, or "
	}
	return fmt.Errorf("%s needs libpcap, and this tcplife is built without it: install %slibpcap's header and a C "+
		"compiler, "+
		"then: go install github.com/tcplife/tcplife/cmd/tcplife@latest", what, release)
}
