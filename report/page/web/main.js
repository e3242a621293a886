// The page: what is wrong, the charts, the chosen connection, and the table. A filter and a span of time hold for all.

import { load } from './data.js'
import { count, span } from './time.js'
import { byId, command, copier, fill, h, plain, table } from './dom.js'
import { compile, findings, searchKeys, severities, worst } from './filter.js'
import { statesChart } from './states.js'
import { lanes } from './lanes.js'
import { histogram } from './histogram.js'
import { lists } from './lists.js'
import { connection } from './ladder.js'
import { connectionTable } from './table.js'
import { record } from './export.js'

// main shows what a file holds: its data and its ladders. Once the signal is given it listens no more.
export function main(packed, ladders, signal) {
  const data = load(packed, ladders)
  const { rows, words, facts } = data
  // view is what is looked at: the filter, the span of time, the connections that both leave, the chosen one, the
  // order.
  const view = { query: '', span: null, shown: [], chosen: -1, sort: 'findings' }

  header(data)
  matters(data, look)
  const states = statesChart(byId('states-chart'), data, view, (s) => {
    view.span = s
    changed(true)
  })
  const swim = lanes(byId('lanes-chart'), data, view, choose)
  const rowsTable = connectionTable(byId('table'), data, view, choose, () => changed(false))
  const search = byId('query')
  search.addEventListener('input', () => {
    view.query = search.value
    changed(true)
  })
  byId('search').addEventListener('submit', (e) => e.preventDefault())
  byId('clear').addEventListener('click', () => look(''))
  byId('export').addEventListener('click', () => download(data, view))
  byId('permalink').append(linker())
  byId('keys').textContent = searchKeys.join(', ')

  // look filters, and goes to the table.
  function look(query) {
    view.query = query
    search.value = query
    changed(true)
    byId('table').scrollIntoView({ block: 'start' })
    search.focus({ preventScroll: true })
  }

  function choose(i) {
    view.chosen = i
    changed(false)
    connection(byId('connection'), data, i)
    byId('ladder').scrollIntoView({ block: 'nearest' })
  }

  // apply finds the connections that the filter and the span leave.
  function apply() {
    let holds
    try {
      holds = compile(view.query, data)
      byId('wrong').textContent = ''
      search.removeAttribute('aria-invalid')
    } catch (e) {
      byId('wrong').textContent = e.message
      search.setAttribute('aria-invalid', 'true')
      return
    }
    const [a, b] = view.span || [-Infinity, Infinity]
    view.shown = []
    for (let i = 0; i < rows.length; i++) {
      if (rows.from[i] <= b && rows.until[i] >= a && holds(i)) view.shown.push(i)
    }
  }

  function changed(filtered) {
    if (filtered) {
      apply()
      rowsTable.first()
      chips(data, view, look)
      lists(byId('lists'), data, view, look)
      histograms(data, view)
      swim.reset()
      states.draw()
    } else {
      swim.draw()
    }
    rowsTable.draw()
    history.replaceState(null, '', hash(view, data))
  }

  function restore() {
    const given = new URLSearchParams(location.hash.slice(1))
    view.query = given.get('q') || ''
    view.sort = given.get('sort') || 'findings'
    const t = (given.get('t') || '').split('-').map(Number)
    view.span = t.length === 2 && t[0] <= t[1] ? t : null
    const id = Number(given.get('c') || 0)
    view.chosen = data.ids.has(id) ? data.ids.get(id) : -1
    search.value = view.query
    changed(true)
    if (view.chosen >= 0) connection(byId('connection'), data, view.chosen)
    else fill(byId('connection'), h('p', {}, 'Choose a connection in the swim-lanes or in the table.'))
  }
  addEventListener('hashchange', restore, { signal })
  let late = 0
  addEventListener(
    'resize',
    () => {
      cancelAnimationFrame(late)
      late = requestAnimationFrame(() => {
        states.draw()
        swim.draw()
      })
    },
    { signal },
  )
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => swim.draw(), { signal })
  restore()
  document.documentElement.dataset.ready = 'yes'
}

