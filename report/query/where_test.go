package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/expr-lang/expr/types"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// sample returns a connection with values in some fields and null in others.
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

		// Times in any format: as text, "1970-01-01 00…" would sort before "1970-01-01T00…".
		`end > "1970-01-01 00:00:00.5"`:           true,
		`end > "1970-01-01 00:00:01.5"`:           false,
		`end == "1970-01-01T01:00:01+01:00"`:      true,
		`"1970-01-01T00:00:01Z" <= end`:           true,
		`end < "1970-01-02"`:                      true,
		`end > "00:00:00.5" and end < "00:00:02"`: true,
		`end > "00:01"`:                           false,
		`end > 0.5 and end < 2`:                   true,
		`start < end`:                             true,
		`handshake.syn_ack_at > "1970-01-01"`:     false,
		`handshake.syn_ack_at < "23:59"`:          false,
		`end in ["1970-01-01 00:00:01"]`:          true,

		// Durations, outside of quotes.
		`duration_s >= 1s and duration_s < 1s1ns`:    true,
		`duration > 999ms`:                           true,
		`duration < 1m30s`:                           true,
		`duration > 1h or duration > 1d`:             false,
		`duration * 2 == 2s`:                         true,
		`server_rtt == 10ms`:                         true,
		`server_rtt > 9.5ms and server_rtt < 0.1s`:   true,
		`outcome != "30s"[0:0] + "complete" or true`: true,
		`"30s" contains "30s"`:                       true,
		`any(1..3, # == 2)`:                          true,
		`duration == 1e0`:                            true,
		`duration > 30s // 1h`:                       false,

		// Networks and addresses.
		`client.ip in "10.0.0.0/8"`:                   true,
		`client.ip not in "10.0.0.0/8"`:               false,
		`not (client.ip in "192.168.0.0/16")`:         true,
		`client.ip in ["192.168.0.0/16", "10.0.0.1"]`: true,
		`server.ip in "2001:db8::/32"`:                true,
		`server.ip == "2001:DB8:0::1"`:                true,
		`client.ip startsWith "10."`:                  true,
		`client in "10.0.0.0/8"`:                      true,
		`client == "10.0.0.1"`:                        true,
		`client == "10.0.0.1:50514"`:                  true,
		`server == "[2001:db8::1]:443"`:               true,
		`server == "[2001:db8::1]:80"`:                false,
		`server endsWith ":443"`:                      true,
		`client.ip == server.ip`:                      false,

		// Columns.
		`outcome == "complete"`:           true,
		`fate == "complete"`:              true,
		`teardown == "none"`:              true,
		`teardown in ["none", "reset"]`:   true,
		`teardown.kind == "none"`:         true,
		`states == "CLOSED:-"`:            true,
		`client_bytes == 163`:             true,
		`retransmitted == 0`:              true,
		`rtt == null`:                     true,
		`zeek == null or zeek == "SF"`:    true,
		`"syn_retransmitted" in findings`: true,
		`findings contains "refused"`:     false,
		`encapsulation contains "vlan"`:   true,
		`"vlan" in encapsulation`:         true,
		`let p = server.port; p == 443`:   true,
		`let rtt = 3; rtt == 3`:           true,

		// Null.
		`handshake.client_rtt_s > 0`:                        false,
		`handshake.client_rtt_s <= 0`:                       false,
		`not (handshake.client_rtt_s > 0)`:                  true,
		`handshake.client_rtt_s == null`:                    true,
		`handshake.server_rtt_s != null`:                    true,
		`handshake.client_rtt_s - handshake.server_rtt_s>0`: false,
		`handshake.client_rtt_s * 1000 < 5`:                 false,
		`handshake.client_rtt_s / 2 == null`:                true,
		`lower(teardown.initiator) == "client"`:             false,
		`lower(teardown.initiator) == null`:                 true,
		`len(half_open.since ?? "") == 0`:                   true,
		`upper(handshake.outcome) == "COMPLETE"`:            true,
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

