package tcpstate

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// sane returns an error if the histories have a fault that no segments may cause.
func sane(c *Conn) error {
	for i := range c.Ends {
		e := &c.Ends[i]
		if len(e.rcv.ahead) > maxSpans+1 {
			return fmt.Errorf("end %d remembers %d spans", i, len(e.rcv.ahead))
		}
		if len(e.Withdrawn) > maxWithdrawn {
			return fmt.Errorf("end %d keeps %d withdrawn entries", i, len(e.Withdrawn))
		}
		from := unknown
		for n, entry := range e.History {
			if to := entry.Rule.arrowFrom(from); to == nil || to.to != entry.State || from == Closed && n > 1 {
				return fmt.Errorf("end %d: %s does not lead from %d to %s: %v", i, entry.Rule, from, entry.State,
					stateNames(e))
			}
			if n > 0 && entry.At < e.History[n-1].At {
				return fmt.Errorf("end %d: time goes back from %s to %s: %v", i, from, entry.State, e.History)
			}
			from = entry.State
		}
	}
	return nil
}

type sent struct {
	from int
	Segment
}

func (s sent) String() string {
	text := "-->"
	if s.from == 1 {
		text = "<--"
	}
	for _, f := range []struct {
		set  bool
		name string
	}{{s.Syn, "SYN"}, {s.Fin, "FIN"}, {s.Rst, "RST"}} {
		if f.set {
			text += " " + f.name
		}
	}
	text += fmt.Sprintf(" seq=%d", s.Seq)
	if s.HasAck {
		text += fmt.Sprintf(" ack=%d", s.Ack)
	}
	return text + fmt.Sprintf(" len=%d win=%d at=%d", s.Len, s.Window, s.At)
}

var bases = [2]Seq{1000, 5000}

// drawSent draws segments, most of which could belong to one connection.
func drawSent(t *rapid.T) []sent {
	number := rapid.Custom(func(t *rapid.T) Seq {
		if rapid.IntRange(0, 19).Draw(t, "stray") == 19 {
			return Seq(rapid.Uint32Range(10000, 1<<32-1).Draw(t, "number"))
		}
		return Seq(rapid.Uint32Range(0, 5).Draw(t, "number"))
	})
	flags := rapid.SampledFrom([]string{"", "", "", "S", "S", "F", "F", "R", "SF", "SR", "FR"})
	at := int64(1e9)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sent {
		s := sent{from: rapid.IntRange(0, 1).Draw(t, "from")}
		switch flags.Draw(t, "flags") {
		case "S":
			s.Syn = true
		case "F":
			s.Fin = true
		case "R":
			s.Rst = true
		case "SF":
			s.Syn, s.Fin = true, true
		case "SR":
			s.Syn, s.Rst = true, true
		case "FR":
			s.Fin, s.Rst = true, true
		}
		s.HasAck = rapid.IntRange(0, 4).Draw(t, "no ack") < 4
		s.Seq = bases[s.from] + number.Draw(t, "seq")
		if s.HasAck {
			s.Ack = bases[1-s.from] + number.Draw(t, "ack number")
		}
		s.Len = rapid.SampledFrom([]uint32{0, 0, 0, 1, 2}).Draw(t, "len")
		s.Window = rapid.SampledFrom([]uint32{0, 100, 1000, 65535}).Draw(t, "window")
		at += rapid.SampledFrom([]int64{1 * ms, 0, 50 * ms, 500 * ms, 5e9, -20 * ms}).Draw(t, "time")
		s.At = at
		return s
	}), 1, 40).Draw(t, "segments")
}

func after(segments []sent) *Conn {
	c := &Conn{}
	for i, s := range segments {
		segment := s.Segment
		segment.Packet = uint64(i + 1)
		c.Segment(s.from, &segment)
	}
	return c
}

func TestHistoriesStaySane(t *testing.T) {
	hold(t, func(t *rapid.T) {
		segments := drawSent(t)
		for n := range segments {
			c := after(segments[:n+1])
			if err := sane(c); err != nil {
				t.Fatalf("%v\n%v", err, list(segments[:n+1], c))
			}
			c.Settle(segments[n].At, n%2 == 0)
			if err := sane(c); err != nil {
				t.Fatalf("settled: %v\n%v", err, list(segments[:n+1], c))
			}
		}
	})
}

func list(segments []sent, c *Conn) string {
	text := ""
	for i := range segments {
		d := after(segments[:i+1])
		text += fmt.Sprintf("%s\n    %v | %v\n", segments[i], stateNames(&d.Ends[0]), stateNames(&d.Ends[1]))
	}
	return text
}

// The states depend on the distances between numbers, not on the numbers.
func TestShiftedNumbers(t *testing.T) {
	hold(t, func(t *rapid.T) {
		segments := drawSent(t)
		by := [2]Seq{Seq(rapid.Uint32().Draw(t, "shift 0")), Seq(rapid.Uint32().Draw(t, "shift 1"))}
		shifted := make([]sent, len(segments))
		for i, s := range segments {
			s.Seq += by[s.from]
			if s.HasAck {
				s.Ack += by[1-s.from]
			}
			if s.Rst && s.HasAck && s.Seq == 0 {
				t.Skip("0 means that the sender has no numbers (RFC 9293 §3.10.7.1)")
			}
			shifted[i] = s
		}
		a, b := after(segments), after(shifted)
		for end := range 2 {
			if got, want := fmt.Sprint(b.Ends[end].History), fmt.Sprint(a.Ends[end].History); got != want {
				t.Fatalf("end %d: %s, shifted %s\n%s", end, want, got, list(segments, a))
			}
		}
	})
}

// A peer that has sent only an RST has no current number, so no number is compared with one.
func TestShiftedNumbersAfterRstAlone(t *testing.T) {
	for _, shift := range []Seq{0, 0x7fffec75, 0x80000000, 0xffffec75} {
		c := after([]sent{
			{0, Segment{At: 1 * ms, Syn: true, HasAck: true, Seq: 1002, Ack: 5004 + shift}},
			{0, Segment{At: 2 * ms, Fin: true, HasAck: true, Seq: 1000, Ack: 5000 + shift}},
			{1, Segment{At: 3 * ms, Rst: true, HasAck: true, Seq: 5004 + shift, Ack: 1000}},
			{0, Segment{At: 4 * ms, HasAck: true, Seq: 1001, Ack: 5000 + shift, Len: 1}},
		})
		if got, want := c.Ends[0].since(), int64(4*ms); got != want {
			t.Errorf("numbers of the peer shifted by %#x: CLOSED since %d, want %d", shift, got, want)
		}
	}
}

// The result does not depend on which end is Ends[0].
func TestMirroredEnds(t *testing.T) {
	hold(t, func(t *rapid.T) {
		segments := drawSent(t)
		mirrored := make([]sent, len(segments))
		for i, s := range segments {
			s.from = 1 - s.from
			mirrored[i] = s
		}
		a, b := after(segments), after(mirrored)
		for end := range 2 {
			if got, want := fmt.Sprint(b.Ends[1-end].History), fmt.Sprint(a.Ends[end].History); got != want {
				t.Fatalf("end %d: %s, mirrored %s\n%s", end, want, got, list(segments, a))
			}
		}
	})
}
