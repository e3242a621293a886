package tcpstate

import (
	"fmt"
	"strings"

	"github.com/tcplife/tcplife/internal/rfcsim"
	"pgregory.net/rapid"
)

// play is one simulated connection, watched by a Conn.
type play struct {
	sim  *rfcsim.Sim
	conn Conn
	n    uint64
	log  strings.Builder
	ends [2]view
}

// view is what the packets have shown about an end so far. Entries are those of its true history.
type view struct {
	// Of the segments that it sent and that passed:
	spoke    bool                    // any segment
	bareSyn  bool                    // a SYN without ACK, first
	synAck   bool                    // a SYN,ACK, before any other ACK or RST
	acked    bool                    // an ACK, not in an RST
	ack      uint32                  // the highest acknowledgement
	said     int                     // entries when the latest was sent, RSTs excluded
	shown    []bool                  // by entry: a segment that shows it has passed
	finFirst int                     // entries when the first FIN to pass was sent; 0 if none passed
	finSent  int64                   // and when that was
	beyond   bool                    // a segment sent after the FIN, in LAST_ACK, passed before it
	rstSent  int64                   // when the first RST to pass was sent; 0 if none passed
	rstAck   bool                    // it had an ACK
	passed   map[rfcsim.Segment]bool // its segments, by keyOf
	underWay map[rfcsim.Segment]bool // those of which no transmission arrived in time

	// Of the segments that were sent to it and passed:
	heardAck uint32          // the highest acknowledgement
	silence  int             // repetitions since it last sent a segment
	unheard  bool            // it answered a repetition with an RST
	unsure   bool            // a FIN, or text before it, was repeated: perhaps the first one was lost or had to wait
	flying   map[passed]bool // not arrived yet, or lost
	impaired bool            // a segment was lost or late
	lateNews int64           // when a late segment changed its state; 0 once it has sent a segment since
	deaf     int             // segments that arrived when it was CLOSED and no segment had shown that
	// When an RST arrived that was not exact, or a segment that it had already but not acknowledged; 0 once it has sent
	// a segment long after.
	doubted int64

	stale       stale
	withdrawnTo int // the earliest entry that a late segment has brought back
}

// passed is a segment that passed the observer.
type passed struct {
	rfcsim.Segment
	at int64
}

// stale is an end whose late segment has passed. The segment took longer than the delay of its path and was sent in a
// state that the end has left, or before the end was reset, and looks like its challenge ACK (RFC 5961 §3.2). It looks
// like a new transmission, which withdraws what arrived at the end meanwhile. What arrives at the end later, and what
// the end then sends, shows those states again.
type stale struct {
	since  int  // index in the true history of the state in which it was sent; 0: not stale
	latest int  // that of the latest such segment
	heard  bool // a segment from which it may go on
	shown  bool // one that acknowledges at least what the segments before did
	spoken bool
}

func (d *stale) settle() {
	if d.shown && d.spoken {
		*d = stale{}
	}
}

func newPlay(sim *rfcsim.Sim) *play {
	p := &play{sim: sim}
	for i := range p.ends {
		p.ends[i].passed, p.ends[i].underWay = map[rfcsim.Segment]bool{}, map[rfcsim.Segment]bool{}
		p.ends[i].flying = map[passed]bool{}
	}
	sim.Observe = p.observe
	sim.Arrived = p.arrived
	sim.Trace = func(at int64, what string) { fmt.Fprintf(&p.log, "%12.6f %s\n", float64(at)/1e9, what) }
	return p
}

// segmentOf converts a simulated segment for the tracker.
func segmentOf(s *rfcsim.Passing, packet uint64) *Segment {
	return &Segment{
		At: s.At, Packet: packet,
		Syn: s.Syn, Fin: s.Fin, Rst: s.Rst, HasAck: s.HasAck,
		Seq: Seq(s.Seq), Ack: Seq(s.Ack), Len: s.Len, Window: uint32(s.Window),
	}
}

