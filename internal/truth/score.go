package truth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Life is a connection as it was inferred from packets.
type Life struct{ Client, Server Inferred }

// Inferred is one end of a Life.
type Inferred struct {
	Addr   netip.Addr
	Port   uint16
	ISN    *uint32 // nil if it is unknown
	States []Entry
}

// Entry is the beginning of a state.
type Entry struct {
	State string
	At    int64 // ns since the epoch
}

// Score counts endpoints. Those without a socket are not judged.
type Score struct {
	Endpoints int
	Found     int     // connections
	Extra     int     // inferred connections that do not exist
	Strict    int     // the inferred states are exactly the kernel's
	Fair      int     // they are the same except for states that no packet can show
	Agreed    float64 // sum over the endpoints of the share of the time in which both name the same state, 0 to 1

	Differences []string // of endpoints that are not fairly equal
}

// Judge compares inferred lives with a scenario. The rules:
//
//   - CLOSED and LISTEN at the beginning do not count, nor a state that is entered twice in a row. Of the states before
//     the capture only the last one counts.
//   - To be fair, these may be missing: what a timer or a crash did silently, a FIN_WAIT_2 of less than 1 ms (which one
//     segment with FIN and ACK leads through in Linux, and not in RFC 9293 §3.3.2), and CLOSED after TIME_WAIT, which
//     comes after 60 s in Linux, after 2MSL in the RFC.
//   - The time is that from the first packet to the end of the capture. CLOSED, LISTEN and no state are the same there.
func (s *Scenario) Judge(lives []Life) Score {
	var score Score
	var rows []*Connection
	for i := range s.Connections {
		if c := &s.Connections[i]; c.Packets > 0 {
			rows = append(rows, c)
		}
	}
	pairs := match(rows, lives)
	score.Extra = len(lives)
	for i, row := range rows {
		life := pairs[i]
		if life != nil {
			score.Found++
			score.Extra--
		}
		for _, end := range []*Endpoint{&row.Client, &row.Server} {
			if len(end.States) == 0 {
				continue
			}
			score.Endpoints++
			got := life.end(end)
			want, have := end.sequence(), inferredSequence(got)
			if slices.EqualFunc(want, have, sameState) {
				score.Strict++
			}
			if fairlyEqual(want, have) {
				score.Fair++
			} else {
				score.Differences = append(score.Differences, row.difference(end, want, have))
			}
			if got != nil {
				score.Agreed += agreement(end, got.States, max(row.FirstPacket, s.CaptureStart), s.CaptureStop)
			}
		}
	}
	return score
}

// end returns the end of a life with the same socket, nil if there is none.
func (l *Life) end(e *Endpoint) *Inferred {
	if l == nil {
		return nil
	}
	for _, i := range []*Inferred{&l.Client, &l.Server} {
		if i.Addr == e.Addr && i.Port == e.Port {
			return i
		}
	}
	return nil
}

// A step is a state in a sequence.
type step struct {
	state    string
	optional bool
}

func sameState(a, b step) bool { return a.state == b.state }

// sequence returns the kernel's states for the comparison.
func (e *Endpoint) sequence() []step {
	var steps []step
	for i, s := range e.States {
		next := i + 1
		if s.BeforeCapture && next < len(e.States) && e.States[next].BeforeCapture {
			continue
		}
		inPassing := s.State == "FIN_WAIT_2" && next < len(e.States) && e.States[next].State == "TIME_WAIT" &&
			s.Held < 1
		afterTimeWait := s.State == "CLOSED" && i > 0 && e.States[i-1].State == "TIME_WAIT"
		steps = append(steps, step{s.State, s.Silent && !s.BeforeCapture || inPassing || afterTimeWait})
	}
	return trim(steps)
}

func inferredSequence(i *Inferred) []step {
	if i == nil {
		return nil
	}
	var steps []step
	for _, s := range i.States {
		steps = append(steps, step{state: s.State})
	}
	return trim(steps)
}

// trim drops CLOSED and LISTEN at the beginning, and repetitions.
func trim(steps []step) []step {
	first := slices.IndexFunc(steps, func(s step) bool { return s.state != "CLOSED" && s.state != "LISTEN" })
	if first < 0 {
		return nil
	}
	return slices.CompactFunc(steps[first:], sameState)
}

