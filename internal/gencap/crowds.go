//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// crowd is a script of many sockets.
type crowd struct {
	head   strings.Builder
	events timeline
	random *rand.Rand
}

func newCrowd(seed uint64, comment string) *crowd {
	c := &crowd{random: rand.New(rand.NewPCG(4987, seed))}
	fmt.Fprintln(&c.head, comment)
	return c
}

func (c *crowd) socket(format string, args ...any) { fmt.Fprintf(&c.head, format+"\n", args...) }

// String is the script.
func (c *crowd) String() string { return c.head.String() + c.events.String() }

// host is a random address of 198.18.0.0/15, the network for benchmarks (RFC 2544).
func (c *crowd) host() string {
	a := c.random.Uint32()
	return fmt.Sprintf("198.%d.%d.%d", 18+a>>31, a>>8&0xff, 1+a%254)
}

// visit is an honest connection: handshake, request and response, over a path with a round trip of rtt.
func (c *crowd) visit(name string, at, rtt time.Duration) {
	c.events.add(at, "%s --> S SYN seq=%d", name, c.random.Uint32())
	c.events.add(at+40*time.Microsecond, "%s <-- S SYN,ACK seq=%d ipid=0", name, c.random.Uint32())
	c.events.add(at+rtt, "%s --> S ACK", name)
	c.events.add(at+rtt+100*time.Microsecond, "%s --> S PSH,ACK len=120", name)
	c.events.add(at+rtt+2*time.Millisecond, "%s <-- S PSH,ACK len=90", name)
}

const (
	listener     = "S = 198.51.100.80:443 mss=1460 sack ts=3290151100 wscale=7 win=65160"
	honestClient = "%s = 192.0.2.%d:%d mss=1460 sack ts=%d wscale=7 win=64240"
)

// synFloodCookies is a flood on a listener that uses SYN cookies as soon as its backlog of 32 is full.
func synFloodCookies() string {
	c := newCrowd(3, `# A SYN flood of 240 forged addresses on a listener with SYN cookies: it answers the first 32 as
# ever and sends those SYN,ACKs again after 1 and 3 s; what comes then it answers by a cookie, once. Honest clients
# connect all the while.`)
	c.socket(listener)
	for i := range 240 {
		name := fmt.Sprint("F", i)
		c.socket("%s = %s:%d mss=1460 win=64240 ttl=%d ipid=%d", name, c.host(), 1024+c.random.IntN(64512), 240,
			c.random.IntN(65536))
		at := time.Second + time.Duration(i)*5*time.Millisecond
		c.events.add(at, "%s --> S SYN seq=%d", name, c.random.Uint32())
		c.events.add(at+30*time.Microsecond, "%s x-- S SYN,ACK seq=%d ipid=0 ts=no", name, c.random.Uint32())
		for _, again := range []time.Duration{time.Second, 3 * time.Second} {
			if i < 32 {
				c.events.add(at+again+time.Duration(c.random.IntN(4000))*time.Microsecond,
					"%s x-- S again ipid=0 ts=no", name)
			}
		}
	}
	for i := range 6 {
		name := fmt.Sprint("OK", i)
		c.socket(honestClient, name, 20+i, 50100+i, 5551000+i)
		c.visit(name, time.Duration(300+900*i)*time.Millisecond, 20*time.Millisecond)
	}
	return c.String()
}

// synFloodOneSource is a flood by a source that does not forge its address.
func synFloodOneSource() string {
	c := newCrowd(4, `# A SYN flood by one address from 200 ports, whose own firewall keeps it from answering the
# SYN,ACKs; two honest clients connect beside it.`)
	c.socket(listener)
	for i := range 200 {
		name := fmt.Sprint("F", i)
		c.socket("%s = 203.0.113.66:%d win=512 ttl=52 ipid=%d", name, 2000+i, c.random.IntN(65536))
		at := 500*time.Millisecond + time.Duration(i)*4*time.Millisecond
		c.events.add(at, "%s --> S SYN seq=%d", name, c.random.Uint32())
		c.events.add(at+30*time.Microsecond, "%s x-- S SYN,ACK seq=%d ipid=0 ts=no", name, c.random.Uint32())
	}
	for i := range 2 {
		name := fmt.Sprint("OK", i)
		c.socket(honestClient, name, 20+i, 50100+i, 5551000+i)
		c.visit(name, time.Duration(100+900*i)*time.Millisecond, 20*time.Millisecond)
	}
	return c.String()
}

