package tcpstate

// Endpoint is one side of a connection, as far as the observer knows. Fields that every segment of a transfer changes
// stand together, so that they share few cache lines.
type Endpoint struct {
	History []Entry

	// The send and the receive sequence space (RFC 9293 §3.3.1).
	sndNxt   Seq // the number after the highest that was sent
	sndUna   Seq // the highest acknowledgement that has passed on its way to this endpoint
	ISS      Seq
	ISSKnown bool
	// it has sent a quarter of the sequence space or more: numbers below and above ISS can no longer be distinguished
	farFromISS bool
	sndKnown   bool
	unaKnown   bool
	sentText   bool
	ackSent    bool
	gotFin     bool     // the peer's FIN is among rcv
	rcv        received // what has arrived here, as far as known
	maxAck     Seq      // the highest SEG.ACK it sent, which was its RCV.NXT then
	edge       Seq      // the highest right edge of its receive window
	wnd        uint32   // the last window it offered, scaled
	maxWnd     uint32
	wscale     uint8
	scaled     bool // wscale comes from its own SYN; without the SYN it is unknown
	tsIsSent   bool
	tsKnown    bool
	tsSent     uint32 // the highest TSval it has sent
	tsRecent   uint32 // TS.Recent (RFC 7323 §4.3): of the peer's segments
	timing     bool   // the peer waits for an answer to timedEnd, sent at timedAt
	rttKnown   bool
	timedEnd   Seq
	timedAt    int64
	rtt        int64 // the shortest time in which it has answered a segment that passed the observer

	HasSent       bool   // a segment of this endpoint is in the capture
	issSeen       bool   // the SYN itself is in the capture
	otherISS      Seq    // the ISS of a SYN-ACK that its peer ignored
	otherISSKnown bool   // there was one
	synLen        uint32 // octets of text in the SYN (RFC 7413)

	firstSynAt     int64
	synGap         int64 // the longest time between two transmissions
	lastSynAt      int64 // the last transmission of the SYN, or of the SYN-ACK
	lastSynPacket  uint64
	Syns           int // acceptable transmissions of its SYN or SYN-ACK
	synAcked       bool
	sentSyn        bool // without ACK
	sentSynAck     bool
	badSynAck      bool    // its SYN-ACK acknowledged no SYN of the peer's
	ackNotAccepted bool    // it retransmitted its SYN-ACK after an ACK that should have completed the handshake
	gotSynAckAt    int64   // when it received a SYN-ACK
	synAckAt       int64   // the last one
	unanswered     int     // SYN-ACKs that were followed by another one, and by no answer
	finStamp       uint32  // TSval of the first FIN
	stamps         []stamp // of its retransmitted SYN, and later of its FIN

	FinSent      bool
	finInferred  bool // only an acknowledgement shows it
	finWithdrawn bool // that acknowledgement was of something else
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
	rstSeq      Seq    // SEG.SEQ of the last RST in its window
	doubted     *Entry // CLOSED by an RST in the window that was not exact: silence confirms it (RFC 5961 §3.2)

	Withdrawn     []Withdrawal // the first withdrawn entries, in the order of withdrawal
	WithdrawnMore uint64       // withdrawn entries that are not kept
}

// SndUna returns SND.UNA, from the acknowledgements that have passed on their way to the endpoint, if known.
func (e *Endpoint) SndUna() (Seq, bool) { return e.sndUna, e.unaKnown }

// RcvNxt returns the endpoint's RCV.NXT by its own highest SEG.ACK, if known.
func (e *Endpoint) RcvNxt() (Seq, bool) { return e.maxAck, e.ackSent }

// OpenedWith reports whether a number is the ISS, or that of a SYN-ACK that the peer ignored.
func (e *Endpoint) OpenedWith(iss Seq) bool {
	return e.ISSKnown && e.ISS == iss || e.otherISSKnown && e.otherISS == iss
}

// LastSynAt returns when it last sent its SYN or SYN-ACK, 0 for never.
func (e *Endpoint) LastSynAt() int64 { return e.lastSynAt }

// TSSent returns the highest TSval that it has sent (RFC 7323 §3), if any.
func (e *Endpoint) TSSent() (uint32, bool) { return e.tsSent, e.tsIsSent }

// SndNxt returns SND.NXT as far as captured, if known.
func (e *Endpoint) SndNxt() (Seq, bool) { return e.sndNxt, e.sndKnown }

// ownNxt returns RCV.NXT by the endpoint's own acknowledgement, if there is one, because segments that passed on their
// way to it may have been lost.
func (e *Endpoint) ownNxt() Seq {
	if e.ackSent {
		return e.maxAck
	}
	return e.rcv.nxt
}

// sent records that everything before end has been sent.
func (e *Endpoint) sent(end Seq) {
	if !e.sndKnown {
		e.sndKnown, e.sndNxt = true, end
	}
	e.sndNxt = maxSeq(e.sndNxt, end)
	e.farFromISS = e.farFromISS || e.ISSKnown && e.sndNxt-e.ISS > 1<<30
}

const maxWScale = 14 // RFC 7323 §2.3

// offers records the acknowledgement and the window of a segment of this endpoint.
func (e *Endpoint) offers(s *Segment) {
	if s.Syn {
		e.wscale = 0
		if s.HasWScale {
			e.wscale = min(s.WScale, maxWScale)
		}
		if !e.scaled { // until now its windows counted with the largest scale
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
		return // an old segment (RFC 9293 §3.10.7.4, fifth step: SND.WL1, SND.WL2)
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
