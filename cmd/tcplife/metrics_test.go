package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tcplife/tcplife/report/screen"
)

func TestHealth(t *testing.T) {
	s, err := listenMetrics("127.0.0.1:0")
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
		{time.Hour, http.StatusServiceUnavailable, "the capture has been standing still for 1h0m0s\n"},
	} {
		s.beat(time.Now().Add(-test.age), screen.Vitals{})
		w := httptest.NewRecorder()
		s.server.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		if w.Code != test.status || w.Body.String() != test.body {
			t.Errorf("%v after a pulse: %d %q, want %d %q", test.age, w.Code, w.Body, test.status, test.body)
		}
	}
}
