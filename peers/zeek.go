package peers

import (
	"bytes"
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
)

// Zeek follows a connection as Zeek's TCP analyzer does, for what its conn.log would hold: conn_state, history and the
// counts beside them (Zeek's documentation of base/protocols/conn/main.zeek). It is far coarser than RFC 9293, looks at
// few numbers, and fills only Zeek's fields. Unlike Zeek it does not guess who opened: who did is known at the end, and
// decides the case of the letters and the roles.
type Zeek struct {
	ends    [2]zeekEnd
	begun   bool
	over    bool     // reset, or closed by each end that has sent a segment
	first   uint8    // the end that sent the first segment
	heard   int64    // the last segment before both ends had closed: Zeek's duration ends here
	last    int64    // once over: when Zeek forgets it, in ns
	room    [16]byte `rest:"-"` // where history begins; few grow beyond it
	history []byte   // upper case for what ends[0] sent
}

// zeekEnd is what Zeek keeps of an endpoint.
type zeekEnd struct {
	state, before  zeekState
	seen           uint8  // letters of sdf… recorded, by zeekOnce
	far            bool   // more than a quarter of sequence space from start: numbers below it are ambiguous
	fins           bool   // it has sent a FIN
	deaf           bool   // too much is missing: content is no longer followed
	closing        bool   // it has sent a FIN or RST
	closed         bool   // and all that it sent before was captured, or has been given up
	start          uint32 // its ISN, or what it would be with the first number seen
	last           uint32 // the number after the highest sent
	acked          uint32
	turns          uint32 // how often last has wrapped around to start
	ackedTurns     uint32
	whole          uint32     // all content before it was seen, or given up as a gap
	ahead          []zeekSpan // content beyond a hole at whole, in order, apart from each other
	syn, fin, rst  uint32     // the numbers of the last ones
	bad, gaps      uint32     // wrong checksums; gaps: content that was acknowledged but not seen
	again, noSpace uint32     // retransmitted segments with text; zero windows
	missed         uint64     // octets of the gaps
	unheard        uint64     // packets that Zeek drops, or assigns to another connection
	unheardIPBytes uint64
}

type zeekSpan struct{ from, to uint32 }

// zeekState is one of Zeek's states of an endpoint.
type zeekState uint8

const (
	zeekInactive    zeekState = iota
	zeekSynSent               // a SYN
	zeekPartial               // something else, before any SYN
	zeekEstablished           // a SYN-ACK, for both ends
	zeekClosed                // a FIN, acknowledged or not
	zeekReset
)

// The letters that an end gets once, or again only with another sequence number.
const (
	zeekOnceSyn uint8 = 1 << iota // s or h, whichever is first
	zeekOnceFin
	zeekOnceRst
	zeekOnceData
	zeekOnceAck
	zeekOnceFinRst
	zeekOnceMulti
)

// The limits of Zeek's defaults, and ours for memory.
const (
	zeekSeqJump       = 1 << 20  // a SYN or RST so far from the rest is ignored
	zeekUnackedLimit  = 1 << 14  // tcp_max_above_hole_without_any_acks
	zeekBufferLimit   = 10 << 20 // tcp_excessive_data_without_further_acks
	zeekMaxHistory    = 256
	zeekMaxSpans      = 32
	zeekQuarterOfRing = 1 << 30
	zeekCloseDelay    = 5e9 // tcp_close_delay, in ns: what comes later is another connection to Zeek
)

