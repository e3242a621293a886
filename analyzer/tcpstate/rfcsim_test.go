package tcpstate

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/internal/rfcsim"
	"pgregory.net/rapid"
)

// play is one simulated connection, watched by a Conn, with what of the truth the packets have shown so far.
type play struct {
	sim  *rfcsim.Sim
	conn Conn
	n    uint64
	log  strings.Builder

	spoke    [2]bool                    // something of this end passed
	bareSyn  [2]bool                    // a SYN without ACK of this end passed
	shown    [2][]bool                  // by entry of the true history: a packet has shown it, if it needs one
	synAck   [2]bool                    // a SYN,ACK of this end passed
	acked    [2]bool                    // an ACK of this end passed
	deaf     [2]int                     // segments that arrived at a CLOSED end that had not said so
	finSent  [2]int64                   // and when that was
	underWay [2]map[rfcsim.Segment]bool // what passed and did not arrive in time, in no transmission of it
	passed   [2]map[rfcsim.Segment]bool
	silence  [2]int             // repetitions that passed to this end since it spoke last
	beyond   [2]bool            // something sent after the FIN, in LAST_ACK, passed before it
	unsure   [2]bool            // a FIN was sent to it again, so perhaps the first one was lost
	deniedTo [2]int             // the earliest state that a late segment has brought back
	lateNews [2]int64           // when what came late behind the observer changed its state; 0 once it has spoken since
	flying   [2]map[passed]bool // what is on its way to it from the observer, or was lost there
	impaired [2]bool            // something was lost or late on its way to it from the observer
	rstAck   [2]bool            // the first RST to pass had an ACK
	unheard  [2]bool            // it answered a repetition by an RST
	doubted  [2]int64           // when an RST that was not exact arrived; 0 once the end has spoken long after
	said     [2]int             // entries of the true history when the latest that passed was sent, but for an RST
	rstSent  [2]int64           // when the first RST to pass was sent
	finFirst [2]int             // entries of the true history when the first FIN to pass was sent; 0 if none passed
	stale    [2]stale
}

// passed is a segment that passed the observer.
type passed struct {
	rfcsim.Segment
	at int64
}

// stale is an end of which a segment has passed that was late, beyond the delay of its path, and sent in a state that the
// end has left, or that an end has sent before it was reset and that looks like its challenge ACK (RFC 5961 §3.2). It looks
// like a new transmission, which denies what arrived at the end meanwhile. What arrives at it after that, and what it says
// then, shows it again.
type stale struct {
	since         int // index in the true history of the state in which it was sent; 0 for no doubt
	heard, spoken bool
}

func (d *stale) settle() {
	if d.heard && d.spoken {
		*d = stale{}
	}
}

func newPlay(sim *rfcsim.Sim) *play {
	p := &play{sim: sim, passed: [2]map[rfcsim.Segment]bool{{}, {}}, underWay: [2]map[rfcsim.Segment]bool{{}, {}}, flying: [2]map[passed]bool{{}, {}}}
	sim.Observe = p.observe
	sim.Arrived = p.arrived
	sim.Trace = func(at int64, what string) { fmt.Fprintf(&p.log, "%12.6f %s\n", float64(at)/1e9, what) }
	return p
}

// segmentOf is a simulated segment as the tracker takes it.
func segmentOf(s *rfcsim.Passing, packet uint64) *Segment {
	return &Segment{
		At: s.At, Packet: packet,
		Syn: s.Syn, Fin: s.Fin, Rst: s.Rst, HasAck: s.HasAck,
		Seq: Seq(s.Seq), Ack: Seq(s.Ack), Len: s.Len, Window: uint32(s.Window),
	}
}

