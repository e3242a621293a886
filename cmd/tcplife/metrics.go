package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"github.com/tcplife/tcplife/report/metrics"
	"github.com/tcplife/tcplife/report/screen"
	"go.yaml.in/yaml/v2"
)

// A metricsServer serves --metrics: /metrics for Prometheus, and /healthz for a supervisor.
type metricsServer struct {
	*metrics.Metrics
	listener *crowdedListener
	server   http.Server
	config   string       // the file of --metrics-config, "" for none
	scheme   string       // http or https
	beaten   atomic.Int64 // Unix time in ns of the last pulse
}

// healthyFor is how long after a pulse the capture counts as running.
const healthyFor = 10 * time.Second

// Limits for clients, a few MiB in total.
const (
	maxMetricsConnections = 64
	maxMetricsHeader      = 16 << 10 // bytes
	maxMetricsStreams     = 8        // of a connection with HTTP/2
)

// listenMetrics opens the address before the capture begins, so that an error shows early.
func listenMetrics(address, config string) (*metricsServer, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		reason, hint := err, ""
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			reason = op.Err
		}
		if call := (*os.SyscallError)(nil); errors.As(err, &call) {
			reason = call.Err
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "; --metrics 127.0.0.1:0 takes a free port"
		}
		return nil, fmt.Errorf("serve metrics at %s: %w%s", address, reason, hint)
	}
	s := &metricsServer{Metrics: metrics.New(version()), listener: newCrowdedListener(listener, maxMetricsConnections),
		config: config}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Handler())
	mux.HandleFunc("GET /healthz", s.health)
	s.server = http.Server{
		Handler:     sparing(http.MaxBytesHandler(mux, 0)), // no request has a body
		ConnContext: connContext,
		ReadTimeout: 5 * time.Second, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: maxMetricsHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxMetricsStreams},
		ErrorLog: log.New(io.Discard, "", 0), // any client could fill the log
	}
	s.server.SetKeepAlivesEnabled(false) // so that no client occupies the server longer than an answer takes
	return s, nil
}

// serve answers until Close. It starts as healthy.
func (s *metricsServer) serve() {
	s.beaten.Store(time.Now().UnixNano())
	// Serve always returns an error, after Close. If the configuration becomes unreadable, clients get the error.
	go web.Serve(s.listener, &s.server, &web.FlagConfig{WebConfigFile: &s.config}, slog.New(slog.DiscardHandler))
}

// checkConfig checks the configuration, and sets the protocol of the metrics.
func (s *metricsServer) checkConfig() error {
	s.scheme = "http"
	if s.config == "" {
		return nil
	}
	c, err := s.readConfig()
	if err != nil {
		return err
	}
	if err := web.Validate(s.config); err != nil {
		return fmt.Errorf("read --metrics-config %s: %w", s.config, err)
	}
	if c.TLSConfig.IsEnabled() {
		s.scheme = "https"
	}
	return nil
}

// configDirs returns the directories of the configuration and of the files that it names, which are read again for
// every connection. For a symbolic link, as Let's Encrypt makes them, it includes the directory of the target.
func (s *metricsServer) configDirs() (dirs []string, err error) {
	if s.config == "" {
		return nil, nil
	}
	c, err := s.readConfig()
	if err != nil {
		return nil, err
	}
	for _, path := range []string{s.config, c.TLSConfig.TLSCertPath, c.TLSConfig.TLSKeyPath, c.TLSConfig.ClientCAs} {
		if path == "" {
			continue
		}
		dirs = append(dirs, filepath.Dir(path))
		if to, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(to))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// readConfig reads the configuration like Prometheus's own programs.
func (s *metricsServer) readConfig() (*web.Config, error) {
	content, err := os.ReadFile(s.config)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; live reads it as user %s: let %[2]s read it, or set --user", err, ownName())
	}
	var c web.Config
	if err == nil {
		err = configError(yaml.UnmarshalStrict(content, &c))
	}
	if err != nil {
		return nil, fmt.Errorf("read --metrics-config: %w", err)
	}
	c.TLSConfig.SetDirectory(filepath.Dir(s.config))
	return &c, nil
}

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongValue   = regexp.MustCompile(`cannot unmarshal .*`)
)

// configError describes an error in the configuration without names of Go types.
func configError(err error) error {
	wrong := (*yaml.TypeError)(nil)
	if !errors.As(err, &wrong) {
		return err
	}
	said := unknownField.ReplaceAllString(wrong.Errors[0], `unknown field "$1"`)
	return errors.New(wrongValue.ReplaceAllString(said, "this value does not fit here"))
}

// beat gives the vitals to the next scrape.
func (s *metricsServer) beat(now time.Time, v screen.Vitals) {
	s.Vitals(&v)
	s.beaten.Store(now.UnixNano())
}

// health answers whether the capture is running.
func (s *metricsServer) health(w http.ResponseWriter, _ *http.Request) {
	if age := time.Since(time.Unix(0, s.beaten.Load())); age > healthyFor {
		http.Error(w, fmt.Sprintf("the capture has not advanced for %v", age.Round(time.Second)),
			http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Close stops the server, even in the middle of an answer.
func (s *metricsServer) Close() { s.server.Close() }
