package page

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/ledger"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/internal/text"
	"github.com/tcplife/tcplife/report/ladder"
)

// What a page holds at most.
const (
	MostRows   = 200_000 // connections with a row; if there are more, a sample has one
	MostWhole  = 20_000  // connections up to which all have the times of their states
	FirstWhole = 1000    // of more: those that end first, and have them too
	mostTimed  = 2500    // of more: those that have them at all
	mostHosts  = 20      // hosts with a population of their own
	mostListed = 300     // records of a kind that is listed
)

// FileBytes is how long the file may be: ladders fill it up to there. If rows alone need more, their times are cut to
// microseconds, and the least room for ladders is added.
const FileBytes = 2_000_000

// Ladders take most of the room.
const (
	mostLadders     = 2000
	ladderBytes     = 600 << 10 // of the file at least, if there are so many
	fewLadderBytes  = 100 << 10 // likewise, beyond MostWhole
	laddersTogether = 24        // are compressed together
)

// Options says what a page shows.
type Options struct {
	Chosen bool // a condition, in the words of Where, chose the connections
	Where  string
	// Command completes a command that shows more, such as explain --conn 17; nil: the input cannot be read again.
	Command func(string) string
}

// Page collects a report and writes it at the end.
type Page struct {
	w       io.Writer
	options Options

	total      uint64
	rows       []row
	sampled    uint64 // a mask of the hashes of those that have a row
	matters    report.Matters
	population *ledger.Population
	words      sentences // of rows
	rules      sentences // that say why a state began
	lives      text.Ranking[*life]
	offered    text.Ranking[ladder.Chosen]

	decided   bool // all connections are there, and these are chosen
	chosen    []*life
	laddersOf []ladder.Chosen
	collector *ladder.Collector
}

// New returns a page that will be written to w.
func New(w io.Writer, o Options) *Page {
	p := &Page{w: w, options: o, population: ledger.NewPopulation(0, true)}
	p.lives.Limit, p.offered.Limit = MostWhole, mostLadders
	return p
}

// Connection adds a connection.
func (p *Page) Connection(c *record.Connection) error {
	p.total++
	p.matters.Add(c)
	p.population.Add(c)
	if hash(c.ID)&p.sampled == 0 {
		p.rows = append(p.rows, newRow(c, &p.words))
		for len(p.rows) > MostRows {
			p.sampled = p.sampled<<1 | 1
			p.rows = slices.DeleteFunc(p.rows, func(r row) bool { return hash(r.id)&p.sampled != 0 })
		}
	}
	worst := len(text.Severities)
	for i := range c.Findings {
		worst = min(worst, text.SeverityRank(c.Findings[i].Severity))
	}
	matters := worst < len(text.Severities) || p.total <= FirstWhole
	rank := text.Rank{ID: c.ID}
	if !matters {
		rank.Key = 1
	}
	p.lives.Offer(rank, func() *life { return newLife(c, &p.rules, matters) })
	p.offered.Offer(text.Rank{Key: int64(worst), ID: c.ID}, func() ladder.Chosen { return ladder.Choose(c) })
	return nil
}

// hash spreads ids, so that a sample by hash is a fair sample of connections.
func hash(id uint64) uint64 {
	h := fnv.New64a()
	h.Write(appendVarint(nil, id))
	return h.Sum64()
}

// whole reports that all connections have the times of their states.
func (p *Page) whole() bool { return p.total <= MostWhole }

// choose decides which connections have times and ladders. All must be there.
func (p *Page) choose() {
	if p.decided {
		return
	}
	p.decided = true
	has := map[uint64]bool{}
	for i := range p.rows {
		has[p.rows[i].id] = true
	}
	p.chosen = slices.DeleteFunc(p.lives.Sorted(), func(l *life) bool { return !has[l.id] })
	if !p.whole() {
		first := slices.IndexFunc(p.chosen, func(l *life) bool { return !l.matters })
		if first < 0 {
			first = len(p.chosen)
		}
		p.chosen = p.chosen[:min(first, mostTimed)]
	}
	p.laddersOf = slices.DeleteFunc(p.offered.Sorted(), func(c ladder.Chosen) bool { return !has[c.Connection.ID] })
	p.lives, p.offered = text.Ranking[*life]{}, text.Ranking[ladder.Chosen]{}
}

