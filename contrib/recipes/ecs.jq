# Connections as documents of the Elastic Common Schema, 8.11.
#
#   tcplife read web.pcap -o jsonl | jq -c -f ecs.jq
#
# What ECS has no field for is under tcplife. Bytes are those of IP packets, as Elastic has them of Zeek and NetFlow.

def failures: ["refused", "unreachable", "challenged", "unanswered", "embryonic", "aborted"];
def side($side): {ip: $side.ip, port: $side.port, address: $side.ip, bytes: $side.ip_bytes, packets: $side.packets};

select(.record == "connection")
| .handshake.outcome as $outcome
| {
    "@timestamp": .start,
    ecs: {version: "8.11.0"},
    event: {
      kind: "event", module: "tcplife", dataset: "tcplife.connection", category: ["network"],
      type: (["connection"] + (if $outcome == "refused" then ["denied"] else [] end) + (if .ended_by == "open" then [] else ["end"] end)),
      action: (if .teardown.kind == "none" then $outcome else .teardown.kind end),
      outcome: (if failures | index([$outcome]) then "failure" elif $outcome == "stray" then "unknown" else "success" end),
      start: .start, end: .end, duration: (.duration_s * 1e9 | round)
    },
    network: ({
      transport: "tcp", type: (if .client.ip | contains(":") then "ipv6" else "ipv4" end), community_id: .community_id,
      bytes: (.client.ip_bytes + .server.ip_bytes), packets: (.client.packets + .server.packets)
    } + ([.encapsulation[] | select(.kind == "vlan") | {vlan: {id: "\(.id)"}}] | first // {})),
    source: side(.client), destination: side(.server), client: side(.client), server: side(.server),
    tcplife: {
      outcome: $outcome, teardown: .teardown.kind, initiator: .teardown.initiator, reset: .teardown.reset, ended_by: .ended_by,
      client: {state: .client.state, payload_bytes: .client.bytes, retransmitted_packets: .client.retransmitted_packets},
      server: {state: .server.state, payload_bytes: .server.bytes, retransmitted_packets: .server.retransmitted_packets},
      server_rtt_s: .handshake.server_rtt_s, client_rtt_s: .handshake.client_rtt_s,
      findings: ([.findings[].code] | unique), severity: ([.findings[].severity] | unique),
      zeek: {conn_state: .zeek.conn_state, history: .zeek.history}
    }
  }
