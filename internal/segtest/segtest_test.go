package segtest_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// An exchange in which a segment is lost behind the observer.
func ExampleScript() {
	x := segtest.Script(`
	    SYN_SENT     C --> S  SYN seq=100
	    SYN_SENT     C <-- S  SYN,ACK seq=300      SYN_RCVD
	    ESTABLISHED  C --> S  ACK                  ESTABLISHED
	         +50ms   C --> S  PSH,ACK len=10
	                 C x-- S  ACK                               # lost on its way to C
	        +200ms   C --> S  again
	                 C <-- S  ACK
	`)
	for _, s := range x.Segments() {
		fmt.Println(show(s))
	}
	fmt.Println(x.Steps[1].Left, x.Steps[1].Right)
	// Output:
	// 1 +0s A SYN 100
	// 2 +1ms B SYN,ACK 300 ack 101
	// 3 +2ms A ACK 101 ack 301
	// 4 +52ms A PSH,ACK 101 ack 301 len 10
	// 5 +53ms B ACK 301 ack 111
	// 6 +253ms A PSH,ACK 101 ack 301 len 10
	// 7 +254ms B ACK 301 ack 111
	// SYN_SENT SYN_RCVD
}

func TestScript(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"simultaneous open, RFC 9293 figure 7", `
			2.  SYN_SENT    C --x S  SYN seq=100
			3.  SYN_RCVD    C <-- S  SYN seq=300         SYN_SENT
			4.              C --> S  SYN seq=100         SYN_RCVD
			5.  SYN_RCVD    C --> S  SYN,ACK
			6.  ESTABLISHED C <-- S  SYN,ACK             SYN_RCVD
			7.              C --> S  ACK                 ESTABLISHED`, `
			1 +0s A SYN 100
			2 +1ms B SYN 300
			3 +2ms A SYN 100
			4 +3ms A SYN,ACK 100 ack 301
			5 +4ms B SYN,ACK 300 ack 101
			6 +5ms A ACK 101 ack 301`},
		{"old duplicate SYN, RFC 9293 figure 8", `
			SYN_SENT    C x-> S  SYN seq=100
			            C --> S  SYN seq=90      SYN_RCVD
			SYN_SENT    C <-- S  SYN,ACK seq=300 SYN_RCVD
			SYN_SENT    C --> S  RST             LISTEN
			            C --> S  SYN seq=100     SYN_RCVD
			ESTABLISHED C <-- S  SYN,ACK seq=400 SYN_RCVD
			ESTABLISHED C --> S  ACK             ESTABLISHED`, `
			1 +1ms A SYN 90
			2 +2ms B SYN,ACK 300 ack 91
			3 +3ms A RST 91
			4 +4ms A SYN 100
			5 +5ms B SYN,ACK 400 ack 101
			6 +6ms A ACK 101 ack 401`},
		{"half-open connection discovered, RFC 9293 figures 9 and 10", `
			C = 10.0.0.1:40000 nxt=100
			S = 10.0.0.2:80 nxt=300
			C <-- S  ACK len=10
			C --> S  RST seq=100
			C --> S  SYN seq=400
			C <-- S  ACK seq=300 ack=100
			C --> S  RST seq=100
			C --> S  SYN
			C <-- S  SYN,ACK seq=700`, `
			1 +0s B ACK 300 ack 100 len 10
			2 +1ms A RST 100
			3 +2ms A SYN 400
			4 +3ms B ACK 300 ack 100
			5 +4ms A RST 100
			6 +5ms A SYN 400
			7 +6ms B SYN,ACK 700 ack 401`},
		{"RST to a SYN and to an ACK without a connection, RFC 9293 figure 11", `
			C --> S  SYN
			C <-- S  RST,ACK
			C --> S  ACK seq=7 ack=9
			C <-- S  RST
			`, `
			1 +0s A SYN 100
			2 +1ms B RST,ACK 0 ack 101
			3 +2ms A ACK 7 ack 9
			4 +3ms B RST 9`},
		{"a FIN overtakes its data; a hole is filled", `
			C --> S  SYN seq=0xfffffff0
			C <-- S  SYN,ACK
			C --> S  ACK
			C --> S  FIN,ACK seq=+20
			C <-- S  ACK
			C --> S  PSH,ACK seq=0xfffffff1 len=20
			C <-- S  ACK
			C <-- S  FIN,ACK`, `
			1 +0s A SYN 4294967280
			2 +1ms B SYN,ACK 300 ack 4294967281
			3 +2ms A ACK 4294967281 ack 301
			4 +3ms A FIN,ACK 5 ack 301
			5 +4ms B ACK 301 ack 4294967281
			6 +5ms A PSH,ACK 4294967281 ack 301 len 20
			7 +6ms B ACK 301 ack 6
			8 +7ms B FIN,ACK 301 ack 6`},
		{"lost before and behind the observer, missing in the capture, in both directions", `
			C = 10.0.0.1:40000 nxt=100
			S = 10.0.0.2:80 nxt=300
			C x-> S  ACK len=1
			C <-- S  ACK
			C --x S  again
			C <-- S  ACK
			C ~~> S  again
			C <-- S  ACK
			C <-x S  ACK len=1
			C --> S  ACK
			C x-- S  again
			C --> S  ACK
			C <~~ S  again
			C --> S  ACK`, `
			1 +1ms B ACK 300 ack 100
			2 +2ms A ACK 100 ack 300 len 1
			3 +3ms B ACK 300 ack 100
			4 +5ms B ACK 300 ack 101
			5 +7ms A ACK 101 ack 300
			6 +8ms B ACK 300 ack 101 len 1
			7 +9ms A ACK 101 ack 300
			8 +11ms A ACK 101 ack 301`},
		{"relative numbers: a keepalive and its answer", `
			C --> S  SYN
			C <-- S  SYN,ACK
			C --> S  ACK
			C --> S  ACK seq=-1
			C <-- S  ACK ack=+0
			C --> S  ACK seq=+1000 ack=-1`, `
			1 +0s A SYN 100
			2 +1ms B SYN,ACK 300 ack 101
			3 +2ms A ACK 101 ack 301
			4 +3ms A ACK 100 ack 301
			5 +4ms B ACK 301 ack 101
			6 +5ms A ACK 1101 ack 300`},
		{"data in a SYN, with and without a cookie", `
			C --> S  SYN len=5
			C <-- S  SYN,ACK
			C --> S  ACK len=5
			C = 10.0.0.1:40001
			C --> S  SYN seq=500 len=5 tfo=8
			C <-- S  SYN,ACK seq=600
			C --> S  ACK`, `
			1 +0s A SYN 100 len 5
			2 +1ms B SYN,ACK 300 ack 101
			3 +2ms A ACK 101 ack 301 len 5
			4 +3ms A SYN 500 len 5
			5 +4ms B SYN,ACK 600 ack 506
			6 +5ms A ACK 506 ack 601`},
		{"times", `
			@1s    C --> S  SYN
			+2us   C --> S  again
			+1s
			+1s    C --> S  again
			@3.5s  C --> S  again
			@3.4s  C --> S  again`, `
			1 +1s A SYN 100
			2 +1.000002s A SYN 100
			3 +3.000002s A SYN 100
			4 +3.5s A SYN 100
			5 +3.4s A SYN 100`},
		{"several sockets, and an ICMP error about the right one's segment", `
			D = 10.0.0.3:40000
			R = 192.0.2.254
			C --> S  SYN
			D --> S  SYN
			D <-- S  SYN,ACK
			C <-- R  icmp 3/1
			D <-- R  icmp 3/1 quote=4
			C <-- R  icmp 3/1 seq=77`, `
			1 +0s A SYN 100
			2 +1ms B SYN 100
			3 +2ms A SYN,ACK 300 ack 101
			4 +3ms A quoted 100 by 192.0.2.254
			5 +4ms B quoted 0 by 192.0.2.254
			6 +5ms A quoted 77 by 192.0.2.254`},
		{"a forger in C's name changes nothing for C and S", `
			X = 10.0.0.1:40000 ttl=33
			C --> S  SYN
			C <-- S  SYN,ACK
			C --> S  ACK
			X --> S  RST seq=5000
			C --> S  PSH,ACK len=1
			C <-- S  ACK`, `
			1 +0s A SYN 100
			2 +1ms B SYN,ACK 300 ack 101
			3 +2ms A ACK 101 ack 301
			4 +3ms A RST 5000
			5 +4ms A PSH,ACK 101 ack 301 len 1
			6 +5ms B ACK 301 ack 102`},
		{"a packet captured twice", `
			C --> S  SYN
			C --> S  dup ttl=63`, `
			1 +0s A SYN 100
			2 +1ms A SYN 100`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, s := range segtest.Script(test.script).Segments() {
				got = append(got, show(s))
			}
			want := strings.Split(strings.ReplaceAll(strings.TrimSpace(test.want), "\t", ""), "\n")
			if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for script, want := range map[string]string{
		"C --> S":           "script line 1: a segment is written C --> S FLAGS",
		"\nC --> X SYN":     `script line 2: socket "X" is not declared`,
		"X --> S SYN":       `script line 1: socket "X" is not declared`,
		"C -> S SYN":        `script line 1: "->" is no arrow`,
		"C --> S SIN":       `script line 1: "SIN" is no control bit`,
		"C --> S ACK":       "script line 1: nothing was delivered that could be acknowledged: give ack=",
		"C --> S RST":       "script line 1: the sender's SND.NXT is not known: give seq=",
		"C --> S again":     "script line 1: there is no segment to retransmit",
		"C --> S dup":       "script line 1: there is no captured packet to duplicate",
		"C --> S icmp":      "script line 1: icmp needs a type and a code, as in 3/1",
		"C --> S icmp 3/1":  "script line 1: there is no segment to quote",
		"C --> S SYN sec=1": `script line 1: "sec=1" is no attribute`,
		"C --> S SYN seq=4294967296": `script line 1: seq=4294967296: strconv.ParseUint: ` +
			`parsing "4294967296": value out of range`,
		"C --> S SYN nxt=1":     "script line 1: nxt= is for declarations; a segment has seq=",
		"C --> S SYN len=65535": "script line 1: a frame of 65589 bytes: len=65535 is too large",
		"+1ns C --> S SYN":      `script line 1: time "+1ns" is not in whole microseconds`,
		"@x C --> S SYN":        `script line 1: time "@x": time: invalid duration "x"`,
		"C =":                   "script line 1: C = needs an address and a port",
		"C = 10.0.0.1:99999": `script line 1: C = needs an address and a port: ` +
			`invalid port "99999" parsing "10.0.0.1:99999"`,
		"encap gre 1": `script line 1: encapsulation "gre" is neither vlan nor vxlan`,
		"encap vlan":  `script line 1: encapsulation "vlan" needs an id`,
		"encap vxlan 16777216": `script line 1: vxlan id: strconv.ParseUint: ` +
			`parsing "16777216": value out of range`,
		"C = 10.0.0.1:1\nS = [::1]:1\nC --> S SYN": "script line 3: C and S have addresses of different families",
	} {
		if _, err := segtest.Parse(script); err == nil || err.Error() != want {
			t.Errorf("script %q gives the error\n%v, want\n%s", script, err, want)
		}
	}
}

