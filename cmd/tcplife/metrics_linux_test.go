//go:build cgo && !nopcap

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/netlab"
	"github.com/tcplife/tcplife/internal/testrun"
	"golang.org/x/crypto/bcrypt"
)

// TestLiveMetricsAttacked leaves 9,000 requests half-finished. Meanwhile /healthz must answer, and --memory must hold.
func TestLiveMetricsAttacked(t *testing.T) {
	t.Parallel()
	attackers := testrun.Size(3000, 9000)
	lab := netlab.Start(t, netlab.Options{})
	live := startLive(t, lab.Server, "-o", "jsonl", "--memory", "64MiB", "--metrics", metricsAddr)
	live.await("metrics are at")
	request := []byte("GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 8000))
	var attack sync.WaitGroup
	over := make(chan struct{})
	t.Cleanup(func() {
		close(over)
		attack.Wait()
	})
	for range 4 {
		attack.Go(func() {
			lab.Server.Do(func() error {
				for range attackers / 4 {
					c, err := net.DialTimeout("tcp", metricsAddr, 20*time.Second)
					if err != nil {
						return err
					}
					defer c.Close()
					c.Write(request) // the server may have closed it
				}
				<-over
				return nil
			})
		})
	}
	deadline := time.Now().Add(time.Minute)
	probes, most, slowest := 0, 0, time.Duration(0)
	for ; probes < 30 || most < maxMetricsConnections; probes++ { // until the attack has been well under way
		if time.Now().After(deadline) {
			t.Fatalf("live holds at most %d of these connections", most)
		}
		begun := time.Now()
		healthy(t, lab)
		slowest = max(slowest, time.Since(begun))
		if most = max(most, openFiles(t, live.cmd.Process.Pid)); most > maxMetricsConnections+40 {
			t.Fatalf("live holds %d descriptors", most)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if peak := peakMemory(live.cmd.Process.Pid); peak > raceRoom*128_000_000 {
		t.Errorf("it took %d MB under --memory 64MiB", peak/1_000_000)
	} else {
		t.Logf("%d times /healthz, %v at most; peak %d MB", probes, slowest.Round(time.Millisecond), peak/1_000_000)
	}
	live.signal(syscall.SIGTERM)
	if code, _ := live.wait(); code != exitOK {
		t.Errorf("exit code %d: %s", code, live.said)
	}
}

// healthy asks for /healthz, up to three times, like a supervisor.
func healthy(t *testing.T, lab *netlab.Lab) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: dialMetrics(lab), DisableKeepAlives: true},
		Timeout: 10 * time.Second}
	var failed error
	for range 10 { // the server may close it if a busy machine delays the request by 20 ms
		response, err := client.Get("http://metrics/healthz")
		if failed = err; err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			t.Fatalf("/healthz: %s", response.Status)
		}
	}
	t.Fatalf("/healthz: %v", failed)
}

// openFiles returns how many descriptors a process has.
func openFiles(t *testing.T, pid int) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestLiveMetricsConfig serves metrics by TLS and with a password, and continues when the certificate is replaced.
func TestLiveMetricsConfig(t *testing.T) {
	t.Parallel()
	lab := netlab.Start(t, netlab.Options{})
	dir := nobodysDir(t)
	name := func(base string) string { return filepath.Join(dir, base) }
	certify := func() *x509.CertPool {
		pool, certificate, key := newCertificate(t)
		for path, content := range map[string][]byte{"cert.pem": certificate, "key.pem": key} {
			writeFile(t, name("new"), content)
			if err := os.Rename(name("new"), name(path)); err != nil {
				t.Fatal(err)
			}
		}
		return pool
	}
	get := func(scheme, password string, pool *x509.CertPool) (int, error) {
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool},
			DialContext: dialMetrics(lab),
		}}
		request, err := http.NewRequest("GET", scheme+"://"+metricsAddr+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			request.SetBasicAuth("prometheus", password)
		}
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return 0, err
		}
		return response.StatusCode, nil
	}

	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, name("web.yml"), fmt.Appendf(nil,
		"tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\nbasic_auth_users:\n  prometheus: %s\n", hash))
	pool := certify()
	live := startLive(t, lab.Server, "-o", "jsonl", "--metrics", metricsAddr, "--metrics-config", name("web.yml"))
	live.await("metrics are at https://" + metricsAddr)
	for _, test := range []struct {
		scheme, password string
		status           int
	}{
		{"https", "right", http.StatusOK}, {"https", "wrong", http.StatusUnauthorized},
		{"https", "", http.StatusUnauthorized},
		{"http", "right", http.StatusBadRequest},
	} {
		if status, err := get(test.scheme, test.password, pool); status != test.status || err != nil {
			t.Errorf("%s with password %q: %d, want %d: %v", test.scheme, test.password, status, test.status, err)
		}
	}
	renewed := certify()
	if _, err := get("https", "right", pool); err == nil {
		t.Error("the old certificate is still served")
	}
	if status, err := get("https", "right", renewed); status != http.StatusOK {
		t.Errorf("with the new certificate: status %d: %v", status, err)
	}
	live.signal(syscall.SIGTERM)
	live.wait()

	// A wrong configuration is an error at the start.
	for _, test := range []struct {
		content string
		mode    os.FileMode
		want    string
	}{
		{"tls_server_config:\n  cert_file: none.pem\n  key_file: key.pem\n", 0o644, "none.pem: no such file"},
		{"basic_auth_user: x\n", 0o644, `line 1: unknown field "basic_auth_user"`},
		{"tls_server_config: yes\n", 0o644, "line 1: this value does not fit here"},
		{"", 0o600, "permission denied; live reads it as user nobody: let nobody read it, or set --user"},
	} {
		path := name("wrong.yml")
		os.Remove(path)
		if err := os.WriteFile(path, []byte(test.content), test.mode); err != nil {
			t.Fatal(err)
		}
		said, code := runIn(lab.Server, "tcplife", "live", "-i", "eth0", "--metrics", metricsAddr,
			"--metrics-config", path)
		if code != exitFailed || !strings.Contains(said, "tcplife: read --metrics-config") ||
			!strings.Contains(said, test.want) {
			t.Errorf("exit code %d, want %d and %q: %s", code, exitFailed, test.want, said)
		}
	}
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// newCertificate makes a certificate for 127.0.0.1, in PEM, and a client that trusts it.
func newCertificate(t *testing.T) (pool *x509.CertPool, certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		IPAddresses: []net.IP{{127, 0, 0, 1}},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool, certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
