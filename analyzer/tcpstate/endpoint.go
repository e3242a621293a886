package tcpstate

import "slices"

// Entry is the beginning of one state in an endpoint's life.
type Entry struct {
	At     int64  // nanoseconds
	Packet uint64 // the packet that caused or disclosed it, 0 for a timer
	State  State
	// Inferred is set where no captured segment of this endpoint or of its peer shows it, only what must have been.
	Inferred bool

	onReceipt bool // entered because a segment is taken to have arrived: later evidence may deny it
}

// Endpoint is one side of a connection as the observer believes it to be. What every segment of a transfer changes stands
// together, so that it is in few lines of a processor's cache.
type Endpoint struct {
	History []Entry

	// The send and the receive sequence space (RFC 9293 §3.3.1).
	sndNxt   Seq // the number after the highest that was sent
	sndUna   Seq // the highest acknowledgement that has passed on its way to this endpoint
	ISS      Seq
	ISSKnown bool
	far      bool // it has sent a quarter of the sequence space and more: a number below ISS is no longer told from one above
	sndKnown bool
	unaKnown bool
	sentText bool
	ackSent  bool
	gotFin   bool     // the peer's FIN is among rcv
	rcv      received // what has arrived here, as far as can be told
	maxAck   Seq      // the highest SEG.ACK it sent, which was its RCV.NXT then
	edge     Seq      // the highest right edge of its receive window
	wnd      uint32   // the last window it offered, scaled
	maxWnd   uint32
	wscale   uint8
	scaled   bool // wscale is its own word; without its SYN nobody knows
	tsIsSent bool
	tsKnown  bool
	tsSent   uint32 // the highest TSval it has sent
	tsRecent uint32 // TS.Recent (RFC 7323 §4.3): of the peer's segments
	timing   bool   // the peer waits for an answer to timedEnd, sent at timedAt
	rttKnown bool
	timedEnd Seq
	timedAt  int64
	rtt      int64 // the shortest time in which it has answered a segment that passed the observer

	Spoke   bool   // a segment of this endpoint is in the capture
	issSeen bool   // the SYN itself is in the capture
	synLen  uint32 // octets of text in the SYN (RFC 7413)

	firstSynAt    int64
	synGap        int64 // the longest between two transmissions
	lastSynAt     int64 // the last transmission of the SYN, or of the SYN-ACK
	lastSynPacket uint64
	syns          int // SYNs and SYN-ACKs sent
	synAcked      bool
	sentSyn       bool // without ACK
	sentSynAck    bool
	misled        bool  // its SYN-ACK acknowledged no SYN of the peer's
	denied        bool  // it repeated its SYN-ACK after an ACK that should have completed the handshake
	heardAt       int64 // when it heard a SYN-ACK
	synAckAt      int64 // the last one
	unanswered    int   // SYN-ACKs that were followed by another one, and by no answer

	FinSent      bool
	finGuessed   bool // it was not captured, only an acknowledgement that looks like its
	finDenied    bool // or only looked
	ackedFin     bool
	FinSeq       Seq // the number of the FIN itself
	finAck       Seq // SEG.ACK of the first FIN: what its sender had received
	ackedFinWith Seq // SEG.SEQ of its first segment that acknowledged the peer's FIN
	FinAt        int64
	fins         int // FINs sent with this number
	finPacket    uint64
	ackedFinAt   int64
	bareAck      *Entry // FIN_WAIT_2 by the first segment that acknowledged its FIN and carried none

	resetAcked  bool   // its RST acknowledged something
	resetClosed bool   // CLOSED by an RST, its own or one that it is taken to have accepted
	doubted     *Entry // CLOSED by an RST in the window that was not exact: silence confirms it (RFC 5961 §3.2)

	strayKnown bool
	strayEnd   Seq // the end of its last segment that did not fit
}

// Known reports whether anything is known of the endpoint's state.
func (e *Endpoint) Known() bool { return len(e.History) > 0 }

// State is the endpoint's present state, CLOSED while nothing is known of it.
func (e *Endpoint) State() State {
	if len(e.History) == 0 {
		return Closed
	}
	return e.History[len(e.History)-1].State
}

// SndNxt is SND.NXT as far as it was seen, and whether it was.
func (e *Endpoint) SndNxt() (Seq, bool) { return e.sndNxt, e.sndKnown }

// enter begins a state. A state that only its peer's segments speak of is inferred.
func (e *Endpoint) enter(st State, s *Segment, onReceipt bool) {
	e.enterAt(st, s.At, s.Packet, onReceipt)
}

func (e *Endpoint) enterAt(st State, at int64, packet uint64, onReceipt bool) {
	e.push(Entry{State: st, At: at, Packet: packet, Inferred: !e.Spoke, onReceipt: onReceipt})
}

// follow are the edges of RFC 9293 figure 5.
var follow = [...]uint16{
	Closed:      1<<SynSent | 1<<SynRcvd,
	SynSent:     1<<SynRcvd | 1<<Established | 1<<Closed,
	SynRcvd:     1<<Established | 1<<FinWait1 | 1<<CloseWait | 1<<Closed,
	Established: 1<<FinWait1 | 1<<CloseWait | 1<<Closed,
	FinWait1:    1<<FinWait2 | 1<<Closing | 1<<TimeWait | 1<<Closed,
	FinWait2:    1<<TimeWait | 1<<Closed,
	CloseWait:   1<<LastAck | 1<<Closed,
	Closing:     1<<TimeWait | 1<<Closed,
	LastAck:     1 << Closed,
	TimeWait:    1 << Closed,
}