// A message is in our words, not the library's, and the caret is below the typed place.
func TestConditionIsRefused(t *testing.T) {
	for _, c := range []struct{ expression, at, why string }{
		{`hanshake.outcome == "complete"`, `hanshake`, `unknown name "hanshake"; did you mean "handshake"?`},
		{`handshake.outcom == "complete"`, `outcom `, `unknown field "outcom" in handshake; did you mean "outcome"?`},
		{`any(findings, .cod == "x")`, `cod`, `unknown field "cod" in findings; did you mean "code"?`},
		{`survivor == "client"`, `survivor`, `unknown name "survivor"; did you mean half_open.survivor?`},
		{`outcome == refused`, `refused`, `unknown name "refused"; a text needs quotes: "refused"`},
		{`server.port == "443"`, `"443"`, `server.port is a number: write 443 without quotes`},
		{`server.port`, `server.port`,
			`an expression must be true or false, but this is a number: compare it with something`},
		{`handshake.outcome = "complete"`, `= `, `write == to compare`},
		{`id == 1 & id == 2`, `& `, `write "and" or &&`},
		{`now().Year() > 2000`, `now`, `unknown function "now"`},
		{`.(id, 1)`, `.`, `unexpected "."`},
		{`handshake.outcome == "complete" and`, ``, `the expression ends too early`},
		{`handshake.outcome == "complete`, `"complete`, `the quote is not closed`},
		{`duration > 30x`, `30x`, `"30x" is neither a number nor a duration`},
		{`duration > 30sec`, `30sec`, `"30sec" is neither a number nor a duration`},
		{`start > 22:13:20.5`, `22:13:20.5`, `a time needs quotes: "22:13:20.5"`},
		{`start > 2023-11-14T22:13:20Z`, `2023-11-14T22:13:20Z`, `a time needs quotes`},
		{`client.ip == 10.0.0.1 and true`, `10.0.0.1`, `an address needs quotes: "10.0.0.1"`},
		{`client.ip in 10.0.0.0/8`, `10.0.0.0/8`, `a network needs quotes: "10.0.0.0/8"`},
		{`client == 10.0.0.1:80`, `10.0.0.1:80`, `an address needs quotes: "10.0.0.1:80"`},
		{``, ``, `the expression is empty`},
		{`"a" + 1 == 3`, `3`, `a number cannot be compared with a text`},
		{`teardown.reset.by == server`, `server`, `teardown.reset.by is a text: write "server" in quotes`},
		{`duration > 1m30s and hanshake`, `hanshake`, `unknown name "hanshake"`},
		{`duration > 1m30s and duration < 2h and id = 3`, `= `, `write == to compare`},
		{`duration > "30s"`, `"30s"`, `duration is a duration: write one without quotes, as in 1.5s or 2m30s`},
		{`client.bytes > 30s`, `30s`, `client.bytes is a number, but 30s is a duration`},
		{`start > "yesterday"`, `"yesterday"`, `start is a time: write it like "2023-11-14 22:13:20.5"`},
		{`"1000-01-01" < start`, `"1000-01-01"`, `start is a time`},
		{`client.ip in "10.0.0/8"`, `"10.0.0/8"`, `"10.0.0/8" is not a network: write it like "10.0.0.0/8"`},
		{`client.ip in ["10.0.0.0/8", "x"]`, `"x"`, `"x" is not a network`},
		{`client.ip == "10.0.0.0/8"`, `"10.0.0.0/8"`,
			`client.ip is an address, but 10.0.0.0/8 is a network: write "in"`},
		{`client.ip == "10.0.0"`, `"10.0.0"`, `"10.0.0" is not an address`},
		{`client.ip < "10.0.0.7"`, `< `, `client.ip is an address, and < does not apply to addresses`},
		{`client == "x"`, `"x"`, `compare client with an address`},
		{`RETR > 3`, `RETR `, `unknown name "RETR"; did you mean "retransmitted"?`},
		{`lasted > 3s`, `lasted `, `unknown name "lasted"; did you mean "duration"?`},
		{`outcome == "complet"`, `"complet"`,
			`outcome is never "complet"; did you mean "complete"? It is one of complete, `},
		{`handshake.outcome == "open"`, `"open"`,
			`handshake.outcome is never "open". It is one of complete, simultaneous`},
		{`"opn" != ended_by`, `"opn"`, `ended_by is never "opn"; did you mean "open"?`},
		{`outcome in ["refused", "unanswerd"]`, `"unanswerd"`, `outcome is never "unanswerd"`},
		{`any(findings, .code == "refusd")`, `"refusd"`, `findings.code is never "refusd"; did you mean "refused"? ` +
			`tcplife fields findings.code lists its 51 possible values`},
		{`any(findings, .severity == "bad")`, `"bad"`, `It is one of info, warning, error`},
		{`"refusd" in findings`, `"refusd"`, `findings.code is never "refusd"`},
		{`findings.code == "refused"`, `findings.code`,
			`findings is a list: test its elements, as in any(findings, .code ==`},
		{`server.syn_acked == "true"`, `"true"`,
			`server.syn_acked is true or false: write true or false without quotes`},
		{`outcome == 3`, `3`, `outcome is a text: write the value in quotes`},
		{`client.port.low == 3`, `low`, `client.port is a number, which has no fields`},
		{`handshake == handshake`, `== `, `handshake is an object: compare its fields, or compare it with null`},
		{`not server.port`, `server.port`, `server.port is a number, not true or false`},
		{`lower(server.port) == "x"`, ``, `lower does not take such a value`},
		{`client_ip matches "("`, ``, `unknown name "client_ip"`},
		{`outcome matches "("`, ``, `wrong pattern after matches`},
		{`start - end > 3`, `start`, `start is a time, but - takes numbers`},
	} {
		_, err := NewWhere(c.expression)
		var problem *Problem
		if !errors.As(err, &problem) || !strings.Contains(problem.Message, c.why) {
			t.Errorf("%s: error %v does not say %q", c.expression, err, c.why)
			continue
		}
		if at := string([]rune(c.expression)[problem.At:]); c.at != "" && !strings.HasPrefix(at, c.at) &&
			!strings.HasSuffix(c.expression[:problem.At], strings.TrimSuffix(c.at, at)) {
			t.Errorf("%s: the caret stands before %q, want %q", c.expression, at, c.at)
		}
		// It has no types of Go and no words of the library.
		for _, word := range []string{"int", "float", "string", "token", "Operator", "nil", "builtin", "struct"} {
			if slices.Contains(strings.FieldsFunc(problem.Message, func(r rune) bool {
				return !unicode.IsLetter(r)
			}), word) {
				t.Errorf("%s: the error says %q: %s", c.expression, word, problem.Message)
			}
		}
	}
}

