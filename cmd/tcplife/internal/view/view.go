package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	"charm.land/bubbles/v2/viewport"
	"charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/pulse"
	"github.com/tcplife/tcplife/report/ladder"
	"github.com/tcplife/tcplife/report/query"
	"github.com/tcplife/tcplife/report/screen"
)

// view is the screen of `tcplife live` on a terminal, and what its keys do. It belongs to the goroutine of bubbletea,
// and sees the capture only in scenes.
type view struct {
	watch   *Watch
	source  string // what is captured on
	color   bool
	notices func() string // the last message to standard error

	width, height int
	now           *scene
	before        []*scene // those of the last ratesOver, oldest first
	paused        bool

	sort     int
	filter   string // "" is none
	selected uint64 // connection; 0 until a key chooses one: then the first
	row      int    // its row, or its last one
	top      int    // first row on the screen

	page   page
	pager  viewport.Model // of a page that is not the list
	layout screen.Layout  // of the list
	of     *record.Connection
	input  textinput.Model
	asked  bool   // the filter is being typed
	said   string // in the last line, until the next key
	failed bool   // said is an error
}

// A page is what is below the vitals.
type page uint8

const (
	listPage page = iota
	ladderPage
	helpPage
)

const (
	pollEvery = pulse.Every / 2
	ratesOver = 2 * time.Second
)

const viewHelp = `KEYS
  up, down, k, j   choose a connection; page up, page down, home, end
  enter            its ladder: segment by segment, the reason for its states
  w                write its packets to tcplife-ID.pcapng in the current directory,
                   or in /tmp if --user cannot write there
  s, S             sort the list by the next, the previous key
  /                filter the list: by a text in an address, a state, an outcome, a
                   teardown or a finding, or by an expression as for --where;
                   enter applies it, esc keeps the old filter
  p, space         pause the screen; the capture goes on
  esc              back to the list; in the list, remove the filter
  ?, h             this help
  q, ctrl+c        end the capture, and print the report

THE NUMBERS
  followed         connections, closed ones for as long as late segments may come
  pending          attempts that listeners hold: SYN and SYN-ACK, but not the ACK
                   that completes the handshake: servers in SYN_RCVD
  half-open        one side had lost the connection, the other did not know (RFC
                   9293, section 3.5.1)
  the states       of all followed connections, as far as segments show them; a row
                   of the list also takes expired timers into account
  FLOOD            a target whose backlog fills with attempts that nobody completes

The list holds the first 500 connections of its order. Ladders and captures are
made from the last 64 MiB of packets; they say so if the beginning of a
connection is not among these.`

type pollMsg time.Time

// A pageMsg is a new page, a saidMsg a message for the last line.
type (
	pageMsg struct {
		text string
		err  error
	}
	saidMsg struct {
		text string
		err  error
	}
)

// newView shows what a watch sees, at first the connections that the filter of --where chooses.
func newView(w *Watch, source, filter string, color bool, notices func() string) *view {
	v := &view{watch: w, source: source, filter: filter, color: color, notices: notices, width: 80, height: 24,
		pager: viewport.New(), input: textinput.New()}
	v.input.Prompt = "filter: "
	v.input.SetStyles(textinput.Styles{})
	v.input.SetVirtualCursor(false)
	v.ask()
	return v
}

func poll() tea.Cmd { return tea.Tick(pollEvery, func(t time.Time) tea.Msg { return pollMsg(t) }) }

// Init is for tea.Model.
func (v *view) Init() tea.Cmd { return poll() }

// Update is for tea.Model.
func (v *view) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
	case pollMsg:
		v.take(v.watch.shown.Load())
		return v, poll()
	case pageMsg:
		if v.page != ladderPage {
			break
		}
		if msg.err != nil {
			v.page, v.said, v.failed = listPage, msg.err.Error(), true
			break
		}
		v.pager.SetContent(msg.text)
	case saidMsg:
		v.said, v.failed = msg.text, msg.err != nil
		if v.failed {
			v.said = msg.err.Error()
		}
	case tea.KeyPressMsg:
		return v, v.key(msg)
	}
	return v, nil
}

// take shows a new scene.
func (v *view) take(s *scene) {
	if s == nil || s == v.now || v.paused {
		return
	}
	if v.now != nil {
		v.before = append(v.before, v.now)
	}
	v.now = s
	for len(v.before) > 1 && s.vitals.At-v.before[1].vitals.At >= record.Time(ratesOver) {
		v.before = slices.Delete(v.before, 0, 1)
	}
	if s.failed != nil {
		v.said, v.failed = s.failed.Error(), true
	}
	v.find()
}

