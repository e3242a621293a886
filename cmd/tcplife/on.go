package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/dump"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/helper"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
	"github.com/tcplife/tcplife/report/screen"
)

// onFlags are the flags of live that say what is done when a record matches.
type onFlags struct {
	on   string
	exec string

	dump  dump.Options
	dumpM int // millions of bytes of a file
}

func (f *onFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.on, "on", "", "for connections that end, floods and scans for which `EXPRESSION` holds ...")
	flags.StringVar(&f.exec, "exec", "", "... run `COMMAND`, without a shell, with the record on its standard input")
	flags.StringVar(&f.dump.Dir, "dump", "", "... write its packets, or those of the last 10 s, to a file in `DIR`")
	flags.IntVar(&f.dump.Files, "dump-files", 100, "keep the last `N` files of --dump")
	flags.IntVar(&f.dumpM, "dump-size", 10, "write at most `MILLIONS` of bytes to a file of --dump")
}

// prepare checks the flags. It returns nil if none is given.
func (f *onFlags) prepare(given func(string) bool) (*occasions, error) {
	for _, flag := range []string{"dump-files", "dump-size"} {
		if given(flag) && !given("dump") {
			return nil, &usageError{fmt.Sprintf("--%s works only with --dump", flag),
				"--dump DIR writes them"}
		}
	}
	for _, flag := range []string{"exec", "dump"} {
		if given(flag) && !given("on") {
			return nil, &usageError{fmt.Sprintf("--%s works only with --on", flag),
				`for example --on 'record == "syn_flood"'`}
		}
	}
	switch {
	case !given("on"):
		return nil, nil
	case !given("exec") && !given("dump"):
		return nil, &usageError{"--on needs --exec or --dump",
			"--exec COMMAND runs a command, --dump DIR writes packets to files"}
	case given("dump") && f.dump.Dir == "":
		return nil, &usageError{"--dump needs a directory", "for example --dump /var/lib/tcplife"}
	case f.dump.Files < 1 || f.dumpM < 1:
		return nil, &usageError{"--dump-files and --dump-size must be at least 1", ""}
	}
	f.dump.Size = int64(f.dumpM) * 1_000_000
	o := &occasions{going: map[topic]*spell{}, dump: f.dump}
	var err error
	if o.on, err = query.NewOn(f.on); err != nil {
		return nil, &usageError{"--on: " + err.Error(),
			"tcplife fields lists the names, with --floods and --scans theirs"}
	}
	if given("exec") {
		if o.argv, err = shellquote.Split(f.exec); err != nil || len(o.argv) == 0 {
			return nil, &usageError{"--exec: a quote is not closed, or the command is empty",
				"for example --exec '/usr/local/bin/alert --channel ops'"}
		}
	}
	return o, nil
}

// occasions handles the records for which --on holds.
type occasions struct {
	on      *query.On
	argv    []string       // of --exec
	helper  *helper.Helper // nil without --exec
	dump    dump.Options
	dumper  *dump.Dumper // nil without --dump
	closed  bool
	matched uint64

	latest *record.Result // the flood or scan that was checked last
	going  map[topic]*spell
}

// A topic is a flood or a scan.
type topic struct {
	flood floodID // of a flood
	scan  scanID
}

// A scanID identifies a scan.
type scanID struct {
	source netip.Addr
	kind   string
	start  record.Time
}

func scanOf(s *record.Scan) scanID { return scanID{s.Source, s.Kind, s.Start} }

// A spell is what was reported about a flood or a scan.
type spell struct {
	begun, over bool
	end         record.Time
}

// quiet is the silence after which a flood or a scan counts as over. A flood that continues later begins anew.
const quiet = record.Duration(30 * time.Second)

// start starts the helper, while live still has its privileges.
func (o *occasions) start(user string) (err error) {
	if o.argv != nil {
		o.helper, err = helper.Start(user, o.argv)
	}
	return err
}

