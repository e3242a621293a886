package truth

import (
	"net/netip"
	"testing"
)

const ms = int64(1e6)

// scenario is one connection, whose client closes after 100 ms of 400.
func scenario() *Scenario {
	isn := uint32(7)
	return &Scenario{CaptureStart: 0, CaptureStop: 400 * ms, Connections: []Connection{{
		Number: 1, Packets: 9, FirstPacket: 0,
		Client: Endpoint{Addr: netip.MustParseAddr("192.0.2.1"), Port: 1025, ISN: &isn, States: []State{
			{State: "SYN_SENT", At: 0, Held: 10}, {State: "ESTABLISHED", At: 10 * ms, Held: 90},
			{State: "FIN_WAIT_1", At: 100 * ms, Held: 10},
			{State: "FIN_WAIT_2", At: 110 * ms, Held: 0.1}, {State: "TIME_WAIT", At: 110*ms + ms/10, Held: 90},
			{State: "CLOSED", At: 200 * ms, Silent: true},
		}},
		Server: Endpoint{Addr: netip.MustParseAddr("192.0.2.2"), Port: 80, States: []State{
			{State: "SYN_RCVD", At: 5 * ms, Held: 10}, {State: "ESTABLISHED", At: 15 * ms, Held: 85},
			{State: "CLOSED", At: 300 * ms, Silent: true},
		}},
	}}}
}

func TestJudge(t *testing.T) {
	isn, other := uint32(7), uint32(8)
	client := func(isn *uint32, states ...Entry) Inferred {
		return Inferred{Addr: netip.MustParseAddr("192.0.2.1"), Port: 1025, ISN: isn, States: states}
	}
	server := func(states ...Entry) Inferred {
		return Inferred{Addr: netip.MustParseAddr("192.0.2.2"), Port: 80, States: states}
	}
	goodClient := client(&isn, Entry{"SYN_SENT", 0}, Entry{"ESTABLISHED", 10 * ms}, Entry{"FIN_WAIT_1", 100 * ms},
		Entry{"TIME_WAIT", 110 * ms})
	goodServer := server(Entry{"LISTEN", 0}, Entry{"SYN_RCVD", 5 * ms}, Entry{"ESTABLISHED", 15 * ms})
	exactServer := server(Entry{"SYN_RCVD", 5 * ms}, Entry{"ESTABLISHED", 15 * ms}, Entry{"CLOSED", 300 * ms})
	for name, test := range map[string]struct {
		lives        []Life
		found, extra int
		strict, fair int
		agreed       float64
	}{
		"nothing":           {},
		"what packets show": {[]Life{{goodClient, goodServer}}, 1, 0, 0, 2, 0.5 + 0.75},
		"everything":        {[]Life{{goodClient, exactServer}}, 1, 0, 1, 2, 0.5 + 1},
		"sides changed":     {[]Life{{exactServer, goodClient}}, 1, 0, 1, 2, 0.5 + 1},
		"two lives, one with the ISN": {[]Life{{client(&other), server()}, {goodClient, exactServer}}, 1, 1, 1, 2,
			0.5 + 1},
		"no ISN":        {[]Life{{client(nil, goodClient.States...), exactServer}}, 1, 0, 1, 2, 0.5 + 1},
		"other sockets": {[]Life{{server(), server()}}, 0, 1, 0, 0, 0},
		"one state too many": {[]Life{{goodClient, server(append(exactServer.States,
			Entry{"SYN_RCVD", 400 * ms})...)}}, 1, 0, 0, 1, 0.5 + 1},
		"a state missing": {[]Life{{client(&isn, goodClient.States[1:]...), exactServer}}, 1, 0, 1, 1,
			0.5 - 0.025 + 1},
		"CLOSED after 2MSL": {[]Life{{client(&isn, append(goodClient.States, Entry{"CLOSED", 200 * ms})...),
			exactServer}}, 1, 0, 1, 2, 1 + 1},
		"a state too late": {[]Life{{goodClient, server(Entry{"SYN_RCVD", 5 * ms},
			Entry{"ESTABLISHED", 55 * ms})}}, 1, 0, 0, 2, 0.5 + 0.65},
		"another order": {[]Life{{goodClient, server(Entry{"ESTABLISHED", 5 * ms},
			Entry{"SYN_RCVD", 15 * ms})}}, 1, 0, 0, 1, 0.5 + 0.0125},
		"CLOSED in the middle": {[]Life{{goodClient, server(Entry{"SYN_RCVD", 5 * ms}, Entry{"CLOSED", 10 * ms},
			Entry{"ESTABLISHED", 15 * ms})}}, 1, 0, 0, 1, 0.5 + 0.7375},
		"a side without states": {[]Life{{goodClient, server()}}, 1, 0, 0, 1, 0.5 + 0.2625},
	} {
		got := scenario().Judge(test.lives)
		if got.Endpoints != 2 || got.Found != test.found || got.Extra != test.extra || got.Strict != test.strict ||
			got.Fair != test.fair {
			t.Errorf("%s: %+v, want %+v", name, got, test)
		}
		if d := got.Agreed - test.agreed; d < -0.001 || d > 0.001 {
			t.Errorf("%s: agreed %.4f, want %.4f", name, got.Agreed, test.agreed)
		}
		if len(got.Differences) != got.Endpoints-got.Fair {
			t.Errorf("%s: differences %q", name, got.Differences)
		}
	}
}