func (p *play) observe(s *rfcsim.Passing) {
	p.n++
	x := s.From
	if s.Syn && !s.HasAck && !p.spoke[x] {
		p.bareSyn[x] = true
	}
	p.spoke[x] = true
	p.synAck[x] = p.synAck[x] || s.Syn && s.HasAck && !p.acked[x] && p.rstSent[x] == 0
	p.acked[x] = p.acked[x] || s.HasAck && !s.Rst
	what := keyOf(s)
	p.underWay[x][what] = true
	if p.passed[x][what] {
		p.silence[1-x]++
		p.unsure[1-x] = p.unsure[1-x] || s.Fin
	}
	p.passed[x][what] = true
	if s.Rst {
		p.unheard[x] = p.unheard[x] || p.silence[x] > 0
	}
	p.silence[x] = 0
	if y := p.sim.Ends[x].State(); s.SentAt > p.lateNews[x] && (y != rfcsim.Established || s.Len > 0) {
		// An empty ACK may come from SYN_RCVD too (RFC 9293 §3.10.7.4, first step).
		p.lateNews[x] = 0
	}
	if s.SentAt-p.doubted[x] > 200*ms {
		p.doubted[x] = 0
	}
	if s.Rst && s.Seq != p.sim.Ends[1-x].RcvNxt() {
		p.doubted[1-x] = s.At
	}
	if !s.Rst {
		p.said[x] = max(p.said[x], s.Known)
	}
	p.flying[1-x][passed{s.Segment, s.At}] = true
	if s.Rst && p.rstSent[x] == 0 {
		p.deaf[x] += len(p.flying[x])
		p.rstSent[x], p.rstAck[x] = s.SentAt, s.HasAck
	}
	history := p.sim.Ends[x].History
	for len(p.shown[x]) < len(history) {
		p.shown[x] = append(p.shown[x], false)
	}
	for i := range history[:s.Known] {
		switch history[i].State {
		case rfcsim.SynSent:
			p.shown[x][i] = true
		case rfcsim.FinWait1, rfcsim.LastAck:
			p.shown[x][i] = p.shown[x][i] || s.Fin
		case rfcsim.Closed:
			// An RST in the window that is not exact may be forged, RFC 5961 §3.2. The challenge ACK draws an exact one.
			p.shown[x][i] = p.shown[x][i] || s.Rst && s.Seq == p.sim.Ends[1-x].RcvNxt() && p.stale[1-x].since == 0
		}
	}
	if !s.Fin && !s.Rst && p.finFirst[x] == 0 {
		for _, entry := range history[:s.Known] {
			p.beyond[x] = p.beyond[x] || entry.State == rfcsim.LastAck
		}
	}
	if s.Fin && p.finFirst[x] == 0 {
		p.finFirst[x], p.finSent[x] = s.Known, s.SentAt
	}
	if late := s.At-s.SentAt > p.sim.Before[x].Delay; s.Known == len(history) && !late {
		p.stale[x].spoken = p.stale[x].since > 0
	} else if s.Known < len(history) && (late || s.Len == 0 && history[len(history)-1].State == rfcsim.Closed) {
		since := s.Known - 1
		if p.deniedTo[x] > 0 {
			since = min(since, p.deniedTo[x])
		}
		p.deniedTo[x] = since
		p.stale[x] = stale{since: since}
	}
	size := s.Len
	if s.Syn || s.Fin {
		size++
	}
	opens := s.Syn && !s.HasAck && p.sim.Ends[1-x].History[p.stale[1-x].since].State == rfcsim.SynSent
	acceptable := s.Rst || opens || s.HasAck && int32(s.Seq+size-p.sim.Ends[1-x].RcvNxt()) >= 0
	p.stale[1-x].heard = p.stale[1-x].heard || p.stale[1-x].since > 0 && acceptable
	for i := range p.stale {
		p.stale[i].settle()
	}
	effect := p.conn.Segment(x, segmentOf(s, p.n))
	fmt.Fprintf(&p.log, "    tracker: %s (%b)\n", p.tracked(), effect)
}

func (p *play) arrived(s *rfcsim.Passing) {
	y := 1 - s.From
	delete(p.flying[y], passed{s.Segment, s.At})
	p.impaired[y] = p.impaired[y] || s.Late
	if history := p.sim.Ends[y].History; history[len(history)-1].State == rfcsim.Closed && p.silent(y) < len(history) {
		p.deaf[y]++
	}
	if history := p.sim.Ends[y].History; s.Late && history[len(history)-1].At == s.ArrivedAt {
		p.lateNews[y] = s.ArrivedAt
	}
	if !s.Late {
		delete(p.underWay[s.From], keyOf(s))
	}
}

