// Package peers says what other tools would say of a connection: Zeek's conn_state and history, tshark's completeness.
package peers
