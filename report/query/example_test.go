package query_test

import (
	"fmt"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/query"
)

func ExampleMap() {
	m := query.Map(&record.Connection{
		Server:    record.Endpoint{Port: 81},
		Handshake: record.Handshake{Outcome: record.OutcomeRefused},
	})
	fmt.Println(m["handshake"].(map[string]any)["outcome"], m["server"].(map[string]any)["port"], m["half_open"])
	// Output: refused 81 <nil>
}