// Segment processes a segment of ends[from]. One with a bad checksum changes only the history.
func (z *Zeek) Segment(from int, seg *flows.Segment, badChecksum bool) {
	if !z.begun {
		z.begun, z.first = true, uint8(from)
		z.history = z.room[:0]
	}
	x, y := &z.ends[from], &z.ends[1-from]
	if !badChecksum && z.tryExpected(x, y, seg) {
		return
	}
	forgotten := z.over && seg.Time > z.last
	if forgotten || badChecksum {
		x.unheard++
		x.unheardIPBytes += uint64(seg.Headers) + uint64(seg.Len)
		if !forgotten {
			z.scaled(from, 'C', &x.bad)
		}
		return
	}
	end := seg.Seq + seg.Len
	control := seg.Flags&(flows.SYN|flows.FIN|flows.RST) != 0
	if control {
		end = zeekNext(seg)
	}
	// Between two established ends only control bits change a state, or restart the numbers.
	changes := control || x.state != zeekEstablished || y.state != zeekEstablished
	if changes {
		x.initialize(seg, end)
	}
	below := !x.far && int32(seg.Seq-x.start) < 0

	z.letters(from, seg)
	if !x.closed || !y.closed {
		z.heard = seg.Time
	}
	if seg.Window == 0 && !seg.Flags.Has(flows.RST) && y.state != zeekClosed && x.state != zeekReset {
		z.scaled(from, 'W', &x.noSpace)
	}
	ackOfContent := false
	if seg.Flags.Has(flows.ACK) {
		ackOfContent = y.acknowledge(seg)
	}
	if x.advance(seg, end) {
		z.scaled(from, 'T', &x.again)
	}
	if changes {
		x.move(y, seg)
	}
	if ackOfContent {
		z.gap(1-from, seg.Ack)
	}
	// Text that the snaplen cut counts as not seen.
	if seg.Len > 0 && !seg.Cut && !seg.Flags.Has(flows.RST) && !below {
		from := seg.Seq
		if seg.Flags.Has(flows.SYN) {
			from++
		}
		x.content(from, from+seg.Len)
	}
	if x.closing || y.closing {
		z.close(y, x)
		z.close(x, y)
	}
}

// tryExpected processes the next text or acknowledgement of an established end like Segment, if that writes no letter.
// Otherwise it does nothing.
func (z *Zeek) tryExpected(x, y *zeekEnd, seg *flows.Segment) bool {
	letter := zeekOnceAck
	if seg.Len > 0 {
		letter = zeekOnceData
	}
	switch {
	case x.state != zeekEstablished || y.state != zeekEstablished || x.closing || y.closing || z.over:
		return false
	case seg.Flags&(flows.SYN|flows.FIN|flows.RST|flows.ACK) != flows.ACK || x.seen&letter == 0 || seg.Window == 0 ||
		seg.Cut:
		return false
	case seg.Seq != x.last || !x.far && int32(seg.Seq-x.start) < 0 || int32(seg.Ack-y.whole) > 0:
		return false // retransmitted, ahead of a hole, or acknowledging one
	}
	z.heard = seg.Time
	y.acknowledge(seg)
	if end := seg.Seq + seg.Len; end != seg.Seq {
		x.advance(seg, end)
		x.content(seg.Seq, end)
	}
	return true
}

// close marks an end as closed after its FIN or RST, once nothing that it sent is pending.
func (z *Zeek) close(e, peer *zeekEnd) {
	if !e.closing || e.closed || e.pending(peer) {
		return
	}
	e.closed = true
	if e.state == zeekReset || peer.closed || peer.state == zeekInactive {
		z.over, z.last = true, z.heard+zeekCloseDelay
	}
}

// pending reports whether content of e is missing, or content of its peer is not acknowledged.
func (e *zeekEnd) pending(peer *zeekEnd) bool {
	behind := int32(e.last - e.whole) // 1 for the FIN
	if e.deaf || behind < 0 {
		return false
	}
	return behind > 1 || e.state != zeekReset && peer.unacknowledged()
}

// unacknowledged reports whether the peer has not acknowledged all content.
func (e *zeekEnd) unacknowledged() bool {
	from := e.start + 1
	if int32(e.acked-from) > 0 {
		from = e.acked
	}
	return len(e.ahead) > 0 || int32(e.whole-from) > 0
}

// zeekNext returns the number that follows the segment, according to Zeek.
func zeekNext(seg *flows.Segment) uint32 {
	next := seg.Seq
	if !seg.Flags.Has(flows.RST) {
		next += seg.Len
	}
	if seg.Flags.Has(flows.SYN) {
		next++
	}
	if seg.Flags.Has(flows.FIN) {
		next++
	}
	return next
}

