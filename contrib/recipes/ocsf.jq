# Connections as events of the Open Cybersecurity Schema Framework, 1.3: class Network Activity (4001).
#
#   tcplife read web.pcap -o jsonl | jq -c -f ocsf.jq
#
# What OCSF has no attribute for is under unmapped. Times are milliseconds, as timestamp_t is.

def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:23] | tonumber);
def failures: ["unreachable", "challenged", "unanswered", "embryonic", "aborted"];
def worst: [.findings[].severity] | if index("error") then [4, "High"] elif index("warning") then [3, "Medium"] else [1, "Informational"] end;

select(.record == "connection")
| .handshake.outcome as $outcome
| (if $outcome == "refused" then [5, "Refuse"]
   elif .teardown.kind == "reset" then [3, "Reset"]
   elif failures | index([$outcome]) then [4, "Fail"]
   elif .teardown.kind | IN("four_way", "three_segment", "simultaneous") then [2, "Close"]
   else [6, "Traffic"] end) as $activity
| worst as $severity
| {
    category_uid: 4, category_name: "Network Activity", class_uid: 4001, class_name: "Network Activity",
    activity_id: $activity[0], activity_name: $activity[1], type_uid: (400100 + $activity[0]), type_name: "Network Activity: \($activity[1])",
    severity_id: $severity[0], severity: $severity[1],
    status_id: (if $activity[0] | IN(4, 5) then 2 else 1 end), status: (if $activity[0] | IN(4, 5) then "Failure" else "Success" end),
    status_detail: $outcome,
    time: (.start | ms), start_time: (.start | ms), end_time: (.end | ms), duration: (.duration_s * 1000 | round),
    metadata: {version: "1.3.0", product: {name: "tcplife", vendor_name: "tcplife"}, log_name: "connection", uid: "\(.id)"},
    src_endpoint: {ip: .client.ip, port: .client.port}, dst_endpoint: {ip: .server.ip, port: .server.port},
    connection_info: {
      protocol_name: "tcp", protocol_num: 6, protocol_ver_id: (if .client.ip | contains(":") then 6 else 4 end),
      direction_id: 0, direction: "Unknown", community_uid: .community_id
    },
    traffic: {
      bytes_out: .client.ip_bytes, bytes_in: .server.ip_bytes, bytes: (.client.ip_bytes + .server.ip_bytes),
      packets_out: .client.packets, packets_in: .server.packets, packets: (.client.packets + .server.packets)
    },
    unmapped: {
      teardown: .teardown.kind, initiator: .teardown.initiator, reset_by: .teardown.reset.by, ended_by: .ended_by,
      client_state: .client.state, server_state: .server.state, server_rtt_s: .handshake.server_rtt_s,
      findings: ([.findings[].code] | unique)
    }
  }