// find keeps the chosen connection, wherever it is now, or else the row.
func (v *view) find() {
	list := v.now.connections
	at := slices.IndexFunc(list, func(c *record.Connection) bool { return c.ID == v.selected })
	switch {
	case v.selected == 0:
	case at >= 0:
		v.row = at
	default:
		v.choose(v.row)
	}
	v.row = max(0, min(v.row, len(list)-1))
}

// choose chooses a row of the list, or the nearest one.
func (v *view) choose(row int) {
	v.row = max(0, min(row, len(v.now.connections)-1))
	if v.row < len(v.now.connections) {
		v.selected = v.now.connections[v.row].ID
	}
}

// key handles a key.
func (v *view) key(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	v.said, v.failed = "", false
	if v.asked {
		return v.typed(name, msg)
	}
	switch name {
	case "q":
		return tea.Quit
	case "p", "space":
		v.paused = !v.paused
		return nil
	case "?", "h":
		v.page = helpPage
		v.pager.SetContent(viewHelp)
		v.pager.GotoTop()
		return nil
	case "w":
		return v.write()
	}
	if v.page != listPage {
		if name == "esc" || name == "enter" {
			v.page = listPage
			return nil
		}
		if name == "home" || name == "g" {
			v.pager.GotoTop()
		}
		if name == "end" || name == "G" {
			v.pager.GotoBottom()
		}
		var cmd tea.Cmd
		v.pager, cmd = v.pager.Update(msg)
		return cmd
	}
	return v.listKey(name)
}

// listKey handles a key in the list.
func (v *view) listKey(name string) tea.Cmd {
	switch name {
	case "s":
		v.order(1)
	case "S":
		v.order(-1)
	case "/":
		v.asked = true
		v.input.SetValue(v.filter)
		v.input.CursorEnd()
		return v.input.Focus()
	case "esc":
		v.setFilter("")
	}
	if v.now == nil {
		return nil
	}
	rows := v.listRows()
	switch name {
	case "up", "k":
		v.choose(v.row - 1)
	case "down", "j":
		v.choose(v.row + 1)
	case "pgup", "ctrl+b":
		v.choose(v.row - rows)
	case "pgdown", "ctrl+f":
		v.choose(v.row + rows)
	case "home", "g":
		v.row, v.selected = 0, 0
	case "end", "G":
		v.choose(len(v.now.connections) - 1)
	case "enter":
		return v.explain()
	}
	return nil
}

// typed handles a key while the filter is being typed.
func (v *view) typed(name string, msg tea.KeyPressMsg) tea.Cmd {
	switch name {
	case "esc":
		v.asked = false
	case "enter":
		v.asked = !v.setFilter(strings.TrimSpace(v.input.Value()))
	default:
		var cmd tea.Cmd
		v.input, cmd = v.input.Update(msg)
		return cmd
	}
	return nil
}

// order changes the order of the list.
func (v *view) order(by int) {
	n := len(screen.ListSorts())
	v.sort = (v.sort + by + n) % n
	v.ask()
}

// setFilter changes the filter of the list, if it is valid.
func (v *view) setFilter(filter string) bool {
	if _, err := query.NewFilter(filter); err != nil {
		v.said, v.failed = err.Error(), true
		return false
	}
	v.filter = filter
	v.ask()
	return true
}

// ask tells the watch what to list.
func (v *view) ask() {
	holds, _ := query.NewFilter(v.filter) // it was valid when it was set
	v.watch.wanted.Store(&listing{sort: screen.ListSorts()[v.sort].Name, filter: v.filter, holds: holds})
	v.row, v.selected = 0, 0
}

// chosen returns the chosen connection, nil if there is none.
func (v *view) chosen() *record.Connection {
	if v.page == ladderPage {
		return v.of
	}
	if v.now == nil || v.row >= len(v.now.connections) {
		return nil
	}
	return v.now.connections[v.row]
}

// explain shows the ladder of the chosen connection.
func (v *view) explain() tea.Cmd {
	v.of = v.chosen()
	if v.of == nil {
		return nil
	}
	v.page = ladderPage
	v.pager.SetContent("drawing the ladder of connection " + strconv.FormatUint(v.of.ID, 10) + " …")
	v.pager.GotoTop()
	s, of, o, look := v.now, v.of, v.watch.options, ladder.Options{Width: v.width, Color: v.color}
	return func() tea.Msg {
		text, err := s.explain(o, of, look)
		return pageMsg{text, err}
	}
}

