package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report"
)

// populationFlags is the command line of `tcplife population`: some of the flags of read, and its own.
type populationFlags struct {
	readFlags
	step time.Duration
	by   string
}

var populationGroups = []string{"host"} // --by

func newPopulationCommand() *cobra.Command {
	f := populationFlags{}
	cmd := &cobra.Command{
		Use:   "population FILE... [flags]",
		Short: "Count the sockets in each state over time",
		Long: `Counts the endpoints in each state at moments one step apart, as if "ss -tan" ran periodically
on every host. "-" is standard input. A state that lasts less than a step can fall between two
moments; "tcplife at" shows any moment.

The moments are whole multiples of the step, so that every second is counted as it begins.
Without --step it is the shortest of 1ms, 2ms, 10ms, ... 1s, 2s, 10s, 1m, 5m, ... that gives
at most 1,000 moments. A step that would give more than 100,000 is made longer.

Each line of the table is scaled to its own peak. Where there are more moments than marks, a
mark shows the highest count of its period.`,
		Example: `  tcplife population web.pcap
  tcplife population web.pcap --step 1s --by host
  tcplife population web.pcap --step 1s -o csv > states.csv
  tcplife population web.pcap --where 'server.port == 443' -o json | jq '.population[0].peaks'`,
		Args: needFiles(`tcplife population FILE; "-" is the standard input`),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args
			r, err := f.prepare(cmd)
			if err != nil {
				return err
			}
			return r.population(cmd.Context(), &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.DurationVar(&f.step, "step", 0, "count every `DURATION`, not below 1us")
	flags.StringVar(&f.by, "by", "", "count also by `GROUP`: "+list(populationGroups))
	f.addPacketFlags(flags)
	f.addTableFlags(flags)
	f.addTrackingFlags(flags)
	f.addFileFlags(flags)
	givenOnce(flags)
	complete(cmd, "by", populationGroups)
	complete(cmd, "output", tableFormats)
	complete(cmd, "color", colorModes)
	complete(cmd, "msl", mslNames())
	complete(cmd, "key", keyLayers)
	return cmd
}

// prepare checks the flags before a file is opened.
func (f *populationFlags) prepare(cmd *cobra.Command) (*reading, error) {
	r, err := f.prepareTable(cmd)
	if err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("step") && f.step < time.Microsecond {
		return nil, &usageError{"--step must be at least 1µs",
			"without it a step is chosen by the length of the capture"}
	}
	if cmd.Flags().Changed("by") {
		if err := oneOf("--by", f.by, populationGroups); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// population reads the capture and writes how many endpoints there were in each state over time.
func (r *reading) population(ctx context.Context, f *populationFlags) error {
	started := time.Now()
	var failed error // the first error of the callback
	population := ledger.NewPopulation(f.step, f.by == "host")
	account, err := r.track(ctx, func(c *record.Connection) {
		holds := failed == nil
		if r.where != nil && holds {
			holds, failed = r.where.Holds(c)
		}
		if holds && failed == nil {
			population.Add(c)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	p := report.Populations{Series: population.Series(record.Time(account.read.First), record.Time(account.read.Last)),
		LeftOut: population.LeftOut()}
	switch f.output {
	case "json":
		err = p.WriteJSON(r.stdout)
	case "jsonl":
		err = p.WriteJSONL(r.stdout)
	case "csv":
		err = p.WriteCSV(r.stdout)
	default:
		width, color := f.look(r.stdout)
		err = p.WriteTable(r.stdout, report.TableOptions{Width: width, Color: color, Top: f.top})
	}
	if err != nil {
		return fmt.Errorf("write the population: %w", err)
	}
	if len(p.Series) > 0 && f.step > 0 && p.Series[0].Step > record.Duration(f.step) {
		warnf(r.stderr, "--step %v gives too many moments; the step is now %v", f.step,
			time.Duration(p.Series[0].Step))
	}
	if f.verbose {
		account.tellSpeed(r.stderr, time.Since(started))
	}
	return account.tellOmissions(r.stderr)
}
