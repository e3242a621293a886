//go:build linux

package main

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife/internal/segtest"
)

//go:embed scripts/*.txt
var scripts embed.FS

// crafted returns the captures made from scripts, sorted by name.
func crafted() ([]file, error) {
	files := []file{
		script("syn-flood", synFlood()),
		script("syn-scan", synScan()),
		script("syn-flood-cookies", synFloodCookies()),
		script("syn-flood-one-source", synFloodOneSource()),
		script("flash-crowd", flashCrowd()),
		script("scan-kinds", scanKinds()),
		script("scan-horizontal", scanHorizontal()),
		script("backscatter", backscatter()),
		script("reflection", reflection()),
		twoInterfaces(),
	}
	entries, err := scripts.ReadDir("scripts")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := scripts.ReadFile(path.Join("scripts", e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, script(strings.TrimSuffix(e.Name(), ".txt"), string(text)))
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// script makes the capture of a script. The comment at the script's begin describes it.
func script(name, text string) file {
	return file{name + ".pcap", comment(text), segtest.Script(text).Pcap()}
}

// comment is the comment at the begin of a script, as one line.
func comment(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		remark, ok := strings.CutPrefix(line, "#")
		if !ok {
			break
		}
		words = append(words, strings.Fields(remark)...)
	}
	return strings.Join(words, " ")
}

// timeline collects lines of a script with their times, in any order.
type timeline []struct {
	at   time.Duration
	line string
}

func (t *timeline) add(at time.Duration, format string, args ...any) {
	*t = append(*t, struct {
		at   time.Duration
		line string
	}{at.Truncate(time.Microsecond), fmt.Sprintf(format, args...)})
}

// String is the script.
func (t timeline) String() string {
	slices.SortStableFunc(t, func(a, b struct {
		at   time.Duration
		line string
	}) int {
		return int(a.at - b.at)
	})
	var text strings.Builder
	for _, e := range t {
		fmt.Fprintf(&text, "@%v %s\n", e.at, e.line)
	}
	return text.String()
}

// synFlood is a flood from 400 forged addresses, one SYN each, on a server with a backlog of 128.
func synFlood() string {
	const backlog = 128
	random := rand.New(rand.NewPCG(4987, 1))
	var sockets strings.Builder
	var events timeline
	fmt.Fprintln(&sockets, `# A SYN flood: 400 forged addresses send one SYN each within two seconds. The server answers
# the first 128, its backlog, sends those SYN,ACKs again after 1 and 3 s, and then drops SYNs, also that of an honest
# client; another one had connected before the flood.`)
	fmt.Fprintln(&sockets, "S = 198.51.100.80:443 mss=1460 sack ts=3290151100 wscale=7 win=65160")

	fmt.Fprintln(&sockets, "OK = 192.0.2.20:50100 mss=1460 sack ts=5551000 wscale=7 win=64240")
	events.add(0, "OK --> S SYN seq=123123123")
	events.add(40*time.Microsecond, "OK <-- S SYN,ACK seq=321321321 ipid=0")
	events.add(20*time.Millisecond, "OK --> S ACK")
	events.add(21*time.Millisecond, "OK --> S PSH,ACK len=517")
	events.add(22*time.Millisecond, "OK <-- S PSH,ACK len=1200")
	events.add(42*time.Millisecond, "OK --> S FIN,ACK")
	events.add(43*time.Millisecond, "OK <-- S FIN,ACK")
	events.add(63*time.Millisecond, "OK --> S ACK")

	for i := range 400 {
		name := fmt.Sprint("F", i)
		a := random.Uint32()
		// Hosts of 198.18.0.0/15, the network for benchmarks (RFC 2544).
		fmt.Fprintf(&sockets, "%s = 198.%d.%d.%d:%d win=%d ttl=%d ipid=%d\n", name, 18+a>>31, a>>8&0xff, 1+a%254,
			1024+random.IntN(64512), 512<<random.IntN(7), 30+random.IntN(200), random.IntN(65536))
		at := 500*time.Millisecond + time.Duration(i)*5*time.Millisecond +
			time.Duration(random.IntN(4000))*time.Microsecond
		events.add(at, "%s --> S SYN seq=%d", name, random.Uint32())
		if i >= backlog {
			continue
		}
		isn := random.Uint32()
		events.add(at+30*time.Microsecond, "%s x-- S SYN,ACK seq=%d ipid=0 ts=no", name, isn)
		for _, retry := range []time.Duration{time.Second, 3 * time.Second} {
			events.add(at+retry+time.Duration(random.IntN(8000))*time.Microsecond, "%s x-- S again ipid=0 ts=no", name)
		}
	}

	fmt.Fprintln(&sockets, "LATE = 192.0.2.21:50200 mss=1460 sack ts=777000 wscale=7 win=64240")
	for i, at := range []time.Duration{1800, 2810, 4830} {
		events.add(at*time.Millisecond, "%s", []string{"LATE --> S SYN seq=456456456", "LATE --> S again",
			"LATE --> S again"}[i])
	}
	return sockets.String() + events.String()
}

// synScan is a scan of 60 ports by a scanner that looks like nmap. Three ports are open.
func synScan() string {
	open := []int{22, 80, 443}
	random := rand.New(rand.NewPCG(9293, 2))
	var sockets strings.Builder
	var events timeline
	fmt.Fprintln(&sockets, `# A SYN scan of 60 ports of one host by nmap's habits: the open ones (22, 80, 443) answer
# SYN,ACK, which the scanner's kernel resets; the closed ones answer RST; port 25 is filtered: silence, and a second
# SYN.`)
	fmt.Fprintln(&sockets, "N = 203.0.113.66:54321 mss=1460 win=1024")
	fmt.Fprintln(&sockets, "N2 = 203.0.113.66:54322 mss=1460 win=1024")
	isn := random.Uint32()
	ports := []int{22, 80, 443, 25}
	for p := 1000; len(ports) < 60; p += 7 {
		ports = append(ports, p)
	}
	random.Shuffle(len(ports), func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
	for i, port := range ports {
		name := fmt.Sprint("P", port)
		fmt.Fprintf(&sockets, "%s = 198.51.100.80:%d mss=1460 win=64240\n", name, port)
		at := time.Duration(i)*900*time.Microsecond + time.Duration(random.IntN(800))*time.Microsecond
		ttl, id := 37+random.IntN(23), random.IntN(65536)
		events.add(at, "N --> %s SYN seq=%d ttl=%d ipid=%d", name, isn, ttl, id)
		switch {
		case port == 25:
			events.add(at+1100*time.Millisecond, "N2 --> %s SYN seq=%d ttl=%d ipid=%d", name, isn+65537, ttl, id+1)
		case slices.Contains(open, port):
			events.add(at+11*time.Millisecond, "N <-- %s SYN,ACK seq=%d ipid=0", name, random.Uint32())
			events.add(at+22*time.Millisecond, "N --> %s RST ipid=0", name)
		default:
			events.add(at+11*time.Millisecond, "N <-- %s RST,ACK ipid=0", name)
		}
	}
	return sockets.String() + events.String()
}

// twoInterfaces is a pcapng file with two interfaces of different link types and resolutions.
func twoInterfaces() file {
	const what = "pcapng with two interfaces: a connection on Ethernet (microseconds), and, while it is open, one on " +
		"a tunnel (raw IPv6, nanoseconds)."
	ethernet := segtest.Script(`
		C = 192.0.2.10:51600    mss=1460 sack ts=1823474800 wscale=7 win=64240
		S = 198.51.100.80:80    mss=1460 sack ts=3290151100 wscale=7 win=65160
		          C --> S  SYN      seq=818181818
		+12.3ms   C <-- S  SYN,ACK  seq=929292929 ipid=0
		+38us     C --> S  ACK
		+100us    C --> S  PSH,ACK  len=90
		+12.3ms   C <-- S  ACK
		+200ms    C <-- S  PSH,ACK  len=250
		+40us     C --> S  FIN,ACK
		+12.3ms   C <-- S  ACK
		+1ms      C <-- S  FIN,ACK
		+38us     C --> S  ACK`).Packets()
	tunnel := segtest.Script(`
		C = [fd00::10]:40100    mss=1380 sack ts=1823474800 wscale=7 win=64860
		S = [fd00:1::5]:5432    mss=1380 sack ts=902211 wscale=7 win=64296
		@20.5ms   C --> S  SYN      seq=737373737
		+45ms     C <-- S  SYN,ACK  seq=848484848
		+60us     C --> S  ACK
		+45ms     C <-- S  RST,ACK`).Packets()

	f := pcapng{}
	f.section()
	f.addInterface("eth0", 1, 6)
	f.addInterface("tun0", 101, 9) // LINKTYPE_RAW
	for len(ethernet) > 0 || len(tunnel) > 0 {
		if len(tunnel) == 0 || len(ethernet) > 0 && ethernet[0].Time <= tunnel[0].Time {
			f.addPacket(0, ethernet[0].Time/1000, ethernet[0].Data)
			ethernet = ethernet[1:]
		} else {
			f.addPacket(1, tunnel[0].Time, tunnel[0].Data[14:])
			tunnel = tunnel[1:]
		}
	}
	f.addStatistics(0, 13, 2)
	f.addStatistics(1, 4, 0)
	return file{"two-interfaces.pcapng", what, f}
}
