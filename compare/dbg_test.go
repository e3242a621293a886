package compare

import "testing"
import "github.com/tcplife/tcplife/analyzer/record"
import "context"
import "fmt"
import "os"
import "path/filepath"

func TestDbg(t *testing.T) {
	dir := os.Getenv("DBG")
	if dir == "" {
		t.Skip()
	}
	var src []Source
	for _, n := range []string{"client", "fwin", "fwout", "server"} {
		src = append(src, Source{Name: n, Files: []string{filepath.Join(dir, n+".pcapng")}})
	}
	p, err := first(context.Background(), src, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range src {
		f, u, ok := p.span(i)
		fmt.Println(src[i].Name, f, u, ok, p.linked[i])
	}
	for i := range p.stretches {
		s := &p.stretches[i]
		fmt.Printf("%d pairs %d %+v kept %v %v %v\n", i, s.pairs, s.ways, s.mostly, s.always, 0)
	}
	for _, x := range p.surveys[2].sketches[0].order {
		s := &x.segment
		fmt.Println(s.Packet, s.Flags, s.Len, x.repeated, wayOf(s, p.sides[2]), p.surveys[3].sketches[0].lacks(s), p.corrected(2, s.Time)-p.usualDelay(3, 2))
	}
}

func TestDbg2(t *testing.T) {
	dir := os.Getenv("DBG")
	if dir == "" {
		t.Skip()
	}
	var src []Source
	for _, n := range []string{"client", "fwin", "fwout", "server"} {
		src = append(src, Source{Name: n, Files: []string{filepath.Join(dir, n+".pcapng")}})
	}
	debugAttach = func(j *journey, p int, s *sighting, f string) {
		fmt.Println(f, j.trail.number, j.dir, whatIs(j), j.seq, j.packets(), "+", p, s.packet, s.at)
	}
	Compare(context.Background(), src, Options{}, func(c *record.Compared) error {
		fmt.Println("emit", c.ID, c.Pairing, c.Counts)
		for _, v := range c.Verdicts {
			if !v.Routine {
				fmt.Println("  V", v.Kind, v.Field, v.Between, v.What, v.Segment.At, v.Segment.Packet, v.Reason, v.Packets)
			}
		}
		return nil
	})
}
