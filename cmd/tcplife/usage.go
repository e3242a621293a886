package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/report/query"
)

// flagError describes a wrong flag, without the words of the libraries that found it.
func flagError(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help lists the flags"
	var invalid *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid) && errors.Is(err, errTwice):
		return &usageError{flagName(invalid.GetFlag()) + " is given twice", ""}
	case errors.As(err, &invalid):
		return &usageError{fmt.Sprintf("%s %q: it must be %s", flagName(invalid.GetFlag()), invalid.GetValue(),
			valueOf(invalid.GetFlag())), hint}
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		slices.Sort(names)
		if near := query.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = fmt.Sprintf("did you mean --%s?", near)
		}
	}
	return &usageError{err.Error(), hint}
}

func flagName(f *pflag.Flag) string { return "--" + f.Name }

// valueOf describes the values of a flag.
func valueOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "a duration, such as 30s or 1m30s"
	case "bool":
		return "true or false"
	case "uintSlice":
		return "whole numbers, with commas between"
	case "int", "uint64":
		return "a whole number"
	}
	return "another value"
}
