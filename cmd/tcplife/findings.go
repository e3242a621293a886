package main

import (
	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

var findingsFormats = []string{"table", "json"}

func newFindingsCommand() *cobra.Command {
	f := readFlags{}
	cmd := &cobra.Command{
		Use:   "findings [flags]",
		Short: "List all findings, and what to do about them",
		Long: `Lists all findings that "tcplife read" can report about a connection, in the order of a
connection's life: the code, for scripts; the severity; what was seen; what to do about it;
and where it is defined.`,
		Example: `  tcplife findings
  tcplife findings -o json | jq -r '.[] | select(.severity == "error").code'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", f.output, findingsFormats); err != nil {
				return err
			}
			if err := oneOf("--color", f.color, colorModes); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if f.output == "json" {
				return report.WriteFindingKindsJSON(out, record.Catalogue())
			}
			width, color := f.look(out)
			return report.WriteFindingKinds(out, record.Catalogue(), width, color)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the list: "+list(findingsFormats))
	flags.StringVar(&f.color, "color", "auto", colorUsage)
	givenOnce(flags)
	complete(cmd, "output", findingsFormats)
	complete(cmd, "color", colorModes)
	return cmd
}