// initialize sets the numbers by an end's first segment, or by a SYN while they are uncertain.
func (e *zeekEnd) initialize(seg *flows.Segment, end uint32) {
	syn := seg.Flags.Has(flows.SYN)
	switch {
	case e.state == zeekInactive && !syn:
		e.begin(seg.Seq - 1)
		e.last = seg.Seq // so that its text does not count as a retransmission
	case e.state == zeekInactive,
		syn && e.state == zeekSynSent && seg.Seq != e.start,
		syn && (e.state == zeekEstablished || e.state == zeekPartial),
		syn && e.state == zeekReset && e.before == zeekInactive:
		e.begin(seg.Seq)
		e.last = end
	default:
		return
	}
	if e.seen&zeekOnceSyn != 0 && syn {
		e.syn = seg.Seq // Zeek counts from the new ISN, so it does not look like another one
	}
}

func (e *zeekEnd) begin(isn uint32) {
	e.start, e.last, e.acked, e.whole = isn, isn, isn, isn+1
	e.turns, e.ackedTurns = 0, 0
	e.ahead, e.far = e.ahead[:0], false
}

// letters writes the letters of the flags.
func (z *Zeek) letters(from int, seg *flows.Segment) {
	x := &z.ends[from]
	syn, fin, rst := seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.FIN), seg.Flags.Has(flows.RST)
	atFin := seg.Seq + seg.Len
	switch {
	case fin && rst:
		z.once(from, 'I', zeekOnceFinRst)
	case syn && (fin || rst):
		z.once(from, 'Q', zeekOnceMulti)
	case syn:
		letter := byte('S')
		if seg.Flags.Has(flows.ACK) {
			letter = 'H'
		}
		z.onceEach(from, letter, zeekOnceSyn, &x.syn, seg.Seq)
	case fin:
		z.onceEach(from, 'F', zeekOnceFin, &x.fin, atFin)
	case rst:
		z.onceEach(from, 'R', zeekOnceRst, &x.rst, seg.Seq)
	case seg.Len > 0:
		z.once(from, 'D', zeekOnceData)
	case seg.Flags.Has(flows.ACK):
		z.once(from, 'A', zeekOnceAck)
	}
	if fin {
		x.fins, x.fin = true, atFin
	}
}

func (z *Zeek) once(from int, letter byte, bit uint8) (isFirst bool) {
	x := &z.ends[from]
	if x.seen&bit != 0 {
		return false
	}
	x.seen |= bit
	z.write(from, letter)
	return true
}

// onceEach writes the letter for each sequence number that differs from the one before.
func (z *Zeek) onceEach(from int, letter byte, bit uint8, last *uint32, seq uint32) {
	if !z.once(from, letter, bit) && seq != *last {
		z.write(from, letter)
	}
	*last = seq
}

// scaled writes the letter for the first, the tenth, the hundredth … time.
func (z *Zeek) scaled(from int, letter byte, count *uint32) {
	*count++
	for n := *count; n%10 == 0; {
		if n /= 10; n == 1 {
			z.write(from, letter)
			return
		}
	}
	if *count == 1 {
		z.write(from, letter)
	}
}

func (z *Zeek) write(from int, letter byte) {
	if len(z.history) < zeekMaxHistory {
		z.history = append(z.history, inCase(letter, from == 0))
	}
}

func inCase(letter byte, upper bool) byte {
	if upper {
		return letter &^ ('a' - 'A')
	}
	return letter | ('a' - 'A')
}

// acknowledge processes an acknowledgement of what e has sent, and reports whether it can be one of content.
func (e *zeekEnd) acknowledge(seg *flows.Segment) bool {
	switch {
	case e.state == zeekInactive:
		e.begin(seg.Ack - 1)
		return false
	case !e.far && int32(seg.Ack-e.start) < 0:
		return false
	}
	if d := int32(seg.Ack - e.acked); d > 0 && !seg.Flags.Has(flows.RST) && (seg.Ack != 0 || d <= zeekSeqJump) {
		if seg.Ack-e.start < e.acked-e.start {
			e.ackedTurns++
		}
		e.acked = seg.Ack
	}
	return true
}

// advance moves the highest number sent, and reports whether the segment is retransmitted text.
func (e *zeekEnd) advance(seg *flows.Segment, end uint32) (retransmitted bool) {
	d := int32(end - e.last)
	switch {
	case seg.Flags&(flows.SYN|flows.RST) != 0 && (d > zeekSeqJump || d < -zeekSeqJump):
		return false
	case seg.Flags.Has(flows.FIN) && e.last == e.start+1:
	case e.state == zeekReset:
		return false
	case d <= 0:
		return seg.Len > 0
	}
	if end-e.start < e.last-e.start {
		e.turns++
	}
	e.last = end
	e.far = e.far || end-e.start > zeekQuarterOfRing
	return false
}

