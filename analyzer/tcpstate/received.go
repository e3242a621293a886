package tcpstate

// received is the sequence space that has arrived: all before nxt (RCV.NXT), and spans beyond holes.
type received struct {
	nxt   Seq
	known bool
	ahead []span // ascending, disjoint, not touching nxt
	lost  bool   // some of what has passed has not arrived
	seen  Seq    // the number before which all has passed, if lost
}

type span struct{ from, to Seq }

// maxSpans bounds the spans beyond holes. The farthest is forgotten first, because the receiver's acknowledgements
// later show which holes were filled.
const maxSpans = 32

// add adds [from, to) and reports whether any of it is new.
func (r *received) add(from, to Seq) (fresh bool) {
	if !to.After(r.nxt) {
		return false
	}
	if from.After(r.nxt) {
		return r.addAhead(from, to)
	}
	r.nxt = to
	r.absorb()
	return true
}

// absorb moves nxt over the spans that it has reached.
func (r *received) absorb() {
	n := 0
	for n < len(r.ahead) && !r.ahead[n].from.After(r.nxt) {
		r.nxt = maxSeq(r.nxt, r.ahead[n].to)
		n++
	}
	if n > 0 {
		r.ahead = append(r.ahead[:0], r.ahead[n:]...)
	}
}

func (r *received) addAhead(from, to Seq) (fresh bool) {
	i := 0
	for i < len(r.ahead) && r.ahead[i].to.Before(from) {
		i++
	}
	if i < len(r.ahead) && !from.Before(r.ahead[i].from) && !to.After(r.ahead[i].to) {
		return false
	}
	j := i
	for j < len(r.ahead) && !r.ahead[j].from.After(to) {
		if r.ahead[j].from.Before(from) {
			from = r.ahead[j].from
		}
		to = maxSeq(to, r.ahead[j].to)
		j++
	}
	if i == j {
		r.ahead = append(r.ahead, span{})
		copy(r.ahead[i+1:], r.ahead[i:])
		if len(r.ahead) > maxSpans {
			r.ahead = r.ahead[:maxSpans]
		}
		if i < len(r.ahead) {
			r.ahead[i] = span{from, to}
		}
		return true
	}
	r.ahead[i] = span{from, to}
	r.ahead = append(r.ahead[:i+1], r.ahead[j:]...)
	return true
}

// acked records that the receiver has acknowledged everything before ack.
func (r *received) acked(ack Seq) {
	if !r.known {
		r.known, r.nxt = true, ack
	}
	if ack.After(r.nxt) {
		r.nxt = ack
		r.absorb()
	}
}

// missing records that the receiver's acknowledgement shows that the octet at ack has not arrived, though it passed the
// observer. What follows it counts as arrived until the next such acknowledgement.
func (r *received) missing(ack Seq) {
	if !ack.Before(r.nxt) {
		return
	}
	if !r.lost || r.nxt.After(r.seen) {
		r.lost, r.seen = true, r.nxt
	}
	if to := r.nxt; to.Sub(ack) > 1 {
		r.ahead = append([]span{{ack.Add(1), to}}, r.ahead...)
	}
	r.nxt = ack
}

// passed reports whether all of [from, to) has passed the observer before, whether it arrived or not.
func (r *received) passed(from, to Seq) bool {
	return r.covers(from, to) || r.lost && !to.After(r.seen) && to.Sub(r.nxt) >= 0
}

// covers reports whether all of [from, to) has arrived.
func (r *received) covers(from, to Seq) bool {
	if !to.After(r.nxt) {
		return true
	}
	for _, sp := range r.ahead {
		if !from.Before(sp.from) && !to.After(sp.to) {
			return true
		}
	}
	return false
}
