package text

import (
	"bytes"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/tw"
)

// A Grid is a table that fits a width. If it is too wide, it shortens and drops columns in a stated order. It never
// breaks a line.
type Grid struct {
	Columns []GridColumn
	Rows    [][]Cell
	Steps   []Step // in this order
	Squeeze string // the name of a column that is cut where the steps did not suffice; what is still too wide stays so

	Shortened []string // once it is drawn: the names of the columns with cells that are not in full

	empty []bool // by column
}

type GridColumn struct {
	Name   string // for the steps
	Header Cell   // the tone is always bold
	Right  bool   // numbers are aligned to the right
	Hide   bool   // where no row has a value
	Spare  bool   // shown only once a step put it in the place of others
}

// A Cell is a value in full and, if there is one, in a shorter form.
type Cell struct {
	Full, Short string
	Tone        Tone
}

// A Step makes a grid narrower: it shortens columns, drops them, or puts another column in their place.
type Step struct {
	short   bool
	columns []string
	instead string // name of a spare column
}

func Shorten(columns ...string) Step { return Step{short: true, columns: columns} }

func Drop(columns ...string) Step { return Step{columns: columns} }

// Without returns a step that does not drop the given columns. A step without columns does nothing.
func (s Step) Without(columns []string) Step {
	if !s.short {
		s.columns = slices.DeleteFunc(slices.Clone(s.columns), func(c string) bool {
			return slices.Contains(columns, c)
		})
	}
	return s
}

// Widths returns the widths of the columns in full and in short.
func (g *Grid) Widths() (full, short []int) {
	g.findEmpty()
	widths := g.widths()
	for i := range g.Columns {
		full = append(full, widths[shownColumn{column: i}])
		short = append(short, widths[shownColumn{column: i, short: true}])
	}
	return full, short
}

func Replace(instead string, columns ...string) Step { return Step{columns: columns, instead: instead} }

// A Tone is an ANSI colour (ECMA-48 SGR parameter); an empty one is none.
type Tone string

const (
	Calm  Tone = ""
	Bold  Tone = "1"
	Faint Tone = "2"
	Bad   Tone = "31" // red
	Good  Tone = "32" // green
	Alert Tone = "33" // yellow
)

// Paint returns s in the tone.
func (t Tone) Paint(s string) string {
	if t == Calm || s == "" {
		return s
	}
	return "\x1b[" + string(t) + "m" + s + "\x1b[0m"
}

const Gap = "  " // between columns

// Draw appends the grid to out. A width of 0 is no limit.
func (g *Grid) Draw(out *bytes.Buffer, width int, colour bool) error {
	g.findEmpty()
	g.Shortened = nil
	shown := g.fit(width)
	padding := make([]tw.Padding, len(shown))
	align := make([]tw.Align, len(shown))
	header := make([]string, len(shown))
	for i, s := range shown {
		if s.short && slices.ContainsFunc(g.Rows, func(row []Cell) bool {
			return row[s.column].Short != "" && row[s.column].Short != row[s.column].Full
		}) {
			g.Shortened = append(g.Shortened, g.Columns[s.column].Name)
		}
		padding[i] = tw.Padding{Right: Gap, Overwrite: true}
		align[i] = tw.AlignLeft
		if g.Columns[s.column].Right {
			align[i] = tw.AlignRight
		}
		header[i] = s.of(g.Columns[s.column].Header)
		if colour {
			header[i] = Bold.Paint(header[i])
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
	for _, row := range g.Rows {
		line := make([]string, len(shown))
		for i, s := range shown {
			line[i] = s.of(row[s.column])
			if colour {
				line[i] = row[s.column].Tone.Paint(line[i])
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
	most   int // how wide it may be, 0 is no limit
}

// of returns the text of one of its cells.
func (s shownColumn) of(c Cell) string {
	text := Plain(c.Full)
	if s.short && c.Short != "" {
		text = Plain(c.Short)
	}
	if s.most > 0 && twwidth.Width(text) > s.most {
		return twwidth.Truncate(text, s.most, "…")
	}
	return text
}

// fit chooses columns and forms: it takes steps from the first on until the line fits, and then takes back those that a
// later step made unnecessary.
func (g *Grid) fit(width int) []shownColumn {
	if width == 0 {
		return g.take(nil)
	}
	widths := g.widths()
	fits := func(steps []Step) bool {
		shown := g.take(steps)
		sum := len(Gap) * (len(shown) - 1)
		for _, s := range shown {
			sum += widths[s]
		}
		return sum <= width
	}
	var taken []Step
	for _, step := range g.Steps {
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
	return g.squeeze(g.take(taken), widths, width)
}

// leastSqueezed is how many characters are left of a column that is cut.
const leastSqueezed = 6

// squeeze cuts a column if the line is too wide.
func (g *Grid) squeeze(shown []shownColumn, widths map[shownColumn]int, width int) []shownColumn {
	sum := len(Gap) * (len(shown) - 1)
	for _, s := range shown {
		sum += widths[s]
	}
	for i, s := range shown {
		if g.Columns[s.column].Name == g.Squeeze && sum > width {
			shown[i].most = max(widths[s]-(sum-width), leastSqueezed)
		}
	}
	return shown
}

// take returns the columns that are shown when the steps were taken.
func (g *Grid) take(steps []Step) []shownColumn {
	var shown []shownColumn
	for i, c := range g.Columns {
		visible, short := !c.Spare, false
		for _, step := range steps {
			visible = visible || step.instead == c.Name && c.Spare
			if slices.Contains(step.columns, c.Name) {
				visible, short = visible && step.short, short || step.short
			}
		}
		if visible && !(c.Hide && g.empty[i]) {
			shown = append(shown, shownColumn{column: i, short: short})
		}
	}
	return shown
}

// findEmpty notes which columns have no value in any row.
func (g *Grid) findEmpty() {
	g.empty = make([]bool, len(g.Columns))
	for i := range g.Columns {
		g.empty[i] = !slices.ContainsFunc(g.Rows, func(row []Cell) bool {
			return row[i].Full != "" &&
				row[i].Full != Unknown
		})
	}
}

// widths measures the columns in both forms.
func (g *Grid) widths() map[shownColumn]int {
	widths := make(map[shownColumn]int)
	for i := range g.Columns {
		for _, s := range [...]shownColumn{{column: i}, {column: i, short: true}} {
			widest := twwidth.Width(s.of(g.Columns[s.column].Header))
			for _, row := range g.Rows {
				widest = max(widest, twwidth.Width(s.of(row[s.column])))
			}
			widths[s] = widest
		}
	}
	return widths
}
