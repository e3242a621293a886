package analyzer

import (
	"fmt"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// Targets returns how many targets of attempts an Analyzer remembers.
func Targets(a *Analyzer) int { return a.accounts.crowd.Targets() }

// CountLive counts one by one what Live counts.
func CountLive(a *Analyzer) record.Live {
	var live record.Live
	for n := uint32(1); n <= a.table.places.Made(); n++ {
		for c := a.peek(n); c != nil; c = c.older {
			live.Connections++
			if c.tcp.HalfOpen != nil {
				live.HalfOpen++
			}
			for i := range c.tcp.Ends {
				at := c.attempt()
				switch e := &c.tcp.Ends[i]; {
				case !e.Known():
				case i != c.opener && e.State() == tcpstate.SynRcvd && c.synAckRetransmissions() == 0 &&
					a.accounts.crowd.SentCookie(at.Target, at.TargetPort, at.SynAckAt):
				case i != c.opener:
					live.Server[e.State()]++
				case c.tcp.SilentSinceSyn(i):
					live.Client[tcpstate.SynSent]++
				default:
					live.Client[e.State()]++
				}
			}
		}
	}
	return live
}

// Rest lets hardly any connection stay awake.
func Rest(a *Analyzer) { a.awakeLimit = reserve + 1 }

// AwakeLimit lets n connections be awake.
func AwakeLimit(a *Analyzer, n int) { a.awakeLimit = n }

// Awake returns how many connections are awake.
func Awake(a *Analyzer) int { return int(a.table.awake.live()) }

// Footprint returns the size that the limit of memory is compared with.
func Footprint(a *Analyzer) uint64 { return a.footprint() }

// NoTwins makes the record of every lone SYN anew.
func NoTwins(a *Analyzer) { a.noTwins = true }

// ReleaseAll processes all waiting segments.
func ReleaseAll(a *Analyzer) { a.releaseAll() }

// Ordinary returns how many connections are ordinary so far. It fails if the rules contradict the stored state of one.
func Ordinary(a *Analyzer) (n int, err error) {
	for place := uint32(1); place <= a.table.places.Made(); place++ {
		p := a.table.places.At(place)
		if p.kind != kindOrdinary {
			continue
		}
		n++
		o := a.table.ordinary.At(p.where)
		stands, deadline := o.standing(), o.deadline(&a.options)
		c := a.peek(place)
		c.stands.counted = true
		live := a.live
		a.recount(c)
		a.live = live
		phase := answered
		if !c.embryonic() {
			phase = completed
		}
		if c.stands != stands || c.phase != phase || a.deadline(c) < deadline || a.deadline(c) > deadline &&
			!a.mayBeOpen(c) || c.older != nil {
			return n, fmt.Errorf("#%d is %+v until %d in phase %d, by the rules %+v until %d in phase %d",
				c.id, stands, deadline, c.phase, c.stands, a.deadline(c), phase)
		}
		if p.alarm > deadline {
			return n, fmt.Errorf("#%d: alarm at %d, deadline %d", c.id, p.alarm, deadline)
		}
	}
	return n, nil
}

// Spare returns how many bytes of freed connections a tracker holds unused.
func Spare(a *Analyzer) uint64 { return a.table.spare() }
