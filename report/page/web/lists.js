// What only many connections show: listeners, floods, scans, what came back from floods elsewhere, TIME_WAIT.

import { count, span } from './time.js'
import { h, fill, table } from './dom.js'
import { socket } from './states.js'

// percent is 100% only of the whole, and 0% only of nothing.
const percent = (share) => {
  if (share > 0 && share < 0.001) return '<0.1%'
  if (share < 1 && share > 0.999) return '>99.9%'
  return (100 * share).toFixed(share === 0 || share === 1 ? 0 : 1) + '%'
}
const time = (text) => (text === null ? '–' : text.slice(0, 23).replace('T', ' '))
const length = (s) => (s === null ? '–' : span(s * 1e9))

// spans are the members of a record that say from when until when it is about.
const spans = {
  listener: ['first', 'last'],
  syn_flood: ['onset', 'end'],
  scan: ['start', 'end'],
  backscatter: ['start', 'end'],
}

// lists writes into the element what falls into view.span. look(query) shows the connections that a row is about.
export function lists(element, data, view, look) {
  const link = (query) => h('button', { type: 'button', class: 'link', onclick: () => look(query) }, 'connections')
  const server = (ip, port) => `server:${ip}` + (port === null ? '' : ` port:${port}`)
  const parts = []
  const add = (kind, title, heads, row, note) => {
    const all = data.of(kind)
    if (all.length === 0) return
    const list =
      view.span && spans[kind]
        ? all.filter((r) => {
            const [a, b] = spans[kind].map((name) => data.since(r[name]))
            return a <= view.span[1] && b >= view.span[0]
          })
        : all
    const how =
      list.length === all.length
        ? count(all.length)
        : `${count(list.length)} of ${count(all.length)} in the chosen span`
    const rows = list.map(row)
    const first = 12
    parts.push(
      h(
        'div',
        { class: 'list', id: 'list-' + kind },
        table(`${title}: ${how}`, heads, rows.slice(0, first)),
        rows.length <= first
          ? null
          : h(
              'details',
              {},
              h('summary', {}, `${count(rows.length - first)} more`),
              table(`${title}, from ${first + 1} on`, heads, rows.slice(first)),
            ),
        note ? h('details', {}, h('summary', {}, 'evidence'), note(list)) : null,
      ),
    )
  }
  add(
    'listener',
    'Listeners, the fullest backlog first (times in UTC)',
    [
      'listener',
      'attempts',
      'completed',
      'refused',
      'unanswered',
      'abandoned',
      'ignored SYNs',
      'SYN_RCVD at once',
      'reached at',
      'backlog needed',
      'handshake, median',
      'handshake, p99',
      'SYN cookies since',
      'show',
    ],
    (l) => [
      socket(l.ip, l.port),
      l.attempts,
      l.completed,
      l.refused,
      l.unanswered,
      l.abandoned,
      l.ignored_syns,
      l.embryonic_peak,
      time(l.embryonic_peak_at),
      l.backlog_needed,
      length(l.handshake_s.p50),
      length(l.handshake_s.p99),
      l.syn_cookies ? time(l.syn_cookies.since) : '–',
      link(server(l.ip, l.port)),
    ],
  )
  add(
    'syn_flood',
    'SYN floods and crowds',
    [
      'target',
      'verdict',
      'onset (UTC)',
      'end (UTC)',
      'SYNs',
      'SYNs a second at the peak',
      'on average',
      'unresolved at once',
      'completed',
      'sources',
      'marks',
      'show',
    ],
    (f) => [
      socket(f.target.ip, f.target.port),
      f.verdict,
      time(f.onset),
      time(f.end),
      f.syns,
      f.peak_rate,
      f.mean_rate,
      f.unresolved_peak,
      percent(f.completion_ratio),
      f.sources,
      f.marks.join(', ') || '–',
      link(server(f.target.ip, f.target.port)),
    ],
    (list) => list.map((f) => evidence(socket(f.target.ip, f.target.port), f.evidence)),
  )
  add(
    'scan',
    'Scans',
    [
      'source',
      'kind',
      'direction',
      'start (UTC)',
      'end (UTC)',
      'probes',
      'addresses',
      'ports',
      'open',
      'closed',
      'filtered',
      'show',
    ],
    (s) => [
      s.source,
      s.kind,
      s.direction,
      time(s.start),
      time(s.end),
      s.probes,
      s.targets,
      s.ports,
      s.found.open,
      s.found.closed,
      s.found.filtered,
      link('client:' + s.source),
    ],
    (list) => list.map((s) => evidence(`${s.source}, ${s.kind}`, s.evidence)),
  )
  add(
    'backscatter',
    'What comes back from floods elsewhere',
    ['victim', 'kind', 'start (UTC)', 'end (UTC)', 'peers', 'segments', 'show'],
    (b) => [b.victim, b.kind, time(b.start), time(b.end), b.peers, b.segments, link('host:' + b.victim)],
  )
  add(
    'time_wait',
    'TIME_WAIT by client and server, of the whole capture',
    [
      'client',
      'server',
      'client entered',
      'holds',
      'at once',
      'server entered',
      'holds',
      'at once',
      '2MSL',
      'ports locked',
      'of',
      'locked a second',
      'show',
    ],
    (t) => [
      t.client.ip,
      socket(t.server.ip, t.server.port),
      t.client.entered,
      t.client.held,
      t.client.held_peak,
      t.server.entered,
      t.server.held,
      t.server.held_peak,
      length(t.two_msl_s),
      t.ports.locked,
      t.ports.high - t.ports.low + 1,
      t.ports.rate === null ? '–' : t.ports.rate,
      link(`client:${t.client.ip} ${server(t.server.ip, t.server.port)}`),
    ],
  )
  const out = data.summary.left_out
  const { more } = data.facts
  const left = [
    [out.listeners + (more.listener || 0), 'listeners'],
    [out.time_wait + (more.time_wait || 0), 'pairs of TIME_WAIT'],
    [more.syn_flood, 'floods'],
    [more.scan, 'scans'],
    [more.backscatter, 'victims elsewhere'],
  ].filter(([n]) => n > 0)
  if (left.length > 0)
    parts.push(h('p', { class: 'small' }, 'Left out: ', left.map(([n, what]) => `${count(n)} ${what}`).join(', ')))
  fill(
    element,
    parts.length > 0 ? parts : h('p', {}, 'No listener answered, and there was no flood, no scan and no TIME_WAIT.'),
  )
}

function evidence(what, sentences) {
  return h(
    'div',
    {},
    h('h3', {}, what),
    h(
      'ul',
      {},
      sentences.map((s) => h('li', {}, s)),
    ),
  )
}
