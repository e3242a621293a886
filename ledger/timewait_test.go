package ledger

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
)

// waiting returns the record of a connection whose client enters TIME_WAIT at a second.
func waiting(port uint16, second float64, end record.TimeWaitEndedBy, lasted record.Duration) *record.Connection {
	entered := record.Time(second * 1e9)
	return &record.Connection{
		Client: record.Endpoint{IP: netip.MustParseAddr("192.0.2.1"), Port: port},
		Server: record.Endpoint{IP: netip.MustParseAddr("192.0.2.2"), Port: 443},
		TimeWait: []record.TimeWait{{Side: record.Client, Entered: entered, Restarts: 1, TwoMSL: 60e9,
			Expires: entered + 60e9, EndedBy: end, Observed: lasted}},
	}
}

func TestTimeWaitLedger(t *testing.T) {
	ledger := newTimeWaits()
	ports := PortRange{40000, 40009}
	ledger.add(waiting(40000, 0, record.TimeWaitExpired, 60e9), ports)
	ledger.add(waiting(40001, 10, record.TimeWaitReused, 20e9), ports)
	ledger.add(waiting(40002, 20, record.TimeWaitReset, 5e9), ports)
	ledger.add(waiting(40003, 30, record.TimeWaitEvicted, 1e9), ports)
	ledger.add(waiting(40004, 31, record.TimeWaitCaptureEnd, 40e9), ports)
	ledger.add(waiting(50000, 32, record.TimeWaitCaptureEnd, 39e9), ports)
	refused := waiting(40001, 33, record.TimeWaitCaptureEnd, 38e9)
	refused.TimeWait = nil
	refused.Findings = []record.Finding{{Code: "time_wait_refused"}}
	ledger.add(refused, ports)
	both := waiting(40005, 31, record.TimeWaitRunning, 1e9)
	both.TimeWait = append(both.TimeWait, both.TimeWait[0])
	both.TimeWait[1].Side = record.Server
	ledger.add(both, ports)

	first, _ := ledger.records(ports)
	if c := first[0].Client; c.Held != 3 || c.Expired != 1 || c.LastExpiry != 92e9 || first[0].Ports.Locked != 2 {
		t.Errorf("while one of them runs: %+v, %+v", c, first[0].Ports)
	}
	for i := range both.TimeWait {
		both.TimeWait[i].EndedBy, both.TimeWait[i].Observed = record.TimeWaitExpired, 60e9
	}
	ledger.end(netip.AddrPortFrom(both.Client.IP, both.Client.Port),
		netip.AddrPortFrom(both.Server.IP, both.Server.Port), both.TimeWait, ports)

	list, leftOut := ledger.records(ports)
	if len(list) != 1 || leftOut != 0 {
		t.Fatalf("%d pairs, %d left out", len(list), leftOut)
	}
	h := list[0]
	want := record.TimeWaitHolder{
		IP: netip.MustParseAddr("192.0.2.1"), Entered: 7, Held: 2, HeldPeak: 4, HeldPeakAt: 32e9, Observed: 225e9,
		Longest: 60e9, Restarts: 7,
		Expired: 2, Reused: 1, Reset: 1, Evicted: 1, LastExpiry: 92e9,
	}
	if h.Client != want {
		t.Errorf("the client: %+v\nwant %+v", h.Client, want)
	}
	if h.Server.Entered != 1 || *h.Server.Port != 443 || h.ReusesDenied != 1 || h.ReusesProven != 0 ||
		h.TwoMSL != 60e9 {
		t.Errorf("%+v", h)
	}
	if p := h.Ports; p.Locked != 1 || p.Rate.Known || p.ExhaustedAt != record.NoTime {
		t.Errorf("its ports: %+v", p)
	}
}

