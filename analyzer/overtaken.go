package analyzer

import (
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// If the packets of one connection come through several queues of a network card, or from devices with different
// clocks, an answer can precede in the capture what it answers. Such a segment waits for what it answers, and later
// segments of its sender wait behind it, so that the rules see the order that the endpoints saw. If that segment does
// not come, the capture lacks it.

// longestWait of a segment, in ns, is longer than a card's queues hold a packet, and than synchronized clocks differ.
const longestWait = 20e6

// maxWaiting is the most segments of one 4-tuple that wait. One more releases all of them.
const maxWaiting = 64

// turn says whether a segment may wait.
type turn uint8

const (
	mayWait    turn = iota // if what the segment answers has not come
	mayNotWait             // others of its 4-tuple wait
	waited                 // it has waited
	seenBefore             // it has waited, and package peers saw it when it came
)

// overtaken are the segments that wait, by 4-tuple.
type overtaken struct {
	lists map[flows.Key]*waiting
	due   []*waiting // ordered by time; some no longer wait
	used  []*waiting
}

// waiting has the waiting segments of one 4-tuple, in order. All come from one end.
type waiting struct {
	list  []flows.Segment
	tag   uint32 // hash of the key
	turn  turn   // that they get when they stop waiting
	until int64
}

// wait makes a segment wait, as the first of its 4-tuple.
func (a *Analyzer) wait(seg *flows.Segment, tag uint32, turn turn) {
	o := &a.overtaken
	if o.lists == nil {
		o.lists = map[flows.Key]*waiting{}
	}
	var w *waiting
	if n := len(o.used); n > 0 {
		w, o.used = o.used[n-1], o.used[:n-1]
	} else {
		w = &waiting{}
	}
	w.list, w.tag, w.turn, w.until = append(w.list[:0], *seg), tag, turn, a.now()+longestWait
	o.lists[seg.Key] = w
	o.due = append(o.due, w)
	// the last ones may have come during a clock jump that was discarded
	for i := len(o.due) - 1; i > 0 && o.due[i-1].until > w.until; i-- {
		o.due[i-1], o.due[i] = o.due[i], o.due[i-1]
	}
}

// of returns the waiting segments of a 4-tuple, nil if there are none.
func (o *overtaken) of(key *flows.Key) *waiting {
	if len(o.lists) == 0 {
		return nil
	}
	return o.lists[*key]
}

// firstWaiting returns the first segments whose wait ends by now, nil if there are none.
func (o *overtaken) firstWaiting(now int64) *waiting {
	for len(o.due) > 0 && len(o.due[0].list) == 0 {
		o.used = append(o.used, o.due[0])
		o.due = o.due[1:]
	}
	if len(o.due) == 0 || o.due[0].until > now {
		return nil
	}
	return o.due[0]
}

// segmentBehindWaiting processes a segment while others of its 4-tuple wait.
func (a *Analyzer) segmentBehindWaiting(seg *flows.Segment, w *waiting) {
	head := a.lookup(&seg.Key, w.tag)
	relation := mayBeAnswer
	switch {
	case sender(seg) != sender(&w.list[0]):
		relation = a.relation(seg, head)
	case !opens(seg): // a SYN does not wait for anything of the connection before
		a.peersSee(seg, head)
		if w.list = append(w.list, *seg); len(w.list) > maxWaiting {
			a.release(w)
		}
		return
	}
	switch relation {
	case mayBeCause:
		a.segment(seg, w.tag, mayNotWait)
		for len(w.list) > 0 {
			first := w.list[0]
			a.makeRoom()
			if head := a.lookup(&seg.Key, w.tag); head != nil {
				if there, _ := a.translate(&first, head); head.answersUnseen(there) {
					return
				}
			}
			w.list = w.list[1:]
			if len(w.list) == 0 {
				delete(a.overtaken.lists, seg.Key)
			}
			a.segment(&first, w.tag, w.turn)
		}
	case mayBeAnswer:
		a.release(w)
		a.makeRoom()
		a.segment(seg, w.tag, mayWait)
	default:
		a.segment(seg, w.tag, mayNotWait)
	}
}

// peersSee passes a waiting segment to package peers at once, because Zeek and tshark do not reorder.
func (a *Analyzer) peersSee(seg *flows.Segment, head *connection) {
	if head != nil {
		seg, _ = a.translate(seg, head)
		head.nearest(seg).peersSee(seg)
	}
}

// relation is how a segment relates to the waiting segments of its peer.
type relation uint8

const (
	isApart    relation = iota // it answers something before them
	mayBeCause                 // it brings new data, a SYN or a FIN
	mayBeAnswer
)

func (a *Analyzer) relation(seg *flows.Segment, head *connection) relation {
	if head == nil { // an RST waits for its SYN
		if opens(seg) {
			return mayBeCause
		}
		return mayBeAnswer
	}
	seg, _ = a.translate(seg, head)
	c := head.nearest(seg)
	x, y := &c.tcp.Ends[sender(seg)], &c.tcp.Ends[1-sender(seg)]
	nxt, sent := x.SndNxt()
	acked, acks := x.RcvNxt()
	next, known := y.SndNxt()
	end := tcpstate.Seq(seg.Seq + seg.Len)
	if seg.Flags&(flows.SYN|flows.FIN) != 0 {
		end++
	}
	switch ack := tcpstate.Seq(seg.Ack); {
	case seg.Flags.Has(flows.RST):
		return mayBeAnswer
	case seg.Flags.Has(flows.ACK) && known && ack.After(next):
		return mayBeAnswer
	case y.Known() && y.State() == tcpstate.SynRcvd && seg.Flags.Has(flows.ACK):
		return mayBeCause
	case !sent && seg.Flags.Has(flows.SYN), sent && end.After(nxt) && !tcpstate.Seq(seg.Seq).After(nxt):
		return mayBeCause
	case end == tcpstate.Seq(seg.Seq) && acks && ack.After(acked):
		return isApart
	}
	return mayBeAnswer
}

// isRefusal reports whether a segment is an RST that refuses a SYN (RFC 9293 §3.10.7.1). If it comes first, the SYN may
// still come. (The rules handle a SYN-ACK that comes first.)
func isRefusal(seg *flows.Segment) bool {
	return seg.Flags&(flows.SYN|flows.FIN|flows.RST|flows.ACK) == flows.RST|flows.ACK && seg.Seq == 0 && seg.Len == 0
}

// answersUnseen reports whether a segment acknowledges what its peer has not sent yet, according to the capture.
func (c *connection) answersUnseen(seg *flows.Segment) bool {
	if seg.Flags&(flows.ACK|flows.RST) != flows.ACK || c.self() {
		return false
	}
	if c.older != nil {
		c = c.nearest(seg)
	}
	from := sender(seg)
	x, y := &c.tcp.Ends[from], &c.tcp.Ends[1-from]
	switch {
	case c.sides[1-from].packets == 0: // a SYN-ACK may be on its way
		return x.Known() && x.State() == tcpstate.SynSent && !seg.Flags.Has(flows.SYN)
	case x.Known() && x.State() == tcpstate.SynRcvd && !c.tcp.SynDataAcked && !seg.Flags.Has(flows.SYN) &&
		(seg.Len > 0 || seg.Flags.Has(flows.FIN)):
		return true // the ACK that completes the handshake may be
	}
	nxt, sent := y.SndNxt()
	return sent && y.HasSent && near(seg.Ack, uint32(nxt)) && tcpstate.Seq(seg.Ack).After(nxt)
}

// releaseAll processes all waiting segments at the end of the capture.
func (a *Analyzer) releaseAll() {
	for w := a.overtaken.firstWaiting(never); w != nil; w = a.overtaken.firstWaiting(never) {
		a.when = order{a.clock, w.until, w.list[0].Packet}
		a.release(w)
	}
}

// release processes all waiting segments of a 4-tuple.
func (a *Analyzer) release(w *waiting) {
	list := w.list
	w.list = nil
	delete(a.overtaken.lists, list[0].Key)
	for i := range list {
		a.makeRoom()
		a.segment(&list[i], w.tag, w.turn)
	}
}
