package main

import (
	"io"

	"github.com/spf13/cobra"
)

// shells are the shells for which cobra can write completions.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "completion SHELL",
		DisableFlagsInUseLine: true,
		Short:                 "Print a completion script for a shell",
		Long: `Prints a script for bash, zsh, fish or powershell that completes commands, flags and
their values.`,
		Example: `  source <(tcplife completion bash)                               bash, now
  tcplife completion bash > /etc/bash_completion.d/tcplife        bash, always
  tcplife completion zsh > "${fpath[1]}/_tcplife"                 zsh
  tcplife completion fish > ~/.config/fish/completions/tcplife.fish`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"one shell must be named", "tcplife completion bash"}
			}
			return oneOf("completion", args[0], shells)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			write := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return cmd.Root().GenBashCompletionV2(w, true) },
				"zsh":        cmd.Root().GenZshCompletion,
				"fish":       func(w io.Writer) error { return cmd.Root().GenFishCompletion(w, true) },
				"powershell": cmd.Root().GenPowerShellCompletionWithDesc,
			}
			return write[args[0]](cmd.OutOrStdout())
		},
	}
}
