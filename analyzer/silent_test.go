package analyzer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/analyzer/record"
)

// An application is silent if its TCP acknowledges a request that it does not answer, though it answered others soon.
func TestApplicationSilent(t *testing.T) {
	const exchange = "+50ms C --> S PSH,ACK len=200\n+10ms C <-- S ACK\n+80ms C <-- S PSH,ACK len=900\n+10ms C --> S " +
		"ACK\n"
	const ask = "+1s C --> S PSH,ACK len=200\n+10ms C <-- S ACK\n"
	const probed = "+20s C --> S ACK seq=-1\n+10ms C <-- S ACK\n+20s C --> S ACK seq=-1\n+10ms C <-- S ACK\n"
	const later = "D = 10.0.0.9:1\n+40s D --> S SYN\n"
	used := agreed + strings.Repeat(exchange, 3)
	for name, c := range map[string]struct {
		script string
		want   string // of the finding's detail, empty for none
	}{
		"answered by nothing but ACKs": {used + ask + probed,
			"40.03 s, where answers took 0.09 s at most; packet"},
		"and the client gives up": {used + ask + "+45s C --> S FIN,ACK\n+10ms C <-- S ACK\n", "45.01 s"},
		"and the client resets":   {used + ask + "+45s C --> S RST,ACK\n", "45.01 s"},
		"the capture goes on":     {used + ask + later, "40.01 s"},
		"and asks again":          {used + ask + ask + later, "2 times"},
		"in time":                 {used + ask + "+29s C <-- S PSH,ACK len=900\n", ""},
		"late":                    {used + ask + "+59s C <-- S PSH,ACK len=900\n", ""},
		"the server closes":       {used + ask + "+45s C <-- S FIN,ACK\n+10ms C --> S ACK\n", ""},
		"the server resets":       {used + ask + "+45s C <-- S RST,ACK\n", ""},
		"the request is not received": {used +
			"+1s C --x S PSH,ACK len=200\n+210ms C --x S again\n+420ms C --x S again\n" + later, ""},
		"keepalives are not answered": {used + ask + strings.Repeat("+10s C --x S ACK seq=-1\n", 4), ""},
		"nobody asks":                 {used + probed + later, ""},
		"nobody ever answers": {agreed +
			strings.Repeat("+5s C --> S PSH,ACK len=200\n+10ms C <-- S ACK\n", 9) + later, ""},
		"the first request":                   {agreed + later + later, "80.01 s"},
		"the first request, soon closed":      {agreed + "+59s C --> S FIN,ACK\n+10ms C <-- S ACK\n", ""},
		"the other direction is not captured": {strings.ReplaceAll(used+ask+later, "<--", "<~~"), ""},
	} {
		found := slices.DeleteFunc(tracked(c.script, 1)[0].Findings, func(f record.Finding) bool {
			return f.Code != "application_silent"
		})
		if len(found) != 1 {
			if c.want != "" || len(found) > 0 {
				t.Errorf("%s: %+v, want %q", name, found, c.want)
			}
			continue
		}
		if c.want == "" || !strings.Contains(found[0].Detail, c.want) || found[0].Side != record.Server {
			t.Errorf("%s: %+v, want %q", name, found[0], c.want)
		}
	}
}