// FuzzParse checks that Parse returns an exchange or an error, and never more packets than lines.
func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("R = 192.0.2.254\nC --> S SYN\nC <-- R icmp 3/1 quote=4 seq=7\nC --> S dup ttl=3\n+1s\n@4us C ~~> S again")
	f.Add("1. SYN_SENT C --x S SYN,ECE len=3 tfo=4 TIME_WAIT\nC <-x S SYN,ACK mss=1 sack=1-2 ts=1,2 seq=-1")
	f.Fuzz(func(t *testing.T, script string) {
		x, err := segtest.Parse(script)
		if err == nil && len(x.Packets()) > strings.Count(script, "\n")+1 {
			t.Errorf("%d packets from %d lines", len(x.Packets()), strings.Count(script, "\n")+1)
		}
	})
}

// everything is a script with every feature that a packet can have.
const everything = `
	C = 10.0.0.1:40000 mss=1460 sack ts=4294967290 wscale=7 win=64000 ttl=63
	S = 10.0.0.2:50000 mss=1400 sack ts=77 wscale=14 win=65535 ttl=127 ipid=65535
	R = 10.0.0.254
	C --> S  SYN,ECE,CWR tfo
	C <-- S  SYN,ACK,ECE
	C --> S  ACK
	pad
	C <-- S  ACK ts=no
	encap vlan 100 vlan 4095
	C --> S  PSH,ACK,AE len=1460
	C <-- S  ACK sack=4000000000-4000001460
	C --> S  PSH,ACK len=3 unsummed
	encap vxlan 16777215
	C --> S  PSH,ACK,URG urg=1 len=1 badsum
	C <-- R  icmp 3/4
	encap vxlan 7 vlan 3
	C --> S  again
	C --> S  dup ttl=62
	encap
	C6 = [2001:db8::1]:40000 mss=1440 wscale=0
	S6 = [2001:db8::2]:50001 mss=1440 sack
	R6 = 2001:db8::fe
	C6 --> S6  SYN mptcp tfo=8 len=3
	C6 <-- S6  SYN,ACK ts=0,9 md5
	C6 --> S6  NULL len=7
	C6 <-- R6  icmp 1/4 quote=8
	C6 --> S6  FIN,PSH,URG
	C6 <-- S6  RST,ACK`

