package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tcplife/tcplife/report/metrics"
	"github.com/tcplife/tcplife/report/screen"
)

// A metricsServer serves --metrics: /metrics to Prometheus, and /healthz to who keeps the program running.
type metricsServer struct {
	*metrics.Metrics
	listener net.Listener
	server   http.Server
	beaten   atomic.Int64 // Unix time in ns of the last pulse
}

// healthyFor is how long after a pulse the capture counts as going on.
const healthyFor = 10 * time.Second

// listenMetrics takes an address, so that what is wrong with it shows before the capture begins.
func listenMetrics(address string) (*metricsServer, error) {
	listener, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("serve metrics: %w; --metrics 127.0.0.1:0 takes a free port", err)
	}
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	s := &metricsServer{Metrics: metrics.New(version()), listener: listener}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Handler())
	mux.HandleFunc("GET /healthz", s.health)
	s.server = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute}
	return s, nil
}

// serve answers until Close. It begins as healthy.
func (s *metricsServer) serve() {
	s.beaten.Store(time.Now().UnixNano())
	go s.server.Serve(s.listener) // ends by an error always, of which there is nothing to tell but by Close
}

// beat lets the next scrape tell the vitals.
func (s *metricsServer) beat(now time.Time, v screen.Vitals) {
	s.Vitals(&v)
	s.beaten.Store(now.UnixNano())
}

// health says whether the capture goes on.
func (s *metricsServer) health(w http.ResponseWriter, _ *http.Request) {
	if age := time.Since(time.Unix(0, s.beaten.Load())); age > healthyFor {
		http.Error(w, fmt.Sprintf("the capture has been standing still for %v", age.Round(time.Second)),
			http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Close ends the serving, in the middle of an answer if need be.
func (s *metricsServer) Close() { s.server.Close() }
