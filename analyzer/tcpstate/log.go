package tcpstate

import "slices"

// Kind is what a noteworthy segment was when it passed. The settled history decides what it was in the end: see Noted.
type Kind uint8

// The kinds.
const (
	SynRetransmitted    Kind = iota // a retransmitted SYN without ACK
	SynAckRetransmitted             // a retransmitted SYN-ACK
	FewerOptions                    // a SYN, retransmitted without options of the first
	Unaccepted                      // a SYN-ACK, retransmitted after the ACK that should have completed the handshake
	OtherSynAck                     // a SYN-ACK that acknowledges another number than the SYN's
	Refusal                         // an RST that answers a SYN
	FinRetransmitted                // a retransmitted FIN
	FinAfterItsAck                  // a FIN, retransmitted after its acknowledgement
	FinBeforeText                   // a FIN before which text is missing
	Missed                          // acknowledges data of the end that the capture lacks
	Probed                          // probes a closed window
	SynInConnection                 // a SYN with another number, inside the connection
	Unacceptable                    // its receiver drops it: the numbers, the timestamp, or no ACK
	WrongChecksum                   // its checksum is wrong
	Repaired                        // retransmits a segment with a wrong checksum
	ImpossibleFlags                 // no TCP sends these flags together
	Explained                       // an RST that carries a text
	RstInexact                      // an RST in the window, not at the next number
	RstOutside                      // an RST outside of the window
	RstOutlived                     // continues after an RST
	kinds
)

var kindNames = [kinds]string{
	"syn_retransmitted", "syn_ack_retransmitted", "fewer_options", "unaccepted", "other_syn_ack", "refusal",
	"fin_retransmitted", "fin_after_its_ack",
	"fin_before_text", "missed", "probed", "syn_in_connection", "unacceptable", "wrong_checksum", "repaired",
	"impossible_flags", "explained",
	"rst_inexact", "rst_outside", "rst_outlived",
}

// String returns the kind in one word.
func (k Kind) String() string {
	if k >= kinds {
		return "unknown"
	}
	return kindNames[k]
}

// maxNoted is how many segments the log keeps of each kind and end. Others are counted.
const maxNoted = 8

// log has the noteworthy segments of each end, which later segments may reinterpret. They become findings when the
// record ends. Most connections have none.
type log struct {
	noted    []noted
	more     [2][kinds]uint32 // of each end and kind, those that are not in noted
	rejected [2][]rejected
	proven   []Proof  // by the last segment
	claim    [2]claim // the last of each end
}

// noted is a noteworthy segment.
type noted struct {
	packet uint64
	about  uint64 // packet of the RST that it has outlived
	seq    Seq    // the number it is about: of its SYN or FIN, its first, or the missing octet
	kind   Kind
	end    uint8 // the end that sent it, or that sent the missing octet
}

func (c *Conn) logged() *log {
	if c.log == nil {
		c.log = new(log)
	}
	return c.log
}

// Note records a segment of Ends[end].
func (c *Conn) Note(kind Kind, end int, seq Seq, packet uint64) { c.note(kind, end, seq, packet, 0) }

func (c *Conn) note(kind Kind, end int, seq Seq, packet, about uint64) {
	l, n := c.logged(), 0
	for i := range l.noted {
		if l.noted[i].kind == kind && int(l.noted[i].end) == end {
			n++
		}
	}
	if n == maxNoted {
		if l.more[end][kind]++; l.more[end][kind] == 0 {
			l.more[end][kind]-- // no wrap
		}
		return
	}
	l.noted = append(l.noted, noted{packet, about, seq, kind, uint8(end)})
}

// Absorb takes over the log of an attempt that turned out to be part of this connection.
func (c *Conn) Absorb(d *Conn) {
	if d.log == nil {
		return
	}
	for _, m := range d.log.noted {
		c.note(m.kind, int(m.end), m.seq, m.packet, m.about)
	}
	l := c.logged()
	for end := range l.more {
		for kind := range l.more[end] {
			l.more[end][kind] += d.log.more[end][kind]
		}
	}
}

