package ladder

import (
	"slices"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/reporttest"
)

func TestLadderChoice(t *testing.T) {
	conn := func(id uint64, outcome record.Outcome, teardown record.TeardownKind,
		findings ...record.Finding) *record.Connection {
		return &record.Connection{
			ID: id, Handshake: record.Handshake{Outcome: outcome}, Teardown: record.Teardown{Kind: teardown},
			Findings: findings,
		}
	}
	refused := record.Finding{Code: "refused", Severity: record.Warning}
	halfOpen := record.Finding{Code: "half_open", Severity: record.Error}
	zeroWindow := record.Finding{Code: "zero_window", Severity: record.Info}
	all := []*record.Connection{
		conn(9, record.OutcomeComplete, record.TeardownFourWay),
		conn(3, record.OutcomeRefused, record.TeardownNone, refused),
		conn(8, record.OutcomeComplete, record.TeardownFourWay, zeroWindow),
		conn(1, record.OutcomeRefused, record.TeardownNone, refused),
		conn(5, record.OutcomeUnseen, record.TeardownNone),
		conn(7, record.OutcomeComplete, record.TeardownReset, halfOpen, zeroWindow),
		conn(4, record.OutcomeRefused, record.TeardownNone, refused),
		conn(6, record.OutcomeSimultaneous, record.TeardownSimultaneous),
		conn(2, record.OutcomeComplete, record.TeardownFourWay),
	}
	for _, c := range []struct {
		top   int
		ids   []uint64
		alike []uint64
	}{
		{1, []uint64{7}, []uint64{0}},
		{3, []uint64{7, 1, 6}, []uint64{0, 2, 0}},
		{9, []uint64{7, 1, 6, 8, 2, 5}, []uint64{0, 2, 0, 0, 1, 0}},
	} {
		choice := NewChoice(c.top)
		for _, conn := range all {
			choice.Offer(conn)
		}
		var ids, alike []uint64
		for _, chosen := range choice.Chosen() {
			ids, alike = append(ids, chosen.Connection.ID), append(alike, chosen.Alike)
		}
		if !slices.Equal(ids, c.ids) || !slices.Equal(alike, c.alike) || choice.Offered != uint64(len(all)) {
			t.Errorf("top %d: %v of %d alike %v, want %v, %v", c.top, ids, choice.Offered, alike, c.ids, c.alike)
		}
	}
}

// The tracker reuses the offered record for the next connection.
func TestLadderChoiceKeepsCopies(t *testing.T) {
	all := reporttest.Connections()
	c := all[slices.IndexFunc(all, func(c *record.Connection) bool {
		return len(c.Findings) > 0 &&
			len(c.Client.States) > 0
	})]
	choice := NewChoice(1)
	choice.Offer(c)
	want := string(new(encode.Encoder).AppendConnection(nil, c))
	c.ID = 0
	c.Findings[0].Code = "other"
	c.Client.States[0].Packet = 4711
	if got := string(new(encode.Encoder).AppendConnection(nil, choice.Chosen()[0].Connection)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
