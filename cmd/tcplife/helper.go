package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/helper"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/privileges"
)

// newHelperCommand makes the hidden command that live starts for --exec.
func newHelperCommand() *cobra.Command {
	return &cobra.Command{
		Use:                helper.Subcommand,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return &usageError{"live starts this for --exec", "tcplife live --help"}
			}
			return helper.Run(cmd.InOrStdin(), cmd.OutOrStdout(), args[1:], func() error { return become(args[0]) })
		},
	}
}

// become drops all privileges that a command of --exec must not have.
func become(user string) error {
	_, err := privileges.Drop(user)
	if err == nil && (os.Getuid() == 0 || os.Geteuid() == 0) {
		err = errors.New("--exec does not run commands as root: name another user with --user")
	}
	return err
}