func (p *play) observe(s *rfcsim.Passing) {
	p.n++
	x, y := &p.ends[s.From], &p.ends[1-s.From]
	from, to := p.sim.Ends[s.From], p.sim.Ends[1-s.From]
	y.comes(x, s, to)
	x.says(s, from)
	x.shows(s, from, s.Seq == to.RcvNxt() && y.stale.since == 0)
	x.ages(s, from, p.sim.Before[s.From].Delay)
	y.hears(s, to)
	x.stale.settle()
	y.stale.settle()
	effect := p.conn.Segment(s.From, segmentOf(s, p.n))
	fmt.Fprintf(&p.log, "    tracker: %s (%b)\n", p.tracked(), effect)
}

// comes records a segment of the peer that passes on its way to the end.
func (v *view) comes(peer *view, s *rfcsim.Passing, e *rfcsim.Endpoint) {
	key := keyOf(s)
	probe := s.Seq+1 == e.RcvNxt() // a keepalive
	if peer.passed[key] && (s.Syn || s.Fin || s.Len > 0 || probe) {
		v.silence++
		v.unsure = v.unsure || s.Fin || peer.finFirst > 0
	}
	peer.passed[key], peer.underWay[key] = true, true
	v.flying[passed{s.Segment, s.At}] = true
	end := s.Seq + s.Len
	if s.Rst && s.Seq != e.RcvNxt() || s.HasAck && less(end, e.RcvNxt()) && less(v.ack, end) {
		v.doubted = s.At
	}
}

// says records a segment of the end.
func (v *view) says(s *rfcsim.Passing, e *rfcsim.Endpoint) {
	v.bareSyn = v.bareSyn || s.Syn && !s.HasAck && !v.spoke
	v.synAck = v.synAck || s.Syn && s.HasAck && !v.acked && v.rstSent == 0
	v.spoke = true
	if s.Rst {
		v.unheard = v.unheard || v.silence > 0
		if v.rstSent == 0 {
			v.rstSent, v.rstAck = s.SentAt, s.HasAck && s.Seq != 0
			v.deaf += len(v.flying)
		}
	} else {
		if s.HasAck && (!v.acked || less(v.ack, s.Ack)) {
			v.acked, v.ack = true, s.Ack
		}
		v.said = max(v.said, showing(s, e))
	}
	v.silence = 0
	if s.SentAt > v.lateNews && showing(s, e) == s.Known {
		v.lateNews = 0
	}
	if s.SentAt-v.doubted > soon {
		v.doubted = 0
	}
}

// showing is the number of entries of its sender's history that a segment shows, apart from those of the sender's own
// calls: FIN_WAIT_2 looks like FIN_WAIT_1, and an empty ACK may come from SYN_RCVD (RFC 9293 §3.10.7.4, first step).
func showing(s *rfcsim.Passing, e *rfcsim.Endpoint) int {
	switch st := e.History[s.Known-1].State; {
	case st == rfcsim.FinWait2, st == rfcsim.Established && s.Len == 0 && s.Known > 2 &&
		e.History[s.Known-2].State == rfcsim.SynRcvd:
		return s.Known - 1
	}
	return s.Known
}

// shows records the entries that a segment of the end shows. An RST that is not exact may be forged (RFC 5961 §3.2);
// the challenge ACK draws an exact one.
func (v *view) shows(s *rfcsim.Passing, e *rfcsim.Endpoint, exact bool) {
	v.shown = append(v.shown, make([]bool, len(e.History)-len(v.shown))...)
	for i, entry := range e.History[:s.Known] {
		switch entry.State {
		case rfcsim.SynSent:
			v.shown[i] = true
		case rfcsim.FinWait1:
			v.shown[i] = v.shown[i] || s.Fin
		case rfcsim.LastAck:
			v.shown[i] = v.shown[i] || s.Fin
			v.beyond = v.beyond || !s.Fin && !s.Rst && v.finFirst == 0
		case rfcsim.Closed:
			v.shown[i] = v.shown[i] || s.Rst && exact
		}
	}
	if s.Fin && v.finFirst == 0 {
		v.finFirst, v.finSent = s.Known, s.SentAt
	}
}

