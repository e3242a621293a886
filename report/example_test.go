package report_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/report"
)

// refused is a connection to a port on which nothing listened.
func refused() *record.Connection {
	closed := record.StateOrNone{State: tcpstate.Closed, Known: true}
	return &record.Connection{
		Record: "connection", Schema: record.Schema, ID: 1,
		Start: 1_700_000_000_000_000_000, End: 1_700_000_000_000_310_000, Duration: 310_000,
		EndedBy: record.EndReset,
		Client: record.Endpoint{IP: netip.MustParseAddr("10.0.0.1"), Port: 50516, Syns: 1, Packets: 1,
			State: closed},
		Server: record.Endpoint{IP: netip.MustParseAddr("10.0.0.2"), Port: 81, Rsts: 1, Packets: 1,
			State: closed},
		RoleEvidence: record.RoleSyn,
		Handshake: record.Handshake{
			Outcome: record.OutcomeRefused, SynAt: 1_700_000_000_000_000_000, SynPacket: 1,
			SynAckAt: record.NoTime, AckAt: record.NoTime, ServerRTT: record.NoDuration, ClientRTT: record.NoDuration,
		},
		Teardown: record.Teardown{
			Kind: record.TeardownNone, Initiator: record.Server, At: 1_700_000_000_000_310_000,
			HalfClosed: record.NoDuration,
		},
	}
}

func ending() *report.Ending {
	none := record.RTT{P50: record.NoDuration, P90: record.NoDuration, P99: record.NoDuration, Max: record.NoDuration}
	return &report.Ending{
		Result: &record.Result{Summary: &record.Summary{
			Record: "summary", Schema: record.Schema, Connections: 1,
			ByOutcome: map[string]uint64{"refused": 1}, ByTeardown: map[string]uint64{"none": 1},
			ServerRTT: none, ClientRTT: none,
		}},
		Capture: &report.Capture{
			Record: "capture", Schema: record.Schema, Files: []string{"refused.pcap"}, Packets: 2, Bytes: 134,
			First: 1_700_000_000_000_000_000, Last: 1_700_000_000_000_310_000,
			LinkTypes: map[string]uint64{"EN10MB": 2}, Decoded: map[string]uint64{"tcp": 2},
		},
	}
}

func ExampleNewTable() {
	t, err := report.NewTable(os.Stdout, report.TableOptions{Width: 100, Top: report.DefaultTop})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := t.Connection(refused()); err != nil {
		fmt.Println(err)
	}
	if err := t.Finish(ending()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// SOUND  1 connection without an error or a warning
	//
	// CONNECTIONS 1
	// ID  START         CLIENT          SERVER       OUTCOME  STATES         LASTED  BYTES→  ←BYTES
	//  1  22:13:20.000  10.0.0.1:50516  10.0.0.2:81  refused  CLOSED:CLOSED   310µs       0       0
	//
	// SUMMARY
	//   connections  1
	//   outcome      refused 1
	//   teardown     none 1
	//
	// CAPTURE
	//   files       refused.pcap
	//   packets     2 (134 B)
	//   time        2023-11-14 22:13:20.000 to 2023-11-14 22:13:20.000 UTC, 310µs
	//   link types  EN10MB 2
	//   decoded     tcp 2
}

func ExampleNewJSONL() {
	var out strings.Builder
	j := report.NewJSONL(&out)
	if err := j.Connection(refused()); err != nil {
		fmt.Println(err)
	}
	if err := j.Finish(ending()); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(out.String()) {
		fmt.Println(line[:60] + "…")
	}
	// Output:
	// {"record":"connection","schema":1,"id":1,"previous_id":null,…
	// {"record":"summary","schema":1,"connections":1,"by_outcome":…
	// {"record":"capture","schema":1,"files":["refused.pcap"],"pac…
}

func ExampleNewJSON() {
	j := report.NewJSON(os.Stdout)
	if err := j.Finish(ending()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"connections":[],
	// "embryonic":[],
	// "half_open":[],
	// "listeners":[],
	// "syn_floods":[],
	// "scans":[],
	// "backscatter":[],
	// "time_wait":[],
	// "population":[],
	// "summary":{"record":"summary","schema":1,"connections":1,"by_outcome":{"refused":1},"by_teardown":{"none":1},"resets":0,"resets_by_side":{"client":0,"server":0},"resets_by_state":{"client":{},"server":{}},"failed_attempts":0,"failed_by_class":{},"half_closed":{"at_end":0,"long":0,"longest_s":0},"not_closing":[],"idle_timeouts":[],"lifetimes":{"whole":0,"short":0,"long":0},"usage":[],"left_out":{"time_wait":0,"not_closing":0,"listeners":0,"usage":0},"findings_by_code":{},"server_rtt_s":{"p50":null,"p90":null,"p99":null,"max":null},"client_rtt_s":{"p50":null,"p90":null,"p99":null,"max":null},"listeners":0,"syn_floods":0,"scans":0,"backscatter":0,"unjudged":0,"half_open":0,"embryonic":0,"retransmissions":{"packets":0,"retransmitted":0,"connections":0,"ratio":0},"time_wait":{"entered":0,"held":0},"ports":{"locked_most":0,"exhausted":0}},
	// "capture":{"record":"capture","schema":1,"files":["refused.pcap"],"packets":2,"bytes":134,"first":"2023-11-14T22:13:20.000000000Z","last":"2023-11-14T22:13:20.000310000Z","untimed":0,"link_types":{"EN10MB":2},"decoded":{"tcp":2},"undecoded":{},"bad_checksums":0,"unfinished_checksums":0,"dropped":{"kernel":null,"interface":null},"evicted":0,"after_eviction":0,"memory_limit":null,"damage":[],"filter":null,"flags_only":null,"interrupted":false,"devices":[],"lost_devices":[],"shed":0,"unwritten":0,"events":null,"interim":false}}
}

func ExampleNewCSV() {
	var out strings.Builder
	v := report.NewCSV(&out)
	if err := v.Connection(refused()); err != nil {
		fmt.Println(err)
	}
	if err := v.Finish(ending()); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(out.String()) {
		fields := strings.Split(line, ",")
		fmt.Println(fields[0], fields[9], fields[10], fields[47])
	}
	// Output:
	// id client.ip client.port handshake.outcome
	// 1 10.0.0.1 50516 refused
}
