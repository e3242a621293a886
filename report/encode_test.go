package report

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/randfill"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/reporttest"
	"pgregory.net/rapid"
)

// reference is the connection by encoding/json. Only the layers are converted first, because flows.Layer has HasID
// instead of null.
func reference(t interface{ Fatal(...any) }, c *record.Connection) string {
	type layer struct {
		Kind string  `json:"kind"`
		ID   *uint32 `json:"id"`
	}
	layers := []layer{}
	for _, l := range c.Encapsulation {
		layers = append(layers, layer{Kind: l.Kind})
		if l.HasID {
			layers[len(layers)-1].ID = &l.ID
		}
	}
	bare := *c
	bare.Encapsulation = []flows.Layer{}
	record, err := encode.AppendRecord(nil, &bare)
	if err != nil {
		t.Fatal(err)
	}
	encapsulation, err := encode.AppendRecord(nil, layers)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(record), `"encapsulation":[]`, `"encapsulation":`+string(encapsulation), 1)
}

func TestEncoderAgreesWithEncodingJSON(t *testing.T) {
	var e encode.Encoder // one for all, because it remembers
	rapid.Check(t, func(t *rapid.T) {
		c := connections.Draw(t, "connection")
		got := string(e.AppendConnection(nil, c))
		if diff := cmp.Diff(reference(t, c), got); diff != "" {
			t.Fatal(diff)
		}
	})
	for _, c := range reporttest.Connections() {
		if diff := cmp.Diff(reference(t, c), string(e.AppendConnection(nil, c))); diff != "" {
			t.Errorf("connection %d: %s", c.ID, diff)
		}
	}
}

func TestTimeWaitsAgreeWithEncodingJSON(t *testing.T) {
	var e encode.Encoder
	rapid.Check(t, func(t *rapid.T) {
		h := holdings.Draw(t, "holding")
		want, err := encode.AppendRecord(nil, h)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(e.AppendTimeWaitHolding(nil, h))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The generated encoders of the other records write what encoding/json writes.
func TestEveryRecordAgreesWithEncodingJSON(t *testing.T) {
	agrees[record.Listener](t, (*encode.Encoder).AppendListener)
	agrees[record.SynFlood](t, (*encode.Encoder).AppendSynFlood)
	agrees[record.Scan](t, (*encode.Encoder).AppendScan)
	agrees[record.Backscatter](t, (*encode.Encoder).AppendBackscatter)
	agrees[record.PopulationSeries](t, (*encode.Encoder).AppendPopulationSeries)
	agrees[record.Summary](t, (*encode.Encoder).AppendSummary)
	agrees[record.Snapshot](t, (*encode.Encoder).AppendSnapshot)
}

func agrees[T any](t *testing.T, appendTo func(*encode.Encoder, []byte, *T) []byte) {
	var e encode.Encoder
	for seed := range uint64(200) {
		var v T
		randfill.Fill(rand.New(rand.NewPCG(seed, 8259)), &v, reflect.TypeFor[record.Side](),
			reflect.TypeFor[tcpstate.State](), reflect.TypeFor[netip.Addr]())
		want, err := encode.AppendRecord(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(appendTo(&e, nil, &v))); diff != "" {
			t.Fatalf("%T: %s", v, diff)
		}
	}
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\b\f\n\r\t\x00\x1f\x7f", "<&>", "\u2028\u2029", "\xff\xe2\x80",
		"\ufffd", "日本\U0001f600"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := encode.AppendRecord(nil, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := encode.AppendString(nil, s); string(got) != string(want) {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	})
}

func TestListsAreNeverNull(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(new(encode.Encoder).AppendConnection(nil,
		&record.Connection{Findings: []record.Finding{{}}}), &got); err != nil {
		t.Fatal(err)
	}
	client := got["client"].(map[string]any)
	finding := got["findings"].([]any)[0].(map[string]any)
	for name, list := range map[string]any{
		"encapsulation": got["encapsulation"], "time_wait": got["time_wait"], "client.states": client["states"],
		"packets": finding["packets"],
	} {
		if _, ok := list.([]any); !ok {
			t.Errorf("%s is %v", name, list)
		}
	}
}

func TestEncoderDoesNotAllocate(t *testing.T) {
	sample := reporttest.Connections()
	j := NewJSONL(io.Discard)
	all := func() {
		for _, c := range sample {
			if err := j.Connection(c); err != nil {
				t.Fatal(err)
			}
		}
	}
	all() // the buffer grows
	if n := testing.AllocsPerRun(10, all); n != 0 {
		t.Errorf("%v allocations for %d records", n, len(sample))
	}
}

func BenchmarkJSONL(b *testing.B) {
	benchmarkWriter(b, func(w io.Writer) writer { return NewJSONL(w) })
}

func BenchmarkEncodingJSON(b *testing.B) {
	c := reporttest.Connections()[2]
	b.ReportAllocs()
	for b.Loop() {
		encoder := json.NewEncoder(io.Discard)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(c); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkWriter writes the ordinary connection of the sample repeatedly.
func benchmarkWriter(b *testing.B, open func(io.Writer) writer) {
	c := reporttest.Connections()[2]
	w := open(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		c.ID++
		if err := w.Connection(c); err != nil {
			b.Fatal(err)
		}
	}
}