// hash is what a link to this view has behind the file's name.
function hash(view, data) {
  const parts = new URLSearchParams()
  if (view.query !== '') parts.set('q', view.query)
  if (view.span) parts.set('t', view.span.map(Math.round).join('-'))
  if (view.chosen >= 0) parts.set('c', data.rows.id[view.chosen])
  if (view.sort !== 'findings') parts.set('sort', view.sort)
  const text = parts.toString()
  return text === '' ? location.pathname + location.search : '#' + text
}

function linker() {
  return h(
    'button',
    {
      type: 'button',
      onclick: (e) => {
        const button = copier(location.href)
        e.target.replaceWith(button)
        button.focus()
        button.click()
        setTimeout(() => button.replaceWith(linker()), 1500)
      },
    },
    'copy a link to this view',
  )
}

// named is a list of names, in short if it is long.
function named(list) {
  const names = list.map(plain)
  return names.length <= 4
    ? names.join(', ')
    : `${count(names.length)}: ${names[0]}, ${names[1]}, … ${names[names.length - 1]}`
}

function header(data) {
  const { capture, facts } = data
  const total = facts.connections
  const items = [
    ['files', named(capture.files.length > 0 ? capture.files : capture.devices)],
    [
      'time',
      capture.first === null
        ? 'none'
        : `${capture.first} to ${capture.last}, ${span(data.since(capture.last) - data.since(capture.first))}`,
    ],
    ['packets', `${count(capture.packets)}, ${count(capture.bytes)} bytes`],
    ['connections', count(data.summary.connections)],
  ]
  if (facts.where !== '') items.push(['chosen', `${count(total)} by --where '${facts.where}'`])
  if (capture.filter !== null) items.push(['filter', capture.filter])
  if (facts.rows < total)
    items.push(['sample', `${count(facts.rows)} of ${count(total)} connections have a row here; sums count all`])
  if (facts.timed < facts.rows)
    items.push(['state times', `${count(facts.timed)} connections: those with findings and the first ones`])
  const drawn = facts.ladders.reduce((n, ids) => n + ids.length, 0)
  if (drawn > 0 && drawn < total)
    items.push(['ladders', `${count(drawn)} connections: the worst findings first, as far as there is room`])
  if (facts.cut)
    items.push(['times of rows', 'cut to microseconds: nanoseconds of so many connections have no room here'])
  fill(
    byId('facts'),
    items.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  )

  const lost = []
  const say = (n, text) => {
    if (n > 0) lost.push([text, n])
  }
  say(capture.dropped.kernel, 'packets dropped by the kernel while capturing')
  say(capture.dropped.interface, 'packets dropped by the interface while capturing')
  for (const [reason, n] of Object.entries(capture.undecoded)) say(n, `packets not decoded: ${reason}`)
  say(capture.bad_checksums, 'wrong checksums')
  say(capture.unfinished_checksums, 'checksums left to the network card')
  say(capture.untimed, 'packets without a time')
  say(capture.evicted, 'connections evicted to stay within limits')
  say(capture.after_eviction, 'segments of evicted connections that came later')
  say(capture.shed, 'failed attempts counted and not written')
  for (const d of capture.damage)
    lost.push([`${d.file} could not be read from there on: expected ${d.expected}; byte`, d.offset])
  if (capture.interrupted) lost.push(['reading was interrupted after packet', capture.packets])
  fill(
    byId('lost'),
    lost.length === 0
      ? h(
          'p',
          {},
          'The capture was read to its end; all of it could be decoded, and nothing was dropped as far as it says.',
        )
      : table('What the capture lost or could not be decoded', ['what', 'how many'], lost),
  )
  const decoded = Object.entries(capture.decoded)
    .map(([what, n]) => `${what} ${count(n)}`)
    .join(', ')
  byId('lost').append(h('p', { class: 'small' }, `Decoded: ${decoded || 'nothing'}.`))
}