// flashCrowd is a crowd that must not be reported as a flood.
func flashCrowd() string {
	c := newCrowd(5, `# A flash crowd: after some seconds with a client each, 180 come within 0.3 s, over ways with 0.5
# s of round trip. All of their handshakes are completed.`)
	c.socket(listener)
	for i := range 190 {
		name := fmt.Sprint("C", i)
		c.socket("%s = %s:%d mss=1400 sack ts=%d wscale=7 win=64240", name, c.host(), 32768+c.random.IntN(28000),
			1000*i)
		at := time.Duration(i) * 400 * time.Millisecond
		if i >= 10 {
			at = 4*time.Second + time.Duration(i-10)*1700*time.Microsecond
		}
		c.visit(name, at, 500*time.Millisecond+time.Duration(c.random.IntN(60))*time.Millisecond)
	}
	return c.String()
}

// scanKinds has a scanner for each kind of scan, all of the same host.
func scanKinds() string {
	c := newCrowd(6, `# Seven scans of 24 ports of one host, of which 22 and 80 are open and 25 is filtered: by connect,
# FIN, NULL, Xmas, Maimon, ACK and Window probes, each from an address of its own.`)
	answered := func(port int) bool { return port != 25 }
	open := func(port int) bool { return port == 22 || port == 80 }
	for i, kind := range []struct{ name, flags string }{
		{"CONNECT", ""}, {"FIN", "FIN"}, {"NULL", "NULL"}, {"XMAS", "FIN,PSH,URG"}, {"MAIMON", "FIN,ACK ack=0"},
		{"ACK", "ACK"}, {"WINDOW", "ACK"},
	} {
		for port := 20; port < 44; port++ {
			to := port
			if port == 43 {
				to = 80
			}
			prober, target := fmt.Sprint(kind.name, port), fmt.Sprint("T", kind.name, port)
			c.socket("%s = 203.0.113.%d:%d win=1024 ttl=41 ipid=%d", prober, 10+i, 61000, c.random.IntN(65536))
			c.socket("%s = 198.51.100.80:%d win=64240 ipid=%d", target, to, c.random.IntN(65536))
			at := time.Duration(i)*time.Second + time.Duration(port-20)*3*time.Millisecond
			answer := at + 10*time.Millisecond
			if kind.flags == "" {
				c.events.add(at, "%s --> %s SYN seq=%d mss=1460 sack ts=%d wscale=7", prober, target, c.random.Uint32(),
					1000+port)
				switch {
				case open(to):
					c.events.add(answer, "%s <-- %s SYN,ACK seq=%d mss=1460", prober, target, c.random.Uint32())
					c.events.add(answer+10*time.Millisecond, "%s --> %s ACK", prober, target)
					c.events.add(answer+11*time.Millisecond, "%s --> %s RST,ACK", prober, target)
				case answered(to):
					c.events.add(answer, "%s <-- %s RST,ACK", prober, target)
				}
				continue
			}
			number := c.random.Uint32()
			c.events.add(at, "%s --> %s %s seq=%d", prober, target,
				strings.Replace(kind.flags, "ACK", fmt.Sprintf("ACK ack=%d", c.random.Uint32()), 1), number)
			switch {
			case !answered(to):
			case kind.name == "WINDOW" && open(to):
				c.events.add(answer, "%s <-- %s RST win=4096", prober, target)
			case strings.Contains(kind.flags, "ACK") && kind.name != "MAIMON":
				c.events.add(answer, "%s <-- %s RST", prober, target)
			case !open(to):
				c.events.add(answer, "%s <-- %s RST,ACK", prober, target)
			}
		}
	}
	return c.String()
}

