package main

import (
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	events := `
		{"Action":"run","Package":"p","Test":"TestA"}
		{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
		{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: something\n"}
		{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no tmux\n"}
		{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
		{"Action":"skip","Package":"p","Test":"TestA"}
		{"Action":"pass","Package":"p","Test":"TestB"}
		{"Action":"output","Package":"q","Test":"TestS/x","Output":"        > ! stdout .\n"}
		{"Action":"output","Package":"q","Test":"TestS/x","Output":"        > [!exec:jq] skip 'no jq: it is not tested'\n"}
		{"Action":"output","Package":"q","Test":"TestS/x","Output":"        \n"}
		{"Action":"skip","Package":"q","Test":"TestS/x"}
		{"Action":"output","Package":"q","Test":"TestS/y","Output":"        > [!exec:jq] skip 'no jq: it is not tested'\n"}
		{"Action":"skip","Package":"q","Test":"TestS/y"}
		{"Action":"skip","Package":"without tests"}`
	want := `
3 tests were skipped
   2  no jq: it is not tested
        q TestS/x
        q TestS/y
   1  no tmux
        p TestA
`
	var out strings.Builder
	if n, err := list(&out, strings.NewReader(events)); n != 3 || err != nil || out.String() != want {
		t.Errorf("%d, %v:\n%s\nwant\n%s", n, err, &out, want)
	}
	if _, err := list(&out, strings.NewReader("{")); err == nil {
		t.Error("no error for half an event")
	}
}
