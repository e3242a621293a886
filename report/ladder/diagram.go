package ladder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report/internal/text"
)

// This file draws the state diagram of RFC 9293 §3.3.2 (figure 5) with the ways of both endpoints through it.

// place is a state's box in the diagram.
type place struct {
	state tcpstate.State
	x, y  int // of its upper left corner
}

const (
	boxWidth, boxHeight = 16, 4
	left, middle, right = 1, 32, 63 // columns of boxes
)

// places are the boxes. CLOSED stands at both ends, as in the RFC's figure.
var places = []place{
	{tcpstate.Closed, middle, 0},
	{tcpstate.Listen, left, 6}, {tcpstate.SynSent, right, 6},
	{tcpstate.SynRcvd, left, 13}, {tcpstate.Established, middle, 16},
	{tcpstate.FinWait1, left, 22}, {tcpstate.CloseWait, right, 22},
	{tcpstate.Closing, middle, 27}, {tcpstate.FinWait2, left, 30}, {tcpstate.LastAck, right, 30},
	{tcpstate.TimeWait, middle, 35}, {tcpstate.Closed, right, 38},
}

// lastBox is the CLOSED that a connection ends in.
var lastBox = len(places) - 1

type point struct{ x, y int }

// way is one arrow of the figure: its corners, the RFC's text beside it, and the place of that text.
type way struct {
	from, to tcpstate.State
	corners  []point
	text     string
	at       point
}

var ways = []way{
	{tcpstate.Closed, tcpstate.Listen, []point{{31, 2}, {9, 2}, {9, 5}}, "passive OPEN", point{11, 1}},
	{tcpstate.Closed, tcpstate.SynSent, []point{{48, 2}, {71, 2}, {71, 5}}, "active OPEN / SYN", point{50, 1}},
	{tcpstate.Listen, tcpstate.SynRcvd, []point{{9, 10}, {9, 12}}, "SYN / SYN,ACK", point{11, 10}},
	{tcpstate.SynSent, tcpstate.SynRcvd, []point{{67, 10}, {67, 14}, {17, 14}},
		"SYN / SYN,ACK (both open)", point{32, 13}},
	{tcpstate.SynSent, tcpstate.Established, []point{{73, 10}, {73, 18}, {48, 18}}, "SYN,ACK / ACK", point{50, 17}},
	{tcpstate.SynRcvd, tcpstate.Established, []point{{13, 17}, {13, 18}, {31, 18}}, "ACK of SYN", point{15, 17}},
	{tcpstate.SynRcvd, tcpstate.FinWait1, []point{{5, 17}, {5, 21}}, "CLOSE / FIN", point{7, 19}},
	{tcpstate.Established, tcpstate.FinWait1, []point{{36, 20}, {36, 24}, {17, 24}}, "CLOSE / FIN", point{19, 23}},
	{tcpstate.Established, tcpstate.CloseWait, []point{{44, 20}, {44, 24}, {62, 24}}, "FIN / ACK", point{46, 23}},
	{tcpstate.FinWait1, tcpstate.FinWait2, []point{{5, 26}, {5, 29}}, "ACK of FIN", point{7, 28}},
	{tcpstate.FinWait1, tcpstate.Closing, []point{{13, 26}, {13, 27}, {24, 27}, {24, 29}, {31, 29}},
		"FIN / ACK", point{15, 26}},
	{tcpstate.FinWait2, tcpstate.TimeWait, []point{{9, 34}, {9, 37}, {31, 37}}, "FIN / ACK", point{11, 35}},
	{tcpstate.Closing, tcpstate.TimeWait, []point{{40, 31}, {40, 34}}, "ACK of FIN", point{42, 32}},
	{tcpstate.CloseWait, tcpstate.LastAck, []point{{71, 26}, {71, 29}}, "CLOSE / FIN", point{55, 27}},
	{tcpstate.LastAck, tcpstate.Closed, []point{{71, 34}, {71, 37}}, "ACK of FIN", point{55, 35}},
	{tcpstate.TimeWait, tcpstate.Closed, []point{{40, 39}, {40, 40}, {62, 40}}, "2MSL passes", point{42, 39}},
}

// canvas is a grid of characters that can be written anywhere.
type canvas [][]rune

func (c *canvas) put(x, y int, s string) {
	for len(*c) <= y {
		*c = append(*c, nil)
	}
	line := &(*c)[y]
	for _, r := range s {
		for len(*line) <= x {
			*line = append(*line, ' ')
		}
		(*line)[x] = r
		x++
	}
}

func (c *canvas) box(p *place, name, marks string) {
	bar := strings.Repeat("─", boxWidth-2)
	c.put(p.x, p.y, "┌"+bar+"┐")
	for i, text := range []string{name, marks} {
		c.put(p.x, p.y+1+i, fmt.Sprintf("│%-*.*s│", boxWidth-2, boxWidth-2, " "+text))
	}
	c.put(p.x, p.y+boxHeight-1, "└"+bar+"┘")
}