// mayGo reports whether the endpoint can go from its state to st. CLOSED goes on only where it refused before it opened.
func (e *Endpoint) mayGo(st State) bool {
	return follow[e.State()]&(1<<st) != 0 && (e.State() != Closed || len(e.History) == 1)
}

// push adds a state, unless the endpoint is in it or there is no way to it.
func (e *Endpoint) push(next Entry) {
	if e.Known() && (e.State() == next.State || !e.mayGo(next.State)) {
		return
	}
	if n := len(e.History); n > 0 {
		next.At = max(next.At, e.History[n-1].At) // the order of states is that of events, whatever a merged clock says
	}
	e.History = append(e.History, next)
}

// ownNxt is RCV.NXT by the endpoint's own word, if it has given it; what has passed to it may have been lost.
func (e *Endpoint) ownNxt() Seq {
	if e.ackSent {
		return e.maxAck
	}
	return e.rcv.nxt
}

// insert puts a state between two others, and its time between theirs.
func (e *Endpoint) insert(i int, between Entry) {
	between.At = min(between.At, e.History[i].At)
	if i > 0 {
		between.At = max(between.At, e.History[i-1].At)
	}
	e.History = slices.Insert(e.History, i, between)
}

// infer begins a state that no captured segment shows.
func (e *Endpoint) infer(st State, at int64, packet uint64, onReceipt bool) {
	e.push(Entry{State: st, At: at, Packet: packet, Inferred: true, onReceipt: onReceipt})
}

// inferSince marks what a packet has led to as inferred.
func (e *Endpoint) inferSince(packet uint64) {
	if n := len(e.History) - 1; n >= 0 && e.History[n].Packet == packet {
		e.History[n].Inferred = true
	}
}

// withdraw takes back the latest states down to the last one that keep accepts.
func (e *Endpoint) withdraw(keep func(State) bool) {
	for len(e.History) > 0 && !keep(e.State()) {
		e.History = e.History[:len(e.History)-1]
	}
}

// withdrawTo takes back every state after the latest stay in st. Without one it does nothing.
func (e *Endpoint) withdrawTo(st State) {
	for i := len(e.History) - 1; i >= 0; i-- {
		if e.History[i].State == st {
			e.History = e.History[:i+1]
			return
		}
	}
}

// confirm takes the endpoint's own word that it was in st: no later evidence denies what brought it there.
func (e *Endpoint) confirm(st State) {
	for i := range e.History {
		if e.History[i].State == st {
			e.History[i].onReceipt = false
		}
	}
}

// postpone moves the beginning of the present state to s: the endpoint's own word, though it passed the observer later
// than what changed the state, left before that arrived.
func (e *Endpoint) postpone(s *Segment) {
	if last := &e.History[len(e.History)-1]; last.onReceipt && s.At > last.At {
		last.At = s.At
	}
}

// postponeTo moves the beginning of the present state to a later segment that may have caused it as well.
func (e *Endpoint) postponeTo(cause *lastSegment) {
	if last := &e.History[len(e.History)-1]; last.onReceipt && cause.at > last.At {
		last.At, last.Packet = cause.at, cause.packet
	}
}

func (e *Endpoint) since() int64 {
	if len(e.History) == 0 {
		return 0
	}
	return e.History[len(e.History)-1].At
}

// left is when the endpoint went on from its latest stay in st, or the beginning of its present state if it never was there.
func (e *Endpoint) left(st State) int64 {
	for i := len(e.History) - 2; i >= 0; i-- {
		if e.History[i].State == st {
			return e.History[i+1].At
		}
	}
	return e.since()
}

func (e *Endpoint) synchronized() bool { return e.Known() && e.State() >= Established }

// sent takes note that everything before end has been sent.
func (e *Endpoint) sent(end Seq) {
	if !e.sndKnown {
		e.sndKnown, e.sndNxt = true, end
	}
	e.sndNxt = maxSeq(e.sndNxt, end)
	e.far = e.far || e.ISSKnown && e.sndNxt-e.ISS > 1<<30
}

const maxWScale = 14 // RFC 7323 §2.3

// offers takes note of the acknowledgement and the window that a segment of this endpoint carries.
func (e *Endpoint) offers(s *Segment) {
	if s.Syn {
		e.wscale = 0
		if s.HasWScale {
			e.wscale = min(s.WScale, maxWScale)
		}
		if !e.scaled { // what it has offered before was taken for as much as it can be
			e.wnd = e.wnd >> maxWScale << e.wscale
			e.maxWnd = e.maxWnd >> maxWScale << e.wscale
			e.edge = e.maxAck.Add(e.maxWnd)
		}
		e.scaled = true
	}
	if s.HasTS && (!e.tsIsSent || int32(s.TSVal-e.tsSent) > 0) {
		e.tsSent, e.tsIsSent = s.TSVal, true
	}
	if !s.HasAck || e.ackSent && s.Ack.Before(e.maxAck) {
		return // of the past (RFC 9293 §3.10.7.4, fifth step: SND.WL1, SND.WL2)
	}
	e.wnd = s.Window
	if !s.Syn { // the window of a SYN is never scaled (RFC 7323 §2.2)
		shift := e.wscale
		if !e.scaled {
			shift = maxWScale
		}
		e.wnd <<= shift
	}
	e.maxWnd = max(e.maxWnd, e.wnd)
	edge := s.Ack.Add(e.wnd)
	if !e.ackSent {
		e.edge = edge
	}
	e.ackSent = true
	e.edge = maxSeq(e.edge, edge)
	e.maxAck = s.Ack
}
