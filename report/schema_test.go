package report

import (
	"encoding/json"
	"io"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/reporttest"
	"github.com/tcplife/tcplife/report/ladder"
	"pgregory.net/rapid"
)

func TestOutputMatchesSchema(t *testing.T) {
	schema := reporttest.Schema(t, Schema())
	reporttest.Validate(t, schema, write(t, "json", reporttest.Connections(), sampleEnding()))
	reporttest.Validate(t, schema, write(t, "json", nil, emptyEnding()))
	for line := range strings.Lines(write(t, "jsonl", reporttest.Connections(), sampleEnding())) {
		reporttest.Validate(t, schema, line)
	}
	rapid.Check(t, func(t *rapid.T) {
		reporttest.Validate(t, schema, string(new(encode.Encoder).AppendConnection(nil,
			connections.Draw(t, "connection"))))
	})
}

// The records of every capture that the project has.
func TestRealRecordsMatchSchema(t *testing.T) {
	schema := reporttest.Schema(t, Schema())
	files, err := filepath.Glob("../testdata/pcaps/*.pcap*")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures: ", err)
	}
	for _, file := range files {
		var out strings.Builder
		j := NewJSON(&out)
		r, err := capture.Open([]string{file}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		decoder := flows.NewDecoder(flows.DecoderOptions{})
		tracker := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
			if err := j.Connection(c); err != nil {
				t.Fatal(err)
			}
		})
		var segments []flows.Segment
		for {
			p, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			segments = decoder.Decode(p, segments[:0])
			for i := range segments {
				tracker.Segment(&segments[i])
			}
		}
		tracker.Close()
		if err := j.Finish(&Ending{tracker.Result(), emptyEnding().Capture}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), `"record":"connection"`) {
			t.Errorf("%s: no connection", file)
		}
		reporttest.Validate(t, schema, out.String())
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := reporttest.Schema(t, Schema())
	for _, change := range []struct{ old, new string }{
		{`"schema":1`, `"schema":2`},
		{`"id":7,`, ``},
		{`"isn":99`, `"isn":4294967296`},
		{`"outcome":"refused"`, `"outcome":"rejected"`},
		{`"findings":[]`, `"findings":null`},
		{`"zeek":null`, `"zeek":null,"color":"red"`},
		{`"at":"2023-11-14T22:13:20.020000000Z"`, `"at":null`},
	} {
		record := string(new(encode.Encoder).AppendConnection(nil, reporttest.Connections()[0]))
		wrong := strings.Replace(record, change.old, change.new, 1)
		if wrong == record {
			t.Fatalf("the record has no %s", change.old)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s instead of %s was allowed", change.new, change.old)
		}
	}
}

