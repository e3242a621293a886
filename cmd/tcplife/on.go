package main

import (
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/spf13/pflag"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/cmd/tcplife/internal/helper"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/query"
	"github.com/tcplife/tcplife/report/screen"
)

// onFlags are the flags of live that say what is done when a record matches.
type onFlags struct {
	on   string
	exec string
}

func (f *onFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.on, "on", "", "for connections that end, floods and scans of which `EXPRESSION` holds ...")
	flags.StringVar(&f.exec, "exec", "", "... run `COMMAND`, without a shell, with the record on its standard input")
}

// prepare looks for what can be wrong with them. It returns nil if they are not given.
func (f *onFlags) prepare(given func(string) bool) (*occasions, error) {
	switch {
	case !given("on") && given("exec"):
		return nil, &usageError{"--exec needs --on, which says when", `for example --on 'record == "syn_flood"'`}
	case !given("on"):
		return nil, nil
	case !given("exec"):
		return nil, &usageError{"--on says when, and not what is done", "--exec COMMAND runs a command"}
	}
	o := &occasions{going: map[topic]*spell{}}
	var err error
	if o.on, err = query.NewOn(f.on); err != nil {
		return nil, &usageError{"--on: " + err.Error(), "tcplife fields lists those of connections, docs/RECORD.md all"}
	}
	if given("exec") {
		if o.argv, err = shellquote.Split(f.exec); err != nil || len(o.argv) == 0 {
			return nil, &usageError{"--exec: a quote is not closed, or there is no command",
				"for example --exec '/usr/local/bin/alert --channel ops'"}
		}
	}
	return o, nil
}

// occasions are the records for which --on holds, and what is done with them.
type occasions struct {
	on      *query.On
	argv    []string       // of --exec
	helper  *helper.Helper // nil without --exec
	closed  bool
	matched uint64

	latest *record.Result // the one that was looked at last
	going  map[topic]*spell
}

// A topic is a flood or a scan.
type topic struct {
	flood floodID // of a flood
	scan  scanID
}

// A scanID is what tells a scan from others.
type scanID struct {
	source netip.Addr
	kind   string
	start  record.Time
}

func scanOf(s *record.Scan) scanID { return scanID{s.Source, s.Kind, s.Start} }

// A spell is what was told of a flood or a scan.
type spell struct {
	begun, over bool
	end         record.Time
}

// quiet is how long nothing may have come of a flood or a scan when it is taken to be over. A flood that goes on
// after it has begun anew.
const quiet = record.Duration(30 * time.Second)

// start starts the helper: while live may do all it may.
func (o *occasions) start(user string) (err error) {
	if o.argv != nil {
		o.helper, err = helper.Start(user, o.argv)
	}
	return err
}

// connection is told of a record that ended.
func (o *occasions) connection(c *record.Connection) error {
	holds, err := o.on.Connection(c)
	if holds {
		handle(o, query.End, c)
	}
	return err
}

// handle does what is asked for when a record matches.
func handle[R record.Connection | record.SynFlood | record.Scan](o *occasions, event query.Event, r *R) {
	o.matched++
	if o.helper != nil {
		o.helper.Give(report.AppendEvent(nil, string(event), r))
	}
}

// crowds looks at the floods and scans that there are at a time. At the end of the capture all are over.
func (o *occasions) crowds(r *record.Result, now record.Time, last bool) (err error) {
	if !o.on.Crowds() || r == nil || r == o.latest && !last {
		return nil
	}
	o.latest = r
	for i := range r.SynFloods {
		f := &r.SynFloods[i]
		err = errors.Join(err, pass(o, topic{flood: floodOf(f)}, f, f.End, now, last, o.on.Flood))
	}
	for i := range r.Scans {
		s := &r.Scans[i]
		err = errors.Join(err, pass(o, topic{scan: scanOf(s)}, s, s.End, now, last, o.on.Scan))
	}
	o.forget(r)
	return err
}

// forget forgets what is in no result any more, once that is much.
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

// pass tells that a flood or a scan begins, as soon as the expression holds while it goes on, and that it has ended.
func pass[R record.SynFlood | record.Scan](o *occasions, t topic, r *R, end, now record.Time, last bool,
	on func(query.Event, *R) (bool, error)) error {
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
		}
	}
	if !over {
		return nil
	}
	s.over = true
	holds, err := on(query.End, r)
	if holds {
		handle(o, query.End, r)
	}
	return err
}

// said gives what the helper has to tell.
func (o *occasions) said() []string {
	if o.helper == nil {
		return nil
	}
	return o.helper.Said()
}

// counts are what was done until now.
func (o *occasions) counts() *report.Events {
	e := &report.Events{Matched: o.matched}
	if o.helper != nil {
		e.Run, e.Failed, e.Killed, e.Dropped = o.helper.Counts()
	}
	return e
}

// close waits for what is to be done still, and says so if that takes long.
func (o *occasions) close(stderr io.Writer) {
	if o.helper == nil || o.closed {
		return
	}
	o.closed = true
	soon := time.AfterFunc(time.Second/2, func() {
		complain(stderr, "waiting for commands of --exec, for some 10 s at most; another Ctrl-C ends at once")
	})
	defer soon.Stop()
	o.helper.Close()
}

// tellOccasions looks at floods and scans, and tells what the helper has to say, a few times a second.
func (l *following) tellOccasions(vitals *screen.Vitals) {
	if l.failed == nil {
		l.failed = l.occasions.crowds(l.pulse.Result, vitals.At, false)
	}
	for _, text := range l.occasions.said() {
		complain(l.stderr, "%s", text)
	}
	vitals.Events = l.occasions.counts()
}

// endOccasions does what is to be done at the end of the capture.
func (l *following) endOccasions(result *record.Result) error {
	err := l.occasions.crowds(result, record.Time(l.now), true)
	l.occasions.close(l.stderr)
	for _, text := range l.occasions.said() {
		complain(l.stderr, "%s", text)
	}
	if e := l.occasions.counts(); e.Dropped > 0 {
		complain(l.stderr, "%d of %d events were dropped: no command was run for them", e.Dropped, e.Matched)
	}
	return err
}
