package analyzer_test

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/segtest"
)

// threeCloses has connections that close in three ways, one after another, with all their segments.
const threeCloses = `
	D = 10.0.1.1:41000
	E = 10.0.1.2:42000
	C --> S SYN
	+20ms C <-- S SYN,ACK
	C --> S ACK
	C --> S PSH,ACK len=500
	C <-- S PSH,ACK len=20000
	C --> S ACK
	+1s C <-- S FIN,ACK
	C --> S FIN,ACK
	C <-- S ACK
	+1s D --> S SYN
	+20ms D <-- S SYN,ACK
	D --> S ACK
	D --> S PSH,ACK len=300
	D <-- S ACK
	+1s D --> S FIN,ACK
	+20ms D <-- S FIN,ACK
	D --> S ACK
	+1s E --> S SYN
	+20ms E <-- S SYN,ACK
	E --> S ACK
	E --> S PSH,ACK len=300
	E <-- S ACK
	+1s E --> S RST,ACK
	+10s C --> S ACK`

// flagsOnly returns the records that some trackers make of the segments of a script that pass a filter.
func flagsOnly(script string, trackers int, lets flows.Flags) (list []*record.Connection, only record.FlagsOnly) {
	var segments []flows.Segment
	for _, seg := range segtest.Script(script).Segments() {
		if lets == 0 || seg.Flags&lets != 0 {
			segments = append(segments, seg)
		}
	}
	tracker := analyzer.NewShards(analyzer.Options{}, trackers,
		func(r *record.Connection) { list = append(list, r.Clone()) },
		func([]flows.Segment) {})
	tracker.Segments(segments)
	tracker.Close()
	return list, tracker.Result().FlagsOnly
}

// From the third FIN on, a FIN proves that all data before it was sent and arrived, so its receiver was ESTABLISHED
// before.
func TestFilteredFinProvesData(t *testing.T) {
	list, _ := flagsOnly(threeCloses+`
	F = 10.0.1.3:43000
	+1s F --> S SYN
	+20ms F <-- S SYN,ACK
	F --> S ACK
	F --> S PSH,ACK len=5000
	F <-- S PSH,ACK len=20000
	F --> S ACK
	+1s F --> S FIN,ACK
	+20ms F <-- S FIN,ACK
	F --> S ACK`, 1, flows.SYN|flows.FIN|flows.RST)
	server := &list[len(list)-1].Server
	for i, state := range []string{"SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"} {
		if len(server.States) <= i || server.States[i].State.String() != state {
			t.Fatalf("the server's states are %v", server.States)
		}
	}
	opened, closing := &server.States[1], &server.States[2]
	if opened.Rule.String() != "syn_acked_unseen" || opened.Evidence != record.Inferred {
		t.Errorf("ESTABLISHED by %s, %s", opened.Rule, opened.Evidence)
	}
	if closing.Rule.String() != "fin_arrives" || closing.At-opened.At < 1e9 {
		t.Errorf("CLOSE_WAIT by %s, %d ns after ESTABLISHED", closing.Rule, closing.At-opened.At)
	}
}

// With a filter that passes only SYN, FIN and RST, connections close in the same way as without it, and have no
// findings.
func TestFlagFilterChangesNoClose(t *testing.T) {
	whole, only := flagsOnly(threeCloses, 1, 0)
	if only != record.NoFlagsOnly || len(whole) != 3 {
		t.Fatalf("unfiltered: %q, %d records", only, len(whole))
	}
	for _, trackers := range []int{1, 2, 7} {
		list, only := flagsOnly(threeCloses, trackers, flows.SYN|flows.FIN|flows.RST)
		if only != record.FlagsSynFinRst || len(list) != len(whole) {
			t.Fatalf("%d trackers: flags_only %q, %d records", trackers, only, len(list))
		}
		for i, c := range list {
			if c.Handshake.Outcome != record.OutcomeComplete || c.Teardown.Kind != whole[i].Teardown.Kind ||
				c.Teardown.Initiator != whole[i].Teardown.Initiator {
				t.Errorf("%d trackers: record %d is %s, %+v; unfiltered %+v", trackers, i, c.Handshake.Outcome,
					c.Teardown, whole[i].Teardown)
			}
			for _, f := range c.Findings {
				if !whole[i].Found(codeOf(f.Code)) {
					t.Errorf("%d trackers: record %d has another finding: %s", trackers, i, f.Detail)
				}
			}
			if fin := c.Client.Fin; fin != nil && fin.Acked == record.No {
				t.Errorf("%d trackers: record %d: the client's FIN seems not acknowledged", trackers, i)
			}
		}
	}
}

// codeOf returns the code with a name.
func codeOf(name string) record.FindingCode {
	for i, k := range record.Catalogue() {
		if k.Code == name {
			return record.FindingCode(i)
		}
	}
	panic(name)
}

// The whole capture decides whether it holds only some flags: one segment with ACK alone shows that nothing was left
// out.
func TestFlagsOnly(t *testing.T) {
	const scan = `C --> S SYN
		C <-- S SYN,ACK
		C --> S RST seq=101`
	for _, tt := range []struct {
		name, script string
		want         record.FlagsOnly
	}{
		{"a scan", scan, record.NoFlagsOnly},
		{"SYNs", "C --> S SYN\nC <-- S SYN,ACK", record.FlagsSyn},
		{"a FIN", scan + "\nD = 10.0.1.1:41000\nD --> S SYN\nD <-- S SYN,ACK\nD --> S FIN,ACK", record.FlagsSynFinRst},
		{"an RST beyond ISN+1", "C --> S SYN\nC <-- S SYN,ACK\nC --> S RST,ACK seq=600 ack=301", record.FlagsSynFinRst},
		{"an ACK at the end", strings.TrimSpace(threeCloses), record.NoFlagsOnly},
	} {
		for _, trackers := range []int{1, 2, 7} {
			if _, got := flagsOnly(tt.script, trackers, 0); got != tt.want {
				t.Errorf("%s, %d trackers: %q", tt.name, trackers, got)
			}
		}
	}
}
