package analyzer_test

import (
	"fmt"
	"strings"
	"testing"
)

// The TTL alone shows which device made an RST. If it was not the endpoint, the finding says so.
func TestOriginOfReset(t *testing.T) {
	const open = "C = 10.0.0.1:40000 ttl=64\n S = 10.0.0.2:80 ttl=52\n C --> S SYN\n C <-- S SYN,ACK\n C --> S ACK\n " +
		"C --> S PSH,ACK len=10\n"
	for name, c := range map[string]struct{ script, want, detail string }{
		"its own":         {open + "C <-- S RST ttl=52", "52 of 52 endpoint", ""},
		"its own, Linux":  {open + "C <-- S RST ttl=52 ipid=0 win=0", "52 of 52 endpoint", ""},
		"another initial": {open + "C <-- S RST,ACK ttl=116", "116 of 52 endpoint", ""},
		"a firewall": {open + "C <-- S RST,ACK ttl=57", "57 of 52 elsewhere",
			"another device made it, for its TTL is 57 and that of the server's other segments 52"},
		"the client's": {open + "C --> S RST ttl=63", "63 of 64 elsewhere",
			"and that of the client's other segments 64"},
		"refused": {"C = 10.0.0.1:40000 ttl=64\n C --> S SYN\n C <-- S RST,ACK ttl=57", "57 of ? ", ""},
		"accepted, then": {"S = 10.0.0.2:80 ttl=52\n C --> S SYN\n C <-- S SYN,ACK\n C --> S ACK\n C <-- S RST ttl=250",
			"250 of 52 elsewhere", "another device made it"},
		"forged before": {"S = 10.0.0.2:80 ttl=52\n C --> S SYN\n C <-- S SYN,ACK\n C --> S ACK\n C <-- S RST " +
			"seq=9000 ttl=57\n C --> S PSH,ACK len=10\n C <-- S RST ttl=52",
			"52 of 52 endpoint", "the receiver had to ask first: another device made it"},
		"not counted as other": {open + "C <-- S RST,ACK seq=77 ttl=57\n C <-- S RST,ACK ttl=57", "57 of 52 elsewhere",
			"57"},
		"a scanner's": {"C = 10.0.0.1:40000 ttl=41\n C --> S SYN\n C <-- S SYN,ACK\n C --> S RST ttl=64",
			"64 of 41 ", ""},
		"only one side": {"C = 10.0.0.1:40000 nxt=7\n S = 10.0.0.2:80 nxt=9\n C --> S PSH,ACK len=10\n C <-- " +
			"S RST ttl=57", "57 of ? ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := tracked(c.script, 1)[0]
			reset, of := r.Teardown.Reset, "?"
			if reset == nil {
				t.Fatalf("no reset: %+v", r.Teardown)
			}
			if reset.SenderTTL.Known {
				of = fmt.Sprint(reset.SenderTTL.Number)
			}
			if got := fmt.Sprintf("%d of %s %s", reset.TTL.Number, of, reset.Origin); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			details := ""
			for _, f := range r.Findings {
				details += f.Detail
			}
			if strings.Contains(details, "another device") != (c.detail != "") || !strings.Contains(details, c.detail) {
				t.Errorf("%s, want %q", details, c.detail)
			}
		})
	}
}

// The record says where the capture was taken, as seen from both sides.
func TestObserverOfConnection(t *testing.T) {
	r := tracked(`C = 10.0.0.1:40000 ttl=64
		S = 10.0.0.2:80 ttl=52
		C --> S SYN
		+30ms C <-- S SYN,ACK
		+100us C --> S ACK`, 1)[0]
	if o := r.Observer; o.Nearer.String() != "client" || o.Why != "handshake_and_ttl" || o.ClientHops.Number != 0 ||
		o.ServerHops.Number != 12 {
		t.Errorf("%+v", o)
	}
	r = tracked(`C = 10.0.0.1:40000 ttl=52 nxt=7
		S = 10.0.0.2:80 ttl=64 nxt=9
		C <-- S PSH,ACK len=10
		C --> S ACK`, 1)[0]
	if o := r.Observer; r.Client.IP.String() != "10.0.0.1" || o.Nearer.String() != "server" || o.Why != "ttl" {
		t.Errorf("%+v", o)
	}
}
