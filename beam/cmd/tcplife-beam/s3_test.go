package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// objects serves files as s3://captures/day/NAME, from a server in this process. It cuts the first reading of every
// object off in the middle.
func objects(t *testing.T, names ...string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("captures"); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		key := "day/" + filepath.Base(name)
		if _, err := backend.PutObject("captures", key, nil, bytes.NewReader(text), int64(len(text)), nil); err != nil {
			t.Fatal(err)
		}
	}
	fake := gofakes3.New(backend).Server()
	var mutex sync.Mutex
	seen := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		first := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".pcap") && !seen[r.URL.Path]
		seen[r.URL.Path] = seen[r.URL.Path] || first
		mutex.Unlock()
		if !first {
			fake.ServeHTTP(w, r)
			return
		}
		whole := httptest.NewRecorder()
		fake.ServeHTTP(whole, r)
		for name, values := range whole.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(whole.Code)
		io.CopyN(w, whole.Body, int64(whole.Body.Len()/2))
		panic(http.ErrAbortHandler) // the connection breaks
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "id",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required", // the fake has none
	} {
		t.Setenv(name, value)
	}
}

// Captures of an object store are read like files, even if the connection to it breaks.
func TestObjects(t *testing.T) {
	dir, err := filepath.Abs(pcaps)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "real-*.pcap"))
	objects(t, append(names, filepath.Join(dir, "vlan.pcap"))...)
	want := strings.ReplaceAll(wanted(t, names...), dir+"/", "s3://captures/day/")
	input := []string{"--input", "s3://captures/day/real-*.pcap", "--stretch", "0"}
	out := filepath.Join(t.TempDir(), "out")
	if code, _, stderr := runs(t, append(input, "--output", out)...); code != 0 {
		t.Fatalf("exit code %d, %q", code, stderr)
	}
	if lines(t, out) != want {
		t.Error("what is written differs from what tcplife read writes")
	}
	flags, _ := served(t)
	out = filepath.Join(t.TempDir(), "out")
	if code, _, stderr := runs(t, append(append(flags, input...), "--output", out)...); code != 0 {
		t.Fatalf("worker of its own: exit code %d, %q", code, stderr)
	}
	if lines(t, out) != want {
		t.Error("what a worker of its own writes differs from what tcplife read writes")
	}
}

// If an object or the store does not exist, the command says so and writes nothing.
func TestMissingObjects(t *testing.T) {
	objects(t, filepath.Join(pcaps, "vlan.pcap"))
	out := filepath.Join(t.TempDir(), "out")
	for input, says := range map[string]string{
		"s3://captures/night/*.pcap": "there is no such file",
		"s3://nobody/*.pcap":         "NoSuchBucket",
		"gopher://captures/*.pcap":   `scheme "gopher" not registered`,
	} {
		code, _, stderr := runs(t, "--input", input, "--output", out)
		if code != 1 || !strings.Contains(stderr, says) || strings.Count(stderr, "\n") > 2 {
			t.Errorf("%s: exit code %d, %q", input, code, stderr)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}
