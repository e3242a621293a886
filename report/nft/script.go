// Package nft suggests nftables rules against the SYN floods of a capture. It makes them from what the SYNs of a flood
// have in common, compares each with the completed connections, and writes a script for nft -f. It applies nothing.
package nft

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// A Script writes the suggested rules. It is a format that ignores connections.
type Script struct{ w io.Writer }

// New returns a Script that will be written to w.
func New(w io.Writer) *Script { return &Script{w} }

// Connection writes nothing.
func (s *Script) Connection(*record.Connection) error { return nil }

// Finish writes the script for the floods of a result that was made with analyzer.Options.FloodSyns. A loaded script
// replaces those loaded before.
func (s *Script) Finish(e *report.Ending) error {
	var head, rules strings.Builder
	for i := range e.Result.SynFloods {
		suggest(&head, &rules, &e.Result.SynFloods[i], &e.Result.FloodSyns[i])
	}
	text := head.String()
	if len(e.Result.SynFloods) == 0 {
		text = "# no SYN flood, so no rule\n"
	}
	if rules.Len() > 0 {
		text = before + text + open + rules.String() + "\t}\n}\n"
	}
	_, err := io.WriteString(s.w, text)
	return err
}

const (
	before = `#!/usr/sbin/nft -f
# Suggested by tcplife, not applied.
# Check: nft -c -f FILE; load: nft -f FILE; remove: nft delete table inet tcplife
`
	open = `table inet tcplife
delete table inet tcplife
table inet tcplife {
	chain syn_floods {
		type filter hook prerouting priority raw; policy accept;
`
)

// suggest adds comments about a flood, and the rules against it.
func suggest(head, rules *strings.Builder, f *record.SynFlood, syns *record.FloodSyns) {
	target, match := targetOf(&f.Target)
	since := time.Unix(0, int64(f.Onset)).UTC().Format("2006-01-02 15:04:05 UTC")
	if f.Verdict == "flash_crowd" {
		fmt.Fprintf(head, "# %s since %s: a flash crowd, whose clients complete their handshakes: no rule\n",
			target, since)
		return
	}
	if hasMark(f, "masscan_ip_id") {
		fmt.Fprintf(head, "# %s since %s: the SYNs have the mark masscan_ip_id, which no rule can match: "+
			"nft cannot compare the IP identification with destination address xor port xor sequence number\n",
			target, since)
	}
	clients, heldAgainst := heldAgainst(f, syns)
	found := rulesOf(syns.Flood, clients)
	if len(found) == 0 {
		fmt.Fprintf(head, "# %s since %s: the SYNs of this flood do not differ from those of clients; use "+
			"SYN cookies (sysctl -w net.ipv4.tcp_syncookies=1), or synproxy (nft(8)) in front of the listener\n",
			target, since)
		return
	}
	fmt.Fprintf(head, "# %s since %s: %s, %d SYNs", target, since, f.Verdict, f.Syns)
	if uint64(len(syns.Flood)) < f.Syns/2 {
		fmt.Fprintf(head, ", of which a sample of %d was compared", len(syns.Flood))
	}
	fmt.Fprintln(head)
	fmt.Fprintf(rules, "\n\t\t# %s since %s\n", target, since)
	for _, r := range found {
		hits := fmt.Sprintf("%d of %d SYNs of the flood", r.flood.count(), len(syns.Flood))
		fmt.Fprintf(rules, "\t\t# hits %s, and %s\n", hits, fmt.Sprintf(heldAgainst, r.clients))
		fmt.Fprintf(rules, "\t\t%s tcp flags & (fin | syn | rst | ack) == syn \\\n", match)
		for _, m := range r.matches {
			fmt.Fprintf(rules, "\t\t\t%s \\\n", m)
		}
		fmt.Fprintf(rules, "\t\t\tcounter drop comment \"%s, %d of %d clients\"\n", hits, r.clients, len(clients))
	}
}

// hasMark reports whether most SYNs of a flood have a mark.
func hasMark(f *record.SynFlood, name string) bool {
	return slices.ContainsFunc(f.MarkValues, func(m record.MarkValue) bool { return m.Mark == name })
}

// heldAgainst returns the connections to compare rules with, and a format for the number that a rule hits.
func heldAgainst(f *record.SynFlood, syns *record.FloodSyns) (clients []record.Syn, format string) {
	sample := func(n int, all uint64) string {
		if uint64(n) < all {
			return fmt.Sprintf("%d (a sample of %d)", n, all)
		}
		return fmt.Sprint(n)
	}
	if n := len(syns.Completed); n > 0 {
		return syns.Completed, "%d of " + sample(n, syns.CompletedAll) + " completed connections to the target"
	}
	for _, s := range syns.Anywhere {
		if s.Source.Is6() == f.Target.IP.Is6() {
			clients = append(clients, s)
		}
	}
	if len(clients) > 0 {
		return clients, "no connection to the target was completed; it would hit %d of " +
			sample(len(clients), max(uint64(len(clients)), syns.AnywhereAll)) + " completed connections elsewhere"
	}
	return nil, "%d of 0 completed connections: the capture has none to compare with"
}

// targetOf returns the target of a flood, in words and as a match.
func targetOf(t *record.Target) (name, match string) {
	family := "ip"
	if t.IP.Is6() {
		family = "ip6"
	}
	if t.Port == nil {
		return t.IP.String(), fmt.Sprintf("%s daddr %s", family, t.IP)
	}
	return netip.AddrPortFrom(t.IP, *t.Port).String(), fmt.Sprintf("%s daddr %s tcp dport %d", family, t.IP, *t.Port)
}
