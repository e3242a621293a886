// Benchcap makes the large captures of the benchmarks, with the same bytes each time.
//
//	go run ./internal/benchcap -kind short      -n 300000  -o short.pcap       300,000 connections of 8 packets
//	go run ./internal/benchcap -kind long       -n 3000000 -o long.pcap        3 M packets of 10 transfers
//	go run ./internal/benchcap -kind flood      -n 5000000 -o flood.pcap       5 M SYNs from spoofed addresses
//	go run ./internal/benchcap -kind concurrent -n 100000  -packets 2000000 -o concurrent.pcap
//
// They are classic pcap files of Ethernet, IPv4 and TCP with correct checksums.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
)

func main() {
	kind := flag.String("kind", "short", "`KIND` of capture: short, long, flood or concurrent")
	n := flag.Uint("n", 300_000, "`NUMBER` of connections (short, concurrent), packets (long) or SYNs (flood)")
	packets := flag.Uint("packets", 2_000_000,
		"concurrent: `NUMBER` of packets at random over all connections, once these are open")
	midstream := flag.Bool("midstream", false, "concurrent: leave the handshakes out")
	synAcks := flag.Bool("synacks", false, "flood: the listener answers")
	nanoseconds := flag.Bool("ns", false, "stamp packets in nanoseconds instead of microseconds")
	output := flag.String("o", "", "`FILE` to write")
	flag.Parse()

	if err := run(*output, *kind, *nanoseconds, *n, *packets, *midstream, *synAcks); err != nil {
		fmt.Fprintln(os.Stderr, "benchcap:", err)
		os.Exit(1)
	}
}

func run(output, kind string, nanoseconds bool, n, packets uint, midstream, synAcks bool) error {
	kinds := map[string]func(*maker){
		"short":      func(m *maker) { m.short(uint32(n)) },
		"long":       func(m *maker) { m.long(uint32(n)) },
		"flood":      func(m *maker) { m.flood(uint32(n), synAcks) },
		"concurrent": func(m *maker) { m.concurrent(uint32(n), uint32(packets), midstream) },
	}
	capture, ok := kinds[kind]
	switch {
	case !ok:
		return fmt.Errorf("no kind %q; use short, long, flood or concurrent", kind)
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected arguments: %s; see -help", strings.Join(flag.Args(), " "))
	case output == "":
		return fmt.Errorf("no file to write; use -o FILE")
	case n == 0:
		return fmt.Errorf("-n 0 asks for an empty capture")
	case max(n, packets) > math.MaxUint32:
		return fmt.Errorf("-n and -packets are at most %d", uint32(math.MaxUint32))
	}
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	m := newMaker(newFile(f, nanoseconds))
	capture(m)
	if err := m.file.flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