// write writes a capture of the chosen connection.
func (v *view) write() tea.Cmd {
	of := v.chosen()
	if of == nil {
		return nil
	}
	s, o := v.now, v.watch.options
	return func() tea.Msg {
		said, err := s.write(o, of)
		return saidMsg{said, err}
	}
}

// View is for tea.Model.
func (v *view) View() tea.View {
	lines := append(v.head(), v.body()...)
	if room := v.height - 1; len(lines) > room {
		lines = lines[:max(room, 0)]
	}
	for len(lines) < v.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, v.foot())
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], v.width, "")
	}
	screen := tea.NewView(strings.Join(lines, "\n"))
	screen.AltScreen = true
	if v.asked {
		screen.Cursor = v.input.Cursor()
		screen.Cursor.Y = v.height - 1
	}
	return screen
}

// head is the lines above the page.
func (v *view) head() []string {
	title := "tcplife live " + v.source
	if v.now == nil {
		return []string{v.style(styleBold, title), "waiting for the first packet"}
	}
	now := &v.now.vitals
	if now.At != record.NoTime {
		title += "  " + time.Unix(0, int64(now.At)).UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	title = v.style(styleBold, title)
	if v.paused {
		title += "  " + v.style(styleReverse, " PAUSED ")
	}
	if v.page != listPage {
		return []string{title, ""}
	}
	before := now
	if len(v.before) > 0 {
		before = &v.before[0].vitals
	}
	return append([]string{title}, screen.DrawVitals(before, now, max(v.width, 80), v.color)...)
}

// body is the lines of the page.
func (v *view) body() []string {
	if v.page != listPage {
		v.pager.SetWidth(v.width)
		v.pager.SetHeight(max(1, v.height-1-len(v.head())))
		return strings.Split(v.pager.View(), "\n")
	}
	if v.now == nil {
		return nil
	}
	rows := v.listRows()
	v.top = max(0, min(v.top, v.row, len(v.now.connections)-rows))
	v.top = max(v.top, v.row-rows+1)
	shown := v.now.connections[v.top:min(v.top+rows, len(v.now.connections))]
	header, lines, err := v.layout.DrawList(shown, v.now.vitals.At, v.now.query.sort,
		max(v.width, 80)-2, v.color)
	if err != nil {
		return []string{err.Error()}
	}
	body := []string{v.listTitle(), "  " + header}
	for i, line := range lines {
		if v.top+i == v.row {
			line = v.style(styleReverse, "> "+ansi.Strip(line)+strings.Repeat(" ",
				max(0, v.width-2-ansi.StringWidth(line))))
		} else {
			line = "  " + line
		}
		body = append(body, line)
	}
	return body
}

// listRows is the number of connections that fit.
func (v *view) listRows() int { return max(1, v.height-1-len(v.head())-2) }

// listTitle says what the list shows and what it leaves out.
func (v *view) listTitle() string {
	s := v.now
	title := v.style(styleBold, "CONNECTIONS") + " by " + s.query.sort
	if s.query.filter != "" {
		title += ", " + s.query.filter
	}
	if s.matched > uint64(len(s.connections)) {
		title += fmt.Sprintf(": the first %d of %s", len(s.connections), screen.Count(s.matched))
	} else {
		title += ": " + screen.Count(s.matched)
	}
	switch age := time.Duration(s.vitals.At - s.begun); {
	case !s.whole:
		title += fmt.Sprintf(" (looked at %s of %s)", screen.Count(s.looked), screen.Count(s.vitals.Live.Connections))
	case age > ratesOver: // a round takes long
		title += fmt.Sprintf(" (up to %v old)", age.Round(time.Second))
	}
	return title
}

// foot is the last line.
func (v *view) foot() string {
	switch {
	case v.asked && v.said == "":
		v.input.SetWidth(max(10, v.width-len(v.input.Prompt)-1))
		return v.input.View()
	case v.said != "" && v.failed:
		return v.style(styleRed, v.said)
	case v.said != "":
		return v.style(styleBold, v.said)
	}
	if notice := v.notices(); notice != "" {
		return v.style(styleRed, notice)
	}
	keys := "enter ladder  w write  s sort  / filter  p pause  ? help  q quit"
	if v.page != listPage {
		keys = "esc back  w write  p pause  ? help  q quit"
	}
	return v.style(styleFaint, keys)
}

// The styles of the view, as SGR parameters (ECMA-48). Only styleRed is a colour.
const (
	styleBold    = "1"
	styleFaint   = "2"
	styleReverse = "7"
	styleRed     = "31"
)

func (v *view) style(style, s string) string {
	if s == "" || style == styleRed && !v.color {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}