// In an expression of several lines, the caret is below its line.
func TestProblemShowsItsLine(t *testing.T) {
	_, err := NewWhere("id == 1 and\n\tduration > 90s and\nidé == 2")
	want := "unknown name \"idé\"; did you mean \"id\"?\n  idé == 2\n  ^"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// A condition can use exactly the fields of the record, with their types.
func TestFieldTypesAreTheRecords(t *testing.T) {
	conn := &record.Connection{}
	fill(reflect.ValueOf(conn).Elem())
	compareTypes(t, "", connectionFields().libraryType(), Map(conn))

	text, err := json.Marshal(conn)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range connectionFields().fields {
		if _, ok := fields[name]; !ok {
			t.Errorf("the JSON record has no %s", name)
		}
	}
}

// fill leaves nothing null: it allocates every pointer, gives every list an element, and every number and word a value.
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
		case reflect.TypeFor[flows.CommunityID](): // a string, empty or not
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

// dictionary returns conditions on every field of records and of the summary, including wrong ones.
func dictionary() (list []string) {
	values := map[string]string{
		isTime: `> "2023-11-14 22:13:20.5"`, isDuration: "<= 1m30s", isNumber: ">= 3", isText: `!= "abc"`,
		isAddress: `in ["10.0.0.0/8", "2001:db8::1"]`, isBool: "== true", isList: "!= []", isObject: "== null",
	}
	for _, field := range append(Fields(), SummaryFields()...) {
		name := strings.ReplaceAll(field.Name, "[]", "[0]")
		list = append(list, name+" "+values[field.Type], "not ("+name+" == null) or "+name)
		for _, word := range field.Words {
			list = append(list, fmt.Sprintf("%s == %q", name, word))
		}
		if len(name) > 3 {
			list = append(list, name[:len(name)-1]+" > 1") // an unknown name, with a suggestion
		}
	}
	return list
}

// Durations of the summary can be compared with durations, and rates with numbers.
func TestSummaryDurations(t *testing.T) {
	for _, expression := range []string{`server_rtt_s.p99 > 1ms`, `half_closed.longest_s > 30s`,
		`any(usage, .connections_per_s > 5)`, `retransmissions.ratio > 0.05`} {
		if _, err := NewFailOn(expression); err != nil {
			t.Errorf("%s: %v", expression, err)
		}
	}
	if _, err := NewFailOn(`any(usage, .connections_per_s > 5s)`); err == nil {
		t.Error("a rate can be compared with a duration")
	}
}

// No expression of --where or --fail-on makes the program panic, and every Problem has a place in the expression.
func FuzzWhere(f *testing.F) {
	for _, expression := range []string{
		`start > "2023-11-14" and duration > 1m30s`, `client in ["10.0.0.0/8"] or server == "[::1]:80"`,
		`any(findings, .code == "refused") ? 1s < rtt : outcome in ["refused"]`,
		"let a = `30s`; a contains \"s\" /* 3s */",
		`1..3s`, `"\u00e9" == 'é' + 3é`, `filter(findings, #.packets[0] > 1d)?.x ?? client.states[1:2]`,
	} {
		f.Add(expression)
	}
	for _, expression := range dictionary() {
		f.Add(expression)
	}
	conn := sample()
	f.Fuzz(func(t *testing.T, expression string) {
		w, whereErr := NewWhere(expression)
		if whereErr == nil {
			w.Holds(conn) // may fail, for example if it divides a text by a list
		}
		alarms, failOnErr := NewFailOn(expression)
		if failOnErr == nil {
			alarms.Check(&record.Summary{})
		}
		for _, err := range []error{whereErr, failOnErr} {
			var problem *Problem
			switch {
			case err == nil:
			case !errors.As(err, &problem):
				t.Errorf("%q: %T is no Problem: %v", expression, err, err)
			case problem.At < 0 || problem.At > len([]rune(expression)) || problem.Error() == "":
				t.Errorf("%q: place %d", expression, problem.At)
			}
		}
	})
}
