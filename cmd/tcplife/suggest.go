package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// suggestions are the values of --suggest.
var suggestions = []string{"nft"}

func (f *readFlags) addSuggestFlag(flags *pflag.FlagSet) {
	flags.StringVar(&f.suggest, "suggest", "", "print rules against SYN floods for `FILTER`, and no report: "+
		list(suggestions))
}

// checkSuggest refuses flags that do not work with --suggest, and turns on the samples that it needs.
func (f *readFlags) checkSuggest(r *reading, given func(string) bool) error {
	if !given("suggest") {
		return nil
	}
	if err := oneOf("--suggest", f.suggest, suggestions); err != nil {
		return err
	}
	for _, flag := range []string{"output", "where", "top", "sort", "by", "columns", "color", "interval", "open"} {
		if given(flag) {
			return &usageError{fmt.Sprintf("--%s does not work with --suggest, which replaces the report", flag),
				"leave one of the two out"}
		}
	}
	r.options.FloodSyns = true
	return nil
}

// A floodID identifies a flood.
type floodID struct {
	ip    netip.Addr
	port  int // -1: of all ports
	onset record.Time
}

func floodOf(f *record.SynFlood) floodID {
	if f.Target.Port == nil {
		return floodID{f.Target.IP, -1, f.Onset}
	}
	return floodID{f.Target.IP, int(*f.Target.Port), f.Onset}
}

// suggestNow prints the rules in live if there is a new flood.
func (l *following) suggestNow(result *record.Result) error {
	news := false
	for i := range result.SynFloods {
		f := floodOf(&result.SynFloods[i])
		news = news || !l.suggested[f]
		l.suggested[f] = true
	}
	if !news {
		return nil
	}
	return l.report.Finish(&report.Ending{Result: result})
}