function matters(data, look) {
  const list = data.facts.matters
  if (list.length === 0) {
    fill(
      byId('matters-list'),
      h('p', {}, `${count(data.facts.connections)} connections without an error or a warning.`),
    )
    return
  }
  const line = (m) =>
    h(
      'li',
      { class: m.severity },
      h('strong', {}, m.severity === 'info' ? 'note' : m.severity),
      ' ',
      m.text,
      ' ',
      m.filter === ''
        ? null
        : h('button', { type: 'button', class: 'link', onclick: () => look(m.filter) }, 'connections'),
      m.next === '' ? null : h('div', {}, command(m.next)),
    )
  const first = 12 // as the tables show
  fill(
    byId('matters-list'),
    h('ol', { class: 'matters' }, list.slice(0, first).map(line)),
    list.length <= first
      ? null
      : h(
          'details',
          {},
          h('summary', {}, `${count(list.length - first)} more`),
          h('ol', { class: 'matters', start: first + 1 }, list.slice(first).map(line)),
        ),
  )
}

// chips are filters with how many of the connections shown each would leave.
function chips(data, view, look) {
  const { rows, words } = data
  const counts = new Map()
  const add = (key) => counts.set(key, (counts.get(key) || 0) + 1)
  for (const i of view.shown) {
    const f = words.findings[rows.findings[i]]
    if (worst(f) !== '') add('severity:' + worst(f))
    for (const code of new Set(findings(f).map((x) => x.code))) add('finding:' + code)
    add('outcome:' + words.outcome[rows.outcome[i]])
    add('teardown:' + words.teardown[rows.teardown[i]])
  }
  const given = view.query.split(/\s+/).filter((w) => w !== '')
  const order = [...severities.map((s) => 'severity:' + s)]
  const rank = (k) =>
    order.includes(k) ? order.indexOf(k) - 100 : k.startsWith('finding:') ? 0 : k.startsWith('outcome:') ? 1 : 2
  const keys = [...counts.keys()].sort((a, b) => rank(a) - rank(b) || counts.get(b) - counts.get(a) || (a < b ? -1 : 1))
  fill(
    byId('chips'),
    h(
      'ul',
      { class: 'chips' },
      given.map((w) =>
        h(
          'li',
          {},
          h(
            'button',
            {
              type: 'button',
              class: 'chip given',
              'aria-label': `remove ${w}`,
              onclick: () => look(given.filter((x) => x !== w).join(' ')),
            },
            w,
            ' ✕',
          ),
        ),
      ),
      keys
        .filter((k) => !given.includes(k))
        .slice(0, 24)
        .map((k) =>
          h(
            'li',
            {},
            h(
              'button',
              { type: 'button', class: 'chip', onclick: () => look([...given, k].join(' ')) },
              k,
              h('span', { class: 'small' }, ` ${count(counts.get(k))}`),
            ),
          ),
        ),
    ),
  )
}

function histograms(data, view) {
  const { rows } = data
  const sample = data.facts.rows < data.facts.connections ? ' (of the sample)' : ''
  const values = (of) => view.shown.map(of)
  histogram(
    byId('histogram-rtt'),
    'Round trip of the handshake' + sample,
    values((i) => rows.serverRTT[i] + rows.clientRTT[i]),
    'have no round trip: the capture lacks a part of the handshake',
  )
  histogram(
    byId('histogram-duration'),
    'Duration' + sample,
    values((i) => rows.duration[i]),
    'have no duration',
  )
}

// download gives what the page holds of the connections shown, a JSON record a line, by the names of tcplife read -o
// jsonl.
function download(data, view) {
  const lines = view.shown.map((i) => JSON.stringify(record(data, i)) + '\n')
  const url = URL.createObjectURL(new Blob(lines, { type: 'application/jsonl' }))
  h('a', { href: url, download: 'tcplife.jsonl' }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60000)
}
