// Tcplife tells the life of every TCP connection in a capture: how it was opened, how it was closed, and the
// RFC 9293 state of both endpoints at every moment between.
//
// Files of this command: cli.go holds what all subcommands share (errors, exit codes), and every subcommand has a
// file of its own. Nothing here decodes a packet, decides about a connection or formats a record.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	spareMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Some send a signal twice, GNU timeout among them. A later one ends the program at once.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