// ages records whether a segment of the end is stale.
func (v *view) ages(s *rfcsim.Passing, e *rfcsim.Endpoint, delay int64) {
	late := s.At-s.SentAt > delay
	switch left := s.Known < len(e.History); {
	case !left && !late:
		v.stale.spoken = v.stale.since > 0
	case left && (late || s.Len == 0 && e.State() == rfcsim.Closed):
		if v.withdrawnTo == 0 || s.Known-1 < v.withdrawnTo {
			v.withdrawnTo = s.Known - 1
		}
		v.stale = stale{since: v.withdrawnTo, latest: s.Known - 1, heard: v.stale.heard}
	}
}

// hears records a segment that may show a stale end's state again: an acceptable segment with an ACK, an RST, or a SYN
// in SYN_SENT.
func (v *view) hears(s *rfcsim.Passing, e *rfcsim.Endpoint) {
	if s.HasAck && !s.Rst && (v.heardAck == 0 || less(v.heardAck, s.Ack)) {
		v.heardAck = s.Ack
	}
	if v.stale.since == 0 {
		return
	}
	end := s.Seq + s.Len
	if s.Syn || s.Fin {
		end++
	}
	opens := s.Syn && !s.HasAck && e.History[v.stale.latest].State == rfcsim.SynSent
	heard := s.Rst || opens || s.HasAck && !less(end, e.RcvNxt())
	v.stale.heard = v.stale.heard || heard
	v.stale.shown = v.stale.shown || heard && !less(s.Ack, v.heardAck) || s.Rst || opens
}

func less(a, b uint32) bool { return int32(a-b) < 0 }

// arrived records a segment that has arrived at the other end, and was processed there.
func (p *play) arrived(s *rfcsim.Passing) {
	y, e := &p.ends[1-s.From], p.sim.Ends[1-s.From]
	delete(y.flying, passed{s.Segment, s.At})
	if e.State() == rfcsim.Closed && p.silent(1-s.From) < len(e.History) {
		y.deaf++
	}
	if !s.Late {
		delete(p.ends[s.From].underWay, keyOf(s))
		return
	}
	y.impaired = true
	if e.History[len(e.History)-1].At == s.ArrivedAt {
		y.lateNews = s.ArrivedAt
	}
}

// keyOf has the fields that all transmissions of a segment have in common.
func keyOf(s *rfcsim.Passing) rfcsim.Segment {
	key := s.Segment
	key.Ack, key.Window = 0, 0
	return key
}

func (p *play) tracked() string {
	return fmt.Sprintf("%v | %v", stateNames(&p.conn.Ends[0]), stateNames(&p.conn.Ends[1]))
}

// needsPacket reports whether only a packet of the endpoint shows an entry, because its user caused it.
func needsPacket(e rfcsim.Entry) bool {
	switch e.State {
	case rfcsim.SynSent, rfcsim.FinWait1, rfcsim.LastAck:
		return true
	case rfcsim.Closed:
		return e.Cause == rfcsim.User
	}
	return false
}

// silent is the index of the first true entry of an end that its user caused and that no packet has shown yet, or the
// length of the history.
func (p *play) silent(end int) int {
	history := p.sim.Ends[end].History
	for i, entry := range history {
		if i == 0 || entry.State == rfcsim.Listen || !needsPacket(entry) {
			continue
		}
		if i >= len(p.ends[end].shown) || !p.ends[end].shown[i] {
			return i
		}
	}
	return len(history)
}

// hiddenFin reports that the FIN that this end sent first was lost or overtaken. The one that passed first was sent
// after the other end's FIN had arrived, and acknowledges it. So no packet shows whether the two FINs crossed (CLOSING,
// TIME_WAIT) or not (LAST_ACK, CLOSED).
func (p *play) hiddenFin(end int) bool {
	if p.ends[end].finFirst == 0 {
		return false
	}
	for _, entry := range p.sim.Ends[end].History[:p.ends[end].finFirst] {
		switch entry.State {
		case rfcsim.Closing, rfcsim.TimeWait:
			return true
		case rfcsim.LastAck:
			return entry.At < p.ends[end].finSent || p.ends[end].beyond
		}
	}
	return false
}

