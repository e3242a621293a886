// Tcplife reports the life of every TCP connection in a capture: how it was opened, how it was closed, and the RFC 9293
// state of both endpoints at every moment.
//
// cli.go has what all subcommands share (errors, exit codes), and every subcommand has its own file. Nothing here
// decodes a packet, judges a connection or formats a record.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Some programs, such as GNU timeout, send a signal twice. A later one ends the program at once.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
