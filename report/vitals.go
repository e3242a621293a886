package report

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Vitals are what is known of a capture that goes on.
type Vitals struct {
	At      record.Time // by the capture's clock
	Live    record.Live
	Packets uint64            // so far
	Bytes   uint64            // of them, as they were on the wire
	Ended   uint64            // records so far
	Resets  uint64            // in these records, that were accepted
	Floods  []record.SynFlood // so far
	Dropped Dropped
	Evicted uint64    // analyzer.Result.Evicted
	Shed    uint64    // records that were counted and not written, for packets came too fast
	Waits   TimeWaits // the most that anybody holds now, as far as it was looked for
}

// TimeWaits are those that one side of the connections between a client's address and a server's socket holds: each
// keeps a port of the client from being used for the next one.
type TimeWaits struct {
	Client netip.Addr
	Server netip.AddrPort
	Side   record.Side
	Held   uint64
}

// Compare orders by how many they are, then by whose.
func (w TimeWaits) Compare(v TimeWaits) int {
	return cmp.Or(cmp.Compare(w.Held, v.Held), w.Client.Compare(v.Client), w.Server.Compare(v.Server), cmp.Compare(w.Side, v.Side))
}

// ephemeralPorts is how many ports Linux opens connections from by default, 32768 to 60999.
const ephemeralPorts = 60999 - 32768 + 1

// listedStates are in the order in which a connection goes through them. LISTEN is of no connection.
var listedStates = []tcpstate.State{
	tcpstate.SynSent, tcpstate.SynRcvd, tcpstate.Established, tcpstate.FinWait1, tcpstate.FinWait2, tcpstate.CloseWait,
	tcpstate.Closing, tcpstate.LastAck, tcpstate.TimeWait, tcpstate.Closed,
}

// There is room for mostFloods floods. One is over when nothing came of it for floodOver.
const (
	mostFloods = 3
	floodOver  = record.Duration(60e9)
)