// open reports whether the packets so far leave the state of an end open.
func (p *play) open(end int) bool {
	v, e := &p.ends[end], p.sim.Ends[end]
	switch {
	case !v.spoke:
		// The state is unknown.
	case p.silent(end) < len(e.History):
		// Its user has called, and no packet shows that yet.
	case p.hiddenFin(end):
	case v.stale.heard, v.stale.since > 0 && v.deaf > 0:
		// It may answer the segment that withdrew its state, or continue.
	case v.silence > 0:
		// Its answer was lost, or the segment that it should have answered. Both look the same.
	case v.doubted > 0:
		// If text or a FIN is missing, an RST may look exact, and in the FIN's place it is exact for Linux. Whether the
		// ACK field of a retransmission counts depends on whether it had arrived before.
	case v.lateNews > 0:
		// The segment that changed its state was not retransmitted, and it has sent nothing since.
	case e.State() == rfcsim.SynRcvd && v.bareSyn && !v.synAck:
		// Its SYN,ACK was lost, and an ACK of SYN_RCVD looks like one of ESTABLISHED.
	default:
		return false
	}
	return true
}

// agrees reports whether the tracked state of an end is the true one, or one that it was in since the state that a late
// segment shows.
func (p *play) agrees(end int) bool {
	history, since := p.sim.Ends[end].History, p.ends[end].stale.since
	now := len(history) - 1
	for since > 0 && p.looksLikeAnswer(end, since) {
		since--
	}
	if since > 0 {
		now = since
	}
	got := rfcsim.State(p.conn.Ends[end].State().String())
	for _, entry := range history[now:] {
		if got == entry.State {
			return true
		}
		if since > 0 && entry.State == rfcsim.TimeWait && (got == rfcsim.FinWait2 || got == rfcsim.Closing) {
			return true // the one of its two causes withdrawn
		}
	}
	return got == rfcsim.TimeWait && history[len(history)-1].Cause == rfcsim.Timer // 2 MSL are over
}

// part is a state in a true history, with what the tracker may have instead.
type part struct {
	name     string
	instead  string // another state that the packets allow as well
	optional bool
	anything bool // any states, or none
}

// truth is the true history of an end's states, up to the first that its user caused and no packet shows.
func (p *play) truth(end int) []part {
	history := p.sim.Ends[end].History[:p.silent(end)]
	parts := []part{{name: "CLOSED", optional: true}} // shown if it refused a segment before it opened
	for i := 1; i < len(history); i++ {
		switch entry := history[i]; {
		case entry.State == rfcsim.Listen:
		case entry.State == rfcsim.Closed && entry.Cause == rfcsim.Timer:
			parts = append(parts, part{name: "CLOSED", optional: true})
		default:
			parts = p.truthOf(parts, end, i, history)
		}
	}
	return parts
}

// truthOf appends an entry of an end's history, with what no packet decides about it.
func (p *play) truthOf(parts []part, end, i int, history []rfcsim.Entry) []part {
	v, entry, before := &p.ends[end], history[i], history[i-1].State
	next := part{name: string(entry.State), optional: entry.Passing || p.looksLikeAnswer(end, i)}
	if v.withdrawnTo > 0 && i > v.withdrawnTo && i < len(history)-1 && entry.Cause == rfcsim.Arrival {
		next.optional = true // a late segment withdrew it, and the segment that showed it again showed more
	}
	// If a FIN or its ACK was lost or late, or seemed so because of a retransmission, no packet shows whether the other
	// FIN or the ACK of its own came first, or one segment brought both.
	unordered := v.impaired || v.withdrawnTo > 0 || v.unsure
	either := part{name: "FIN_WAIT_2", instead: "CLOSING", optional: true}

	switch entry.State {
	case rfcsim.SynSent:
		next.optional = !v.bareSyn // the SYN,ACK alone looks like that of a passive OPEN
		parts = append(parts, next)
		if !v.synAck && p.ends[1-end].bareSyn {
			// its SYN,ACK would show whether the other SYN arrived
			parts = append(parts, part{name: "SYN_RCVD", optional: true})
		}
		return parts
	case rfcsim.SynRcvd:
		next.optional = !v.synAck // likewise
	case rfcsim.FinWait1:
		if before == rfcsim.SynRcvd {
			// CLOSE in SYN_RCVD: the FIN does not show whether the handshake's ACK had arrived.
			parts = append(parts, part{name: "ESTABLISHED", optional: true})
		}
		if parts = append(parts, next); v.impaired {
			parts = append(parts, either) // by a segment that never arrived
		}
		return parts
	case rfcsim.Closing:
		if unordered {
			next = either
		}
	case rfcsim.FinWait2:
		if unordered && i+1 < len(history) && history[i+1].State == rfcsim.TimeWait {
			next = either
		}
	case rfcsim.TimeWait:
		if unordered && before == rfcsim.FinWait1 {
			parts = append(parts, either)
		}
	case rfcsim.Closed:
		if v.deaf > 0 || v.withdrawnTo > 0 || v.impaired {
			// segments to it count as arrived, also after its RST
			parts = append(parts, part{anything: true})
		}
	}
	return append(parts, next)
}