// TestDecode compares the segments with those that a decoder makes of the packets.
func TestDecode(t *testing.T) {
	x := segtest.Script(everything)
	decoder := flows.NewDecoder(flows.DecoderOptions{})
	var got []flows.Segment
	for _, p := range x.Packets() {
		got = decoder.Decode(&p, got)
	}
	want := x.Segments()
	if len(got) != len(want) {
		t.Fatalf("decoded %d segments, want %d", len(got), len(want))
	}
	for i := range want {
		want[i].Digest, got[i].Digest = 0, 0 // each uses its own hash
	}
	sameAddr := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
	if diff := cmp.Diff(want, got, sameAddr); diff != "" {
		t.Errorf("the decoder's segments differ (-script +decoder):\n%s", diff)
	}
}

// TestTshark compares the segments with what tshark prints about the packets.
func TestTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed:", err)
	}
	fields := strings.Fields(`
		frame.number frame.time_epoch _ws.malformed ip.checksum.status icmp.type icmp.code icmp.checksum.status
		icmpv6.type icmpv6.code icmpv6.checksum.status
		tcp.checksum.status tcp.srcport tcp.dstport tcp.flags tcp.seq_raw tcp.ack_raw tcp.window_size_value tcp.len
		tcp.options.mss_val tcp.options.wscale.shift tcp.options.sack_perm
		tcp.options.timestamp.tsval tcp.options.timestamp.tsecr tcp.options.sack_le tcp.options.sack_re tcp.options.tfo.request
		tcp.options.tfo.cookie tcp.options.md5.digest tcp.options.mptcp.subtype
		ip.src ipv6.src ip.ttl ipv6.hlim ip.id vlan.id vxlan.vni`)
	args := strings.Fields("-r - -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -o " +
		"tcp.relative_sequence_numbers:FALSE -T fields -E separator=| -E occurrence=l")
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	x := segtest.Script(everything)
	cmd := exec.Command(tshark, args...)
	cmd.Stdin = bytes.NewReader(x.Pcap())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("tshark:", err)
	}
	lines := strings.Split(strings.Trim(string(out), "\n"), "\n")
	segments := x.Segments()
	if len(lines) != len(segments) {
		t.Fatalf("tshark sees %d packets, want %d", len(lines), len(segments))
	}
	for i, line := range lines {
		want := tsharkFields(&segments[i])
		for j, got := range strings.Split(line, "|") {
			if w, ok := want[fields[j]]; ok && got != w || !ok && got != "" && segments[i].Quote == nil {
				t.Errorf("packet %d: tshark sees %s %s, want %q", i+1, fields[j], got, w)
			}
		}
	}
}

