package query

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/expr-lang/expr/vm"
	"github.com/tcplife/tcplife/analyzer/record"
)

// An Event is the beginning or the end of a flood or a scan, or the end of a connection's record.
type Event string

// The events.
const (
	Begin Event = "begin"
	End   Event = "end"
)

// String is begin or end.
func (e Event) String() string { return string(e) }

// On is the condition of live's --on for the records of connections, floods and scans. It applies to the kinds of
// records that have all its fields. Each kind also has the field event: begin or end.
type On struct {
	connection, flood, scan *vm.Program // nil: it does not apply to this kind
	machine                 vm.VM
}

// eventFields returns the fields of a kind of records.
func eventFields(definitionOf string) func() *kind {
	return sync.OnceValue(func() *kind {
		k := *definition(definitionOf)
		k.fields = maps.Clone(k.fields)
		k.fields["event"] = &kind{is: isText, name: "event", words: []string{string(Begin), string(End)}}
		k.order = append([]string{"event"}, k.order...)
		return &k
	})
}

var (
	connectionEvents = eventFields("connection")
	floodEvents      = eventFields("syn_flood")
	scanEvents       = eventFields("scan")
)

// NewOn compiles an expression. If the expression fits no kind of records, NewOn fails with the error for the kind for
// which most of the expression was valid.
func NewOn(source string) (*On, error) {
	var o On
	var failed error
	for _, of := range []struct {
		program **vm.Program
		fields  *kind
	}{{&o.connection, connectionEvents()}, {&o.flood, floodEvents()}, {&o.scan, scanEvents()}} {
		program, err := compile(source, of.fields)
		if err == nil {
			*of.program = program
		} else if failed == nil || place(err) > place(failed) {
			failed = err
		}
	}
	if cmp.Or(o.connection, o.flood, o.scan) == nil {
		return nil, failed
	}
	return &o, nil
}

// place returns the place of an error in the expression.
func place(err error) int {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p.At
	}
	return 0
}

// Crowds reports whether the condition applies to floods or scans.
func (o *On) Crowds() bool { return o.flood != nil || o.scan != nil }

// Connection evaluates the condition for a record that ended.
func (o *On) Connection(c *record.Connection) (bool, error) {
	if o.connection == nil {
		return false, nil
	}
	return o.holds(o.connection, End, Map(c), fmt.Sprintf("connection %d", c.ID))
}

// Flood evaluates the condition for a flood that began or ended.
func (o *On) Flood(event Event, f *record.SynFlood) (bool, error) {
	if o.flood == nil {
		return false, nil
	}
	return o.holds(o.flood, event, mapSynFlood(f), fmt.Sprintf("the flood on %v", f.Target.IP))
}

// Scan evaluates the condition for a scan that began or ended.
func (o *On) Scan(event Event, s *record.Scan) (bool, error) {
	if o.scan == nil {
		return false, nil
	}
	return o.holds(o.scan, event, mapScan(s), fmt.Sprintf("the scan by %v", s.Source))
}

func (o *On) holds(program *vm.Program, event Event, fields map[string]any, what string) (bool, error) {
	fields["event"] = string(event)
	value, err := o.machine.Run(program, fields)
	if err != nil {
		return false, fmt.Errorf("evaluate --on for %s: %s", what, ours(err.Error()))
	}
	return value == true, nil
}
