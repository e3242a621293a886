//go:build linux

package main

import (
	"fmt"
	"strconv"
)

// A group is what was measured on one capture.
type group struct {
	title   string
	packets int
	series  []*series
}

func (b *bench) short() error {
	n := b.scaled(300_000)
	file, done, err := b.capture("short", 1200*n, "-kind", "short", "-n", strconv.Itoa(n))
	if err != nil {
		return err
	}
	defer done()
	table := b.read("tcplife read", file)
	jsonl := b.read("tcplife read -o jsonl", file, "-o", "jsonl")
	s := b.inTurn(b.runs, tcpdump(file), table, onOne(table), jsonl, onOne(jsonl), b.softflowd(file), argus(file),
		b.nfpcapd(file), tcptrace(file), tsharkConversations(file), tsharkCompleteness(file))
	what := fmt.Sprintf("%s short connections, %s packets", count(n), count(8*n))
	b.groups = append(b.groups, group{what, 8 * n, s})

	dump, read, readOne, records, recordsOne, flows, audit, nf, trace, shark := s[0], s[1], s[2], s[3], s[4], s[5],
		s[6],
		s[7], s[8], s[10]
	b.atMost(what+": `read` (table)", read, dump, 1.8)
	b.processorAtMost("the same, processor time", read, dump, 3.5)
	b.atMost("the same, `read -o jsonl`", records, dump, 2.7)
	b.fasterThan("two processors against one, `read`", read, readOne, 1.7)
	b.fasterThan("the same, `read -o jsonl`", records, recordsOne, 1.7)
	b.fasterThan("against softflowd", read, flows, 3)
	b.fasterThan("against argus", read, audit, 6)
	b.fasterThan("against nfpcapd", read, nf, 7)
	b.fasterThan("against tcptrace -l", read, trace, 30)
	b.fasterThan("against tshark, completeness", read, shark, 200)
	return nil
}

func (b *bench) long() error {
	n := b.scaled(3_000_000)
	file, done, err := b.capture("long", 833*n, "-kind", "long", "-n", strconv.Itoa(n))
	if err != nil {
		return err
	}
	defer done()
	table := b.read("tcplife read", file)
	s := b.inTurn(b.runs, tcpdump(file), table, onOne(table), b.softflowd(file))
	what := fmt.Sprintf("%s packets of transfers, those with data of 1,400 bytes, %s", count(n), size(833*float64(n)))
	b.groups = append(b.groups, group{what, n, s})
	b.atMost(what+": `read`", s[1], s[0], 0.6)
	return nil
}

func (b *bench) flood() error {
	n := b.scaled(5_000_000)
	file, done, err := b.capture("flood", 76*n, "-kind", "flood", "-n", strconv.Itoa(n))
	if err != nil {
		return err
	}
	defer done()
	tenth, tenthDone, err := b.capture("flood-tenth", 76*n/10, "-kind", "flood", "-n", strconv.Itoa(max(n/10, 1)))
	if err != nil {
		return err
	}
	defer tenthDone()

	commands := []*command{tcpdump(file), b.read("tcplife read", file), b.softflowd(file)}
	commands[2].once = true
	for _, slow := range []*command{argus(tenth), tcptrace(tenth), tsharkConversations(tenth)} {
		slow.tenth = true
		slow.name += " (a tenth, times ten)"
		commands = append(commands, slow)
	}
	s := b.inTurn(b.runs, commands...)
	what := fmt.Sprintf("%s spoofed SYNs", count(n))
	b.groups = append(b.groups, group{what, n, s})
	b.atMost(what+": `read` (table)", s[1], s[0], 2.5)
	b.bytes("the same, peak memory for a half-open connection", s[1], s[1].peak()/float64(n), 150)
	return nil
}
