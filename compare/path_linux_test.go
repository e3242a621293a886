package compare_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/compare"
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
)

// This file has a real path: kernels at both ends and a router with nftables between them.
type realPath struct {
	name    string
	rules   string // of the router's table
	lossy   bool   // the outer wire
	dropped func(netlab.Segment) bool
	resets  uint16 // the router answers dropped packets to this port with an RST
	altered []string
	target  netip.AddrPort // that the clients connect to, if it is not the server
}

var realPaths = []realPath{
	{name: "clean", altered: []string{"ttl"}},
	{name: "lossy", lossy: true, altered: []string{"ttl"}},
	{
		name: "syn dropped", altered: []string{"ttl"},
		rules: `chain f { type filter hook forward priority 0; tcp sport 40001 tcp flags & (syn|ack) == syn drop; }`,
		dropped: func(s netlab.Segment) bool {
			return s.SrcPort == 40001 && s.Flags&(flows.SYN|flows.ACK) == flows.SYN
		},
	},
	{
		name: "syn-ack dropped", altered: []string{"ttl"},
		rules: `chain f { type filter hook forward priority 0; ` +
			`tcp dport 40001 tcp flags & (syn|ack) == syn|ack drop; }`,
		dropped: func(s netlab.Segment) bool { return s.DstPort == 40001 && s.Flags.Has(flows.SYN|flows.ACK) },
	},
	{
		name: "rejected", altered: []string{"ttl"}, resets: 40002,
		rules: `chain f { type filter hook forward priority 0; ` +
			`tcp sport 40002 meta length > 100 reject with tcp reset; }`,
		dropped: func(s netlab.Segment) bool { return s.SrcPort == 40002 && s.Len > 48 },
	},
	{
		name: "source translated", altered: []string{"dst", "src", "ttl"},
		rules: `chain p { type nat hook postrouting priority 100; oifname "outside" masquerade; }`,
	},
	{
		name: "target translated", altered: []string{"dport", "dst", "sport", "src", "ttl"},
		target: netip.AddrPortFrom(netlab.PathInside, 80),
		rules:  `chain p { type nat hook prerouting priority -100; tcp dport 80 dnat to 198.19.0.1:8001; }`,
	},
	{
		name: "source translated, and loss", lossy: true, altered: []string{"dst", "src", "ttl"},
		rules: `chain p { type nat hook postrouting priority 100; oifname "outside" masquerade; }`,
	},
	{
		name: "segment size clamped", altered: []string{"mss", "ttl"},
		rules: `chain f { type filter hook forward priority 0; tcp flags syn tcp option maxseg size set 1000; }`,
	},
}

// TestRealPath compares the verdicts with the actions of our wires and the kernel's packet filter.
func TestRealPath(t *testing.T) {
	for _, s := range realPaths {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var complaints []string
			for range 3 { // a busy machine keeps frames for so long that they look like others
				if complaints = held(t, s); len(complaints) == 0 {
					return
				}
			}
			t.Error(strings.Join(complaints, "\n"))
		})
	}
}