// tsharkFields are the fields that tshark must print for a segment. Missing fields must be empty, except for an ICMP
// error, because tshark shows fields of the quoted segment too.
func tsharkFields(s *flows.Segment) map[string]string {
	want := map[string]string{
		"frame.number":     fmt.Sprint(s.Packet),
		"frame.time_epoch": fmt.Sprintf("%d.%09d", s.Time/1e9, s.Time%1e9),
		"_ws.malformed":    "",
	}
	const good, bad = "1", "0"
	if !s.Key.V6 {
		want["ip.checksum.status"] = good
	}
	if s.Encap != nil {
		for _, l := range s.Encap.Layers {
			switch l.Kind {
			case "vlan":
				want["vlan.id"] = fmt.Sprint(l.ID)
			case "vxlan":
				want["vxlan.vni"] = fmt.Sprint(l.ID)
			}
		}
	}
	if s.Quote != nil {
		icmp := "icmp"
		if s.Quote.V6 {
			icmp = "icmpv6"
		}
		want[icmp+".type"] = fmt.Sprint(s.Quote.Type)
		want[icmp+".code"] = fmt.Sprint(s.Quote.Code)
		want[icmp+".checksum.status"] = good
		return want
	}

	from, to := s.Key.AddrPortA(), s.Key.AddrPortB()
	if s.FromB {
		from, to = to, from
	}
	if s.Key.V6 {
		want["ipv6.src"] = from.Addr().String()
		want["ipv6.hlim"] = fmt.Sprint(s.TTL)
	} else {
		want["ip.src"] = from.Addr().String()
		want["ip.ttl"] = fmt.Sprint(s.TTL)
		want["ip.id"] = fmt.Sprintf("0x%04x", s.IPID)
	}
	want["tcp.srcport"] = fmt.Sprint(from.Port())
	want["tcp.dstport"] = fmt.Sprint(to.Port())
	want["tcp.flags"] = fmt.Sprintf("0x%04x", uint16(s.Flags))
	want["tcp.seq_raw"] = fmt.Sprint(s.Seq)
	want["tcp.ack_raw"] = fmt.Sprint(s.Ack)
	want["tcp.window_size_value"] = fmt.Sprint(s.Window)
	want["tcp.len"] = fmt.Sprint(s.Len)
	want["tcp.checksum.status"] = good
	if s.Checksum != flows.ChecksumGood {
		want["tcp.checksum.status"] = bad
	}
	o := &s.Options
	for field, value := range map[string]struct {
		has  bool
		text string
	}{
		"tcp.options.mss_val":         {o.HasMSS, fmt.Sprint(o.MSS)},
		"tcp.options.wscale.shift":    {o.HasWScale, fmt.Sprint(o.WScale)},
		"tcp.options.sack_perm":       {o.SACKPermitted, "0402"},
		"tcp.options.timestamp.tsval": {o.HasTimestamp, fmt.Sprint(o.TSVal)},
		"tcp.options.timestamp.tsecr": {o.HasTimestamp, fmt.Sprint(o.TSEcr)},
		"tcp.options.sack_le":         {o.HasSACK, fmt.Sprint(o.SACKLeft)},
		"tcp.options.sack_re":         {o.HasSACK, fmt.Sprint(o.SACKRight)},
		"tcp.options.tfo.request":     {o.FastOpen && o.FastOpenLen == 0, "1"},
		"tcp.options.tfo.cookie":      {o.FastOpen && o.FastOpenLen == 8, "c0c1c2c3c4c5c6c7"},
		"tcp.options.md5.digest":      {o.Signed, fmt.Sprintf("%x", "0123456789abcdef")},
		"tcp.options.mptcp.subtype": {o.MPTCP != flows.NoMPTCP,
			fmt.Sprint(uint8(o.MPTCP) - uint8(flows.MPTCPCapable))},
	} {
		if value.has {
			want[field] = value.text
		}
	}
	return want
}

// show formats a segment in short.
func show(s flows.Segment) string {
	side := "A"
	if s.FromB {
		side = "B"
	}
	if s.Quote != nil {
		return fmt.Sprintf("%d +%s %s quoted %d by %s", s.Packet, sinceEpoch(s.Time), side, s.Seq, s.Quote.From)
	}
	var flags []string
	for i, name := range strings.Fields("FIN SYN RST PSH ACK URG ECE CWR AE") {
		if s.Flags&(1<<i) != 0 {
			flags = append(flags, name)
		}
	}
	text := fmt.Sprintf("%d +%s %s %s %d", s.Packet, sinceEpoch(s.Time), side, strings.Join(flags, ","), s.Seq)
	if s.Flags.Has(flows.ACK) {
		text += fmt.Sprintf(" ack %d", s.Ack)
	}
	if s.Len > 0 {
		text += fmt.Sprintf(" len %d", s.Len)
	}
	return text
}

func sinceEpoch(t int64) time.Duration { return time.Duration(t - segtest.Epoch.UnixNano()) }
