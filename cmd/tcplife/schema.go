package main

import (
	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/report"
)

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "schema",
		DisableFlagsInUseLine: true,
		Short:                 "Print the JSON Schema of the report",
		Long: `Prints the JSON Schema (draft 2020-12) of what "tcplife read -o json" writes and of each
line of -o jsonl: every field, its unit, and what null means in it.`,
		Example: `  tcplife schema | jq '."$defs".connection.properties | keys'`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(report.Schema())
			return err
		},
	}
}
