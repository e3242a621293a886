//go:build cgo && !nopcap

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/segtest"
)

// runNft runs nft in a network namespace.
func runNft(t *testing.T, host *netlab.Host, args ...string) (said string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("NOT TESTED: nft is missing; apt-get install nftables")
	}
	if err := host.Do(func() error {
		out, err := exec.Command("nft", args...).CombinedOutput()
		said = string(out)
		return err
	}); err != nil {
		t.Fatalf("nft %v: %v: %s", args, err, said)
	}
	return said
}

// nft accepts the suggested script for every capture with a flood, and accepts it a second time.
func TestSuggestedRules(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	files, err := filepath.Glob("../../testdata/pcaps/*flood*.pcap")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d captures: %v", len(files), err)
	}
	var all strings.Builder
	six := filepath.Join(t.TempDir(), "six.pcap")
	if err := os.WriteFile(six, floodOfIPv6(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, six, "../../testdata/pcaps/refused.pcap") {
		script := filepath.Join(t.TempDir(), "rules.nft")
		text, err := exec.Command("tcplife", "read", file, "--suggest", "nft").Output()
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
		if rule := "ip6 saddr 2001:db8:1::/64"; file == six && !strings.Contains(string(text), rule) {
			t.Errorf("no %q in\n%s", rule, text)
		}
		if err := os.WriteFile(script, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		runNft(t, lab.Server, "-c", "-f", script)
		runNft(t, lab.Server, "-f", script)
	}
	if rules := runNft(t, lab.Server, "list", "table", "inet", "tcplife"); strings.Count(rules, "drop comment") != 1 {
		t.Errorf("a script does not replace the one before:\n%s", rules)
	}
}

// floodOfIPv6 is a capture of 300 SYNs from a network.
func floodOfIPv6() []byte {
	var packets []capture.Packet
	to := netip.MustParseAddrPort("[2001:db8::80]:443")
	for n := range 300 {
		from := netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%x", n+1))
		frame := segtest.Frame(netip.AddrPortFrom(from, 1024), to, flows.SYN, uint32(n)*2654435761, 0, 0)
		at := segtest.Epoch.Add(time.Duration(n) * time.Millisecond).UnixNano()
		packets = append(packets, capture.Packet{Time: at, Data: frame, Length: len(frame), Link: 1})
	}
	return segtest.Pcap(packets...)
}

// Rules that live suggests while a flood goes on stop the flood, and let clients through.
func TestLiveSuggests(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	const port, clients, syns = 80, 20, 400
	listener, err := lab.Server.Listen(netip.AddrPortFrom(lab.Server.IP4, port))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	connect := func() {
		t.Helper()
		for range clients {
			c, err := lab.Client.Dial(&net.Dialer{}, netip.AddrPortFrom(lab.Server.IP4, port))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	live := startLive(t, lab.Server, "--suggest", "nft")
	connect()
	attack := func() {
		t.Helper()
		if err := lab.Client.Do(func() error { return flood(lab, port, syns) }); err != nil {
			t.Fatal(err)
		}
	}
	attack()
	await(t, "all SYNs are captured", lab.Idle)
	live.awaitOutput("\n}\n", 1)
	live.signal(syscall.SIGINT)
	code, script := live.wait()
	hits := "400 of 400 SYNs of the flood, and 0 of 20 completed connections to the target"
	if code != exitOK || !strings.Contains(string(script), hits) {
		t.Errorf("exit code %d, it suggests\n%s", code, script)
	}
	file := filepath.Join(t.TempDir(), "rules.nft")
	if err := os.WriteFile(file, script, 0o644); err != nil {
		t.Fatal(err)
	}
	runNft(t, lab.Server, "-f", file)
	lab.Forget()
	attack()
	connect()
	await(t, "the wire is idle", lab.Idle)
	decoder, synAcks := flows.NewDecoder(flows.DecoderOptions{}), map[bool]int{} // to the client, and to others
	for _, p := range lab.Packets() {
		for _, s := range decoder.Decode(&p, nil) {
			to := s.Key.AddrPortA()
			if !s.FromB {
				to = s.Key.AddrPortB()
			}
			if s.Flags.Has(flows.SYN | flows.ACK) {
				synAcks[to.Addr() == lab.Client.IP4]++
			}
		}
	}
	if synAcks[true] != clients {
		t.Errorf("%d of %d clients were answered", synAcks[true], clients)
	}
	rules := runNft(t, lab.Server, "list", "table", "inet", "tcplife")
	if !strings.Contains(rules, "counter packets 400 ") {
		t.Errorf("the rule dropped others than the 400 SYNs:\n%s", rules)
	}
}
