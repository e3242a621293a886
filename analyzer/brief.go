package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/record"
)

// Most connections are ordinary up to their end, and a table shows only a few of them. With Options.Whole, such a
// connection gets a brief record, which has only what tells whether more is needed. Its tracker adds it up and puts its
// segments into the journal. The whole record is made from these, if Whole asks for it.

// story is an ordinary connection at its end. It has all that is known of it.
type story struct {
	ordinary
	lines   stored
	at      int64 // the end of its record
	by      record.EndedBy
	stay    record.TimeWait
	options record.Options // of the client
	usage   record.Pattern
	turns   uint64
}

// endBriefly ends the record at a place for a reason, if nothing more need be said of it than a brief record does.
// Otherwise it does nothing.
func (a *Analyzer) endBriefly(n uint32, at int64, by record.EndedBy) bool {
	p := a.table.places.At(n)
	if a.options.Whole == nil || p.kind != orderly {
		return false
	}
	o := a.table.ordinary.At(p.where)
	if !o.isWhole() || o.reported {
		return false
	}
	s := a.nextStory()
	s.ordinary, s.at, s.by = *o, at, by
	a.table.read(o, &s.lines)
	c, r := &a.scratch, &a.summed
	if !a.relive(c, s, true) {
		return false
	}
	a.outline(r, c, at, by, &a.room)
	if c.conclude(r, at); len(c.notes) > 0 || len(r.TimeWait) != 1 {
		return false
	}
	s.stay, s.options, s.usage, s.turns = r.TimeWait[0], *r.Client.Options, r.Pattern, r.Exchanges.Number
	a.sums.Sum(r)
	e := event{attempt: c.attempt(), end: c.use(), cut: by == record.EndCaptureEnd && !c.over()}
	c.tellServed(&e)
	o.standing().count(&a.live, ^uint64(0)) // one less
	where := p.where
	a.table.remove(&o.key, n)
	if a.table.index != nil { // without an index, nothing needs the room
		a.table.forget(where)
	}
	a.tell(briefEnds, &e)
	return true
}

// nextStory is where the next story goes.
func (a *Analyzer) nextStory() *story {
	if a.journal != nil {
		return a.journal.page.story()
	}
	if a.story == nil {
		a.story = new(story)
	}
	return a.story
}

// relive makes c what the connection of a story was at its end. It reports false if the rules may find more in it.
func (a *Analyzer) relive(c *connection, s *story, noPeers bool) bool {
	if !a.skim(c, &s.ordinary, &s.lines, noPeers) {
		return false
	}
	if s.by == record.EndTimeWaitExpired {
		c.expireTimeWait(s.at, &a.options)
	}
	a.settle(c, s.at)
	return true
}

// whole makes the record of a story.
func (a *Analyzer) whole(s *story) *record.Connection {
	a.relive(&a.scratch, s, a.options.NoPeers)
	a.fill(a.record, &a.scratch, s.at, s.by)
	return a.record
}

// brief fills in what is said of a story without its whole record.
func (s *story) brief(r *record.Connection, e *event) {
	timeWait := r.TimeWait[:0]
	*r = record.Connection{Findings: []record.Finding{}}
	client := s.opener()
	addr, peer := s.key.AddrPortA(), s.key.AddrPortB()
	if client == 1 {
		addr, peer = peer, addr
	}
	synAck := &s.lines[0][0]
	r.ID, r.Start, r.Ended, r.EndedBy = s.packet, record.Time(s.attempt.at), record.Time(s.at), s.by
	r.TimeWait = append(timeWait, s.stay)
	r.Client.IP, r.Client.Port, r.Client.Options = addr.Addr(), addr.Port(), &s.options
	r.Server.IP, r.Server.Port = peer.Addr(), peer.Port()
	r.Client.ISN, r.Client.ISNEvidence = record.Seq{Number: s.seq, Known: true}, record.Seen
	r.Server.ISN, r.Server.ISNEvidence = record.Seq{Number: s.irs, Known: true}, record.Seen
	h := &r.Handshake
	h.Outcome, h.SynAt, h.SynPacket = record.OutcomeComplete, r.Start, record.PacketNumber(s.packet)
	h.SynAckAt, h.SynAckPacket = record.Time(e.attempt.SynAckAt), record.PacketNumber(s.packet+synAck.packets())
	r.Pattern, r.Exchanges = s.usage, record.Count{Number: s.turns, Known: true}
}