// DrawVitals draws them in lines of at most width characters, if that is 80 or more: the rates since an earlier one,
// how many endpoints are in which state, floods, and what is missing.
func DrawVitals(before, now *Vitals, width int, color bool) []string {
	seconds := float64(between(before.At, now.At)) / 1e9
	perSecond := func(before, now uint64) string {
		if seconds <= 0 {
			return unknown
		}
		return rate(float64(now-before)/seconds) + "/s"
	}
	octets := unknown
	if seconds > 0 {
		octets = size(uint64(float64(now.Bytes-before.Bytes)/seconds)) + "/s"
	}
	toned := func(n uint64, t tone) tone {
		if n == 0 {
			return calm
		}
		return t
	}
	client, server := &now.Live.Client, &now.Live.Server
	embryonic, waits := server[tcpstate.SynRcvd], client[tcpstate.TimeWait]+server[tcpstate.TimeWait]

	d := vitalsDrawing{width: width, color: color}
	d.add("packets", cell{full: perSecond(before.Packets, now.Packets) + ", " + octets},
		cell{full: "opened " + perSecond(before.Live.Begun, now.Live.Begun)},
		cell{full: "ended " + perSecond(before.Ended, now.Ended)},
		cell{full: "reset " + perSecond(before.Resets, now.Resets), tone: toned(now.Resets-before.Resets, bad)})
	d.add("followed", cell{full: count(now.Live.Connections)},
		cell{full: "embryonic " + count(embryonic), tone: toned(embryonic, alert)},
		cell{full: "half-open " + count(now.Live.HalfOpen), tone: toned(now.Live.HalfOpen, alert)},
		cell{full: "TIME_WAIT " + count(waits)})
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

func (d *vitalsDrawing) paint(c cell) string {
	if !d.color {
		return plain(c.full)
	}
	return c.tone.paint(plain(c.full))
}

// add adds a label and what is said by it.
func (d *vitalsDrawing) add(label string, items ...cell) {
	line, used := label, width(label)
	for i, c := range items {
		space := "   "
		if i == 0 {
			space = " "
		}
		if used+len(space)+width(c.full) > d.width {
			d.lines = append(d.lines, line)
			line, used, space = "", 0, strings.Repeat(" ", width(label)+1)
		}
		line += space + d.paint(c)
		used += len(space) + width(c.full)
	}
	d.lines = append(d.lines, line)
}

// states adds how many ends of each side are in each state.
func (d *vitalsDrawing) states(client, server *record.StateCount) {
	space := " "
	if d.width >= 90 {
		space = gap
	}
	lines := [3]string{"      ", "client", "server"}
	for _, s := range listedStates {
		name := shortStates[s]
		right := func(text string, t tone) string {
			return space + strings.Repeat(" ", max(0, max(len(name), 5)-len(text))) + d.paint(cell{full: text, tone: t})
		}
		lines[0] += right(name, bold)
		for i, n := range []uint64{client[s], server[s]} {
			t := calm
			switch {
			case n == 0:
				t = faint
			case s == tcpstate.Established:
				t = good
			}
			lines[1+i] += right(amount(n), t)
		}
	}
	d.lines = append(d.lines, lines[:]...)
}

// ports adds who comes near to having no port left, from a hundredth of them on.
func (d *vitalsDrawing) ports(w TimeWaits) {
	share := float64(w.Held) / ephemeralPorts
	t := calm
	switch {
	case share < 0.01:
		return
	case share >= 0.8:
		t = bad
	case share >= 0.5:
		t = alert
	}
	d.add("PORTS", cell{full: w.Client.String() + " → " + w.Server.String(), tone: t},
		cell{full: count(w.Held) + " TIME_WAITs of the " + w.Side.String(), tone: t},
		cell{full: percent(min(share, 1)) + " of " + count(ephemeralPorts) + " ports", tone: t})
}

// floods adds those that go on, the fullest first, and how many there were before.
func (d *vitalsDrawing) floods(floods []record.SynFlood, now record.Time) {
	going := slices.DeleteFunc(slices.Clone(floods), func(f record.SynFlood) bool { return between(f.End, now) > floodOver })
	slices.SortStableFunc(going, func(a, b record.SynFlood) int { return cmp.Compare(b.HalfOpenPeak, a.HalfOpenPeak) })
	for i := range going[:min(len(going), mostFloods)] {
		f := &going[i]
		target := f.Target.IP.String()
		if f.Target.Port != nil {
			target = netip.AddrPortFrom(f.Target.IP, *f.Target.Port).String()
		}
		t := bad
		if f.Verdict == "flash_crowd" { // so many that want in, and no attack
			t = alert
		}
		d.add("FLOOD", cell{full: target + " " + f.Verdict, tone: t}, cell{full: counted(f.Syns, "SYN"), tone: t},
			cell{full: amount(f.HalfOpenPeak) + " embryonic at once", tone: t}, cell{full: percent(f.CompletionRatio) + " completed", tone: t})
	}
	if more := len(going) - mostFloods; more > 0 {
		d.add("FLOOD", cell{full: "and of " + counted(uint64(more), "more target"), tone: bad})
	}
	if past := len(floods) - len(going); past > 0 {
		d.add("floods", cell{full: count(uint64(past)) + " before"})
	}
}

// missing adds what makes a report incomplete.
func (d *vitalsDrawing) missing(now *Vitals) {
	var items []cell
	for _, n := range []struct {
		n    *uint64
		what string
	}{{now.Dropped.Kernel, "dropped by the kernel"}, {now.Dropped.Interface, "by the interface"}, {&now.Evicted, "connections given up early"}, {&now.Shed, "records not written"}} {
		if n.n != nil && *n.n > 0 {
			items = append(items, cell{full: count(*n.n) + " " + n.what, tone: bad})
		}
	}
	if len(items) > 0 {
		d.add("INCOMPLETE", items...)
	}
}