// arrow draws a way from corner to corner.
func (c *canvas) arrow(corners []point) {
	for i := 1; i < len(corners); i++ {
		from, to := corners[i-1], corners[i]
		dx, dy := sign(to.x-from.x), sign(to.y-from.y)
		stroke := "─"
		if dx == 0 {
			stroke = "│"
		}
		for p := from; ; p.x, p.y = p.x+dx, p.y+dy {
			c.put(p.x, p.y, stroke)
			if p == to {
				break
			}
		}
		if i > 1 {
			before := corners[i-2]
			c.put(from.x, from.y, bend(point{sign(from.x - before.x), sign(from.y - before.y)}, point{dx, dy}))
		}
		if i == len(corners)-1 {
			c.put(to.x, to.y, map[point]string{{0, 1}: "▼", {1, 0}: "▶", {-1, 0}: "◀"}[point{dx, dy}])
		}
	}
}

// bend returns the corner of a way that comes in one direction and continues in another.
func bend(in, out point) string {
	switch {
	case in.y > 0 && out.x > 0:
		return "└"
	case in.y > 0:
		return "┘"
	case in.x > 0:
		return "┐"
	}
	return "┌"
}

func sign(n int) int { return min(1, max(-1, n)) }

// step is one state of an endpoint's life, in its order.
type step struct {
	state    tcpstate.State
	ordinal  int
	inferred bool
	drawn    bool   // the figure has an arrow for the way to it
	beside   string // the text of a way that the figure lacks
}

// steps returns the steps of an endpoint from CLOSED on. LISTEN is inferred from the SYN-ACK, which only a listener
// sends.
func steps(e *record.Endpoint) (list []step) {
	if len(e.States) == 0 {
		return nil
	}
	first := 1 // CLOSED is 0
	add := func(st tcpstate.State, inferred bool) {
		s := step{state: st, inferred: inferred, ordinal: first + len(list)}
		if len(list) > 0 {
			before := list[len(list)-1].state
			s.drawn = slices.ContainsFunc(ways, func(w way) bool { return w.from == before && w.to == st })
			if !s.drawn {
				s.beside = fmt.Sprintf("%s → %s", before, st)
			}
		}
		list = append(list, s)
	}
	switch e.States[0].State {
	case tcpstate.SynSent:
		first = 0
		add(tcpstate.Closed, false)
	case tcpstate.SynRcvd:
		first = 0
		add(tcpstate.Closed, false)
		add(tcpstate.Listen, true)
	}
	for _, st := range e.States {
		add(st.State, st.Evidence == record.Inferred)
	}
	return list
}

// diagram draws the figure with the ways of both endpoints of a connection.
func (d *drawing) diagram(c *record.Connection) {
	marks := make([][]string, len(places))
	taken := map[[2]tcpstate.State][]string{}
	var beside, withdrawn []string
	for _, side := range []struct {
		letter string
		e      *record.Endpoint
	}{{"C", &c.Client}, {"S", &c.Server}} {
		list := steps(side.e)
		for i, s := range list {
			mark := fmt.Sprintf("%s%d", side.letter, s.ordinal)
			if s.inferred {
				mark = "~" + mark
			}
			n := slices.IndexFunc(places, func(p place) bool { return p.state == s.state })
			if s.state == tcpstate.Closed && i > 0 {
				n = lastBox
			}
			marks[n] = append(marks[n], mark)
			switch {
			case s.drawn:
				way := [2]tcpstate.State{list[i-1].state, s.state}
				taken[way] = append(taken[way], side.letter)
			case i > 0:
				rule := side.e.States[len(side.e.States)-(len(list)-i)].Rule
				says, clause, _, _ := rule.Describe(list[i-1].state, true)
				beside = append(beside, fmt.Sprintf("%s: %s: %s (%s)", mark, s.beside, says, clause))
			}
		}
		for _, x := range side.e.Withdrawn {
			withdrawn = append(withdrawn, fmt.Sprintf("%s: %s, by packet %d", side.letter, x.State, x.Packet))
		}
	}

	var picture canvas
	for i := range ways {
		way := &ways[i]
		picture.arrow(way.corners)
		picture.put(way.at.x, way.at.y, way.text)
		if who := taken[[2]tcpstate.State{way.from, way.to}]; who != nil {
			picture.put(way.at.x+len(way.text), way.at.y, " ["+strings.Join(who, "")+"]")
		}
	}
	for i := range places {
		picture.box(&places[i], places[i].state.String(), strings.Join(marks[i], " "))
	}

	for _, line := range picture {
		if d.o.ASCII {
			d.line(asciiBoxes.Replace(string(line)))
		} else {
			d.line(string(line))
		}
	}
	d.line("")
	d.wrapped("", "", "C and S are the steps of client and server in their order, [C] and [S] the ways they took. "+
		"~ is inferred: LISTEN from the answer to the SYN. CLOSED is fictional: there is no connection (RFC 9293 "+
		"§3.3.2).", text.Calm)
	d.list("Beside the figure:", beside)
	d.list("Withdrawn, because later segments denied it:", withdrawn)
}

func (d *drawing) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	d.line(title)
	for _, s := range items {
		d.wrapped("  ", "    ", s, text.Calm)
	}
}

var asciiBoxes = strings.NewReplacer(
	"┌", "+", "┐", "+", "└", "+", "┘", "+", "─", "-", "│", "|", "▼", "v", "▶", ">", "◀", "<")
