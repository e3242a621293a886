package report

import (
	"bytes"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/tw"
)

// A grid is a table that fits a width: where it is too wide it shortens and then drops columns in a stated order, and
// never breaks a line.
type grid struct {
	columns []gridColumn
	rows    [][]cell
	steps   []step // in this order; what is still too wide then stays so

	empty []bool // by column
}

type gridColumn struct {
	name   string // for the steps
	header cell   // the tone is always bold
	right  bool   // numbers are aligned to the right
	hide   bool   // where no row has a value
	spare  bool   // shown only once a step put it in the place of others
}

// A cell is a value in full and, if there is one, in a shorter form.
type cell struct {
	full, short string
	tone        tone
}

// A step makes a grid narrower: by the short form of columns, without them, or by another one in their place.
type step struct {
	short   bool
	columns []string
	instead string // name of a spare column
}

func shorten(columns ...string) step                 { return step{short: true, columns: columns} }
func drop(columns ...string) step                    { return step{columns: columns} }
func replace(instead string, columns ...string) step { return step{columns: columns, instead: instead} }

// A tone is an ANSI colour (ECMA-48 SGR parameter); the empty one is none.
type tone string

const (
	calm  tone = ""
	bold  tone = "1"
	faint tone = "2"
	bad   tone = "31" // red
	good  tone = "32" // green
	alert tone = "33" // yellow
)

// paint gives s in the tone.
func (t tone) paint(s string) string {
	if t == calm || s == "" {
		return s
	}
	return "\x1b[" + string(t) + "m" + s + "\x1b[0m"
}

const gap = "  " // between columns

// draw appends the grid to out. A width of 0 is no limit.
func (g *grid) draw(out *bytes.Buffer, width int, colour bool) error {
	g.findEmpty()
	shown := g.fit(width)
	padding := make([]tw.Padding, len(shown))
	align := make([]tw.Align, len(shown))
	header := make([]string, len(shown))
	for i, s := range shown {
		padding[i] = tw.Padding{Right: gap, Overwrite: true}
		align[i] = tw.AlignLeft
		if g.columns[s.column].right {
			align[i] = tw.AlignRight
		}
		header[i] = s.of(g.columns[s.column].header)
		if colour {
			header[i] = bold.paint(header[i])
		}
	}
	padding[len(shown)-1] = tw.PaddingNone
	cells := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.PaddingNone, PerColumn: padding},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft, PerColumn: align},
	}
	var drawn bytes.Buffer
	table := tablewriter.NewTable(&drawn,
		tablewriter.WithConfig(tablewriter.Config{Header: cells, Row: cells}),
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		}),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithEastAsian(tw.Off), // not by the environment's locale
	)
	if strings.Join(header, "") != "" {
		table.Header(header)
	}
	for _, row := range g.rows {
		line := make([]string, len(shown))
		for i, s := range shown {
			line[i] = s.of(row[s.column])
			if colour {
				line[i] = row[s.column].tone.paint(line[i])
			}
		}
		if err := table.Append(line); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(drawn.String()) {
		out.WriteString(strings.TrimRight(line, " \n"))
		out.WriteByte('\n')
	}
	return nil
}

// A shownColumn is a column of the grid as it will be drawn.
type shownColumn struct {
	column int
	short  bool
}

// of is the text of one of its cells.
func (s shownColumn) of(c cell) string {
	if s.short && c.short != "" {
		return plain(c.short)
	}
	return plain(c.full)
}

// fit chooses columns and forms: the steps from the first on until the line fits, less those that a later one made
// needless.
func (g *grid) fit(width int) []shownColumn {
	if width == 0 {
		return g.take(nil)
	}
	widths := g.widths()
	fits := func(steps []step) bool {
		shown := g.take(steps)
		sum := len(gap) * (len(shown) - 1)
		for _, s := range shown {
			sum += widths[s]
		}
		return sum <= width
	}
	var taken []step
	for _, step := range g.steps {
		if fits(taken) {
			break
		}
		taken = append(taken, step)
	}
	for i := len(taken) - 1; i >= 0; i-- {
		if less := slices.Delete(slices.Clone(taken), i, i+1); fits(less) {
			taken = less
		}
	}
	return g.take(taken)
}

// take returns the columns that are shown when the steps were taken.
func (g *grid) take(steps []step) []shownColumn {
	var shown []shownColumn
	for i, c := range g.columns {
		visible, short := !c.spare, false
		for _, step := range steps {
			visible = visible || step.instead == c.name && c.spare
			if slices.Contains(step.columns, c.name) {
				visible, short = visible && step.short, short || step.short
			}
		}
		if visible && !(c.hide && g.empty[i]) {
			shown = append(shown, shownColumn{i, short})
		}
	}
	return shown
}

// findEmpty notes which columns have no value in any row.
func (g *grid) findEmpty() {
	g.empty = make([]bool, len(g.columns))
	for i := range g.columns {
		g.empty[i] = !slices.ContainsFunc(g.rows, func(row []cell) bool { return row[i].full != "" && row[i].full != unknown })
	}
}

// widths measures the columns in both forms.
func (g *grid) widths() map[shownColumn]int {
	widths := make(map[shownColumn]int)
	for i := range g.columns {
		for _, s := range [...]shownColumn{{i, false}, {i, true}} {
			widest := twwidth.Width(s.of(g.columns[s.column].header))
			for _, row := range g.rows {
				widest = max(widest, twwidth.Width(s.of(row[s.column])))
			}
			widths[s] = widest
		}
	}
	return widths
}