// scanHorizontal is a slow scan of one port of many hosts.
func scanHorizontal() string {
	c := newCrowd(7, `# A horizontal SYN scan of port 23 as slow as one address in 15 s, by a bot whose sequence number
# is the address it tries, as Mirai's: two of 24 hosts listen, every third refuses, the others are silent.`)
	for i := range 24 {
		host := 10 + 7*i
		target := fmt.Sprint("T", i)
		c.socket("B%d = 203.0.113.99:%d win=5840 ttl=47 ipid=%d", i, 20000+c.random.IntN(40000), c.random.IntN(65536))
		c.socket("%s = 198.51.100.%d:23 win=64240", target, host)
		at := time.Duration(i) * 15 * time.Second
		c.events.add(at, "B%d --> %s SYN seq=%d", i, target, 198<<24|51<<16|100<<8|host)
		switch {
		case i == 5 || i == 16:
			c.events.add(at+50*time.Millisecond, "B%d <-- %s SYN,ACK seq=%d mss=1460", i, target, c.random.Uint32())
			c.events.add(at+100*time.Millisecond, "B%d --> %s RST", i, target)
		case i%3 == 0:
			c.events.add(at+50*time.Millisecond, "B%d <-- %s RST,ACK", i, target)
		}
	}
	return c.String()
}

// backscatter is a victim's answers to forged SYNs, captured at the forged addresses.
func backscatter() string {
	c := newCrowd(8, `# Backscatter: a listener that is flooded with forged SYNs answers 40 of them to addresses here,
# which had sent none; its port 81, where nobody listens, answers with RSTs. A SYN,ACK that finds a host draws an RST.`)
	c.socket("V = 203.0.113.80:80 mss=1460 win=64240")
	c.socket("V81 = 203.0.113.80:81")
	for i := range 40 {
		name := fmt.Sprint("H", i)
		c.socket("%s = 198.51.100.%d:%d", name, 1+c.random.IntN(254), 1024+c.random.IntN(64000))
		at := time.Duration(i)*70*time.Millisecond + time.Duration(c.random.IntN(60))*time.Millisecond
		if i%8 == 7 {
			c.events.add(at, "%s <-- V81 RST,ACK seq=0 ack=%d", name, c.random.Uint32())
			continue
		}
		c.events.add(at, "%s <-- V SYN,ACK seq=%d ack=%d", name, c.random.Uint32(), c.random.Uint32())
		if i%5 == 0 {
			c.events.add(at+40*time.Microsecond, "%s --> V RST", name)
		} else {
			c.events.add(at+time.Second, "%s <-- V again", name)
		}
	}
	return c.String()
}

// reflection is a flood of SYN-ACKs from listeners that got SYNs in their victim's name.
func reflection() string {
	c := newCrowd(9, `# SYN-ACK reflection: 30 listeners elsewhere answer SYNs that were forged in the name of one host,
# which gets SYN,ACKs it has not asked for, twice each, and resets the first of them.`)
	for i := range 30 {
		name := fmt.Sprint("R", i)
		c.socket("V%d = 192.0.2.10:%d", i, 1024+c.random.IntN(64000))
		c.socket("%s = %s:443 mss=1460 win=64240 ttl=%d", name, c.host(), 40+c.random.IntN(20))
		at := time.Duration(i) * 20 * time.Millisecond
		c.events.add(at, "V%d <-- %s SYN,ACK seq=%d ack=%d", i, name, c.random.Uint32(), c.random.Uint32())
		if i < 10 {
			c.events.add(at+40*time.Microsecond, "V%d --> %s RST", i, name)
		} else {
			c.events.add(at+time.Second, "V%d <-- %s again", i, name)
		}
	}
	return c.String()
}
