package comment_test

import (
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/report/comment"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

// notesOf records the connections of a capture.
func notesOf(t *testing.T, n *comment.Notes, file string) (connections []*record.Connection) {
	t.Helper()
	a := analyzer.New(analyzer.Options{}, func(c *record.Connection) {
		n.Add(c)
		connections = append(connections, c.Clone())
	})
	segments := reporttest.SegmentsOf(t, "../../testdata/pcaps/"+file)
	for i := range segments {
		a.Segment(&segments[i])
	}
	a.Close()
	n.Sort()
	return connections
}

// all returns the comments of the first packets, with a blank line between them.
func all(n *comment.Notes, packets uint64) string {
	var list []string
	for p := uint64(1); p <= packets; p++ {
		list = append(list, n.At(p)...)
	}
	return strings.Join(list, "\n\n") + "\n"
}

// A final ACK that is lost behind the capture: the state is entered, withdrawn and entered again.
func TestComments(t *testing.T) {
	var n comment.Notes
	notesOf(t, &n, "handshake-ack-lost.pcap")
	reporttest.Golden(t, "handshake-ack-lost.txt", all(&n, 20))
}

// A packet of two connections has a comment for each; every state, withdrawn state and finding with a packet is in one.
func TestEverythingIsCommented(t *testing.T) {
	for _, file := range []string{
		"port-reuse.pcap", "close-reset.pcap", "stale-syn.pcap", "half-open-syn.pcap", "time-wait-reuse.pcap",
	} {
		var n comment.Notes
		connections := notesOf(t, &n, file)
		text := all(&n, 1000)
		arrows, withdrawn, findings := 0, 0, 0
		for _, c := range connections {
			for _, e := range []*record.Endpoint{&c.Client, &c.Server} {
				for _, s := range e.States {
					if s.Packet != 0 {
						arrows++
					}
				}
				withdrawn += len(e.Withdrawn)
			}
			for _, f := range c.Findings {
				findings += len(f.Packets)
			}
		}
		for what, want := range map[string]int{
			"→ ": arrows, " withdrawn": withdrawn, "\nfinding ": findings, "\nhandshake ": len(connections),
		} {
			if got := strings.Count(text, what); got != want {
				t.Errorf("%s: %d times %q, want %d", file, got, what, want)
			}
		}
	}
}

// The detail of a finding can quote the payload.
func TestBareComments(t *testing.T) {
	n := comment.Notes{Bare: true, Community: func(*record.Connection) (id flows.CommunityID) { return id }}
	c := reporttest.Connections()[0].Clone()
	c.Findings = append(c.Findings[:0], record.Finding{
		Code: "reset_reason", Severity: record.Info, Packets: []uint64{c.ID}, Detail: "the reset says: secret",
	})
	n.Add(c)
	n.Sort()
	text := strings.Join(n.At(c.ID), "\n")
	if !strings.Contains(text, "\nfinding reset_reason (info)") || strings.Contains(text, "secret") {
		t.Errorf("%q", text)
	}
}

// Ours recognizes a comment of tcplife, and no other.
func TestOurs(t *testing.T) {
	var n comment.Notes
	notesOf(t, &n, "refused.pcap")
	if c := n.At(1); len(c) != 1 || !comment.Ours([]byte(c[0])) {
		t.Errorf("%q is not ours", c)
	}
	if comment.Ours([]byte("tcplife is nice")) {
		t.Error("another's is ours")
	}
}