// SecondReading prepares for a second reading of the same packets, and returns the callbacks that it needs
// (analyzer.Options.Trace, Traced and Proven). Without a second reading the page has no ladders.
func (p *Page) SecondReading() (
	trace func(id uint64, seg *flows.Segment, effect tcpstate.Effect), traced func(*flows.Key) bool,
	proven func(id uint64, p *tcpstate.Proof),
) {
	p.choose()
	lives := map[uint64]*life{}
	var keys ladder.Keys
	for _, l := range p.chosen {
		keys.Add(l.client, l.server)
		l.marks = l.marks[:0] // these came from the record alone
		lives[l.id] = l
	}
	p.collector = ladder.NewCollector(p.laddersOf)
	trace = func(id uint64, seg *flows.Segment, effect tcpstate.Effect) {
		p.collector.Trace(id, seg, effect)
		if l := lives[id]; l != nil {
			l.see(seg, effect)
		}
	}
	traced = func(k *flows.Key) bool { return keys.Has(k) || p.collector.Traced(k) }
	return trace, traced, p.collector.Proven
}

// Forget drops the results of a second reading that was interrupted.
func (p *Page) Forget() { p.collector = nil }

// facts is everything in the file except the columns. The scripts know its members by name.
type facts struct {
	Records     []json.RawMessage      `json:"records"` // as -o jsonl writes them, without the connections
	More        map[string]int         `json:"more"`    // of each kind those that are not in records
	Hosts       []json.RawMessage      `json:"hosts"`   // populations of hosts
	HostsMore   uint64                 `json:"hostsMore"`
	Matters     []matter               `json:"matters"`
	Connections uint64                 `json:"connections"`
	Where       string                 `json:"where"`
	Rows        int                    `json:"rows"`
	Columns     []written              `json:"columns"`
	Cut         bool                   `json:"cut"`   // times of rows to microseconds
	Timed       int                    `json:"timed"` // lives
	Rules       [][2]string            `json:"rules"`
	States      []string               `json:"states"`
	Ladders     [][]uint64             `json:"ladders"` // the ids of each block
	Findings    map[string]findingKind `json:"findings"`
	Explain     string                 `json:"explain"` // a command that the id completes; empty: there is none
	Again       bool                   `json:"again"`   // the capture was read a second time
}

// matter is a line of what is wrong.
type matter struct {
	Severity record.Severity `json:"severity"`
	Text     string          `json:"text"`
	Next     string          `json:"next"`
	Filter   string          `json:"filter"`
}

// findingKind is the catalogue's entry for a finding.
type findingKind struct {
	Meaning string `json:"meaning"`
	Source  string `json:"source"`
	Advice  string `json:"advice"`
}

// Finish writes the page.
func (p *Page) Finish(e *report.Ending) error {
	p.choose()
	f := facts{
		Connections: p.total,
		Where:       p.options.Where,
		Rows:        len(p.rows),
		Rules:       p.rules.list,
		Again:       p.collector != nil,
		Hosts:       []json.RawMessage{},
		Matters:     []matter{},
		Ladders:     [][]uint64{},
		Findings:    map[string]findingKind{},
	}
	var err error
	ending, more := listed(e)
	f.More = more
	if f.Records, err = jsonLines(ending); err != nil {
		return err
	}
	if err := p.addHosts(&f, e); err != nil {
		return err
	}
	p.addMatters(&f, e)
	p.addFindings(&f)
	for s := tcpstate.Closed; s <= tcpstate.TimeWait; s++ {
		f.States = append(f.States, s.String())
	}
	if p.options.Command != nil {
		f.Explain = p.options.Command("explain --conn ")
	}

	f.Timed = len(p.chosen)

	slices.SortFunc(p.rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	rows := p.packRows(&f, record.Duration(1))
	head, err := packFacts(&f)
	if err != nil {
		return err
	}
	least := ladderBytes
	if !p.whole() {
		least = fewLadderBytes
		if f.Cut = roomFor(head, rows) < least; f.Cut {
			rows = p.packRows(&f, cutTo)
		}
	}
	var ladders []string
	if p.collector != nil {
		f.Ladders, ladders = p.packLadders(max(least, roomFor(head, rows)))
	}
	if head, err = packFacts(&f); err != nil {
		return err
	}
	return p.write(e, head, rows, ladders)
}

// roomFor returns how many bytes of FileBytes are left for ladders.
func roomFor(head, rows string) int { return FileBytes - frameBytes() - len(head) - len(rows) }

func packFacts(f *facts) (string, error) {
	head, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("encode the page's facts: %w", err)
	}
	return packed(head, level), nil
}

// packRows writes the columns, with times no finer than finest, and the lives.
func (p *Page) packRows(f *facts, finest record.Duration) string {
	var data []byte
	f.Columns = nil
	for i := range columns {
		var w written
		data, w = p.writeColumn(data, &columns[i], int64(finest))
		f.Columns = append(f.Columns, w)
	}
	return packed(p.appendLives(data), level)
}

// listed returns the ending with as many records of each kind as the page lists, and the numbers of the others.
func listed(e *report.Ending) (*report.Ending, map[string]int) {
	r := *e.Result
	more := map[string]int{}
	r.Listeners = firstOf(r.Listeners, "listener", more)
	r.SynFloods = firstOf(r.SynFloods, "syn_flood", more)
	r.Scans = firstOf(r.Scans, "scan", more)
	r.Backscatter = firstOf(r.Backscatter, "backscatter", more)
	r.TimeWait = firstOf(r.TimeWait, "time_wait", more)
	return &report.Ending{Result: &r, Capture: e.Capture}, more
}