// prepareDumps opens the directory of dumps with the privileges that live has left, and returns it.
func (o *occasions) prepareDumps(decoder flows.DecoderOptions) (dirs []string, err error) {
	if o == nil || o.dump.Dir == "" {
		return nil, nil
	}
	o.dump.Decoder = decoder
	o.dumper, err = dump.New(o.dump)
	switch {
	case errors.Is(err, fs.ErrPermission):
		err = notWritable(err)
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w; the directory must be there", err)
	}
	return []string{o.dump.Dir}, err
}

// connection handles a record that ended.
func (o *occasions) connection(c *record.Connection) error {
	holds, err := o.on.Connection(c)
	if holds {
		handle(o, query.End, c)
		if o.dumper != nil {
			o.dumper.Give(packetsOf(c))
		}
	}
	return err
}

// handle runs the command and the dump for a matching record.
func handle[R record.Connection | record.SynFlood | record.Scan](o *occasions, event query.Event, r *R) {
	o.matched++
	if o.helper != nil {
		o.helper.Give(report.AppendEvent(nil, string(event), r))
	}
}

// crowds checks the floods and scans at a time. At the end of the capture all are over.
func (o *occasions) crowds(r *record.Result, now record.Time, last bool) (err error) {
	if !o.on.Crowds() || r == nil || r == o.latest && !last {
		return nil
	}
	o.latest = r
	for i := range r.SynFloods {
		f := &r.SynFloods[i]
		err = errors.Join(err, pass(o, topic{flood: floodOf(f)}, f, f.End, now, last, o.on.Flood,
			packetsOfFlood(f)))
	}
	for i := range r.Scans {
		s := &r.Scans[i]
		err = errors.Join(err, pass(o, topic{scan: scanOf(s)}, s, s.End, now, last, o.on.Scan, packetsOfScan(s)))
	}
	o.forget(r)
	return err
}

// forget removes what is no longer in a result, once that is much.
func (o *occasions) forget(r *record.Result) {
	const much = 1000
	if len(o.going) < 2*(len(r.SynFloods)+len(r.Scans))+much {
		return
	}
	kept := map[topic]*spell{}
	for i := range r.SynFloods {
		t := topic{flood: floodOf(&r.SynFloods[i])}
		kept[t] = o.going[t]
	}
	for i := range r.Scans {
		t := topic{scan: scanOf(&r.Scans[i])}
		kept[t] = o.going[t]
	}
	o.going = kept
}

// pass reports the beginning of a flood or a scan, as soon as the expression holds, and its end.
func pass[R record.SynFlood | record.Scan](o *occasions, t topic, r *R, end, now record.Time, last bool,
	on func(query.Event, *R) (bool, error), packets dump.Choice) error {
	s := o.going[t]
	if s == nil {
		s = &spell{}
		o.going[t] = s
	}
	if end > s.end && s.over {
		*s = spell{} // it has begun anew
	}
	over := last || now-end > record.Time(quiet)
	if s.over || end == s.end && !over {
		return nil
	}
	s.end = end
	if !s.begun {
		holds, err := on(query.Begin, r)
		if err != nil {
			return err
		}
		if holds {
			s.begun = true
			handle(o, query.Begin, r)
			o.give(packets, "begin", now)
		}
	}
	if !over {
		return nil
	}
	s.over = true
	holds, err := on(query.End, r)
	if holds {
		handle(o, query.End, r)
		o.give(packets, "end", end)
	}
	return err
}

// lastSeconds is the time before the beginning or end of a flood or scan whose packets are dumped, in ns.
const lastSeconds = record.Time(10 * time.Second)

// give requests a dump of the last packets of a flood or a scan.
func (o *occasions) give(c dump.Choice, event string, at record.Time) {
	if o.dumper == nil {
		return
	}
	c.Name += "-" + event
	c.About += ", " + event
	c.At, c.From, c.To = int64(at), int64(at-lastSeconds), int64(at)
	o.dumper.Give(c)
}

