package analyzer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
)

// codesOf returns the codes of a record's findings.
func codesOf(c *record.Connection) (list []string) {
	for _, f := range c.Findings {
		list = append(list, f.Code)
	}
	return list
}

// The record has what an ICMP error says about a SYN or SYN-ACK. A rule that forbids is distinguished from a path that
// ends.
func TestICMPAboutHandshake(t *testing.T) {
	const v6 = "C = [2001:db8::1]:40000\n S = [2001:db8::2]:80\n R = 2001:db8::fe\n C --> S SYN\n C <-- R icmp "
	const v4 = "R = 192.0.2.254\n C --> S SYN\n C <-- R icmp "
	for name, c := range map[string]struct{ script, outcome, icmp, findings string }{
		"host": {v4 + "3/1", "unreachable", "3/1 host unreachable, syn, 192.0.2.254, packet 2",
			"unreachable"},
		"network": {v4 + "3/0", "unreachable", "3/0 network unreachable, syn, 192.0.2.254, packet 2",
			"unreachable"},
		"port": {v4 + "3/3", "unreachable", "3/3 port unreachable, syn, 192.0.2.254, packet 2",
			"unreachable"},
		"rule": {v4 + "3/13", "unreachable",
			"3/13 communication administratively prohibited, syn, 192.0.2.254, packet 2", "filtered"},
		"rule, host": {v4 + "3/10", "unreachable",
			"3/10 host administratively prohibited, syn, 192.0.2.254, packet 2", "filtered"},
		"rule, network": {v4 + "3/9", "unreachable",
			"3/9 network administratively prohibited, syn, 192.0.2.254, packet 2", "filtered"},
		"rule, short": {v4 + "3/13 quote=8", "unreachable",
			"3/13 communication administratively prohibited, syn, 192.0.2.254, packet 2", "filtered"},
		"no number":      {v4 + "3/13 quote=4", "unanswered", "", "unanswered"},
		"another number": {v4 + "3/13 seq=77", "unanswered", "", "unanswered"},
		"expired": {v4 + "11/0", "unreachable",
			"11/0 time to live exceeded in transit, syn, 192.0.2.254, packet 2", "unreachable"},
		"too big": {v4 + "3/4", "unanswered", "3/4 fragmentation needed, syn, 192.0.2.254, packet 2",
			"unanswered"},
		"quench": {v4 + "4/0", "unanswered", "4/0 source quench, syn, 192.0.2.254, packet 2", "unanswered"},
		"unheard of": {v4 + "3/77", "unreachable",
			"3/77 destination unreachable, code 77, syn, 192.0.2.254, packet 2", "unreachable"},

		"v6, no route": {v6 + "1/0", "unreachable", "1/0 no route to destination, syn, 2001:db8::fe, packet 2",
			"unreachable"},
		"v6, rule": {v6 + "1/1", "unreachable",
			"1/1 communication administratively prohibited, syn, 2001:db8::fe, packet 2", "filtered"},
		"v6, policy": {v6 + "1/5", "unreachable",
			"1/5 source address failed ingress or egress policy, syn, 2001:db8::fe, packet 2", "filtered"},
		"v6, reject route": {v6 + "1/6", "unreachable", "1/6 reject route to destination, syn, 2001:db8::fe, packet 2",
			"filtered"},
		"v6, port": {v6 + "1/4", "unreachable", "1/4 port unreachable, syn, 2001:db8::fe, packet 2",
			"unreachable"},
		"v6, expired": {v6 + "3/0", "unreachable",
			"3/0 hop limit exceeded in transit, syn, 2001:db8::fe, packet 2", "unreachable"},
		"v6, too big": {v6 + "2/0", "unanswered", "2/0 packet too big, syn, 2001:db8::fe, packet 2", "unanswered"},

		"a soft one first": {v4 + "3/4\n C <-- R icmp 3/10", "unreachable",
			"3/10 host administratively prohibited, syn, 192.0.2.254, packet 3", "filtered"},
		"twice": {v4 + "3/1\n C <-- R icmp 3/10", "unreachable",
			"3/1 host unreachable, syn, 192.0.2.254, packet 2", "unreachable"},
		"it continued": {v4 + "3/13\n +1s C --> S again\n C <-- S SYN,ACK\n C --> S ACK\n C --> S FIN,ACK\n C <-- S " +
			"FIN,ACK\n C --> S ACK",
			"complete", "3/13 communication administratively prohibited, syn, 192.0.2.254, packet 2",
			"syn_retransmitted"},
		"refused then": {v4 + "3/13\n +1s C --> S again\n C <-- S RST,ACK",
			"refused", "3/13 communication administratively prohibited, syn, 192.0.2.254, packet 2",
			"syn_retransmitted refused filtered"},
		"the answer": {"R = 192.0.2.254\n C --> S SYN\n C <-- S SYN,ACK\n R --> S icmp 3/13",
			"embryonic", "3/13 communication administratively prohibited, syn_ack, 192.0.2.254, packet 3",
			"filtered embryonic"},
		"the answer, lost": {"R = 192.0.2.254\n C --> S SYN\n C <-- S SYN,ACK\n R --> S icmp 3/1",
			"embryonic", "3/1 host unreachable, syn_ack, 192.0.2.254, packet 3", "embryonic"},
		"afterwards": {"R = 192.0.2.254\n C --> S SYN\n C <-- S SYN,ACK\n C --> S ACK\n C --> S PSH,ACK len=10\n C " +
			"<-- R icmp 3/13\n C <-- S ACK",
			"complete", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for trackers := 1; trackers <= 2; trackers++ {
				r := tracked(c.script, trackers)[0]
				icmp := ""
				if i := r.Handshake.ICMP; i != nil {
					icmp = fmt.Sprintf("%d/%d %s, %s, %s, packet %d", i.Type, i.Code, i.Meaning, i.About, i.From,
						i.Packet)
				}
				got := strings.Join(codesOf(r), " ")
				if r.Handshake.Outcome.String() != c.outcome || icmp != c.icmp || got != c.findings {
					t.Errorf("%s, icmp %q, findings %q\nwant %s, %q, %q", r.Handshake.Outcome, icmp, got, c.outcome,
						c.icmp, c.findings)
				}
			}
		})
	}
}

