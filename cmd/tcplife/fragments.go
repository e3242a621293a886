package main

import "github.com/tcplife/tcplife/capture"

// An ordered writes packets in their order, although whether a fragment is wanted is known only when its datagram is
// complete.
type ordered struct {
	write   func(*capture.Packet) error
	queue   []*queued          // the first waits for others, unless the queue is empty
	waiting map[uint64]*queued // the packets that wait, by number
	size    int                // bytes of all in the queue
	unknown uint64             // fragments whose datagram came too late
}

// queued is a packet that waits, or comes after one that waits.
type queued struct {
	*capture.Packet
	waits, wanted bool
	joined        []uint64 // the packets that are wanted if this one is wanted
}

// How long a fragment waits.
const (
	maxWaitingBytes = 16 << 20 // of packets that come after it
	maxWaitingTime  = 60e9     // ns; package flows drops a datagram after this time
)

// add takes a packet: one that is wanted, one that waits because that is not known yet, or neither. joined are the
// numbers of the packets that are wanted if this one is.
func (o *ordered) add(p *capture.Packet, wanted, waits bool, joined []uint64) error {
	if !waits || wanted {
		waits = false
		o.decide(joined, wanted)
	}
	switch {
	case wanted && len(o.queue) == 0:
		return o.write(p)
	case wanted || waits:
		q := &queued{Packet: p.Clone(), waits: waits, wanted: wanted}
		o.queue = append(o.queue, q)
		o.size += len(p.Data)
		if waits {
			q.joined = append(q.joined, joined...)
			o.waiting[p.Number] = q
		}
	}
	return o.flush(p.Time)
}

// decide decides about waiting packets, and about those that share their fate.
func (o *ordered) decide(numbers []uint64, wanted bool) {
	for _, number := range numbers {
		if q := o.waiting[number]; q != nil {
			delete(o.waiting, number)
			q.waits, q.wanted = false, wanted
			o.decide(q.joined, wanted)
		}
	}
}

// flush writes the packets that wait for no other packet.
func (o *ordered) flush(now int64) error {
	for len(o.queue) > 0 {
		q := o.queue[0]
		if q.waits {
			switch {
			case now != capture.NoTime && q.Time != capture.NoTime && now-q.Time > maxWaitingTime:
			case o.size > maxWaitingBytes:
				o.unknown++
			default:
				return nil
			}
			delete(o.waiting, q.Number)
		}
		o.queue[0], o.queue = nil, o.queue[1:]
		o.size -= len(q.Data)
		if q.wanted {
			if err := o.write(q.Packet); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes the rest. Fragments that still wait belong to no segment.
func (o *ordered) end() error {
	for _, q := range o.queue {
		q.waits = false
	}
	clear(o.waiting)
	return o.flush(0)
}
