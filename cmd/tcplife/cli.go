package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/internal/fault"
)

// The exit codes. Where several apply, the order is usage, failed, incomplete, condition.
const (
	exitOK     = 0 // everything was read and reported
	exitFailed = 1 // no report was written, or only part of it, or a panic ended the run
	exitUsage  = 2 // usage error; also the code of a crash of Go's runtime
	// there is a report, but the input was damaged or partly unreadable, packets were dropped, connections were
	// evicted, or the run was interrupted
	exitIncomplete     = 3
	exitConditionHolds = 4 // there is a report, and the condition of --fail-on holds
)

const exitCodesHelp = `Exit codes:
  0  everything was read and reported
  1  failed: no report was written, or only part of it
  2  usage error; also a crash of the Go runtime, such as out of memory
  3  reported, but incomplete: damage, an unreadable file, dropped packets, evicted
     connections, or an interrupt
  4  reported, and a --fail-on condition holds
Where several apply it is 2, then 1, then 3, then 4.`

// A usageError is an error in the command line; its hint says what is right.
type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string { return e.message }

// errIncomplete leads to exitIncomplete. Whoever returns it has already written what is missing.
var errIncomplete = errors.New("the report is incomplete")

// errConditionHolds leads to exitConditionHolds. Whoever returns it has already written which condition holds.
var errConditionHolds = errors.New("a --fail-on condition holds")

// run is the whole program, without exiting the process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)

	var unwritten error
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		var text bytes.Buffer
		cmd.SetOut(&text)
		help(cmd, args)
		_, unwritten = stdout.Write(text.Bytes())
	})

	err := execute(ctx, root)
	if err == nil {
		err = unwritten
	}
	var usage *usageError
	var panicked *fault.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		first, more, _ := strings.Cut(usage.message, "\n")
		warnf(stderr, "%s", first)
		for line := range strings.Lines(more) {
			fmt.Fprintln(stderr, harmless(strings.TrimSuffix(line, "\n")))
		}
		if usage.hint != "" {
			warnf(stderr, "hint: %s", usage.hint)
		}
		return exitUsage
	case errors.Is(err, errIncomplete):
		return exitIncomplete
	case errors.Is(err, errConditionHolds):
		return exitConditionHolds
	case errors.As(err, &panicked):
		tellPanic(stderr, root, args, panicked)
		return exitFailed
	default:
		warnf(stderr, "%v", err)
		return exitFailed
	}
}

// execute runs the command. It returns a panic of its goroutine as an error.
func execute(ctx context.Context, root *cobra.Command) (err error) {
	none := uint64(0)
	defer fault.Catch(&none, func(f *fault.Error) { err = f })
	return root.ExecuteContext(ctx)
}

// tellPanic writes which input and packet led to a panic, and with -v the stack.
func tellPanic(stderr io.Writer, root *cobra.Command, args []string, f *fault.Error) {
	input, verbose := "tcplife", false
	if cmd, _, err := root.Find(args); err == nil {
		if input = cmd.CommandPath(); cmd.Flags().NArg() > 0 {
			input = strings.Join(cmd.Flags().Args(), ", ")
		}
		verbose, _ = cmd.Flags().GetBool("verbose")
	}
	warnf(stderr, "%s: %v", input, f)
	if !verbose {
		warnf(stderr, "this is a bug in tcplife, not an error in the input; please report it with the output of -v")
		return
	}
	for line := range strings.Lines(string(f.Stack)) {
		warnf(stderr, "%s", strings.TrimSuffix(line, "\n"))
	}
}

// warnf writes one line to standard error. It ignores errors, because they could not be reported anywhere.
func warnf(stderr io.Writer, format string, args ...any) {
	fmt.Fprintln(stderr, "tcplife: "+harmless(fmt.Sprintf(format, args...)))
}

// counted writes n and the noun, with an s unless n is 1.
func counted(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatUint(n, 10) + " " + noun
}

// were writes n, the noun and the verb: 1 packet was, 2 packets were.
func were(n uint64, noun string) string {
	if n == 1 {
		return counted(n, noun) + " was"
	}
	return counted(n, noun) + " were"
}

// longestWord is the number of characters that are written of a word: file names, arguments and text of a capture can
// have any length.
const longestWord = 200

// harmless escapes characters that control a terminal, and cuts words that are too long.
func harmless(s string) string {
	var b strings.Builder
	length := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		this := s[:size]
		s = s[size:]
		if length++; r == ' ' {
			length = 0
		}
		switch {
		case length > longestWord+1:
		case length == longestWord+1:
			b.WriteString("…")
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, this[0])
		case unicode.IsPrint(r):
			b.WriteString(this)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "tcplife",
		Short: "Report the life of every TCP connection in a capture",
		Long: `tcplife reads packets and reports the life of every TCP connection: how it was opened,
how it was closed, and in which RFC 9293 state each endpoint was at every moment. It
needs nothing but the packets.

` + exitCodesHelp,
		Example: `  tcplife read file.pcap                        tables
  tcplife read file.pcap -o json | jq .summary  JSON
  tcpdump -i eth0 -w - tcp | tcplife read -     from a pipe`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("version") {
				return nil
			}
			if len(args) == 0 {
				return &usageError{"no command is given",
					"tcplife --help lists them; tcplife read FILE reads a capture"}
			}
			hint := "to read a capture file: tcplife read " + args[0]
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean tcplife " + strings.Join(near, " or tcplife ") + "?"
			}
			return &usageError{fmt.Sprintf("unknown command %q", args[0]), hint}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { // Args lets only --version through
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // newCompletionCommand replaces it
	}
	root.SuggestionsMinimumDistance = 2
	root.Flags().Bool("version", false, "print the version") // cobra's flag would take -v, which read needs
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newReadCommand(), newLiveCommand(), newDevicesCommand(), newExplainCommand(), newCompareCommand(),
		newAtCommand(), newPopulationCommand(),
		newFindingsCommand(), newFieldsCommand(), newSchemaCommand(), newVersionCommand(), newManCommand(),
		newCompletionCommand(), newHelperCommand(),
	)
	return root
}

// helpTemplate puts the examples first. The help of each command has at most 60 lines.
const helpTemplate = `{{.Short}}.

Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .Long}}

{{.Long | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 110 | trimTrailingWhitespaces}}{{end}}
`

// noArgs is cobra.NoArgs as a usageError.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Sprintf("%s takes no argument, not %q", cmd.CommandPath(), args[0]), ""}
	}
	return nil
}

var errTwice = errors.New("it is given twice")

// once makes it an error to give a flag twice; pflag would silently take the last value.
type once struct {
	pflag.Value
	given bool
}

func (o *once) Set(s string) error {
	if o.given {
		return errTwice
	}
	o.given = true
	return o.Value.Set(s)
}
