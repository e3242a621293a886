// What the page holds of a connection, by the names of tcplife read -o jsonl.

import { iso, moment, seconds } from './time.js'
import { findings } from './filter.js'

export function record(data, i) {
  const { rows, words } = data
  const w = (name) => words[name][rows[name][i]] || null
  const side = (name, port, life) => ({
    ip: w(name),
    port,
    packets: rows[name + 'Packets'][i],
    bytes: rows[name + 'Bytes'][i],
    retransmitted_packets: rows[name + 'Again'][i],
    state: w(name + 'State'),
    ...(life
      ? {
          states: life[name].map((s) => ({
            state: s.state,
            at: moment(rows.start[i], s.after),
            packet: s.packet,
            evidence: s.inferred ? 'inferred' : 'seen',
          })),
        }
      : {}),
  })
  const life = data.life(i)
  return {
    record: 'connection',
    id: rows.id[i],
    previous_id: rows.previous[i] ? rows.id[i] - rows.previous[i] : null,
    start: iso(rows.start[i]),
    duration_s: seconds(rows.duration[i]),
    ended_by: w('endedBy'),
    client: side('client', rows.clientPort[i], life),
    server: side('server', rows.serverPort[i], life),
    handshake: {
      outcome: w('outcome'),
      server_rtt_s: seconds(rows.serverRTT[i]),
      client_rtt_s: seconds(rows.clientRTT[i]),
    },
    teardown: { kind: w('teardown'), initiator: w('initiator') },
    findings: findings(words.findings[rows.findings[i]]).map((f) => ({
      code: f.code,
      severity: f.severity,
      side: f.side || null,
    })),
  }
}
