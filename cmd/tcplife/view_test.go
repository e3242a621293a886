package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
)

// A replay is a view of captures instead of a device.
type replay struct {
	t *testing.T
	*view
	pulse   *pulse
	clock   time.Time
	packets *capture.Reader
	decoder *flows.Decoder
}

// newReplay shows the captures of testdata/pcaps as they are after their last packet, with a screen of 80 by 24.
func newReplay(t *testing.T, names ...string) *replay {
	t.Helper()
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join("../../testdata/pcaps", name+".pcap"))
	}
	packets, err := capture.Open(files, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	r := &replay{t: t, packets: packets, clock: time.Now().Add(time.Hour)} // no deadline is ever reached
	r.decoder = flows.NewDecoder(flows.DecoderOptions{})
	tracker := analyzer.New(analyzer.Options{AtClose: true}, func(c *analyzer.Connection) { r.pulse.ended(c) })
	r.pulse = newPulse(tracker, packets.Stats)
	r.view = newView(newWatch(tracker, keptOptions{}), "eth0", false, func() string { return "" })
	for r.packet() {
	}
	r.look()
	return r
}

// packet takes in the next packet.
func (r *replay) packet() bool {
	packet, err := r.packets.Next()
	if err == io.EOF {
		return false
	}
	if err != nil {
		r.t.Fatal(err)
	}
	w := r.watch
	w.packet(packet)
	for _, s := range r.decoder.Decode(packet, nil) {
		w.tracker.Segment(&s)
	}
	return true
}

// look lets the view see what has come.
func (r *replay) look() {
	r.clock = r.clock.Add(time.Minute)
	vitals, _ := r.pulse.beat(r.clock, capture.NoTime)
	r.watch.look(r.clock, vitals)
	r.Update(pollMsg{})
}

// press presses keys, and waits for what they do.
func (r *replay) press(keys ...string) {
	r.t.Helper()
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp, "end": tea.KeyEnd, "pgdown": tea.KeyPgDown}
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: special[k]}
		if msg.Code == 0 {
			msg = tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		}
		if k == " " {
			msg.Code = tea.KeySpace
		}
		_, cmd := r.Update(msg)
		if cmd == nil || r.asked {
			continue
		}
		if made := cmd(); made != nil {
			r.Update(made)
		}
	}
	r.look()
}

func (r *replay) typed(text string) {
	for _, c := range text {
		r.press(string(c))
	}
}

// screen is what stands on it, without colours.
func (r *replay) screen() string {
	var lines []string
	for line := range strings.SplitSeq(ansi.Strip(r.View().Content), "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	if len(lines) != r.height {
		r.t.Errorf("%d lines on a screen of %d", len(lines), r.height)
	}
	for _, line := range lines {
		if n := ansi.StringWidth(line); n > r.width {
			r.t.Errorf("a line of %d on a screen of %d: %s", n, r.width, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares the screen with a file of testdata/view.
func (r *replay) golden(name string) {
	r.t.Helper()
	path := filepath.Join("testdata/view", name+".txt")
	got := r.screen()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			r.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		r.t.Errorf("%s (-update writes it anew):\n%s", path, diff)
	}
}

var manyLives = []string{"close-reset", "close-server-first", "embryonic", "half-open-data", "half-closed", "refused", "time-wait-reuse", "keepalive"}

func TestViewScreens(t *testing.T) {
	r := newReplay(t, manyLives...)
	r.golden("list")
	r.press("s", "s", "s", "s")
	r.golden("by-rtt")
	r.Update(tea.WindowSizeMsg{Width: 140, Height: 30})
	r.golden("wide")
	r.press("?")
	r.golden("help")
}

func TestViewLadder(t *testing.T) {
	r := newReplay(t, manyLives...)
	r.press("down", "enter")
	r.golden("ladder")
	r.press("pgdown")
	r.golden("ladder-below")
	r.press("esc")
	if r.page != listPage || r.row != 1 {
		t.Errorf("esc leads to page %d, row %d", r.page, r.row)
	}
}

func TestViewFilter(t *testing.T) {
	r := newReplay(t, manyLives...)
	for _, test := range []struct {
		filter string
		want   int
	}{
		{"refused", 3},
		{":443", 2},
		{"ESTABLISHED", 1},
		{`teardown.reset.by == "server"`, 4},
		{"handshake.server_rtt_s > 0.01", 4},
		{"nothing like it", 0},
	} {
		r.press("/")
		r.input.SetValue("")
		r.typed(test.filter)
		r.press("enter")
		if got := len(r.now.connections); got != test.want || r.asked {
			t.Errorf("%s: %d connections, want %d\n%s", test.filter, got, test.want, r.screen())
		}
	}
	r.golden("filtered-away")
	r.press("enter", "w") // of nothing
	r.press("/")
	r.input.SetValue(`teardown.kin == "reset"`)
	r.press("enter")
	r.golden("filter-wrong")
	r.press("esc")
	if r.asked || r.filter != "nothing like it" {
		t.Errorf("esc leaves the filter %q", r.filter)
	}
	r.press("esc")
	if len(r.now.connections) != 10 {
		t.Errorf("without a filter there are %d connections", len(r.now.connections))
	}
}
