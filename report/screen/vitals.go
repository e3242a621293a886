package screen

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/internal/text"
)

// Vitals are the counts of a running capture.
type Vitals struct {
	At        record.Time // by the capture's clock
	Live      record.Live
	Packets   uint64                   // so far
	Bytes     uint64                   // of them, on the wire
	Ended     uint64                   // records so far
	Resets    uint64                   // accepted resets in these records
	Floods    []record.SynFlood        // so far
	Listeners []record.Listener        // of the last Result
	Holdings  []record.TimeWaitHolding // of the last Result
	Dropped   report.Dropped
	Evicted   uint64         // analyzer.Result.Evicted
	Shed      uint64         // records that were counted but not written because of overload
	Events    *report.Events // nil without --on
	Waits     TimeWaits      // the most that one side holds now, among those examined
}

// TimeWaits are the TIME_WAITs that one side holds of connections between a client's address and a server's socket.
// Each locks a port of the client.
type TimeWaits struct {
	Client netip.Addr
	Server netip.AddrPort
	Side   record.Side
	Held   uint64
}

// Compare compares the numbers, then the addresses and sides.
func (w TimeWaits) Compare(v TimeWaits) int {
	return cmp.Or(cmp.Compare(w.Held, v.Held), w.Client.Compare(v.Client), w.Server.Compare(v.Server),
		cmp.Compare(w.Side, v.Side))
}

// ephemeralPorts is the size of Linux's default range of client ports.
const ephemeralPorts = 60999 - 32768 + 1

// listedStates are the states of connections in their usual order. No connection is in LISTEN.
var listedStates = []tcpstate.State{
	tcpstate.SynSent, tcpstate.SynRcvd, tcpstate.Established, tcpstate.FinWait1, tcpstate.FinWait2, tcpstate.CloseWait,
	tcpstate.Closing, tcpstate.LastAck, tcpstate.TimeWait, tcpstate.Closed,
}

const (
	mostFloods = 3                     // that are shown
	floodOver  = record.Duration(60e9) // without a SYN, after which a flood is over
)

// DrawVitals draws the rates between two Vitals, how many endpoints are in each state, floods, and what is missing.
// Lines have at most width characters, if width is at least 80.
func DrawVitals(before, now *Vitals, width int, color bool) []string {
	seconds := float64(text.Between(before.At, now.At)) / 1e9
	perSecond := func(before, now uint64) string {
		if seconds <= 0 {
			return text.Unknown
		}
		return text.Rate(float64(now-before)/seconds) + "/s"
	}
	octets := text.Unknown
	if seconds > 0 {
		octets = text.Size(uint64(float64(now.Bytes-before.Bytes)/seconds)) + "/s"
	}
	toned := func(n uint64, t text.Tone) text.Tone {
		if n == 0 {
			return text.Calm
		}
		return t
	}
	client, server := &now.Live.Client, &now.Live.Server
	pending, waits := server[tcpstate.SynRcvd], client[tcpstate.TimeWait]+server[tcpstate.TimeWait]

	d := vitalsDrawing{width: width, color: color}
	d.add("packets", text.Cell{Full: perSecond(before.Packets, now.Packets) + ", " + octets},
		text.Cell{Full: "opened " + perSecond(before.Live.Begun, now.Live.Begun)},
		text.Cell{Full: "ended " + perSecond(before.Ended, now.Ended)},
		text.Cell{Full: "reset " + perSecond(before.Resets, now.Resets),
			Tone: toned(now.Resets-before.Resets, text.Bad)})
	d.add("followed", text.Cell{Full: text.Count(now.Live.Connections)},
		text.Cell{Full: "pending " + text.Count(pending), Tone: toned(pending, text.Alert)},
		text.Cell{Full: "half-open " + text.Count(now.Live.HalfOpen), Tone: toned(now.Live.HalfOpen, text.Alert)},
		text.Cell{Full: "TIME_WAIT " + text.Count(waits)})
	d.states(client, server)
	d.ports(now.Waits)
	d.floods(now.Floods, now.At)
	d.missing(now)
	return d.lines
}

type vitalsDrawing struct {
	width int
	color bool
	lines []string
}

func (d *vitalsDrawing) paint(c text.Cell) string {
	if !d.color {
		return text.Plain(c.Full)
	}
	return c.Tone.Paint(text.Plain(c.Full))
}