// held plays a path, and returns the faults of the comparison.
func held(t *testing.T, s realPath) (complaints []string) {
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	random := rand.New(rand.NewPCG(1, uint64(len(s.name))))
	p := netlab.StartPath(t, "table ip path {\n"+s.rules+"\n}\n",
		func(trip *netlab.Trip, _ netlab.Segment) (h netlab.Handling) {
			if !s.lossy || trip.From < 2 {
				return h
			}
			switch n := random.IntN(100); {
			case n < 3:
				h.Lost = true
			case n < 5:
				h.Double = true
			case n < 7:
				h.Hold = 30 * time.Millisecond
			}
			return h
		})
	exchange(t, p, s.target)
	p.Stop()

	folder := t.TempDir()
	var sources []compare.Source
	names := []string{"client", "fwin", "fwout", "server"}
	for i, name := range names {
		file := filepath.Join(folder, name+".pcapng")
		writeCapture(t, file, p.Points[i])
		sources = append(sources, compare.Source{Name: name, Files: []string{file}})
	}
	var got []result.Verdict
	_, err := compare.Compare(context.Background(), sources, compare.Options{}, func(c *result.Compared) error {
		got = append(got, c.Verdicts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wanted, late := happened(p, s.dropped, s.resets)
	altered := map[string]bool{}
	for _, v := range got {
		a, b := slices.Index(names, v.Between[0]), slices.Index(names, v.Between[1])
		key := fmt.Sprintf("%s between %d and %d, packet %d at %s", v.Kind, a, b, v.Segment.Packet,
			v.Segment.At)
		switch v.Kind {
		case result.Altered:
			if a != 1 || b != 2 {
				complain("altered by a wire: %s", key)
			}
			altered[string(v.Field)] = true
		case result.Delayed, result.Reordered: // wires and kernels are sometimes late by themselves
			delete(late, key)
		case result.NotCaptured:
		case result.Lost:
			lacks := p.Points[a+b-slices.Index(names, v.Segment.At)]
			at := p.Points[slices.Index(names, v.Segment.At)][v.Segment.Packet-1].Time
			switch {
			case wanted[key]:
				delete(wanted, key)
			case at <= lacks[len(lacks)-1].Time: // later, no packet says that the other capture was still running
				complain("invented: %s", key)
			}
		default:
			if !wanted[key] {
				complain("invented: %s", key)
			}
			delete(wanted, key)
		}
	}
	for key := range wanted {
		complain("missing: %s", key)
	}
	for key := range late {
		complain("missing: %s", key)
	}
	var fields []string
	for field := range altered {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	if !slices.Equal(fields, s.altered) {
		complain("altered are %v, want %v", fields, s.altered)
	}
	return complaints
}

// happened lists the actions of the wires and the router, with the names of verdicts above: those that must be found,
// and delays. On a busy machine all frames may be late. Then a frame that was held is not unusual.
func happened(p *netlab.Path, dropped func(netlab.Segment) bool, resets uint16) (wanted, late map[string]bool) {
	wanted, late = map[string]bool{}, map[string]bool{}
	names := [...]string{"client", "fwin", "fwout", "server"}
	add := func(list map[string]bool, kind result.VerdictKind, a, b, at int, packet uint64) {
		list[fmt.Sprintf("%s between %d and %d, packet %d at %s", kind, min(a, b), max(a, b), packet, names[at])] = true
	}
	took := func(trip *netlab.Trip) int64 {
		return p.Points[trip.To][trip.Received[0]-1].Time - p.Points[trip.From][trip.Sent-1].Time
	}
	var slowest [4]int64 // of the frames from each point that were not held
	for _, trip := range p.Trips {
		if trip.Handling.Hold == 0 && len(trip.Received) > 0 {
			slowest[trip.From] = max(slowest[trip.From], took(trip))
		}
	}
	for _, trip := range p.Trips {
		switch h := trip.Handling; {
		case h.Lost && p.Points[trip.From][trip.Sent-1].Time > p.Points[trip.To][len(p.Points[trip.To])-1].Time:
			// No packet says that the other capture was still running.
		case h.Lost:
			add(wanted, result.Lost, trip.From, trip.To, trip.From, trip.Sent)
		case h.Double:
			add(wanted, result.Duplicated, trip.From, trip.To, trip.To, trip.Received[len(trip.Received)-1])
		case h.Hold > 0 && len(trip.Received) > 0 && took(trip) > 2*slowest[trip.From]:
			add(late, result.Delayed, trip.From, trip.To, trip.From, trip.Sent)
		}
		if dropped == nil {
			continue
		}
		if trip.To == 1 || trip.To == 2 {
			for _, packet := range trip.Received {
				if dropped(trip.Segment) {
					add(wanted, result.Lost, 1, 2, trip.To, packet)
				}
			}
		}
		if resets != 0 && trip.From == 1 && trip.Segment.DstPort == resets && trip.Segment.Flags.Has(flows.RST) {
			add(wanted, result.Born, 1, 2, 1, trip.Sent)
		}
	}
	return wanted, late
}

// exchange sends data over eight connections.
func exchange(t *testing.T, p *netlab.Path, target netip.AddrPort) {
	const port = 8001
	if !target.IsValid() {
		target = netip.AddrPortFrom(netlab.PathServer, port)
	}
	listener, err := p.Listen(port)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	done := make(chan bool)
	const connections = 8
	for i := range connections {
		go func() {
			defer func() { done <- true }()
			time.Sleep(time.Duration(i) * 5 * time.Millisecond)
			conn, err := p.Dial(uint16(40000+i), target, 1500*time.Millisecond)
			if err != nil {
				return // the router's rules block it
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			for range 4 {
				if _, err := conn.Write([]byte(strings.Repeat("q", 300))); err != nil {
					return
				}
				if _, err := io.ReadFull(conn, make([]byte, answer)); err != nil {
					return
				}
			}
		}()
	}
	for range connections {
		<-done
	}
	time.Sleep(300 * time.Millisecond) // the last frames arrive; nothing shows when all have
}

const answer = 9000

// serve answers requests of 300 bytes.
func serve(conn *net.TCPConn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	for {
		if _, err := io.ReadFull(conn, make([]byte, 300)); err != nil {
			return
		}
		if _, err := conn.Write(make([]byte, answer)); err != nil {
			return
		}
	}
}
