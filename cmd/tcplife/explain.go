package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/ladder"
)

// explainFlags is the command line of `tcplife explain`: some of the flags of read, and its own.
type explainFlags struct {
	readFlags
	conns   []uint // --conn
	ascii   bool
	diagram bool
}

var explainFormats = []string{"text", "json", "svg", "mermaid"}

func newExplainCommand() *cobra.Command {
	f := explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain FILE... [flags]",
		Short: "Show segment by segment why a connection is in its states",
		Long: `Prints a ladder diagram with the RFC 9293 rule behind each state change: segments between the
client on the left and the server on the right, sequence numbers and whether they fit, the
states of both sides, and findings where they happen. Runs of ordinary segments are folded.

States are those of the record. Where a later segment withdraws a state, the ladder says so at
both segments. A state after ~ is inferred.

Without --conn it chooses the most interesting connections, one of each kind; connections of
a kind opened and closed in the same way and have the same findings. A kind gets 100 points for an
error, 10 for a warning, 1 for another finding, 5 for a simultaneous open or close, 2 for an unusual
close.

-o svg draws the same as a picture that needs no other file; in a browser each step shows its
rules on hover. -o mermaid writes Markdown with a Mermaid sequence diagram for each ladder.

The files are read twice, so standard input cannot be one of them.`,
		Example: `  tcplife explain web.pcap
  tcplife explain web.pcap --conn 4711 --ascii > ticket.txt
  tcplife explain web.pcap -f 'host 10.0.0.7 and port 443'
  tcplife explain web.pcap --where 'teardown.reset.by == "server"' --top 1
  tcplife explain web.pcap --conn 4711 --diagram
  tcplife explain web.pcap --conn 4711 -o svg > ladder.svg
  tcplife explain web.pcap --conn 4711 -o json | jq '.ladders[0].verdict'`,
		Args: needFiles("tcplife explain FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args
			r, err := f.prepare(cmd)
			if err != nil {
				return err
			}
			return r.explain(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.UintSliceVar(&f.conns, "conn", nil,
		"explain the connections with these `IDS` (first packets)")
	f.addPacketFlags(flags)
	flags.StringVar(&f.where, "where", "",
		"explain only connections for which `EXPRESSION` holds")
	flags.IntVar(&f.top, "top", 3, "explain at most `N` connections")
	flags.StringVarP(&f.output, "output", "o", "text", "`FORMAT`: "+list(explainFormats))
	flags.BoolVar(&f.diagram, "diagram", false,
		"draw the state diagram of RFC 9293 instead of the segments")
	flags.BoolVar(&f.ascii, "ascii", false, "draw with ASCII characters only")
	flags.StringVar(&f.color, "color", "auto", colorUsage)
	f.addTrackingFlags(flags)
	f.addFileFlags(flags)
	givenOnce(flags)
	complete(cmd, "output", explainFormats)
	complete(cmd, "color", colorModes)
	complete(cmd, "msl", mslNames())
	complete(cmd, "key", keyLayers)
	return cmd
}

// prepare checks the flags before a file is opened.
func (f *explainFlags) prepare(cmd *cobra.Command) (*reading, error) {
	r, err := f.prepareInput(cmd)
	if err != nil {
		return nil, err
	}
	given := cmd.Flags().Changed
	if slices.Contains(f.files, "-") {
		return nil, &usageError{"explain reads its input twice, which is impossible on standard input",
			"save it to a file and explain the file"}
	}
	if err := oneOf("--output", f.output, explainFormats); err != nil {
		return nil, err
	}
	if err := oneOf("--color", f.color, colorModes); err != nil {
		return nil, err
	}
	if f.top < 1 {
		return nil, &usageError{"--top must be at least 1",
			"without it the three most interesting connections are explained"}
	}
	for _, flag := range []string{"ascii", "color", "diagram"} {
		if f.output != "text" && given(flag) {
			return nil, &usageError{fmt.Sprintf("--%s works only with text; the output is %s", flag, f.output),
				"leave one of the two out"}
		}
	}
	for _, flag := range []string{"where", "top"} {
		if len(f.conns) > 0 && given(flag) {
			return nil, &usageError{fmt.Sprintf("--%s chooses connections, but --conn already names them", flag),
				"leave one of the two out"}
		}
	}
	return r, nil
}

// explain reads the files twice: first to choose connections, then to draw their ladders.
func (r *reading) explain(ctx context.Context, f *explainFlags) error {
	started := time.Now()
	var failed error // the first error of the callback
	total := uint64(0)
	named := map[uint]ladder.Chosen{}
	choice := ladder.NewChoice(f.top)
	account, err := r.track(ctx, func(c *record.Connection) {
		total++
		holds := true
		if r.where != nil && failed == nil {
			holds, failed = r.where.Holds(c)
		}
		switch {
		case slices.Contains(f.conns, uint(c.ID)):
			named[uint(c.ID)] = ladder.Choose(c)
		case holds && len(f.conns) == 0:
			choice.Offer(c)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	chosen := choice.Chosen()
	for _, id := range f.conns {
		c, known := named[id]
		if !known {
			return fmt.Errorf("no connection %d: tcplife read FILE lists the id of each of %s", id,
				counted(total, "connection"))
		}
		chosen = append(chosen, c)
	}

	collected := ladder.NewCollector(chosen)
	r.options.Trace, r.options.Traced, r.options.Proven = collected.Trace, collected.Traced, collected.Proven
	if _, err := r.track(ctx, func(*record.Connection) {}); err != nil {
		return err
	}
	e := ladder.Explanation{Connections: total, Offered: choice.Offered, Ladders: collected.Finish()}
	switch f.output {
	case "json":
		err = e.WriteJSON(r.stdout)
	case "svg":
		err = e.WriteSVG(r.stdout)
	case "mermaid":
		err = e.WriteMermaid(r.stdout)
	default:
		width, color := f.look(r.stdout)
		err = e.WriteText(r.stdout, ladder.Options{Width: width, Color: color, ASCII: f.ascii, Diagram: f.diagram})
	}
	if err != nil {
		return fmt.Errorf("write the ladders: %w", err)
	}
	if f.verbose {
		account.tellSpeed(r.stderr, time.Since(started))
	}
	return account.tellOmissions(r.stderr)
}