// move is Zeek's state machine. It changes the sender's state, and sometimes its peer's.
func (e *zeekEnd) move(peer *zeekEnd, seg *flows.Segment) {
	syn, fin, rst, ack := seg.Flags.Has(flows.SYN), seg.Flags.Has(flows.FIN), seg.Flags.Has(flows.RST),
		seg.Flags.Has(flows.ACK)
	switch e.state {
	case zeekInactive:
		switch {
		case syn && (ack || peer.state == zeekSynSent):
			if peer.state == zeekSynSent {
				peer.enter(zeekEstablished)
			}
			e.enter(zeekEstablished)
		case syn && peer.state == zeekEstablished:
			e.enter(zeekEstablished) // the SYN-ACK was captured before its SYN
		case syn:
			e.enter(zeekSynSent)
		}
		switch {
		case rst:
			e.end(zeekReset)
		case fin:
			e.end(zeekClosed)
		case syn, seg.Len == 0 && peer.state == zeekSynSent:
			// An answer to a SYN, without a SYN of its own, shows nothing yet.
		case ack && peer.state == zeekEstablished:
			e.enter(zeekEstablished) // only its SYN was missed
		default:
			e.enter(zeekPartial)
		}
	case zeekSynSent:
		switch {
		case rst:
			e.end(zeekReset)
		case fin:
			e.end(zeekClosed)
		}
	case zeekEstablished, zeekPartial:
		switch {
		case rst:
			e.end(zeekReset)
		case fin:
			e.end(zeekClosed)
			if peer.state == zeekReset && peer.before == zeekClosed {
				peer.enter(zeekClosed) // its FIN was followed by an RST: a normal end after all
			}
		case syn && !ack && e.state == zeekPartial && peer.state == zeekInactive:
			e.enter(zeekSynSent)
		}
	case zeekClosed:
		if rst && peer.state != zeekClosed {
			e.end(zeekReset)
		}
	}
}

func (e *zeekEnd) enter(s zeekState) {
	if s != e.state {
		e.before, e.state = e.state, s
	}
}

// end enters an end's last state.
func (e *zeekEnd) end(s zeekState) {
	e.enter(s)
	e.closing = true
}

// clean reports whether an end completed a regular handshake. Only then do gaps count.
func (e *zeekEnd) clean() bool {
	return e.state == zeekEstablished || e.state == zeekClosed && e.before == zeekEstablished
}

// content processes octets that the end sent.
func (e *zeekEnd) content(from, to uint32) {
	if int32(e.acked-from) > 0 {
		from = e.acked
	}
	if int32(e.whole-from) > 0 {
		from = e.whole
	}
	if int32(to-from) <= 0 || e.deaf {
		return
	}
	if from == e.whole {
		e.whole = to
		if len(e.ahead) > 0 {
			e.absorb()
		}
	} else {
		e.insert(from, to)
	}
	unacked := e.acked == e.start || e.acked == e.start+1
	if n := len(e.ahead); n > zeekMaxSpans || n > 0 && unacked && e.ahead[n-1].to-e.whole > zeekUnackedLimit ||
		int32(to-e.acked) > zeekBufferLimit {
		e.deaf, e.ahead = true, nil
	}
}

func (e *zeekEnd) insert(from, to uint32) {
	i := 0
	for i < len(e.ahead) && int32(e.ahead[i].to-from) < 0 {
		i++
	}
	j := i
	for ; j < len(e.ahead) && int32(e.ahead[j].from-to) <= 0; j++ {
		if int32(e.ahead[j].from-from) < 0 {
			from = e.ahead[j].from
		}
		if int32(e.ahead[j].to-to) > 0 {
			to = e.ahead[j].to
		}
	}
	e.ahead = slices.Replace(e.ahead, i, j, zeekSpan{from, to})
}

// absorb moves whole over the content that it has reached.
func (e *zeekEnd) absorb() {
	n := 0
	for ; n < len(e.ahead) && int32(e.ahead[n].from-e.whole) <= 0; n++ {
		if int32(e.ahead[n].to-e.whole) > 0 {
			e.whole = e.ahead[n].to
		}
	}
	e.ahead = slices.Delete(e.ahead, 0, n)
}