// packetsOf chooses the packets of a connection, including an ICMP error about it, which can be later than its last
// packet.
func packetsOf(c *record.Connection) dump.Choice {
	client, server := netip.AddrPortFrom(c.Client.IP, c.Client.Port), netip.AddrPortFrom(c.Server.IP, c.Server.Port)
	return dump.Choice{
		Name: fmt.Sprintf("connection-%d", c.ID), At: int64(c.End), First: c.ID, From: math.MinInt64, To: math.MaxInt64,
		About: fmt.Sprintf("connection %d, %v to %v, ended", c.ID, client, server),
		Of: func(end record.Time) func(*flows.Segment) bool {
			return func(s *flows.Segment) bool {
				a, b := s.Key.AddrPortA(), s.Key.AddrPortB()
				own := a == client && b == server || a == server && b == client
				return own && (s.Time <= int64(end) || s.Quote != nil)
			}
		}(c.End),
	}
}

// packetsOfFlood chooses the packets to and from the target.
func packetsOfFlood(f *record.SynFlood) dump.Choice {
	ip, port := f.Target.IP, f.Target.Port
	at := func(a netip.AddrPort) bool { return a.Addr() == ip && (port == nil || a.Port() == *port) }
	name, about := "flood-"+ip.String(), ip.String()
	if port != nil {
		name, about = fmt.Sprintf("%s-%d", name, *port), netip.AddrPortFrom(ip, *port).String()
	}
	return dump.Choice{Name: strings.ReplaceAll(name, ":", "_"), About: "flood on " + about,
		Of: func(s *flows.Segment) bool { return at(s.Key.AddrPortA()) || at(s.Key.AddrPortB()) }}
}

// packetsOfScan chooses the packets to and from the source.
func packetsOfScan(s *record.Scan) dump.Choice {
	ip := s.Source
	return dump.Choice{Name: strings.ReplaceAll("scan-"+ip.String(), ":", "_"), About: "scan by " + ip.String(),
		Of: func(s *flows.Segment) bool { return s.Key.AddrPortA().Addr() == ip || s.Key.AddrPortB().Addr() == ip }}
}

// said returns the messages of the helper and the dumper.
func (o *occasions) said() (list []string) {
	if o.helper != nil {
		list = o.helper.Said()
	}
	if o.dumper != nil {
		list = append(list, o.dumper.Said()...)
	}
	return list
}

// counts returns the counts of events and dumps.
func (o *occasions) counts() *report.Events {
	e := &report.Events{Matched: o.matched}
	if o.helper != nil {
		e.Run, e.Failed, e.Killed, e.Dropped = o.helper.Counts()
	}
	if o.dumper != nil {
		e.Dumps, e.DumpsDropped = o.dumper.Counts()
	}
	return e
}

// close waits for the waiting events, and says so if that takes long.
func (o *occasions) close(stderr io.Writer) {
	if o.closed {
		return
	}
	o.closed = true
	if o.dumper != nil {
		o.dumper.Close()
	}
	if o.helper == nil {
		return
	}
	soon := time.AfterFunc(time.Second/2, func() {
		warnf(stderr, "waiting for commands of --exec, for some 10 s at most; another Ctrl-C ends at once")
	})
	defer soon.Stop()
	o.helper.Close()
}

// tellOccasions checks floods and scans, and writes the messages of the helper, a few times a second.
func (l *following) tellOccasions(vitals *screen.Vitals) {
	if l.failed == nil {
		l.failed = l.occasions.crowds(l.pulse.Result, vitals.At, false)
	}
	for _, text := range l.occasions.said() {
		warnf(l.stderr, "%s", text)
	}
	vitals.Events = l.occasions.counts()
}

// endOccasions handles the end of the capture.
func (l *following) endOccasions(result *record.Result) error {
	err := l.occasions.crowds(result, record.Time(l.now), true)
	l.occasions.close(l.stderr)
	for _, text := range l.occasions.said() {
		warnf(l.stderr, "%s", text)
	}
	if e := l.occasions.counts(); e.Dropped > 0 {
		warnf(l.stderr, "overloaded: no command was run for %d of %s", e.Dropped, counted(e.Matched, "event"))
	}
	if e := l.occasions.counts(); e.DumpsDropped > 0 {
		warnf(l.stderr, "overloaded: %d of %s not written", e.DumpsDropped, counted(e.Dumps+e.DumpsDropped, "dump"))
	}
	return err
}
