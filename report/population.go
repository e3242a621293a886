package report

import (
	"bytes"
	"encoding/csv"
	"io"
	"math/bits"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/text"
)

// Populations is what tcplife population -o json writes.
type Populations struct {
	Record string `json:"record" const:"populations"`
	Schema int    `json:"schema" const:"1"`
	// The series of all hosts together and, with --by host, of each host, those with most endpoints first.
	Series []record.PopulationSeries `json:"population"`
	// Hosts that have none, for others had more endpoints.
	LeftOut uint64 `json:"hosts_left_out"`
}

// countedStates are the states of a population, in the order of a connection's life.
var countedStates = [...]tcpstate.State{
	tcpstate.SynSent, tcpstate.SynRcvd, tcpstate.Established, tcpstate.FinWait1, tcpstate.FinWait2, tcpstate.CloseWait,
	tcpstate.Closing, tcpstate.LastAck, tcpstate.TimeWait,
}

// WriteJSON writes one JSON document, which Schema describes.
func (p *Populations) WriteJSON(w io.Writer) error {
	filled := *p
	filled.Record, filled.Schema, filled.Series = "populations", record.Schema, encode.FilledList(p.Series)
	b, err := encode.AppendRecord(nil, filled)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteJSONL writes one series a line.
func (p *Populations) WriteJSONL(w io.Writer) error {
	out := newBuffer(w)
	var e encode.Encoder
	for i := range p.Series {
		out.text = append(e.AppendPopulationSeries(out.text, &p.Series[i]), '\n')
		if err := out.spill(); err != nil {
			return err
		}
	}
	return out.flush()
}

// WriteCSV writes one moment of a series a row, with a column for each state. The host is empty for all of them
// together.
func (p *Populations) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	row := []string{"time", "host"}
	for _, s := range countedStates {
		row = append(row, s.String())
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for i := range p.Series {
		series := &p.Series[i]
		host := ""
		if series.Host != nil {
			host = series.Host.String()
		}
		for m := range series.Moments {
			at := series.Start + record.Time(m)*record.Time(series.Step)
			row = append(row[:0], string(encode.AppendMoment(nil, at)), host)
			for _, s := range countedStates {
				n := uint64(0)
				if counts := series.States[s.String()]; counts != nil {
					n = counts[m]
				}
				row = append(row, strconv.FormatUint(n, 10))
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// WriteTable writes a table for people: for each state a course, scaled to its peak, and the peak. It shows the first
// Top hosts. The options Sort and Columns do nothing.
func (p *Populations) WriteTable(w io.Writer, o TableOptions) error {
	width := o.Width
	if width == 0 {
		width = 100
	}
	var out bytes.Buffer
	hosts := 0
	for i := range p.Series {
		s := &p.Series[i]
		if s.Host != nil {
			if hosts++; o.Top > 0 && hosts > o.Top {
				continue
			}
		}
		if i > 0 {
			out.WriteByte('\n')
		}
		if err := drawPopulation(&out, s, width, o); err != nil {
			return err
		}
	}
	t := Table{options: o}
	if o.Top > 0 && hosts > o.Top {
		out.WriteString(t.paint(text.Faint, "… and "+text.Counted(uint64(hosts-o.Top),
			"host")+" more: --top 0 or -o jsonl shows all") + "\n")
	}
	if p.LeftOut > 0 {
		out.WriteString("left out: " + text.Counted(p.LeftOut, "host") + " with fewer endpoints than these\n")
	}
	_, err := w.Write(out.Bytes())
	return err
}

func drawPopulation(out *bytes.Buffer, s *record.PopulationSeries, width int, o TableOptions) error {
	t := Table{options: o}
	title := "POPULATION"
	if s.Host != nil {
		title = s.Host.String()
	}
	out.WriteString(t.paint(text.Bold, title) + "\n")
	if s.Moments == 0 || len(s.States) == 0 {
		out.WriteString("no endpoint at any of " + text.Counted(uint64(s.Moments), "moment") + " that lie " +
			text.Span(s.Step) + " apart\n")
		return nil
	}
	const others = 4*len(text.Gap) + len("ESTABLISHED") + len("99.9k") + len("00:00:00.000") + len("99.9k")
	course := min(max(width-others, 30), 120)
	per := (s.Moments + course - 1) / course // moments a mark
	g := text.Grid{Columns: []text.GridColumn{
		{Name: "state", Header: text.Cell{Full: "STATE"}},
		{Name: "course", Header: text.Cell{Full: text.ClockShort(s.Start) + ", " +
			text.Span(s.Step*record.Duration(per)) + " a mark"}},
		{Name: "peak", Header: text.Cell{Full: "PEAK"}, Right: true},
		{Name: "at", Header: text.Cell{Full: "AT"}},
		{Name: "last", Header: text.Cell{Full: "LAST"}, Right: true},
	}}
	for _, state := range countedStates {
		counts := s.States[state.String()]
		if counts == nil {
			continue
		}
		peak := s.Peaks[state.String()]
		g.Rows = append(g.Rows, []text.Cell{
			{Full: state.String()}, {Full: sparkline(counts, per, peak.Count)}, {Full: text.Count(peak.Count)},
			{Full: text.ClockShort(peak.At)}, {Full: text.Count(counts[len(counts)-1])},
		})
	}
	return g.Draw(out, 0, o.Color)
}

// sparkline draws numbers as bars. Each bar shows the greatest of per numbers, in eighths of the peak's height. A dot
// stands for 0.
func sparkline(counts []uint64, per int, peak uint64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for start := 0; start < len(counts); start += per {
		n := uint64(0)
		for _, c := range counts[start:min(start+per, len(counts))] {
			n = max(n, c)
		}
		if n == 0 {
			b.WriteRune('·')
			continue
		}
		high, low := bits.Mul64(n, uint64(len(bars)))
		eighths, rest := bits.Div64(high, low, peak)
		if rest > 0 {
			eighths++
		}
		b.WriteRune(bars[eighths-1])
	}
	return b.String()
}
