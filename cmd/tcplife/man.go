package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "man",
		DisableFlagsInUseLine: true,
		Short:                 "Print the manual page",
		Long: `Prints the manual page, tcplife(1), as troff. It has the texts of the
--help of every command, and more.`,
		Example: `  tcplife man | man -l -
  tcplife man > /usr/local/share/man/man1/tcplife.1`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return writeManual(cmd.OutOrStdout(), cmd.Root()) },
	}
}

// writeManual writes one page for the command and all its subcommands, in the macros of man(7).
func writeManual(w io.Writer, root *cobra.Command) error {
	page := bufio.NewWriter(w) // keeps the first error until Flush
	about, exitCodes, _ := strings.Cut(root.Long, "\n\nExit codes:\n")
	fmt.Fprintf(page, ".TH TCPLIFE 1 \"\" %q \"User Commands\"\n", troff(root.Version))
	fmt.Fprintf(page, ".SH NAME\ntcplife \\- %s\n", troff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	fmt.Fprint(page, ".SH SYNOPSIS\n")
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			fmt.Fprintf(page, ".B %s\n.br\n", troff(cmd.UseLine()))
		}
	}
	fmt.Fprintf(page, ".SH DESCRIPTION\n%s\n", troff(about))
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			manualSection(page, cmd)
		}
	}
	fmt.Fprintf(page, ".SH EXIT STATUS\n.nf\n%s\n.fi\n", troff(exitCodes))
	fmt.Fprint(page, ".SH SEE ALSO\n.BR tcpdump (8),\n.BR tshark (1),\n.BR pcap-filter (7),\n.BR jq (1)\n.PP\nRFC "+
		"9293\n")
	return page.Flush()
}

// manualSection describes one subcommand and, below it, its own subcommands.
func manualSection(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, ".SH %q\n.B %s\n.PP\n", strings.ToUpper(troff(cmd.CommandPath())), troff(cmd.UseLine()))
	text := strings.TrimSpace(cmd.Long)
	if more := details[cmd.Name()]; more != "" {
		text = more
	}
	fmt.Fprintf(w, ".nf\n%s\n.fi\n", troff(text))
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		name := "\\-\\-" + troff(f.Name)
		if f.Shorthand != "" {
			name = "\\-" + f.Shorthand + ", " + name
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(w, ".TP\n.B %s \\fI%s\\fR\n%s\n", name, troff(value), troff(usage))
	})
	if cmd.Example != "" {
		fmt.Fprintf(w, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", troff(cmd.Example))
	}
}

// troff escapes text for troff: backslashes, hyphens that must stay ASCII to be copied, and lines that begin with a dot
// or a quote.
func troff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
