package view

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/pulse"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/testrun"
)

var updateScreens = flag.Bool("update", false, "write the screens of testdata instead of comparing with them")

// A replay is a view of captures instead of a device.
type replay struct {
	t    *testing.T
	home string // where the test began
	*view
	pulse   *pulse.Pulse
	clock   time.Time
	packets *capture.Reader
	decoder *flows.Decoder
}

// newReplay shows captures of testdata/pcaps as they are after their last packet, on a screen of 80 by 24.
func newReplay(t *testing.T, names ...string) *replay {
	t.Helper()
	r := beginReplay(t, names...)
	for r.packet() {
	}
	r.look()
	return r
}

// beginReplay shows captures before their first packet. What is written goes to a directory of the test's own.
func beginReplay(t *testing.T, names ...string) *replay {
	t.Helper()
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, name := range names {
		if !filepath.IsAbs(name) {
			name = filepath.Join(home, "../../../../testdata/pcaps", name+".pcap")
		}
		files = append(files, name)
	}
	packets, err := capture.Open(files, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	r := &replay{t: t, home: home, packets: packets, clock: time.Now().Add(time.Hour)} // no deadline is ever reached
	r.decoder = flows.NewDecoder(flows.DecoderOptions{})
	tracker := analyzer.New(analyzer.Options{AtClose: true}, func(c *record.Connection) { r.pulse.Ended(c) })
	r.pulse = pulse.New(tracker, packets.Stats)
	r.view = newView(NewWatch(tracker, Kept{Extracts: "."}), "eth0", "", false, func() string { return "" })
	t.Chdir(t.TempDir())
	return r
}

// packet gives the next packet to the view.
func (r *replay) packet() bool {
	packet, err := r.packets.Next()
	if err == io.EOF {
		return false
	}
	if err != nil {
		r.t.Fatal(err)
	}
	w := r.watch
	w.Packet(packet)
	for _, s := range r.decoder.Decode(packet, nil) {
		w.tracker.Segment(&s)
	}
	return true
}

// look lets the view look at the connections.
func (r *replay) look() {
	r.clock = r.clock.Add(time.Minute)
	vitals, _ := r.pulse.Beat(r.clock, capture.NoTime)
	r.watch.Look(r.clock, vitals)
	r.Update(pollMsg{})
}

// press presses keys, and waits for their effect.
func (r *replay) press(keys ...string) {
	r.t.Helper()
	special := map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp,
		"end": tea.KeyEnd, "pgdown": tea.KeyPgDown}
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

// screen is the text on the screen, without colours.
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
	path := filepath.Join(r.home, "testdata/view", name+".txt")
	got := r.screen()
	if *updateScreens {
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

var manyLives = []string{"close-reset", "close-server-first", "embryonic", "half-open-data", "half-closed", "refused",
	"time-wait-reuse", "keepalive"}

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

func TestViewFlood(t *testing.T) {
	r := newReplay(t, "syn-flood", "close-reset")
	r.golden("flood")
	r.press("p")
	r.color = true
	const red = "\x1b[31m"
	if screen := r.View().Content; !strings.Contains(screen, "FLOOD "+red+"198.51.100.80:443 ") ||
		!strings.Contains(screen, " PAUSED ") {
		t.Errorf("the flood is not red, or the pause is not shown:\n%q", screen)
	}
	r.golden("flood-paused")
	r.color = false
	if screen := r.View().Content; strings.Contains(screen, "\x1b[3") {
		t.Errorf("colours although there should be none:\n%q", screen)
	}
}

// While the screen is paused, the capture continues, and the choice stays as it was.
func TestViewPause(t *testing.T) {
	r := beginReplay(t, manyLives...)
	r.golden("begin")
	for range 20 {
		r.packet()
	}
	r.look()
	r.golden("twenty-packets")
	r.press("p")
	before := r.screen()
	for r.packet() {
	}
	r.look()
	if after := r.screen(); after != before {
		t.Errorf("the paused screen changes:\n%s", cmp.Diff(before, after))
	}
	r.press("p")
	r.look()
	r.golden("after-pause")
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

// choice chooses a connection of the list by its id.
func (r *replay) choice(id uint64) {
	r.t.Helper()
	r.press("g")
	for range r.now.connections {
		if r.chosen().ID == id {
			return
		}
		r.press("down")
	}
	r.t.Fatalf("connection %d is not in the list:\n%s", id, r.screen())
}

func TestViewWrite(t *testing.T) {
	r := newReplay(t, manyLives...)
	for _, want := range []string{"tcplife-4.pcapng", "tcplife-4-2.pcapng"} {
		r.choice(4)
		r.press("w")
		if said := "8 packets of connection 4 are in " + want; r.said != said {
			t.Errorf("said %q, want %q", r.said, said)
		}
		packets, err := capture.Open([]string{want}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer packets.Close()
		var got []string
		tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
			got = append(got, c.Client.IP.String(), string(c.Teardown.Kind), c.Findings[0].Code)
		})
		decoder := flows.NewDecoder(flows.DecoderOptions{})
		for {
			packet, err := packets.Next()
			if err != nil {
				break
			}
			for _, s := range decoder.Decode(packet, nil) {
				tracker.Segment(&s)
			}
		}
		tracker.Close()
		if want := []string{"192.0.2.10", "reset", "half_open"}; !slices.Equal(got, want) {
			t.Errorf("the capture tells %q, want %q", got, want)
		}
	}
	gone, err := os.MkdirTemp(".", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove("../" + filepath.Base(gone)); err != nil {
		t.Fatal(err)
	}
	r.press("w")
	if want := "write packets: open tcplife-4.pcapng: no such file or directory"; !r.failed || r.said != want {
		t.Errorf("said %q where nothing can be written, want %q", r.said, want)
	}
}

// Packets that are gone are reported, on the ladder and for what is written.
func TestViewIncomplete(t *testing.T) {
	r := beginReplay(t, "half-open-data", "keepalive", "close-reset")
	r.watch.recent = capture.NewRecent(0)
	crowdOut := func() {
		for range 3 {
			r.watch.Packet(&capture.Packet{Data: make([]byte, 1<<20), Link: 1})
		}
	}
	for range 12 {
		r.packet()
	}
	crowdOut()
	for r.packet() {
	}
	r.look()
	r.choice(1)
	r.press("enter")
	r.golden("ladder-incomplete")
	r.press("w")
	if want := "2 packets of connection 1 are in tcplife-1.pcapng; INCOMPLETE: its first 6 packets are " +
		"gone"; r.said != want {
		t.Errorf("said %q, want %q", r.said, want)
	}
	r.press("esc")
	crowdOut()
	r.look()
	for _, key := range []string{"w", "enter"} {
		r.press(key)
		if !r.failed || !strings.Contains(r.said, "the packets of connection 1 are gone") || r.page != listPage {
			t.Errorf("%s: said %q on page %d", key, r.said, r.page)
		}
	}
}

// If there are more connections than time to look at, a round takes several scenes, and the view says so.
func TestViewOfMany(t *testing.T) {
	r := beginReplay(t, "syn-flood")
	for r.packet() {
	}
	vitals, _ := r.pulse.Beat(r.clock, capture.NoTime)
	scenes := 0
	for whole := false; !whole && scenes < 100; scenes++ {
		r.watch.Look(time.Time{}, vitals) // the time is over already
		r.Update(pollMsg{})
		whole = r.now.whole
		if !whole && !strings.Contains(r.screen(), " of 402)") {
			t.Errorf("the screen does not say that not all were looked at:\n%s", r.screen())
		}
	}
	if want := (402 + sceneChunk) / sceneChunk; scenes < want || r.now.looked != 402 || r.now.matched != 402 {
		t.Errorf("%d of 402 connections were looked at in %d scenes, want at least %d", r.now.looked, scenes, want)
	}
}

// --where is the first filter. The last line shows what would go to standard error.
func TestViewBeginsWithWhere(t *testing.T) {
	r := beginReplay(t, manyLives...)
	r.view = newView(r.watch, "eth0", `handshake.outcome == "refused"`, false, func() string { return "eth0 is down" })
	for r.packet() {
	}
	r.look()
	r.golden("where")
}

// The view at 80, 120 and 200 columns: of one connection, of IPv6, and of many attempts.
func TestViewLooks(t *testing.T) {
	for name, captures := range map[string][]string{"one": {"svr4-bsd"}, "ipv6": {"ipv6", "refused"},
		"many": {"syn-flood", "close-server-first", "ipv6"}} {
		t.Run(name, func(t *testing.T) {
			r := newReplay(t, captures...)
			for _, width := range []int{80, 120, 200} {
				r.Update(tea.WindowSizeMsg{Width: width, Height: 24})
				r.look()
				r.golden(fmt.Sprintf("looks-%s-%d", name, width))
			}
		})
	}
}

// The view of 300,000 connections, and of a flood of as many attempts, once it has looked at all of them.
func TestViewOfManyLooks(t *testing.T) {
	if !testrun.All() {
		t.Skip("NOT TESTED: this takes a minute; make test-all does it")
	}
	const connections = 300_000
	for _, kind := range []string{"short", "flood"} {
		t.Run(kind, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), kind+".pcap")
			cmd := exec.Command("go", "run", "../../../../internal/benchcap", "-kind", kind, "-n",
				fmt.Sprint(connections),
				"-o", file)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			r := newReplay(t, file)
			for n := 0; !r.now.whole || r.now.looked < connections/2; n++ {
				if n > connections {
					t.Fatalf("%d of %d connections were looked at", r.now.looked, connections)
				}
				r.look()
			}
			for _, width := range []int{80, 120, 200} {
				r.Update(tea.WindowSizeMsg{Width: width, Height: 24})
				r.look()
				r.golden(fmt.Sprintf("looks-300000-%s-%d", kind, width))
			}
		})
	}
}

// Screens smaller than 80 by 24 are cut, and nothing breaks.
func TestViewSizes(t *testing.T) {
	r := newReplay(t, manyLives...)
	for _, width := range []int{1, 20, 79, 80, 300} {
		for _, height := range []int{1, 2, 9, 10, 100} {
			r.Update(tea.WindowSizeMsg{Width: width, Height: height})
			r.screen()
			r.press("down", "enter")
			r.screen()
			r.press("esc", "/")
			r.screen()
			r.press("esc")
		}
	}
}
