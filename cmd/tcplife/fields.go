package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
)

var fieldsFormats = []string{"table", "json"}

func newFieldsCommand() *cobra.Command {
	f := readFlags{}
	var summary, floods, scans bool
	cmd := &cobra.Command{
		Use:   "fields [TEXT] [flags]",
		Short: "List the fields that --where, --fail-on and --on can use",
		Long: `Lists the fields of a connection that --where can use: name, type and meaning, one on each line.
With TEXT it lists those whose name, meaning or values contain TEXT. The columns of tables, which
--where can use too, follow at the end. "[]" stands for the elements of a list:
any(findings, .severity == "error") asks about findings[].severity.`,
		Example: `  tcplife fields
  tcplife fields rtt
  tcplife fields --summary
  tcplife fields --floods
  tcplife fields -o json | jq -r '.[].name'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{"at most one text: " + strings.Join(args, " "), "put it in quotes"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--output", f.output, fieldsFormats); err != nil {
				return err
			}
			var fields []query.Field
			switch {
			case summary && floods || summary && scans || floods && scans:
				return &usageError{"--summary, --floods and --scans list different fields", "give one of them"}
			case summary:
				fields = query.SummaryFields()
			case floods:
				fields = query.FloodFields()
			case scans:
				fields = query.ScanFields()
			default:
				fields = connectionFields()
			}
			if len(args) > 0 {
				fields = slices.DeleteFunc(fields, func(f query.Field) bool { return !contains(f, args[0]) })
				if len(fields) == 0 {
					return fmt.Errorf("no field has %q in its name, meaning or values: tcplife fields lists all",
						args[0])
				}
			}
			out := cmd.OutOrStdout()
			if f.output == "json" {
				return query.WriteFieldsJSON(out, fields)
			}
			width, _ := f.look(out)
			return query.WriteFields(out, fields, width)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&summary, "summary", false, "list the fields of the summary, for --fail-on")
	flags.BoolVar(&floods, "floods", false, "list the fields of floods, for --on of live")
	flags.BoolVar(&scans, "scans", false, "list the fields of scans, for --on of live")
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the list: "+list(fieldsFormats))
	givenOnce(flags)
	complete(cmd, "output", fieldsFormats)
	return cmd
}

// connectionFields are those of connections, and the columns with names of their own.
func connectionFields() []query.Field {
	fields := query.Fields()
	for _, c := range report.TableColumns() {
		if column, own := query.Column(c.Name); own {
			column.Meaning = c.Meaning
			fields = append(fields, column)
		}
	}
	return fields
}

// contains reports whether the description of a field contains a text. The name is also found without its brackets.
func contains(f query.Field, text string) bool {
	text = strings.ToLower(text)
	plain := strings.ReplaceAll(f.Name, "[]", "")
	return slices.ContainsFunc(append([]string{f.Name, plain, f.Meaning, f.Type}, f.Words...), func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}