// add adds a label and its items.
func (d *vitalsDrawing) add(label string, items ...text.Cell) {
	line, used := label, text.Width(label)
	for i, c := range items {
		space := "   "
		if i == 0 {
			space = " "
		}
		if used+len(space)+text.Width(c.Full) > d.width {
			d.lines = append(d.lines, line)
			line, used, space = "", 0, strings.Repeat(" ", text.Width(label)+1)
		}
		line += space + d.paint(c)
		used += len(space) + text.Width(c.Full)
	}
	d.lines = append(d.lines, line)
}

// states adds how many endpoints of each side are in each state.
func (d *vitalsDrawing) states(client, server *record.StateCount) {
	space := " "
	if d.width >= 90 {
		space = text.Gap
	}
	lines := [3]string{"      ", "client", "server"}
	for _, s := range listedStates {
		name := text.ShortStates[s]
		right := func(s string, t text.Tone) string {
			return space + strings.Repeat(" ", max(0, max(len(name), 5)-len(s))) + d.paint(text.Cell{Full: s, Tone: t})
		}
		lines[0] += right(name, text.Bold)
		for i, n := range []uint64{client[s], server[s]} {
			t := text.Calm
			switch {
			case n == 0:
				t = text.Faint
			case s == tcpstate.Established:
				t = text.Good
			}
			lines[1+i] += right(text.Amount(n), t)
		}
	}
	d.lines = append(d.lines, lines[:]...)
}

// ports adds the side that holds most ports in TIME_WAIT, if they are at least a hundredth of all.
func (d *vitalsDrawing) ports(w TimeWaits) {
	share := float64(w.Held) / ephemeralPorts
	t := text.Calm
	switch {
	case share < 0.01:
		return
	case share >= 0.8:
		t = text.Bad
	case share >= 0.5:
		t = text.Alert
	}
	d.add("PORTS", text.Cell{Full: w.Client.String() + " → " + w.Server.String(), Tone: t},
		text.Cell{Full: text.Count(w.Held) + " TIME_WAITs of the " + w.Side.String(), Tone: t},
		text.Cell{Full: text.Percent(min(share, 1)) + " of " + text.Count(ephemeralPorts) + " ports", Tone: t})
}

// floods adds the floods that continue, those with most unresolved attempts first, and how many are over.
func (d *vitalsDrawing) floods(floods []record.SynFlood, now record.Time) {
	going := slices.DeleteFunc(slices.Clone(floods), func(f record.SynFlood) bool {
		return text.Between(f.End,
			now) > floodOver
	})
	slices.SortStableFunc(going, func(a, b record.SynFlood) int {
		return cmp.Compare(b.UnresolvedPeak, a.UnresolvedPeak)
	})
	for i := range going[:min(len(going), mostFloods)] {
		f := &going[i]
		target := f.Target.IP.String()
		if f.Target.Port != nil {
			target = netip.AddrPortFrom(f.Target.IP, *f.Target.Port).String()
		}
		t := text.Bad
		if f.Verdict == "flash_crowd" { // many clients, but no attack
			t = text.Alert
		}
		d.add("FLOOD", text.Cell{Full: target + " " + f.Verdict, Tone: t},
			text.Cell{Full: text.Counted(f.Syns, "SYN"), Tone: t},
			text.Cell{Full: text.Count(f.UnresolvedPeak) + " unresolved at once", Tone: t},
			text.Cell{Full: text.Percent(f.CompletionRatio) + " completed", Tone: t})
	}
	if more := len(going) - mostFloods; more > 0 {
		d.add("FLOOD", text.Cell{Full: "and of " + text.Counted(uint64(more), "more target"), Tone: text.Bad})
	}
	if past := len(floods) - len(going); past > 0 {
		d.add("floods", text.Cell{Full: text.Count(uint64(past)) + " before"})
	}
}

// missing adds the counts of what was lost.
func (d *vitalsDrawing) missing(now *Vitals) {
	var items []text.Cell
	for _, n := range []struct {
		n    *uint64
		what string
	}{{now.Dropped.Kernel, "dropped by the kernel"}, {now.Dropped.Interface, "by the interface"},
		{&now.Evicted, "connections evicted"}, {&now.Shed, "records not written"}} {
		if n.n != nil && *n.n > 0 {
			items = append(items, text.Cell{Full: text.Count(*n.n) + " " + n.what, Tone: text.Bad})
		}
	}
	if len(items) > 0 {
		d.add("INCOMPLETE", items...)
	}
}