func firstOf[T any](list []T, kind string, more map[string]int) []T {
	if len(list) > mostListed {
		more[kind] = len(list) - mostListed
		list = list[:mostListed]
	}
	return list
}

// jsonLines returns the records that a JSONL writes at its end.
func jsonLines(e *report.Ending) ([]json.RawMessage, error) {
	var out bytes.Buffer
	if err := report.NewJSONL(&out).Finish(e); err != nil {
		return nil, err
	}
	return splitLines(out.Bytes()), nil
}

func splitLines(b []byte) (lines []json.RawMessage) {
	for line := range bytes.Lines(b) {
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return lines
}

// addHosts adds the populations of the hosts with most endpoints.
func (p *Page) addHosts(f *facts, e *report.Ending) error {
	series := p.population.Series(e.Capture.First, e.Capture.Last)
	if len(series) < 2 {
		return nil
	}
	hosts := series[1:]
	f.HostsMore = p.population.LeftOut() + uint64(max(0, len(hosts)-mostHosts))
	var out bytes.Buffer
	if err := (&report.Populations{Series: hosts[:min(len(hosts), mostHosts)]}).WriteJSONL(&out); err != nil {
		return err
	}
	f.Hosts = splitLines(out.Bytes())
	return nil
}

func (p *Page) addMatters(f *facts, e *report.Ending) {
	for _, m := range p.matters.Lines(e, p.options.Chosen) {
		line := matter{Severity: m.Severity, Text: text.Plain(m.Text), Filter: filter(&m.About)}
		if next := m.About.Next(); next != "" && p.options.Command != nil {
			line.Next = p.options.Command(next)
		}
		f.Matters = append(f.Matters, line)
	}
}

// filter returns the text that finds the connections in the page's table.
func filter(a *report.About) string {
	var words []string
	if a.Finding != "" {
		words = append(words, "finding:"+a.Finding)
	}
	if a.Client.IsValid() {
		words = append(words, "client:"+a.Client.String())
	}
	switch {
	case !a.Server.IsValid():
	case a.Server.Port() == 0:
		words = append(words, "server:"+a.Server.Addr().String())
	default:
		words = append(words, "server:"+a.Server.Addr().String(), fmt.Sprintf("port:%d", a.Server.Port()))
	}
	if len(words) == 0 && a.ID != 0 {
		words = append(words, fmt.Sprintf("id:%d", a.ID))
	}
	return strings.Join(words, " ")
}

// addFindings adds the catalogue's entries for the findings that occur.
func (p *Page) addFindings(f *facts) {
	found := map[string]bool{}
	for _, words := range p.words.list {
		for word := range strings.FieldsSeq(words[0]) {
			code, _, _ := strings.Cut(word, "/")
			found[code] = true
		}
	}
	for _, k := range record.Catalogue() {
		if found[k.Code] {
			f.Findings[k.Code] = findingKind{k.Meaning, k.Source, k.Advice}
		}
	}
}

// appendLives appends the lives, in the order of the rows: each after the distance of its row from the previous one.
func (p *Page) appendLives(b []byte) []byte {
	slices.SortFunc(p.chosen, func(a, b *life) int { return cmp.Compare(a.id, b.id) })
	at, last := 0, 0
	for _, l := range p.chosen {
		for p.rows[at].id != l.id {
			at++
		}
		b = l.append(appendVarint(b, uint64(at-last)))
		last = at
	}
	return b
}

// packLadders draws the ladders and compresses them in groups, until there is no room for more.
func (p *Page) packLadders(room int) (ids [][]uint64, blocks []string) {
	ids = [][]uint64{}
	for chunk := range slices.Chunk(p.collector.Finish(), laddersTogether) {
		var list []uint64
		var svgs []string
		for _, l := range chunk {
			list, svgs = append(list, l.Connection.ID), append(svgs, string(l.AppendSVG(nil)))
		}
		b, err := json.Marshal(svgs)
		if err != nil {
			panic(err) // these are strings
		}
		block := packed(b, level)
		idBytes := 8 * len(list) // at most, in the head, compressed
		if room -= len(block) + idBytes; room < 0 {
			break
		}
		ids, blocks = append(ids, list), append(blocks, block)
	}
	return ids, blocks
}

// level is the level of compression for rows and ladders: 9 takes twice the time for half a percent.
const level = 7

// packed returns bytes compressed (RFC 1951), as text.
func packed(b []byte, level int) string {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, level)
	if err != nil {
		panic(err) // the level is one
	}
	w.Write(b) // to memory
	w.Close()
	return inText(out.Bytes())
}
