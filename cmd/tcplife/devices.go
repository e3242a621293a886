package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/capture/live"
)

func newDevicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "devices",
		DisableFlagsInUseLine: true,
		Short:                 "List the devices that live can capture on",
		Args:                  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needLibpcap("devices"); err != nil {
				return err
			}
			devices, err := live.Devices()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "DEVICE\tSTATE\tADDRESSES")
			for _, d := range devices {
				fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, deviceStates(&d), deviceAddresses(&d))
			}
			return w.Flush()
		},
	}
}

// deviceStates describes a device in a word or two.
func deviceStates(d *live.Device) string {
	switch {
	case !d.Up && len(d.Addresses) == 0 && !d.Running && d.Description != "" && d.Name != live.AnyDevice:
		return "not a network"
	case !d.Up:
		return "down"
	case !d.Running:
		return "up, no carrier"
	}
	return "up"
}

// deviceAddresses lists the addresses of a device, or what it is if it has none.
func deviceAddresses(d *live.Device) string {
	if len(d.Addresses) == 0 {
		return d.Description
	}
	words := make([]string, len(d.Addresses))
	for i, a := range d.Addresses {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}

// completeDevices completes the name of a device.
func completeDevices(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	devices, err := live.Devices()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = d.Name + "\t" + deviceStates(&d) + " " + deviceAddresses(&d)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
