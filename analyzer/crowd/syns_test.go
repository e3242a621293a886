package crowd

import (
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
)

// A sample of many SYNs is kept. Its SYNs of the flood are not SYNs of completed attempts.
func TestFloodSyns(t *testing.T) {
	s := newStory()
	s.c.KeepSyns()
	const clients, syns, perSecond = 20_000, 30_000, 10_000.0
	now := 1.0
	for n := range uint32(clients) {
		a := s.syn(now, n, 80)
		s.synAck(now, a)
		s.complete(now, a)
		s.c.Completed(a, &Probe{Seq: n, TTL: 60})
		now += 1 / perSecond
	}
	for n := range uint32(syns) {
		a := s.syn(now, 1<<20+n, 80)
		if n%10 == 0 { // a client
			s.synAck(now, a)
			s.complete(now, a)
			s.c.Completed(a, s.probe)
		}
		now += 1 / perSecond
	}
	var r record.Result
	r.Summary = &record.Summary{}
	s.c.AddTo(&r)
	if len(r.SynFloods) != 1 || len(r.FloodSyns) != 1 {
		t.Fatalf("%d floods and %d samples", len(r.SynFloods), len(r.FloodSyns))
	}
	f := &r.FloodSyns[0]
	if want := uint64(clients + syns/10); f.CompletedAll != want || f.AnywhereAll != want {
		t.Errorf("%d and %d attempts were completed, want %d", f.CompletedAll, f.AnywhereAll, want)
	}
	for i, sample := range [...][]record.Syn{f.Flood, f.Completed, f.Anywhere} {
		if n := len(sample); n < 1000 || n > 8192 {
			t.Errorf("sample %d has %d SYNs", i, n)
		}
	}
	completed := map[record.Syn]bool{}
	for _, syn := range f.Completed {
		completed[syn] = true
	}
	for _, syn := range f.Flood {
		if completed[syn] {
			t.Fatalf("%+v was completed, but is in the flood's sample", syn)
		}
	}
}

// All samples together are bounded, however many targets there are.
func TestFloodSynsBound(t *testing.T) {
	c := New()
	c.KeepSyns()
	for range 10_000 {
		c.order = append(c.order, &target{sample: &syns{}})
	}
	for n := range 1_200_000 {
		c.keepSyn(c.order[n%len(c.order)].sample, &syn{at: int64(n)})
	}
	kept := 0
	for each := range c.eachSample {
		kept += len(each.list)
	}
	if kept > sampledSynsInAll || kept < sampledSynsInAll/8 {
		t.Errorf("%d SYNs are kept, want at most %d", kept, sampledSynsInAll)
	}
}

// keep adds n SYNs to samples in turn, and returns how many are kept.
func keep(samples, n int) (c *Crowd, kept int) {
	c = New()
	c.KeepSyns()
	for range samples {
		c.order = append(c.order, &target{sample: &syns{}})
	}
	for i := range n {
		c.keepSyn(c.order[i%samples].sample, &syn{at: int64(i)})
	}
	for _, t := range c.order {
		kept += len(t.sample.list)
	}
	return c, kept
}

// A sample has at most 8,192 SYNs. All samples together have fewer than 524,288, but each may always have 16.
func TestFloodSynsRoom(t *testing.T) {
	for _, test := range []struct {
		samples, n int
		all        bool // all are kept
		limit      int  // of one sample afterwards
	}{
		{1, 8192, true, 8192},
		{1, 8193, false, 8192},
		{100, 524_287, true, 8192},
		{100, 524_288, false, 4096},
		{32_768, 524_288, true, 16},
	} {
		c, kept := keep(test.samples, test.n)
		if all := kept == test.n; all != test.all || c.samples.limit != test.limit {
			t.Errorf("of %d SYNs in %d samples %d are kept, at most %d in each; want %v, %d",
				test.n, test.samples, kept, c.samples.limit, test.all, test.limit)
		}
	}
}