// noteEffect records a segment of Ends[from] by its effect.
func (c *Conn) noteEffect(from int, s *Segment, e Effect) {
	y := &c.Ends[1-from]
	switch {
	case e.Has(Rejected):
		switch {
		case s.Syn && (s.Rst || s.Fin && !s.HasAck):
		case s.Rst:
			c.Note(RstOutside, from, s.Seq, s.Packet)
		case s.Syn:
			c.Note(SynInConnection, from, s.Seq, s.Packet)
		default:
			c.Note(Unacceptable, from, s.Seq, s.Packet)
		}
		return
	case e.Has(Retransmission) && s.Syn && s.HasAck:
		c.Note(SynAckRetransmitted, from, s.Seq, s.Packet)
	case e.Has(Retransmission) && s.Syn:
		c.Note(SynRetransmitted, from, s.Seq, s.Packet)
	}
	if e.Has(AckNotAccepted) {
		c.Note(Unaccepted, from, s.Seq, s.Packet)
	}
	if e.Has(BadSynAck) {
		c.Note(OtherSynAck, from, s.Seq, s.Packet)
	}
	if e.Has(AckOfFinLost) {
		c.Note(FinAfterItsAck, from, s.textEnd(), s.Packet)
	}
	if e.Has(FinAhead) && !e.Has(Retransmission) {
		c.Note(FinBeforeText, from, s.textEnd(), s.Packet)
	}
	if e.Has(BehindFin) && s.Seq != s.end() {
		c.Note(Unacceptable, from, s.Seq, s.Packet)
	}
	if e.Has(ZeroWindowProbe) {
		c.Note(Probed, from, s.Seq, s.Packet)
	}
	if e.Has(ResetDoubted) {
		c.Note(RstInexact, from, s.Seq, s.Packet)
	}
	x := &c.Ends[from]
	if n := len(y.History); e.Has(ResetAccepted) && n > 1 && y.History[n-2].State == SynSent && !x.sentSyn &&
		!x.sentSynAck {
		c.Note(Refusal, from, s.Seq, s.Packet)
	}
}

// HasNoted reports whether there may be noteworthy segments.
func (c *Conn) HasNoted() bool { return c.log != nil }

// Noted returns the segments of a kind of Ends[end], by the present histories: the first packets, and their number. It
// leaves out segments that turned out not to belong to the connection, or to be of another kind.
func (c *Conn) Noted(kind Kind, end int) (packets []uint64, n uint64) {
	if c.log == nil {
		return nil, 0
	}
	for i := range c.log.noted {
		if m := &c.log.noted[i]; m.kind == kind && int(m.end) == end && c.stillHolds(m) {
			if m.about != 0 {
				packets = append(packets, m.about)
			}
			packets = append(packets, m.packet)
			n++
		}
	}
	if n == 0 {
		return nil, 0
	}
	return packets, n + uint64(c.log.more[end][kind])
}

// stillHolds reports whether a segment is what it seemed to be, by the histories as they are now.
func (c *Conn) stillHolds(m *noted) bool {
	x := &c.Ends[m.end]
	switch m.kind {
	case SynRetransmitted, SynAckRetransmitted, FewerOptions, Unaccepted:
		return x.ISSKnown && x.ISS == m.seq
	case FinRetransmitted, FinAfterItsAck, FinBeforeText:
		return x.FinSent && x.FinSeq == m.seq
	case SynInConnection, Unacceptable:
		return c.openAt(m.packet)
	case RstOutside:
		return c.Ends[1-m.end].wasSynchronizedBefore(m.packet)
	case RstOutlived:
		return c.Reset == nil || c.Reset.Packet != m.about
	}
	return true
}

// openAt reports whether an end was in a synchronized state other than TIME_WAIT when a packet passed.
func (c *Conn) openAt(packet uint64) bool {
	for i := range c.Ends {
		if st := c.Ends[i].stateAt(packet); st >= Established && st < TimeWait {
			return true
		}
	}
	return false
}

// stateAt returns the state of the endpoint when a packet passed.
func (e *Endpoint) stateAt(packet uint64) (st State) {
	for i := 0; i < len(e.History) && e.History[i].Packet < packet; i++ {
		st = e.History[i].State
	}
	return st
}

// wasSynchronizedBefore reports whether the endpoint was in a synchronized state, or had been, when a packet passed.
func (e *Endpoint) wasSynchronizedBefore(packet uint64) bool {
	return slices.ContainsFunc(e.History, func(h Entry) bool { return h.State >= Established && h.Packet < packet })
}

// noteMissing records an octet of Ends[i] that was acknowledged but not captured.
func (c *Conn) noteMissing(i int, octet Seq, packet uint64) {
	for _, r := range c.logged().rejected[i] {
		if !octet.Before(r.Seq) && octet.Before(r.end()) {
			return // the capture holds it
		}
	}
	c.Note(Missed, i, octet, packet)
}

// removeMissing removes the missing octets that a segment of Ends[i] has: the capture holds them, after their
// acknowledgement.
func (c *Conn) removeMissing(i int, s *Segment) {
	if s.Seq != s.end() {
		c.log.noted = slices.DeleteFunc(c.log.noted, func(m noted) bool {
			return m.kind == Missed && int(m.end) == i && !m.seq.Before(s.Seq) && m.seq.Before(s.end())
		})
	}
}

// removeMissingOctet removes a missing octet of Ends[i].
func (c *Conn) removeMissingOctet(i int, octet Seq) { c.removeMissing(i, &Segment{Seq: octet, Len: 1}) }

// FinRetransmissions returns the retransmissions of the FIN of Ends[i]: the first packets, and their number.
func (c *Conn) FinRetransmissions(i int) (packets []uint64, n uint64) {
	e := &c.Ends[i]
	if packets, _ = c.Noted(FinRetransmitted, i); !e.FinSent || e.fins < 2 {
		return nil, 0
	}
	return packets, uint64(e.fins - 1)
}