// Ports run out only if they are locked faster than they become free. A few TIME_WAITs do not show that.
func TestPortsRunOut(t *testing.T) {
	for _, c := range []struct {
		n      int
		every  float64 // seconds
		at     record.Time
		isRate bool
	}{
		{9, 1, record.NoTime, false},
		{50, 0.01, record.NoTime, false}, // within half a second
		{100, 1, record.NoTime, true},    // 600 ports for 60 seconds: ten can be locked per second
		{101, 0.1, record.NoTime, true},
		{101, 0.05, 30e9, true},
	} {
		ledger := newTimeWaits()
		for i := range c.n {
			ledger.add(waiting(uint16(40000+i), float64(i)*c.every, record.TimeWaitExpired, 60e9), DefaultPortRange)
		}
		list, _ := ledger.records(PortRange{40000, 40599})
		if p := list[0].Ports; p.Rate.Known != c.isRate || p.ExhaustingRate != 10 || p.ExhaustedAt != c.at {
			t.Errorf("%d every %v s: %+v", c.n, c.every, p)
		}
	}
}

// There is no forecast if the capture contradicts the assumed 2MSL.
func TestForecastContradicted(t *testing.T) {
	count := func(n uint64) record.Count { return record.Count{Number: n, Known: true} }
	linux := &record.Options{MSS: count(1460), WScale: count(7), SACKPermitted: true, Timestamps: true}
	windows := &record.Options{MSS: count(1460), WScale: count(8), SACKPermitted: true}
	freeBSD := &record.Options{MSS: count(1460), WScale: count(6), SACKPermitted: true, Timestamps: true}
	for _, c := range []struct {
		name    string
		options *record.Options
		every   float64 // seconds
		ended   record.TimeWaitEndedBy
		alarms  bool
		twoMSL  record.Duration // that the forecast assumes
	}{
		// 600 ports for 240 seconds: 2.5 per second by the RFC's 2MSL, 10 per second by Linux's
		{"unknown", nil, 0.2, record.TimeWaitCaptureEnd, true, 240e9},
		{"Windows", windows, 0.2, record.TimeWaitCaptureEnd, true, 240e9},
		{"FreeBSD", freeBSD, 0.2, record.TimeWaitCaptureEnd, true, 240e9},
		{"Linux", linux, 0.2, record.TimeWaitCaptureEnd, false, 60e9},
		{"Linux, nearly as fast", linux, 0.125, record.TimeWaitCaptureEnd, false, 60e9},
		{"Linux, faster", linux, 0.05, record.TimeWaitCaptureEnd, true, 60e9},
		{"reused sooner", nil, 0.2, record.TimeWaitReused, false, record.NoDuration},
	} {
		ledger := newTimeWaits()
		for i := range 100 {
			w := waiting(uint16(40000+i), float64(i)*c.every, record.TimeWaitCaptureEnd, 60e9)
			w.TimeWait[0].TwoMSL = 240e9
			if w.Client.Options = c.options; i == 50 {
				w.TimeWait[0].EndedBy = c.ended
			}
			ledger.add(w, DefaultPortRange)
		}
		list, _ := ledger.records(PortRange{40000, 40599})
		if p := list[0].Ports; (p.ExhaustedAt != record.NoTime) != c.alarms || p.ExhaustingRate != 2.5 ||
			p.TwoMSL != c.twoMSL {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

// The pairs that hold most TIME_WAITs stay, and the others are counted.
func TestTimeWaitLedgerIsBounded(t *testing.T) {
	ledger := newTimeWaits()
	heavy := waiting(1, 0, record.TimeWaitCaptureEnd, 1e9)
	ledger.add(heavy, DefaultPortRange)
	ledger.add(heavy, DefaultPortRange)
	const pairs = 5 * maxTimeWaitPairs
	for i := range pairs {
		c := waiting(1, 0, record.TimeWaitCaptureEnd, 1e9)
		c.Client.IP = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		ledger.add(c, DefaultPortRange)
	}
	list, leftOut := ledger.records(DefaultPortRange)
	if len(list) != maxTimeWaitPairs || leftOut != pairs+1-maxTimeWaitPairs {
		t.Errorf("%d pairs, and %d left out", len(list), leftOut)
	}
	if list[0].Client.IP != heavy.Client.IP || list[0].Client.Held != 2 {
		t.Errorf("the first is %v with %d", list[0].Client.IP, list[0].Client.Held)
	}
}
