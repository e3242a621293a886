package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture/live"
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "version",
		DisableFlagsInUseLine: true,
		Short:                 "Print the version",
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

// version describes the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "tcplife (unknown build)"
	}
	said := describeBuild(info)
	if !live.HasLibpcap {
		said += ", without libpcap"
	}
	return said
}

// describeBuild returns the tag of a build, or else its commit with the day (UTC), and the compiler and system:
// "tcplife v1.2.3 (commit 0123456789ab of 2026-08-22), go1.26.8 linux/amd64".
func describeBuild(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	said := info.Main.Version // a tag; or a pseudo-version, which has the commit and its time in it; or "(devel)"
	if revision := settings["vcs.revision"]; len(revision) >= 12 {
		revision = revision[:12]
		day, _, _ := strings.Cut(settings["vcs.time"], "T")
		commit := fmt.Sprintf("commit %s of %s", revision, day)
		if settings["vcs.modified"] == "true" {
			commit += ", modified"
		}
		if said == "(devel)" || strings.Contains(said, revision) {
			said = commit
		} else {
			said = fmt.Sprintf("%s (%s)", strings.TrimSuffix(said, "+dirty"), commit)
		}
	}
	return fmt.Sprintf("tcplife %s, %s %s/%s", said, info.GoVersion, settings["GOOS"], settings["GOARCH"])
}