// Each definition that stands for a struct has its fields and no others, all of them required and described.
func TestSchemaHasEveryField(t *testing.T) {
	type object struct {
		Description          string
		Properties           map[string]json.RawMessage
		Required             []string
		AdditionalProperties any
	}
	var schema struct {
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	inside := func(definition, property string) (o object) { // of an object, or of the elements of a list
		var list struct{ Items *object }
		for _, target := range []any{&o, &list} {
			if err := json.Unmarshal(schema.Defs[definition].Properties[property], target); err != nil {
				t.Fatal(err)
			}
		}
		if list.Items != nil {
			return *list.Items
		}
		return o
	}
	for _, c := range []struct {
		name string
		object
		fields reflect.Type
	}{
		{"connection", schema.Defs["connection"], reflect.TypeFor[record.Connection]()},
		{"layer", schema.Defs["layer"], reflect.TypeFor[flows.Layer]()},
		{"endpoint", schema.Defs["endpoint"], reflect.TypeFor[record.Endpoint]()},
		{"state_entry", schema.Defs["state_entry"], reflect.TypeFor[record.StateEntry]()},
		{"withdrawn", schema.Defs["withdrawn"], reflect.TypeFor[record.Withdrawn]()},
		{"fin", schema.Defs["fin"], reflect.TypeFor[record.Fin]()},
		{"handshake", schema.Defs["handshake"], reflect.TypeFor[record.Handshake]()},
		{"teardown", schema.Defs["teardown"], reflect.TypeFor[record.Teardown]()},
		{"reset", schema.Defs["reset"], reflect.TypeFor[record.Reset]()},
		{"time_wait", schema.Defs["time_wait"], reflect.TypeFor[record.TimeWait]()},
		{"half_open", schema.Defs["half_open"], reflect.TypeFor[record.HalfOpen]()},
		{"finding", schema.Defs["finding"], reflect.TypeFor[record.Finding]()},
		{"zeek", schema.Defs["zeek"], reflect.TypeFor[record.Zeek]()},
		{"tshark", schema.Defs["tshark"], reflect.TypeFor[record.Tshark]()},
		{"listener", schema.Defs["listener"], reflect.TypeFor[record.Listener]()},
		{"embryonic_series", schema.Defs["embryonic_series"], reflect.TypeFor[record.EmbryonicSeries]()},
		{"syn_cookies", schema.Defs["syn_cookies"], reflect.TypeFor[record.SynCookies]()},
		{"syn_flood", schema.Defs["syn_flood"], reflect.TypeFor[record.SynFlood]()},
		{"scan", schema.Defs["scan"], reflect.TypeFor[record.Scan]()},
		{"found", inside("scan", "found"), reflect.TypeFor[record.Found]()},
		{"open", inside("scan", "open"), reflect.TypeFor[record.Target]()},
		{"backscatter", schema.Defs["backscatter"], reflect.TypeFor[record.Backscatter]()},
		{"target", inside("syn_flood", "target"), reflect.TypeFor[record.Target]()},
		{"snapshot", schema.Defs["snapshot"], reflect.TypeFor[record.Snapshot]()},
		{"alive", schema.Defs["alive"], reflect.TypeFor[record.Alive]()},
		{"socket", schema.Defs["socket"], reflect.TypeFor[record.Socket]()},
		{"population", schema.Defs["population"], reflect.TypeFor[record.PopulationSeries]()},
		{"peak", schema.Defs["peak"], reflect.TypeFor[record.Peak]()},
		{"populations", schema.Defs["populations"], reflect.TypeFor[Populations]()},
		{"time_wait_holding", schema.Defs["time_wait_holding"], reflect.TypeFor[record.TimeWaitHolding]()},
		{"time_wait_holder", schema.Defs["time_wait_holder"], reflect.TypeFor[record.TimeWaitHolder]()},
		{"ephemeral_ports", schema.Defs["ephemeral_ports"], reflect.TypeFor[record.EphemeralPorts]()},
		{"not_closing", schema.Defs["not_closing"], reflect.TypeFor[record.NotClosing]()},
		{"idle_timeout", schema.Defs["idle_timeout"], reflect.TypeFor[record.IdleTimeout]()},
		{"half_closed", inside("summary", "half_closed"), reflect.TypeFor[record.HalfClosedTotals]()},
		{"lifetimes", inside("summary", "lifetimes"), reflect.TypeFor[record.LifetimeTotals]()},
		{"left_out", inside("summary", "left_out"), reflect.TypeFor[record.LeftOut]()},
		{"summary", schema.Defs["summary"], reflect.TypeFor[record.Summary]()},
		{"resets_by_side", inside("summary", "resets_by_side"), reflect.TypeFor[record.SideCounts]()},
		{"rtt", schema.Defs["rtt"], reflect.TypeFor[record.RTT]()},
		{"capture", schema.Defs["capture"], reflect.TypeFor[Capture]()},
		{"dropped", inside("capture", "dropped"), reflect.TypeFor[Dropped]()},
		{"damage", inside("capture", "damage"), reflect.TypeFor[Damage]()},
		{"explanation", schema.Defs["explanation"], reflect.TypeFor[ladder.Explanation]()},
		{"ladder", schema.Defs["ladder"], reflect.TypeFor[ladder.Ladder]()},
		{"origin", schema.Defs["origin"], reflect.TypeFor[ladder.Origin]()},
		{"rung", schema.Defs["rung"], reflect.TypeFor[ladder.Rung]()},
		{"ladder_segment", schema.Defs["ladder_segment"], reflect.TypeFor[ladder.Segment]()},
		{"ladder_icmp", schema.Defs["ladder_icmp"], reflect.TypeFor[ladder.ICMP]()},
		{"ladder_fold", schema.Defs["ladder_fold"], reflect.TypeFor[ladder.Fold]()},
		{"ladder_counts", schema.Defs["ladder_counts"], reflect.TypeFor[ladder.Counts]()},
		{"ladder_side", schema.Defs["ladder_side"], reflect.TypeFor[ladder.Side]()},
		{"ladder_change", schema.Defs["ladder_change"], reflect.TypeFor[ladder.Change]()},
		{"withdrawal", schema.Defs["withdrawal"], reflect.TypeFor[ladder.Withdrawal]()},
		{"remark", schema.Defs["remark"], reflect.TypeFor[ladder.Remark]()},
	} {
		want := jsonNames(c.fields)
		if got := slices.Sorted(maps.Keys(c.Properties)); !slices.Equal(got, want) {
			t.Errorf("%s has %q in the schema and %q in the record", c.name, got, want)
		}
		slices.Sort(c.Required)
		if !slices.Equal(c.Required, want) {
			t.Errorf("%s: not all of its members are required, only %q", c.name, c.Required)
		}
		if c.AdditionalProperties != false {
			t.Errorf("%s allows other members", c.name)
		}
		for name, property := range c.Properties {
			var p struct {
				Description string
				Ref         string `json:"$ref"`
			}
			if err := json.Unmarshal(property, &p); err != nil {
				t.Fatal(err)
			}
			described := p.Description != "" || schema.Defs[strings.TrimPrefix(p.Ref, "#/$defs/")].Description != ""
			if !described {
				t.Errorf("%s.%s is not described", c.name, name)
			}
		}
	}
}

// jsonNames are the names of a struct's fields, sorted.
func jsonNames(s reflect.Type) (names []string) {
	for i := range s.NumField() {
		if name := s.Field(i).Tag.Get("json"); name != "-" && s.Field(i).IsExported() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