// gap gives up the holes before ack in what an end sent: the receiver has what the capture lacks.
func (z *Zeek) gap(of int, ack uint32) {
	e := &z.ends[of]
	if e.fins && int32(ack-e.fin) > 0 {
		ack = e.fin
	}
	for int32(ack-e.whole) > 0 {
		to := ack
		if len(e.ahead) > 0 && int32(e.ahead[0].from-ack) < 0 {
			to = e.ahead[0].from
		}
		if e.clean() && z.ends[1-of].clean() && !e.deaf {
			z.scaled(of, 'G', &e.gaps)
			e.missed += uint64(to - e.whole)
		}
		e.whole = to
		e.absorb()
	}
}

// size returns how many octets of text an end sent, by its sequence numbers.
func (e *zeekEnd) size(peer *zeekEnd) uint64 {
	if e.before == zeekSynSent && e.state == zeekReset && peer.state == zeekInactive && e.acked-e.start > 1 {
		return 0 // the abort of an embryonic connection, whose numbers show nothing
	}
	n := max(uint64(e.turns)<<32+uint64(e.last-e.start), uint64(e.ackedTurns)<<32+uint64(e.acked-e.start), 1) - 1
	if e.fins && n > 0 {
		n--
	}
	return n
}

// Sent is what an end has sent, as the tracker counts.
type Sent struct{ Packets, IpBytes uint64 }

// Log fills in what Zeek would log about a connection that began at start and was opened by ends[client]. It appends
// the history to b.
func (z *Zeek) Log(r *record.Zeek, client int, start int64, counts [2]Sent, b []byte) (history []byte) {
	o, s := &z.ends[client], &z.ends[1-client]
	*r = record.Zeek{
		Duration: record.NoDuration, OrigBytes: o.size(s), RespBytes: s.size(o), MissedBytes: o.missed + s.missed,
		OrigPackets: counts[client].Packets - o.unheard, OrigIPBytes: counts[client].IpBytes - o.unheardIPBytes,
		RespPackets: counts[1-client].Packets - s.unheard, RespIPBytes: counts[1-client].IpBytes - s.unheardIPBytes,
	}
	if z.heard > start {
		r.Duration = record.Duration(z.heard - start)
	}
	from := len(b)
	if int(z.first) != client {
		b = append(b, '^') // Zeek starts with the sender of the first segment
	}
	for _, letter := range z.history {
		b = append(b, inCase(letter, (letter < 'a') == (client == 0)))
	}
	r.ConnState = z.connState(o, s, b[from:])
	return b
}

// Clone returns a copy that shares nothing that changes.
func (z *Zeek) Clone() Zeek {
	c := *z
	c.history, c.room = slices.Clone(z.history), [len(z.room)]byte{}
	return c
}

// connState sums up the states of the two ends like Zeek's script.
func (z *Zeek) connState(o, r *zeekEnd, history []byte) string {
	unopened := func(e *zeekEnd) bool { return e.state == zeekInactive || e.state == zeekPartial }
	switch {
	case r.state == zeekReset && (o.state == zeekSynSent || o.state == zeekReset && o.size(r) == 0 && r.size(o) == 0):
		return "REJ"
	case r.state == zeekReset && unopened(o):
		return "RSTRH"
	case r.state == zeekReset:
		return "RSTR"
	case o.state == zeekReset && !unopened(r):
		return "RSTO"
	case o.state == zeekReset:
		attempt, isAttempt := bytes.CutPrefix(bytes.TrimPrefix(history, []byte{'^'}), []byte{'S'})
		if i := bytes.IndexAny(attempt, "HAFGIQR"); isAttempt && i >= 0 && attempt[i] == 'R' {
			return "RSTOS0"
		}
	case o.state == zeekClosed && r.state == zeekClosed:
		return "SF"
	case o.state == zeekClosed && unopened(r):
		return "SH"
	case o.state == zeekClosed:
		return "S2"
	case r.state == zeekClosed && unopened(o):
		return "SHR"
	case r.state == zeekClosed:
		return "S3"
	case o.state == zeekSynSent && r.state == zeekInactive:
		return "S0"
	case o.state == zeekEstablished && r.state == zeekEstablished:
		return "S1"
	}
	return "OTH"
}
