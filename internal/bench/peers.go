//go:build linux

package main

import "path/filepath"

// read runs tcplife read on a capture.
func (b *bench) read(name, file string, args ...string) *command {
	return &command{name: name, argv: append([]string{b.tcplife, "read", file}, args...)}
}

// onOne is c with one processor.
func onOne(c *command) *command {
	one := *c
	one.name += ", GOMAXPROCS=1"
	one.env = append(one.env, "GOMAXPROCS=1")
	return &one
}

// tcpdump copies the capture. The goals compare tcplife with this copy.
func tcpdump(file string) *command {
	return &command{name: "tcpdump, copy", argv: []string{"tcpdump", "-r", file, "-w", "/dev/null"}}
}

// softflowd sends the flows to a port where no process listens. With a control socket it can wait there forever,
// because it uses the result of a poll that it omits when it reads a file.
func (b *bench) softflowd(file string) *command {
	return &command{name: "softflowd", argv: []string{"softflowd", "-d", "-r", file, "-n", "127.0.0.1:9995",
		"-p", filepath.Join(b.dir, "softflowd.pid"), "-c", "none"}}
}

// nfpcapd writes the flows for nfdump into a directory.
func (b *bench) nfpcapd(file string) *command {
	return &command{name: "nfpcapd", argv: []string{"nfpcapd", "-r", file, "-w", b.flows()}}
}

// flows is the directory for nfpcapd.
func (b *bench) flows() string { return filepath.Join(b.dir, "flows") }

func argus(file string) *command {
	return &command{name: "argus", argv: []string{"argus", "-X", "-r", file, "-w", "/dev/null"}}
}

func tcptrace(file string) *command {
	return &command{name: "tcptrace -l", argv: []string{"tcptrace", "-n", "-l", file}, once: true}
}

// tsharkCompleteness prints what of tshark's is nearest to the life of a connection. It needs two passes.
func tsharkCompleteness(file string) *command {
	return &command{name: "tshark, completeness", once: true,
		argv: []string{"tshark", "-n", "-2", "-r", file, "-T", "fields", "-e", "tcp.stream", "-e", "tcp.completeness"}}
}

func tsharkConversations(file string) *command {
	return &command{name: "tshark, conversations", once: true,
		argv: []string{"tshark", "-n", "-q", "-r", file, "-z", "conv,tcp"}}
}
