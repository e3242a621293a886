package view

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/report/screen"
)

// A watch shows the view a running capture: a scene a few times a second. Its cost for the tracker is bounded, however
// many connections there are.
const (
	sceneBudget = 10 * time.Millisecond // of the tracker's time a scene
	sceneRows   = 500                   // of connections in the list
	sceneChunk  = 64                    // places looked at between two looks at the clock
	keptBytes   = 64 << 20              // of packets, to draw ladders of and to write
)

// Watch belongs to the goroutine of the tracker, except shown and wanted.
type Watch struct {
	tracker *analyzer.Analyzer
	recent  *capture.Recent
	options Kept

	shown  atomic.Pointer[scene]   // the last one
	wanted atomic.Pointer[listing] // the view's, which is made first

	// A round looks at every connection once; a large one takes several scenes.
	query   *listing
	cursor  analyzer.Cursor
	list    *screen.List
	begun   record.Time
	looked  uint64
	matched uint64
	holders map[screen.TimeWaits]uint64
	round   round // the last complete round, or the unfinished first
	failed  error // of the query
}

// mostHolders bounds the memory of a round for holders of TIME_WAIT, to about 10 MB.
const mostHolders = 1 << 16

// A query says which connections a list shows.
type listing struct {
	sort   string // one of report.ListSorts
	filter string // as it was typed, "" for none
	holds  func(*record.Connection) (bool, error)
}

// A round is the result of a look at all connections.
type round struct {
	connections []*record.Connection // the first by the order of the query
	matched     uint64
	looked      uint64
	waits       screen.TimeWaits // the most that one host holds
	begun       record.Time      // by the capture's clock
	whole       bool             // it has seen all connections
}

// A scene is what the view shows at one moment. It is immutable.
type scene struct {
	query  *listing
	vitals screen.Vitals
	round
	failed error // of the query
	kept   capture.Kept
}

func NewWatch(tracker *analyzer.Analyzer, options Kept) *Watch {
	return &Watch{tracker: tracker, recent: capture.NewRecent(keptBytes), options: options}
}

// Packet must be called with every packet.
func (w *Watch) Packet(p *capture.Packet) { w.recent.Add(p) }

// Look makes a scene.
func (w *Watch) Look(now time.Time, vitals screen.Vitals) {
	w.goRound(now.Add(sceneBudget), vitals.At)
	vitals.Waits = w.round.waits
	w.shown.Store(&scene{query: w.query, vitals: vitals, round: w.round, failed: w.failed, kept: w.recent.Kept()})
}

// goRound looks at connections until the deadline, or until it has seen all of them.
func (w *Watch) goRound(deadline time.Time, at record.Time) {
	q := w.wanted.Load()
	if q != w.query {
		w.query, w.round, w.list = q, round{}, nil
	}
	if w.list == nil {
		w.cursor, w.begun, w.looked, w.matched = analyzer.Cursor{}, at, 0, 0
		w.holders = map[screen.TimeWaits]uint64{}
		w.list, w.failed = screen.NewList(q.sort, sceneRows)
	}
	for {
		w.cursor = w.tracker.Scan(w.cursor, sceneChunk, w.offer)
		if w.cursor == (analyzer.Cursor{}) {
			w.round = w.found()
			w.round.whole = true
			w.list = nil
			return
		}
		if time.Now().After(deadline) {
			break
		}
	}
	if !w.round.whole { // there is nothing better
		w.round = w.found()
	}
}

// found returns what the round has found until now.
func (w *Watch) found() round {
	r := round{connections: w.list.Connections(), matched: w.matched, looked: w.looked, begun: w.begun}
	for holder, n := range w.holders {
		if holder.Held = n; holder.Compare(r.waits) > 0 {
			r.waits = holder
		}
	}
	return r
}

// offer adds a connection to the round.
func (w *Watch) offer(c *record.Connection) {
	w.looked++
	for _, t := range c.TimeWait {
		holder := screen.TimeWaits{Client: c.Client.IP, Server: netip.AddrPortFrom(c.Server.IP, c.Server.Port),
			Side: t.Side}
		if n := w.holders[holder]; t.EndedBy == record.TimeWaitRunning && (n > 0 || len(w.holders) < mostHolders) {
			w.holders[holder] = n + 1
		}
	}
	if w.query.holds != nil {
		holds, err := w.query.holds(c)
		if err != nil && w.failed == nil {
			w.failed = err
		}
		if !holds {
			return
		}
	}
	w.matched++
	w.list.Offer(c)
}
