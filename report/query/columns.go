package query

import (
	"strings"

	"github.com/tcplife/tcplife/report/internal/text"
)

// columns maps the names of a table's columns to expressions over the fields. Some columns have the name of a field,
// such as client. An expression that compares such a name with a text or a number means the column.
var columns = map[string]string{
	"outcome":        `handshake.outcome`,
	"teardown":       `teardown.kind`,
	"fate":           `teardown.kind != "none" ? teardown.kind : handshake.outcome`,
	"initiator":      `teardown.initiator`,
	"states":         `(client.state ?? "-") + ":" + (server.state ?? "-")`,
	"duration":       `duration_s`,
	"rtt":            `handshake.server_rtt_s + handshake.client_rtt_s`,
	"server_rtt":     `handshake.server_rtt_s`,
	"client_rtt":     `handshake.client_rtt_s`,
	"client_bytes":   `client.bytes`,
	"server_bytes":   `server.bytes`,
	"client_packets": `client.packets`,
	"server_packets": `server.packets`,
	"retransmitted":  `client.retransmitted_packets + server.retransmitted_packets`,
	"role":           `role_evidence`,
	"zeek":           `zeek.conn_state`,
	"tshark":         `tshark.completeness`,
	// Endpoints as text, and the words of lists.
	"client":        `client`,
	"server":        `server`,
	"findings":      `map(findings, .code)`,
	"encapsulation": `map(encapsulation, .kind)`,
}

// headed returns the column that a table calls by another name in its header: LASTED is duration.
func headed(name string) string {
	for _, c := range text.ConnectionColumns {
		if strings.EqualFold(strings.ReplaceAll(c.Header.Full, " ", "_"), name) && columns[c.Name] != "" {
			return c.Name
		}
	}
	return ""
}