// looksLikeAnswer reports that an RST of the end showed it CLOSED, and that no segment that it sent in this state
// passed. If the RST has no ACK, an end that was always CLOSED may have sent it (RFC 9293 §3.10.7.1), if it has
// acknowledged nothing yet, or after a repetition. Any RST that comes soon may have left before the segment arrived
// that led the end to this state.
func (p *play) looksLikeAnswer(end, first int) bool {
	i := first
	v, history := &p.ends[end], p.sim.Ends[end].History
	if history[i].Cause != rfcsim.Arrival || history[i].State == rfcsim.Closed || v.rstSent == 0 {
		return false
	}
	if !v.acked && !v.rstAck {
		return true
	}
	for i++; i < len(history) && history[i].State != rfcsim.Closed && history[i].Cause == rfcsim.Arrival; i++ {
	}
	return i < len(history) && history[i].State == rfcsim.Closed && !(v.rstAck && history[i].Cause == rfcsim.Arrival) &&
		v.said <= first && (history[i].At-history[first].At < soon || v.unheard && !v.rstAck)
}

// matches reports whether names is a true history.
func matches(parts []part, names []string) bool {
	if len(parts) == 0 {
		return len(names) == 0
	}
	if parts[0].anything {
		return matches(parts[1:], names) || len(names) > 0 && matches(parts, names[1:])
	}
	if len(names) > 0 && (names[0] == parts[0].name || names[0] == parts[0].instead) && matches(parts[1:], names[1:]) {
		return true
	}
	return parts[0].optional && matches(parts[1:], names)
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

// soon is above any time that can look like a round trip if an answer was lost before the observer.
const soon = 600 * ms

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

// drawOps draws the calls of the users. A second OPEN comes before the first SYN can have arrived: an end that has
// refused a SYN and opens later begins another connection.
func drawOps(t *rapid.T, delay int64, allowed []string) []op {
	ops := []op{{1 * ms, 0, "open", 0}}
	from := int64(2)
	switch rapid.SampledFrom([]string{"passive", "passive", "simultaneous", "refused"}).Draw(t, "open") {
	case "passive":
		ops = append(ops, op{0, 1, "listen", 0})
	case "simultaneous":
		from = 200 // TestHardExchanges has users that leave before it is complete
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
	fates := []rfcsim.Fate{{0}, {0}, {0}, {0}, {0}, {}, {}, {0, 0}, {0, 30 * ms}, {30 * ms}, {0, 700 * ms}, {700 * ms}}
	return rapid.SliceOfN(rapid.SampledFrom(fates), 0, 14).Draw(t, label)
}

func drawDelay(t *rapid.T, label string) int64 {
	return rapid.SampledFrom([]int64{1 * ms, 10 * ms, 20 * ms}).Draw(t, label)
}

// A closed window is not among them: TestHardExchanges shows what of a probe and of later segments is in the window. If
// the segment that opens the window was lost before the observer, no packet shows it.
var calls = []string{"send", "close", "send and close", "close", "abort", "crash", "keepalive"}
