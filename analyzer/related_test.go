package analyzer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/segtest"
)

// Hosts behind a NAT have unrelated timestamps. A server that keeps the latest timestamp of each address ignores SYNs
// with lower ones (RFC 7323 appendix B.2). A server that answers one of these does not.
func TestTimestampBehind(t *testing.T) {
	completes := func(n, ts int, gap string) string {
		return fmt.Sprintf(`
			A%[1]d = 192.0.2.1:%[1]d sack ts=%[2]d
			%[3]s A%[1]d --> S SYN
			A%[1]d <-- S SYN,ACK
			A%[1]d --> S ACK
		`, n, ts, gap)
	}
	ignored := func(n, ts, again int, gap string) string {
		text := fmt.Sprintf("\nB%[1]d = 192.0.2.1:%[1]d sack ts=%[2]d\n%[3]s B%[1]d --> S SYN\n", n, ts, gap)
		return text + strings.Repeat(fmt.Sprintf("+1s B%d --> S again\n", n), again)
	}
	for name, tt := range map[string]struct {
		script string
		want   int
	}{
		"behind": {completes(1, 9000000, "") + ignored(2, 1000, 2, "+1s"), 1},
		"behind, two of them": {completes(1, 9000000, "") + ignored(2, 1000, 2, "+1s") +
			ignored(3, 5000, 2, "+1s"), 2},
		"wrapped":             {completes(1, 5, "") + ignored(2, 4294960000, 2, "+1s"), 1},
		"not behind":          {completes(1, 1000, "") + ignored(2, 9000000, 2, "+1s"), 0},
		"one SYN may be lost": {completes(1, 9000000, "") + ignored(2, 1000, 0, "+1s"), 0},
		"one behind is answered": {completes(1, 9000000, "") + completes(2, 1000, "+1s") +
			ignored(3, 1000, 2, "+1s"), 0},
		"one not behind is ignored": {completes(1, 9000, "") + ignored(2, 9000000, 2, "+1s") +
			ignored(3, 1000, 2, "+1s"), 0},
		"after two minutes": {completes(1, 9000000, "") + ignored(2, 1000, 2, "+121s"), 0},
		"another address is answered": {strings.ReplaceAll(completes(1, 9000000, ""), "192.0.2.1:", "192.0.2.9:") +
			ignored(2, 1000, 2, "+1s"), 0},
	} {
		found := 0
		a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
			if r.Found(record.FindingTimestampBehind) {
				found++
			}
		})
		for _, seg := range segtest.Script(tt.script).Segments() {
			a.Segment(&seg)
		}
		a.Close()
		if found != tt.want {
			t.Errorf("%s: %d findings, want %d", name, found, tt.want)
		}
	}
}

// The answer from another address is named, whichever record ends first.
func TestAnsweredElsewhere(t *testing.T) {
	var details []string
	a := analyzer.New(analyzer.Options{}, func(r *record.Connection) {
		for _, f := range r.Findings {
			if f.Code == "answered_elsewhere" {
				details = append(details, f.Detail)
			}
		}
	})
	for _, seg := range segtest.Script(`
		C = 192.0.2.10:40000
		V = 198.51.100.80:443
		R = 10.9.0.5:8443
		X = 192.0.2.10:40000
		C --> V SYN seq=1000
		R --> X SYN,ACK seq=5000 ack=1001
		R <-- X RST seq=1001
	`).Segments() {
		a.Segment(&seg)
	}
	a.Close()
	const want = "server: the SYN-ACK came from another address, so the client refuses it: " +
		"10.9.0.5:8443; packets 1 and 2"
	if len(details) != 1 || details[0] != want {
		t.Errorf("%q, want %q", details, want)
	}
}

// Predictable ISNs are reported once for each host, on either side.
func TestPredictableISNs(t *testing.T) {
	for name, c := range map[string]struct {
		client, server func(i int) int // ISNs
		port           func(i int) int
		hosts          int // clients
		want           string
	}{
		"constant":     {client: func(int) int { return 7 }, want: "client 1"},
		"the server's": {server: func(i int) int { return 5 + 64000*i }, want: "server 1"},
		// equal steps in equal times
		"by time": {client: func(i int) int { return 5000000 * i }, want: "client 1"},
		"both": {client: func(int) int { return 7 }, server: func(int) int { return 9 },
			want: "client 1 server 1"},
		"neither":     {want: ""},
		"one 4-tuple": {client: func(i int) int { return 1 + 64000*i }, port: func(int) int { return 1 }, want: ""},
		"three hosts": {client: func(int) int { return 7 }, hosts: 3, want: ""},
		"two hosts":   {client: func(int) int { return 7 }, hosts: 2, want: "client 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var script strings.Builder
			random := rand.New(rand.NewPCG(3, 4))
			for i := range 8 {
				isn := [2]int{int(random.Uint32()), int(random.Uint32())}
				port := i
				if c.client != nil {
					isn[0] = c.client(i)
				}
				if c.server != nil {
					isn[1] = c.server(i)
				}
				if c.port != nil {
					port = c.port(i)
				}
				fmt.Fprintf(&script, "C%d = 10.0.0.%d:%d\n S = 10.9.9.9:80\n", i, 1+i%max(1, c.hosts), 1000+port)
				fmt.Fprintf(&script, "@%ds C%d --> S SYN seq=%d\n C%d <-- S SYN,ACK seq=%d\n C%d --> S ACK\n", 300*i, i,
					isn[0], i, isn[1], i)
				fmt.Fprintf(&script, "C%d --> S FIN,ACK\n C%d <-- S FIN,ACK\n C%d --> S ACK\n", i, i, i)
			}
			for trackers := 1; trackers <= 2; trackers++ {
				found := map[string]int{}
				for _, r := range tracked(script.String(), trackers) {
					for _, f := range r.Findings {
						if f.Code == "isn_predictable" {
							found[f.Side.String()]++
						}
					}
				}
				got := ""
				for _, side := range []string{"client", "server"} {
					if n := found[side]; n > 0 {
						got += fmt.Sprintf(" %s %d", side, n)
					}
				}
				if strings.TrimSpace(got) != c.want {
					t.Errorf("%d trackers: %q, want %q", trackers, got, c.want)
				}
			}
		})
	}
}