// keyOf is what all transmissions of a segment have in common.
func keyOf(s *rfcsim.Passing) rfcsim.Segment {
	key := s.Segment
	key.Ack, key.Window = 0, 0
	return key
}

func (p *play) tracked() string {
	return fmt.Sprintf("%v | %v", stateNames(&p.conn.Ends[0]), stateNames(&p.conn.Ends[1]))
}

// needsWord: the endpoint's own doing, which no packet shows but one that it sends.
func needsWord(e rfcsim.Entry) bool {
	switch e.State {
	case rfcsim.SynSent, rfcsim.FinWait1, rfcsim.LastAck:
		return true
	case rfcsim.Closed:
		return e.Cause == rfcsim.User
	}
	return false
}

// silent is the index of the first true entry of an end that is its own doing and that no packet has shown yet; the
// length of the history if there is none.
func (p *play) silent(end int) int {
	history := p.sim.Ends[end].History
	for i, entry := range history {
		if i == 0 || entry.State == rfcsim.Listen || !needsWord(entry) {
			continue
		}
		if i >= len(p.shown[end]) || !p.shown[end][i] {
			return i
		}
	}
	return len(history)
}

// hiddenFin: the FIN that this end sent first was lost or overtaken, and the one that passed first was sent when the other end's FIN had
// arrived, which it acknowledges. Whether the two FINs crossed (CLOSING, TIME_WAIT) or not (LAST_ACK, CLOSED) nobody can
// tell.
func (p *play) hiddenFin(end int) bool {
	if p.finFirst[end] == 0 {
		return false
	}
	for _, entry := range p.sim.Ends[end].History[:p.finFirst[end]] {
		switch entry.State {
		case rfcsim.Closing, rfcsim.TimeWait:
			return true
		case rfcsim.LastAck:
			return entry.At < p.finSent[end] || p.beyond[end]
		}
	}
	return false
}

// open reports whether what has passed leaves the state of an end open.
func (p *play) open(end int) bool {
	switch {
	case !p.spoke[end]:
	case p.silent(end) < len(p.sim.Ends[end].History):
	case p.hiddenFin(end):
	case p.stale[end].heard: // it may answer, or go on
	case p.silence[end] > 0: // its answer was lost, or what it should have answered: it looks alike
	case p.doubted[end] > 0: // where text or a FIN is missing an RST may look exact, and the FIN's place is so for Linux
	case p.lateNews[end] > 0:
	case p.stale[end].since > 0 && p.deaf[end] > 0:
	case p.sim.Ends[end].State() == rfcsim.SynRcvd && p.bareSyn[end] && !p.synAck[end]: // the SYN,ACK was lost, an ACK looks like one of ESTABLISHED
	default:
		return false
	}
	return true
}

// agrees reports whether the tracked state of an end is the true one, as far as it can be known.
func (p *play) agrees(end int) bool {
	history := p.sim.Ends[end].History
	now := len(history) - 1
	if p.stale[end].since > 0 {
		now = p.stale[end].since
	}
	got := rfcsim.State(p.conn.Ends[end].State().String())
	for _, entry := range history[now:] {
		if got == entry.State {
			return true
		}
		if p.stale[end].since > 0 && entry.State == rfcsim.TimeWait && (got == rfcsim.FinWait2 || got == rfcsim.Closing) {
			return true // the one of its two causes denied
		}
	}
	return got == rfcsim.TimeWait && history[len(history)-1].Cause == rfcsim.Timer // 2 MSL are over
}

// part is a state in a true history, as the tracker may state it.
type part struct {
	name     string
	optional bool
	anything bool // any states, or none
	instead  string
}