// The finding says what the error means.
func TestICMPInDetail(t *testing.T) {
	for icmp, want := range map[string]string{
		"3/13": "administratively prohibited (type 3, code 13) from 192.0.2.254",
		"3/3":  "port unreachable (type 3, code 3) from 192.0.2.254, though a TCP answers with an RST itself",
		"11/0": "time to live exceeded in transit (type 11, code 0) from 192.0.2.254, so the route is a loop",
		"3/4":  "but by ICMP: fragmentation needed (type 3, code 4)",
	} {
		r := tracked("R = 192.0.2.254\n C --> S SYN\n C <-- R icmp "+icmp, 1)[0]
		if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Detail, want) {
			t.Errorf("%s: %+v, want %q", icmp, r.Findings, want)
		}
	}
}

// A SYN to or from a group of hosts is impossible, even among many similar ones to single hosts.
func TestImpossibleAddress(t *testing.T) {
	for name, c := range map[string]struct{ sockets, want string }{
		"multicast":     {"S = 224.0.0.251:80", "server: a SYN to or from an address that does not belong to one host"},
		"239/8":         {"S = 239.255.255.255:80", "multicast"},
		"above":         {"S = 240.0.0.1:80", ""},
		"below":         {"S = 223.255.255.255:80", ""},
		"broadcast":     {"S = 255.255.255.255:80", "broadcast"},
		"this host":     {"C = 0.0.0.0:40000", "client: "},
		"v6 multicast":  {"C = [fe80::1]:40000\n S = [ff02::1]:80", "multicast"},
		"v6":            {"C = [fe80::1]:40000\n S = [fe80::2]:80", ""},
		"v6 this host":  {"C = [::]:40000\n S = [fe80::2]:80", "unspecified"},
		"from a group":  {"C = 224.0.0.1:40000", "client: "},
		"end of subnet": {"S = 192.0.2.255:80", ""}, // its mask is not known
	} {
		r := tracked(c.sockets+"\n C --> S SYN", 1)[0]
		found := slices.Contains(codesOf(r), "impossible_address")
		if want := c.want != ""; len(r.Findings) != 1 || found != want ||
			!strings.Contains(r.Findings[0].Detail, c.want) {
			t.Errorf("%s: %+v, want %q", name, r.Findings, c.want)
		}
	}
	var flood strings.Builder
	for i := range 6 {
		fmt.Fprintf(&flood, "A%d = 10.0.0.%d:4000\n T%d = %d.0.0.1:80\n A%d --> T%d SYN\n", i, i+1, i, 222+i, i, i)
	}
	for i, r := range tracked(flood.String(), 1) {
		want := "unanswered"
		if i >= 2 {
			want = "impossible_address"
		}
		if codes := codesOf(r); len(codes) != 1 || codes[0] != want {
			t.Errorf("%v: %v, want %s", r.Server.IP, codes, want)
		}
	}
}
