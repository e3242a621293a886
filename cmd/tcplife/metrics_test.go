package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/report/screen"
)

func TestHealth(t *testing.T) {
	s, err := listenMetrics("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, test := range []struct {
		age    time.Duration // of the last pulse
		status int
		body   string
	}{
		{0, http.StatusOK, "ok\n"},
		{time.Hour, http.StatusServiceUnavailable, "the capture has not advanced for 1h0m0s\n"},
	} {
		s.beat(time.Now().Add(-test.age), screen.Vitals{})
		w := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		if w.Code != test.status || w.Body.String() != test.body {
			t.Errorf("%v after a pulse: %d %q, want %d %q", test.age, w.Code, w.Body, test.status, test.body)
		}
	}
}

// serveMetrics serves metrics on a free port, and returns the address.
func serveMetrics(t *testing.T) (address string) {
	t.Helper()
	s, err := listenMetrics("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.serve()
	s.beat(time.Now().Add(time.Hour), screen.Vitals{}) // however long the test waits for its turn
	return s.listener.Addr().String()
}

// asking is a connection to a server of metrics, on which a text was sent.
func asking(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, text) // that it is closed already shows when it is read
	return c
}

// Whatever a client sends or leaves out, the server ends the request in time and reads no more than it must.
func TestMetricsClients(t *testing.T) {
	t.Parallel()
	address := serveMetrics(t)
	const head = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
	for _, test := range []struct{ name, text, want string }{
		{"half a header", head, ""},
		{"a long header", head + "X: " + strings.Repeat("x", 1<<20), "HTTP/1.1 431"},
		{"half a body", head + "Content-Length: 1000000\r\n\r\nx", "HTTP/1.1 200"},
		{"another method", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
			"HTTP/1.1 405"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := asking(t, address, test.text)
			answer, err := io.ReadAll(c) // which ends once the server closes
			if errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(string(answer), test.want) {
				t.Errorf("the answer is %q, want %q and the end: %v", answer, test.want, err)
			}
		})
	}
}

// 64 connections stay open. For one more, the server closes the one that has kept it waiting longest.
func TestMetricsRoom(t *testing.T) {
	t.Parallel()
	address := serveMetrics(t)
	const ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	answered := func(c net.Conn, rest string) error {
		io.WriteString(c, rest) // that it is closed already shows when it is read
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("the answer is %s", response.Status)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
		}
		return err
	}
	var half []net.Conn
	const room = 64
	for range room {
		half = append(half, asking(t, address, ask[:20]))
	}
	time.Sleep(2 * sparedBusy)
	for i := range 6 {
		if err := answered(asking(t, address, ""), ask); err != nil {
			t.Fatalf("connection %d: %v", room+i+1, err)
		}
	}
	kept := 0
	for _, c := range half {
		if answered(c, ask[20:]) == nil {
			kept++
		}
	}
	// each of those that were answered was closed before the next came, or was not
	if kept < room-6 || kept >= room {
		t.Errorf("of %d connections the server keeps %d", len(half), kept)
	}
}