// truth is the true history of an end's states until the first of its own doing that no packet shows.
func (p *play) truth(end int) []part {
	var parts []part
	history := p.sim.Ends[end].History[:p.silent(end)]
	for i, entry := range history {
		switch {
		case i == 0:
			parts = append(parts, part{name: "CLOSED", optional: true}) // shown if it refused something
		case entry.State == rfcsim.Listen:
		case entry.State == rfcsim.Closed && entry.Cause == rfcsim.Timer:
			parts = append(parts, part{name: "CLOSED", optional: true})
		default:
			optional := entry.Passing || p.looksLikeAnswer(end, i)
			if denied := p.deniedTo[end]; denied > 0 && i > denied && i < len(history)-1 && entry.Cause == rfcsim.Arrival {
				optional = true // a late segment denied it, and what showed it again showed more
			}
			switch entry.State {
			case rfcsim.SynSent:
				optional = !p.bareSyn[end] // the SYN,ACK alone looks like that of a passive OPEN
			case rfcsim.SynRcvd:
				optional = !p.synAck[end] // without its SYN,ACK the other SYN may as well have been lost
			}
			if i > 0 && entry.State == rfcsim.FinWait1 && history[i-1].State == rfcsim.SynRcvd {
				// CLOSE in SYN_RCVD: the FIN acknowledges nothing that shows whether the handshake's ACK had arrived.
				parts = append(parts, part{name: "ESTABLISHED", optional: true})
			}
			if entry.State == rfcsim.Closed && (p.deaf[end] > 0 || p.deniedTo[end] > 0) {
				// What passed to it after that was taken to arrive, and what came after a denial.
				parts = append(parts, part{anything: true})
			}
			next := part{name: string(entry.State), optional: optional}
			if p.impaired[end] || p.deniedTo[end] > 0 || p.unsure[end] {
				// Which came first, the other FIN or the ACK of its own, and whether one segment brought both, nobody can tell
				// where the one or the other was lost or late, or was said to be by what looks like a retransmission.
				switch {
				case entry.State == rfcsim.Closing:
					next.instead, next.optional = "FIN_WAIT_2", true
				case entry.State == rfcsim.FinWait2 && i+1 < len(history) && history[i+1].State == rfcsim.TimeWait:
					next.instead, next.optional = "CLOSING", true
				case entry.State == rfcsim.TimeWait && history[i-1].State == rfcsim.FinWait1 && !p.impaired[end]:
					parts = append(parts, part{name: "FIN_WAIT_2", instead: "CLOSING", optional: true})
				}
			}
			parts = append(parts, next)
			if p.impaired[end] && entry.State == rfcsim.FinWait1 {
				parts = append(parts, part{name: "FIN_WAIT_2", instead: "CLOSING", optional: true}) // by what never arrived
			}
			if entry.State == rfcsim.SynSent && !p.synAck[end] && p.bareSyn[1-end] {
				parts = append(parts, part{name: "SYN_RCVD", optional: true}) // likewise: whether the other SYN arrived
			}
		}
	}
	return parts
}

// looksLikeAnswer: the end said by an RST without ACK that it is CLOSED, and nothing that it sent in this state passed. So does
// a CLOSED end answer (RFC 9293 §3.10.7.1), which was never in this state, if the RST comes just after the segment that
// brought the end to it, or after a repetition, or is the first that passes after the SYN.
func (p *play) looksLikeAnswer(end, i int) bool {
	history := p.sim.Ends[end].History
	if history[i].Cause != rfcsim.Arrival || history[i].State == rfcsim.Closed || p.rstSent[end] == 0 || p.rstAck[end] {
		return false
	}
	if !p.acked[end] {
		return true
	}
	return i+1 < len(history) && history[i+1].State == rfcsim.Closed && history[i+1].Cause == rfcsim.User &&
		p.said[end] <= i && (history[i+1].At-history[i].At < 200*ms || p.unheard[end])
}

