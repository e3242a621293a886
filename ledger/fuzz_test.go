package ledger_test

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/ledger"
)

// recordBytes is the number of bytes that make a record.
const recordBytes = 16

// moments are the times of records, in ns: near each other, at the edges of steps, years apart and before 1970.
var moments = []int64{0, 1, 999, 1e3, 1e6 - 1, 1e6, 1e9 - 1, 1e9, 10e9, 59e9, 60e9, 240e9, 3600e9, 86400e9,
	30 * 86400e9, 400 * 86400e9, -1, -1e9, -86400e9}

const epoch = int64(1_700_000_000e9)

// recordOf makes a record of bytes. It has the shape of a real record, but not its consistency.
func recordOf(b []byte, id uint64) *record.Connection {
	at := func(i byte) record.Time { return record.Time(epoch + moments[int(i)%len(moments)]) }
	side := func(i byte) (e record.Endpoint) {
		e.IP, e.Port, e.Packets = netip.AddrFrom4([4]byte{10, 0, i >> 6, i >> 3 & 7}), 80+uint16(i&7), uint64(b[9])
		e.RetransmittedPackets = e.Packets / 2
		for k := range int(i>>1) & 3 {
			state := tcpstate.State((int(b[10]) + 3*k) % int(tcpstate.TimeWait+1))
			e.States = append(e.States, record.StateEntry{State: state, At: at(b[11] + byte(k)), Evidence: record.Seen})
		}
		slices.SortStableFunc(e.States, func(a, b record.StateEntry) int { return int(a.At/2-b.At/2) >> 1 })
		if n := len(e.States); n > 0 {
			e.State = record.StateOrNone{State: e.States[n-1].State, Known: true}
		}
		return e
	}
	c := &record.Connection{ID: id, Client: side(b[0]), Server: side(b[1])}
	c.Start, c.End, c.Ended = at(b[2]), at(b[3]), at(b[4])
	c.End = max(c.Start, c.End)
	c.Ended = max(c.Ended, c.End)
	c.Duration = record.Duration(c.End - c.Start)
	c.Handshake = record.Handshake{
		Outcome: record.Outcomes()[int(b[5])%len(record.Outcomes())], SynAt: c.Start, SynAckAt: record.NoTime,
		AckAt: record.NoTime, ServerRTT: record.Duration(b[6]) << (b[7] & 31), ClientRTT: record.NoDuration,
	}
	c.Teardown = record.Teardown{Kind: record.TeardownKinds()[int(b[8])%len(record.TeardownKinds())], At: record.NoTime,
		Idle: record.NoDuration, HalfClosed: record.NoDuration}
	if b[12]&1 != 0 {
		c.Teardown.Reset = &record.Reset{By: record.Side(b[12] >> 1 % 3),
			ReceiverState: record.StateOrNone{State: tcpstate.State(b[13] % 11), Known: b[12]&8 != 0}}
	}
	if b[12]&16 != 0 {
		c.HalfOpen = &record.HalfOpen{Survivor: record.Client, Since: c.Start, At: record.NoTime}
	}
	if b[14]&1 != 0 {
		ends := []record.TimeWaitEndedBy{record.TimeWaitCaptureEnd, record.TimeWaitExpired, record.TimeWaitReused,
			record.TimeWaitReset, record.TimeWaitEvicted}
		c.TimeWait = append(c.TimeWait, record.TimeWait{Side: record.Client + record.Side(b[14]>>1&1), Entered: c.Start,
			TwoMSL: 240e9, Expires: c.Start + 240e9, EndedBy: ends[int(b[14]>>2)%len(ends)],
			Observed: record.Duration(moments[int(b[15])%16])})
	}
	if b[13]&1 != 0 {
		c.Findings = append(c.Findings, record.Finding{Code: record.FindingRefused.String(), Severity: record.Warning})
	}
	return c
}

// FuzzLedger adds up any records in order, in the opposite order, and in two parts that are merged. The results are
// equal.
func FuzzLedger(f *testing.F) {
	var many []byte
	for i := range byte(60) {
		many = append(many, i, i*7, i, i*3, i*5, i, i*11, i, i, 9, i, i, i, i, i, i)
	}
	f.Add(many, int64(0))
	f.Add(many[:recordBytes], int64(time.Millisecond))
	f.Add(many[:10*recordBytes], int64(time.Second))
	f.Fuzz(func(t *testing.T, data []byte, step int64) {
		var list []*record.Connection
		for ; len(data) >= recordBytes && len(list) < 200; data = data[recordBytes:] {
			list = append(list, recordOf(data, binary.BigEndian.Uint64(data)%1000*1000+uint64(len(list))))
		}
		from, to := record.Time(epoch-86400e9), record.Time(epoch+400*86400e9)
		if step != 0 {
			step = max(step, int64(time.Microsecond))
		}
		sum := func(list []*record.Connection) (string, *ledger.Population) {
			totals, apart := ledger.NewTotals(ledger.DefaultPortRange), ledger.NewSums()
			population := ledger.NewPopulation(time.Duration(step), true)
			for i, c := range list {
				if i%3 > 0 { // not for every third, which may be another record in the opposite order
					totals.Add(c)
				} else {
					apart.Sum(c)
					totals.List(c)
				}
				population.Add(c)
			}
			totals.Merge(&apart)
			r := totals.Result(from, to)
			if n := r.Summary.Connections; n != uint64(len(list)) {
				t.Errorf("%d connections of %d", n, len(list))
			}
			outcomes := uint64(0)
			for _, n := range r.Summary.ByOutcome {
				outcomes += n
			}
			if outcomes != uint64(len(list)) {
				t.Errorf("%d outcomes of %d", outcomes, len(list))
			}
			return text(t, r), population
		}
		forth, whole := sum(list)
		halves := ledger.NewPopulation(time.Duration(step), true)
		for _, part := range [][]*record.Connection{list[:len(list)/2], list[len(list)/2:]} {
			one := ledger.NewPopulation(time.Duration(step), true)
			for _, c := range part {
				one.Add(c)
			}
			halves.Merge(one)
		}
		slices.Reverse(list)
		back, reversed := sum(list)
		if forth != back {
			t.Errorf("in order\n%s\nin the opposite order\n%s", forth, back)
		}
		if a, b := text(t, whole.Series(from, to)), text(t, reversed.Series(from, to)); a != b {
			t.Errorf("population in order\n%s\nin the opposite order\n%s", a, b)
		}
		if a, b := text(t, whole.Series(from, to)), text(t, halves.Series(from, to)); a != b {
			t.Errorf("population\n%s\nin two parts\n%s", a, b)
		}
		for _, at := range []record.Time{record.Time(epoch), to, from} {
			s := ledger.NewSnapshot(ledger.Moment{Time: at})
			for _, c := range list {
				s.Add(c)
			}
			n := uint64(0)
			for _, more := range s.Record().ByState {
				n += more
			}
			if n > 2*uint64(len(list)) {
				t.Errorf("%d endpoints of %d connections", n, len(list))
			}
		}
	})
}

func text(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
