package report

import "github.com/tcplife/tcplife/report/internal/text"

// A Column is a column, or an order, of a table.
type Column = text.Column

// TableColumns lists the columns that TableOptions.Columns can name.
func TableColumns() []text.Column {
	columns := make([]text.Column, len(text.ConnectionColumns))
	for i, c := range text.ConnectionColumns {
		columns[i] = text.Column{Name: c.Name, Meaning: c.Meaning}
	}
	return columns
}

// TableSorts lists what TableOptions.Sort can be.
func TableSorts() []text.Column { return text.DescribeSorts(text.SortKeys) }