// tells reports whether names is the true history.
func tells(parts []part, names []string) bool {
	if len(parts) == 0 {
		return len(names) == 0
	}
	if parts[0].anything {
		return tells(parts[1:], names) || len(names) > 0 && tells(parts, names[1:])
	}
	if len(names) > 0 && (names[0] == parts[0].name || names[0] == parts[0].instead) && tells(parts[1:], names[1:]) {
		return true
	}
	return parts[0].optional && tells(parts[1:], names)
}

func words(parts []part) string {
	var list []string
	for _, part := range parts {
		if part.anything {
			list = append(list, "…")
		} else if part.optional {
			list = append(list, "("+part.name+")")
		} else {
			list = append(list, part.name)
		}
	}
	return strings.Join(list, " ")
}

// The inputs of a play.

type op struct {
	at   int64
	end  int
	what string
	n    uint32
}

func (o op) do(sim *rfcsim.Sim) {
	sim.Do(o.at, o.end, func(e *rfcsim.Endpoint) {
		if sim.Trace != nil {
			sim.Trace(o.at, fmt.Sprintf("%d %s %d", o.end, o.what, o.n))
		}
		switch o.what {
		case "listen":
			e.Listen()
		case "open":
			e.Open()
		case "send":
			e.Send(o.n)
		case "close":
			e.Close()
		case "send and close":
			e.SendClose(o.n)
		case "abort":
			e.Abort()
		case "crash":
			e.Crash()
		case "stall":
			e.Stall(int64(o.n) * 1e6)
		case "keepalive":
			e.Keepalive()
		}
	})
}

const ms = 1e6

func drawOptions(t *rapid.T, who string, iss uint32) rfcsim.Options {
	return rfcsim.Options{
		ISS:        iss,
		Buffer:     rapid.SampledFrom([]uint32{32000, 1500}).Draw(t, who+" buffer"),
		DelayAck:   rapid.SampledFrom([]int64{0, 40 * ms}).Draw(t, who+" delayed ack"),
		MSL:        rapid.SampledFrom([]int64{1000e9, 1e9}).Draw(t, who+" msl"),
		Joins:      rapid.Bool().Draw(t, who+" joins"),
		AckInReset: rapid.Bool().Draw(t, who+" ack in reset"),
		CloseOnFin: rapid.Bool().Draw(t, who+" closes on fin"),
	}
}

// drawOps draws what the users do. A second OPEN comes before the first SYN can have arrived: an end that has refused a
// SYN and opens later begins another connection.
func drawOps(t *rapid.T, delay int64, allowed []string) []op {
	ops := []op{{1 * ms, 0, "open", 0}}
	from := int64(2)
	switch rapid.SampledFrom([]string{"passive", "passive", "simultaneous", "refused"}).Draw(t, "open") {
	case "passive":
		ops = append(ops, op{0, 1, "listen", 0})
	case "simultaneous":
		from = 200 // users who leave before it is complete are in TestHardExchanges
		ops = append(ops, op{1*ms + rapid.Int64Range(0, delay).Draw(t, "second open"), 1, "open", 0})
	}
	n := rapid.IntRange(0, 6).Draw(t, "calls")
	for range n {
		ops = append(ops, op{
			at:   (from + rapid.Int64Range(0, 400).Draw(t, "at")) * ms,
			end:  rapid.IntRange(0, 1).Draw(t, "end"),
			what: rapid.SampledFrom(allowed).Draw(t, "call"),
			n:    rapid.SampledFrom([]uint32{1, 500, 2500}).Draw(t, "octets"),
		})
	}
	return ops
}

func drawFates(t *rapid.T, label string) []rfcsim.Fate {
	fates := []rfcsim.Fate{{0}, {}, {0, 0}, {0, 30 * ms}, {30 * ms}, {0, 700 * ms}, {700 * ms}}
	return rapid.SliceOfN(rapid.SampledFrom(fates), 0, 14).Draw(t, label)
}

func drawDelay(t *rapid.T, label string) int64 {
	return rapid.SampledFrom([]int64{1 * ms, 10 * ms, 20 * ms}).Draw(t, label)
}

var allCalls = []string{"send", "close", "send and close", "close", "abort", "crash", "stall", "keepalive"}
