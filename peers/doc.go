// Package peers computes what other tools report about a connection: Zeek's conn_state and history, tshark's
// completeness.
package peers