// fairlyEqual reports whether got is want without some of its optional states. got may have a further CLOSED after
// TIME_WAIT.
func fairlyEqual(want, got []step) bool {
	if within(want, got) {
		return true
	}
	last := len(got) - 1
	return last > 0 && got[last].state == "CLOSED" && got[last-1].state == "TIME_WAIT" && within(want, got[:last])
}

func within(want, got []step) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if len(got) > 0 && sameState(want[0], got[0]) && within(want[1:], got[1:]) {
		return true
	}
	return want[0].optional && within(want[1:], got)
}

// agreement is the share of the time from one moment to another in which the kernel and the inferred states agree.
func agreement(e *Endpoint, got []Entry, from, to int64) float64 {
	if from >= to {
		return 1
	}
	kernel := make([]Entry, len(e.States))
	cuts := []int64{from, to}
	for i, s := range e.States {
		kernel[i] = Entry{s.State, s.At}
	}
	for _, entries := range [][]Entry{kernel, got} {
		for _, s := range entries {
			if from < s.At && s.At < to {
				cuts = append(cuts, s.At)
			}
		}
	}
	slices.Sort(cuts)
	agreed := int64(0)
	for i, cut := range cuts[1:] {
		if stateAt(kernel, cuts[i]) == stateAt(got, cuts[i]) {
			agreed += cut - cuts[i]
		}
	}
	return float64(agreed) / float64(to-from)
}

func stateAt(entries []Entry, at int64) string {
	state := ""
	for _, s := range entries {
		if s.At <= at {
			state = s.State
		}
	}
	if state == "CLOSED" || state == "LISTEN" {
		return ""
	}
	return state
}

// match finds the life of each connection: a life between the same two sockets, by its ISNs, or else the one that began
// nearest in time.
func match(rows []*Connection, lives []Life) []*Life {
	pairs := make([]*Life, len(rows))
	taken := make([]bool, len(lives))
	for _, byISN := range []bool{true, false} {
		for n, row := range rows {
			if pairs[n] != nil {
				continue
			}
			var candidates []int
			for i := range lives {
				if !taken[i] && lives[i].end(&row.Client) != nil && lives[i].end(&row.Server) != nil {
					candidates = append(candidates, i)
				}
			}
			best, bestSame, bestAway := -1, 0, int64(0)
			for _, i := range candidates {
				life := &lives[i]
				same, differ := compareISNs(row, life)
				if byISN && (same == 0 || differ > 0) {
					continue
				}
				if !byISN && differ > 0 && same == 0 && len(rows) > 1 && len(candidates) > 1 {
					continue
				}
				away := max(life.begin()-row.FirstPacket, row.FirstPacket-life.begin())
				if best < 0 || same > bestSame || same == bestSame && away < bestAway {
					best, bestSame, bestAway = i, same, away
				}
			}
			if best >= 0 {
				pairs[n], taken[best] = &lives[best], true
			}
		}
	}
	return pairs
}

func compareISNs(row *Connection, life *Life) (same, differ int) {
	for _, e := range []*Endpoint{&row.Client, &row.Server} {
		switch i := life.end(e); {
		case e.ISN == nil || i.ISN == nil:
		case *e.ISN == *i.ISN:
			same++
		default:
			differ++
		}
	}
	return same, differ
}

// begin is the time of the first state of a life.
func (l *Life) begin() int64 {
	var begin int64
	for _, i := range []*Inferred{&l.Client, &l.Server} {
		if len(i.States) > 0 && (begin == 0 || i.States[0].At < begin) {
			begin = i.States[0].At
		}
	}
	return begin
}

// difference describes the states of the kernel and the inferred ones.
func (c *Connection) difference(e *Endpoint, want, got []step) string {
	side := "client"
	if e == &c.Server {
		side = "server"
	}
	return fmt.Sprintf("connection %d %s: kernel %s | inferred %s", c.Number, side, words(want), words(got))
}

func words(steps []step) string {
	var text []string
	for _, s := range steps {
		if s.optional {
			s.state += "?"
		}
		text = append(text, s.state)
	}
	if len(text) == 0 {
		return "nothing"
	}
	return strings.Join(text, " ")
}
