package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"

	fnpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/fnexecution_v1"
	"google.golang.org/grpc"
)

// pool starts a process for each worker that an engine asks for.
type pool struct {
	fnpb.UnimplementedBeamFnExternalWorkerPoolServer
	stderr io.Writer

	mutex   sync.Mutex
	workers map[string]*exec.Cmd
}

// serveWorkers is `tcplife-beam worker`.
func serveWorkers(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	set := flag.NewFlagSet("tcplife-beam worker", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	listen := set.String("listen", "localhost:50000", "wait at `HOST:PORT`")
	if err := set.Parse(args); err != nil || set.NArg() > 0 {
		return &usageError{"tcplife-beam worker takes --listen HOST:PORT alone", ""}
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("wait for an engine: %w", err)
	}
	p := &pool{stderr: stderr, workers: map[string]*exec.Cmd{}}
	server := grpc.NewServer()
	fnpb.RegisterBeamFnExternalWorkerPoolServer(server, p)
	defer context.AfterFunc(ctx, server.Stop)()
	fmt.Fprintf(stdout, "waiting for an engine at %s\n", l.Addr())
	err = server.Serve(l)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, worker := range p.workers {
		worker.Process.Kill()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// StartWorker starts a process. It is this program, which becomes a worker by Beam's own flags.
func (p *pool) StartWorker(_ context.Context, r *fnpb.StartWorkerRequest) (*fnpb.StartWorkerResponse, error) {
	failed := func(format string, more ...any) (*fnpb.StartWorkerResponse, error) {
		return &fnpb.StartWorkerResponse{Error: fmt.Sprintf(format, more...)}, nil
	}
	program, err := os.Executable()
	if err != nil {
		return failed("find the program of a worker: %v", err)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.workers[r.GetWorkerId()] != nil {
		return failed("there is a worker %q already", r.GetWorkerId())
	}
	worker := exec.Command(program, "--worker", "--id", r.GetWorkerId(), "--logging_endpoint",
		r.GetLoggingEndpoint().GetUrl(),
		"--control_endpoint", r.GetControlEndpoint().GetUrl())
	worker.Stderr = p.stderr
	if err := worker.Start(); err != nil {
		return failed("start a worker: %v", err)
	}
	p.workers[r.GetWorkerId()] = worker
	go func() {
		worker.Wait()
		p.mutex.Lock()
		defer p.mutex.Unlock()
		delete(p.workers, r.GetWorkerId())
	}()
	return &fnpb.StartWorkerResponse{}, nil
}

// StopWorker ends a worker's process.
func (p *pool) StopWorker(_ context.Context, r *fnpb.StopWorkerRequest) (*fnpb.StopWorkerResponse, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	worker := p.workers[r.GetWorkerId()]
	if worker == nil {
		return &fnpb.StopWorkerResponse{Error: fmt.Sprintf("there is no worker %q", r.GetWorkerId())}, nil
	}
	worker.Process.Kill()
	return &fnpb.StopWorkerResponse{}, nil
}
