package netlab

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Observation is the begin of a socket's state, as the kernel shows it.
type Observation struct {
	At            time.Time // when it was first seen, at most half a millisecond late
	Host          *Host
	Local, Remote netip.AddrPort
	State         string // as in a connection's record; CLOSED when the socket is gone
}

// Watcher records the states of the sockets of both hosts. It reads them every half millisecond, and after each frame
// that a host receives. So it misses only states that a socket leaves at once, by the same segment or because the
// application closes. (The kernel's trace point sock:inet_sock_set_state misses none, but does not show embryonic
// connections and those in TIME_WAIT.)
type Watcher struct {
	lab     *Lab
	stop    chan struct{}
	stopped sync.WaitGroup

	mu       sync.Mutex // guards what follows
	tables   []table
	observed []Observation
	err      error
}

// Watch begins to record.
func (l *Lab) Watch() (*Watcher, error) {
	w := &Watcher{lab: l, stop: make(chan struct{})}
	for _, h := range []*Host{l.Client, l.Server} {
		err := h.Do(func() error {
			for _, name := range []string{"tcp", "tcp6"} {
				// The namespace is that of the thread that opens the file, even if another thread reads it.
				file, err := os.Open("/proc/thread-self/net/" + name)
				if errors.Is(err, os.ErrNotExist) { // no IPv6 in this kernel
					continue
				}
				if err != nil {
					return err
				}
				w.tables = append(w.tables, table{host: h, file: file, states: map[pair]string{}})
			}
			return nil
		})
		if err != nil {
			w.close()
			return nil, err
		}
	}
	w.stopped.Go(w.run)
	l.watcher.Store(w)
	return w, nil
}

// Stop ends the recording and returns what was seen, in order of time, without listening sockets.
func (w *Watcher) Stop() ([]Observation, error) {
	w.lab.watcher.Store(nil)
	close(w.stop)
	w.stopped.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.close()
	return w.observed, w.err
}

func (w *Watcher) close() {
	for _, t := range w.tables {
		t.file.Close()
	}
	w.tables = nil
}

// Await waits, at most ten seconds, until a socket of the host has been seen in the state.
func (w *Watcher) Await(h *Host, state string) error {
	seen := func() (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.observed, func(o Observation) bool { return o.Host == h && o.State == state }),
			w.err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if ok, err := seen(); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("no socket of the %s was in the state %s within 10 s", h.Name, state)
}

func (w *Watcher) run() {
	tick := time.NewTicker(time.Millisecond / 2)
	defer tick.Stop()
	for {
		w.look(nil)
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
	}
}

// look records the changes at a host, or at both if h is nil.
func (w *Watcher) look(h *Host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.tables {
		if w.err != nil || h != nil && w.tables[i].host != h {
			continue
		}
		var observed []Observation
		observed, w.err = w.tables[i].poll()
		w.observed = append(w.observed, observed...)
	}
}

// table is /proc/net/tcp or tcp6 of a host, and the states that it showed last.
type table struct {
	host   *Host
	file   *os.File
	states map[pair]string
}

type pair struct{ local, remote netip.AddrPort }

// poll returns what has changed since the last poll.
func (t *table) poll() ([]Observation, error) {
	now := time.Now()
	text, err := io.ReadAll(io.NewSectionReader(t.file, 0, 1<<24))
	if err != nil {
		return nil, err
	}
	var observed []Observation
	gone := t.states
	t.states = map[pair]string{}
	for line := range strings.Lines(string(text)) {
		p, state, ok := parseRow(line)
		if !ok || state == "LISTEN" {
			continue
		}
		if t.states[p] == "" && gone[p] != state {
			observed = append(observed, Observation{now, t.host, p.local, p.remote, state})
		}
		t.states[p] = state
	}
	for p := range gone {
		if t.states[p] == "" {
			observed = append(observed, Observation{now, t.host, p.local, p.remote, "CLOSED"})
		}
	}
	return observed, nil
}

// kernelStates has the numbers of include/net/tcp_states.h. The last one is an attempt in a listener.
var kernelStates = [...]string{
	1: "ESTABLISHED", "SYN_SENT", "SYN_RCVD", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED", "CLOSE_WAIT",
	"LAST_ACK",
	"LISTEN", "CLOSING", "SYN_RCVD",
}

// parseRow reads a line like "0: 0100007F:0050 0200007F:9C40 01 …".
func parseRow(line string) (p pair, state string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasSuffix(fields[0], ":") {
		return p, "", false
	}
	number, err := strconv.ParseUint(fields[3], 16, 8)
	if err != nil || number == 0 || int(number) >= len(kernelStates) {
		return p, "", false
	}
	var okLocal, okRemote bool
	p.local, okLocal = parseAddr(fields[1])
	p.remote, okRemote = parseAddr(fields[2])
	return p, kernelStates[number], okLocal && okRemote
}

// parseAddr reads an address as the kernel prints it: hexadecimal 32-bit words in the host's byte order.
func parseAddr(text string) (netip.AddrPort, bool) {
	ip, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(ip)
	if err != nil || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), ok && err == nil
}
