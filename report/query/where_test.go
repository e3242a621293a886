package query

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/expr-lang/expr/types"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// sample is a connection with a value in some fields and null in others.
func sample() *record.Connection {
	return &record.Connection{
		Record: "connection", Schema: record.Schema, ID: 7,
		Encapsulation: []flows.Layer{{Kind: "vlan", ID: 12, HasID: true}},
		Start:         0, End: 1e9, Duration: 1e9, EndedBy: record.EndReset,
		Client: record.Endpoint{
			IP: netip.MustParseAddr("10.0.0.1"), Port: 50514, ISN: record.Seq{Number: 3626544836, Known: true},
			ISNEvidence: record.Seen,
			SynAcked:    record.Yes, Bytes: 163, State: record.StateOrNone{State: tcpstate.Closed, Known: true},
			States: []record.StateEntry{{State: tcpstate.SynSent, Evidence: record.Seen, Packet: 7}},
		},
		Server: record.Endpoint{IP: netip.MustParseAddr("2001:db8::1"), Port: 443},
		Handshake: record.Handshake{
			Outcome: record.OutcomeComplete, SynAt: 0, SynAckAt: record.NoTime, AckAt: record.NoTime,
			ServerRTT: 10e6, ClientRTT: record.NoDuration,
		},
		Teardown: record.Teardown{Kind: record.TeardownNone, At: record.NoTime, HalfClosed: record.NoDuration},
		Findings: []record.Finding{{Code: "syn_retransmitted", Severity: record.Info, Side: record.Client,
			Packets: []uint64{8}}},
	}
}

func TestCondition(t *testing.T) {
	for expression, want := range map[string]bool{
		`handshake.outcome == "complete" and server.port == 443`: true,
		`handshake.outcome == "complete" && server.port == 80`:   false,
		`client.isn == 3626544836`:                               true,
		`client.syn_acked`:                                       true,
		`duration_s >= 1`:                                        true,
		`client.bytes + server.bytes > 100`:                      true,
		`server.ip startsWith "2001:db8:"`:                       true,
		`client.state in ["CLOSED", "TIME_WAIT"]`:                true,
		`start < "2000-01-01"`:                                   true,
		`any(findings, .code == "syn_retransmitted")`:            true,
		`any(client.states, .state == "ESTABLISHED")`:            false,
		`len(time_wait) == 0`:                                    true,
		`encapsulation[0].id == 12`:                              true,
		`client.states[-1].state == "SYN_SENT"`:                  false, // an index counts from 0
		`encapsulation[1].id == 12`:                              false,

		// null, and what is said of it
		`handshake.client_rtt_s > 0`:                        false,
		`handshake.client_rtt_s <= 0`:                       false,
		`not (handshake.client_rtt_s > 0)`:                  true,
		`handshake.client_rtt_s == null`:                    true,
		`handshake.server_rtt_s != null`:                    true,
		`handshake.client_rtt_s - handshake.server_rtt_s>0`: false,
		`handshake.client_rtt_s * 1000 < 5`:                 false,
		`handshake.client_rtt_s / 2 == null`:                true,
		`teardown.reset == null`:                            true,
		`teardown.reset.by == "server"`:                     false,
		`teardown.reset.by != "server"`:                     true,
		`teardown.initiator matches "^c"`:                   false,
		`server.state in ["CLOSED"]`:                        false,
		`server.syn_acked`:                                  false,
		`not server.syn_acked`:                              true,
		`server.syn_acked or server.port == 443`:            true,
		`(server.syn_acked ? 1 : 2) == 2`:                   true,
		`half_open.survivor == "client" || id == 7`:         true,
	} {
		c, err := NewWhere(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got, err := c.Holds(sample()); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", expression, got, err, want)
		}
	}
}

func TestConditionIsRefused(t *testing.T) {
	for expression, why := range map[string]string{
		`hanshake.outcome == "complete"`:      "unknown name hanshake",
		`handshake.outcom == "complete"`:      "unknown field outcom",
		`any(findings, .cod == "x")`:          "unknown field cod",
		`server.port == "443"`:                "mismatched types",
		`server.port`:                         "expected bool",
		`handshake.outcome = "complete"`:      "unexpected token",
		`now().Year() > 2000`:                 "unknown name now",
		`.(id, 1)`:                            "unexpected token",
		`handshake.outcome == "complete" and`: "unexpected token",
	} {
		_, err := NewWhere(expression)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: error %v does not say %q", expression, err, why)
		}
	}
}

// What a condition can name must be what the record has, and with the type that it has there.
func TestFieldTypesAreTheRecords(t *testing.T) {
	conn := &record.Connection{}
	fill(reflect.ValueOf(conn).Elem())
	compareTypes(t, "", fieldTypes(reflect.TypeFor[record.Connection]()), Map(conn))

	text, err := json.Marshal(conn)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fieldTypes(reflect.TypeFor[record.Connection]()) {
		if _, ok := fields[name]; !ok {
			t.Errorf("the JSON record has no %s", name)
		}
	}
}

// fill leaves nothing null: it makes every pointer, gives every list an element and every number and word a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[netip.Addr]():
			v.Set(reflect.ValueOf(netip.MustParseAddr("10.0.0.1")))
			return
		case reflect.TypeFor[record.CommunityID](): // a string, empty or not
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString("word")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	default:
		v.SetUint(1)
	}
}

func compareTypes(t *testing.T, at string, want types.Type, value any) {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		fields, ok := want.(types.Map)
		if !ok {
			t.Errorf("%s is a %s, and report.Map gives it fields", at, want)
			return
		}
		for name := range fields {
			if _, ok := value[name]; !ok {
				t.Errorf("%s.%s: report.Map does not give it", at, name)
			}
		}
		for name, v := range value {
			if field, ok := fields[name]; ok {
				compareTypes(t, at+"."+name, field, v)
			} else {
				t.Errorf("%s.%s: no condition can name it", at, name)
			}
		}
	case []any:
		element := want.Nature().Ref
		if element == nil || len(value) == 0 {
			t.Errorf("%s is a %s, and report.Map gives %v", at, want, value)
		}
	default:
		if got := types.TypeOf(value); !got.Equal(want) {
			t.Errorf("%s is a %s, and report.Map gives a %s", at, want, got)
		}
	}
}
