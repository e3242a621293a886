// The table of connections: a page of rows at a time, sorted by any column.

import { count, iso, moment, span } from './time.js'
import { h, fill } from './dom.js'
import { findings, severities, worst } from './filter.js'
import { socket } from './states.js'

const perPage = 50

// tableColumns are what the table shows: the name, what sorts, and what is written.
function tableColumns(data) {
  const { rows, words } = data
  const w = (name, i) => words[name][rows[name][i]]
  const rank = Uint8Array.from(words.findings, (f) =>
    worst(f) === '' ? severities.length : severities.indexOf(worst(f)),
  )
  const day = (at) => moment(data.base, at).slice(0, 10)
  const oneDay = day(0) === day(data.end)
  const n = (name, title, of, show = count) => ({ name, title, of, show: (i) => show(of(i)), number: true })
  const s = (name, title, of) => ({ name, title, of, show: of })
  return [
    n('id', 'ID', (i) => rows.id[i]),
    {
      name: 'start',
      title: oneDay ? `start (UTC, ${day(0)})` : 'start (UTC)',
      of: (i) => rows.from[i],
      show: (i) =>
        iso(rows.start[i])
          .slice(oneDay ? 11 : 0, 26)
          .replace('T', ' '),
    },
    s('client', 'client', (i) => socket(w('client', i), rows.clientPort[i])),
    s('server', 'server', (i) => socket(w('server', i), rows.serverPort[i])),
    s('outcome', 'handshake', (i) => w('outcome', i)),
    s('teardown', 'teardown', (i) => w('teardown', i)),
    s('states', 'states at the end', (i) => `${w('clientState', i) || '–'} : ${w('serverState', i) || '–'}`),
    n('duration', 'duration', (i) => rows.duration[i], span),
    n('rtt', 'RTT', (i) => rows.serverRTT[i] + rows.clientRTT[i], span),
    n('packets', 'packets', (i) => rows.clientPackets[i] + rows.serverPackets[i]),
    n('bytes', 'bytes', (i) => rows.clientBytes[i] + rows.serverBytes[i]),
    n('again', 'sent again', (i) => rows.clientAgain[i] + rows.serverAgain[i]),
    {
      name: 'findings',
      title: 'findings',
      of: (i) => rank[rows.findings[i]],
      show: (i) => findings(w('findings', i)).map((f) => h('span', { class: f.severity }, f.code, ' ')),
    },
  ]
}

// sorted sorts rows by a column; those without a value come last.
export function sorted(shown, of, descending) {
  const sign = descending ? -1 : 1
  return shown.slice().sort((a, b) => {
    const [x, y] = [of(a), of(b)]
    const [xNone, yNone] = [Number.isNaN(x), Number.isNaN(y)]
    if (xNone || yNone) return xNone && yNone ? a - b : xNone ? 1 : -1
    return x < y ? -sign : x > y ? sign : a - b
  })
}

// connectionTable draws into the element; view.sort is a column's name, with - before it for the largest first.
export function connectionTable(element, data, view, choose, changed) {
  const columns = tableColumns(data)
  let page = 0

  function draw() {
    const descending = view.sort.startsWith('-')
    const by = columns.find((c) => c.name === view.sort.replace('-', '')) || columns[0]
    const order = sorted(view.shown, by.of, descending)
    const pages = Math.max(1, Math.ceil(order.length / perPage))
    page = Math.min(page, pages - 1)
    const head = h(
      'tr',
      {},
      columns.map((c) =>
        h(
          'th',
          {
            scope: 'col',
            'aria-sort': c === by ? (descending ? 'descending' : 'ascending') : null,
          },
          h(
            'button',
            {
              type: 'button',
              class: 'sort',
              onclick: () => {
                view.sort = c === by && !descending ? '-' + c.name : c.name
                page = 0
                changed()
              },
            },
            c.title,
            c === by ? (descending ? ' ▼' : ' ▲') : '',
          ),
        ),
      ),
    )
    const body = order.slice(page * perPage, (page + 1) * perPage).map((i) =>
      h(
        'tr',
        {
          class: i === view.chosen ? 'chosen' : null,
          'data-id': data.rows.id[i],
        },
        columns.map((c) =>
          h(
            'td',
            { class: c.number ? 'number' : null },
            c.name === 'id'
              ? h(
                  'button',
                  {
                    type: 'button',
                    class: 'link',
                    'aria-pressed': String(i === view.chosen),
                    onclick: () => choose(i),
                    'aria-label': `connection ${data.rows.id[i]}`,
                  },
                  c.show(i),
                )
              : c.show(i),
          ),
        ),
      ),
    )
    const to = (n, text, label) =>
      h(
        'button',
        {
          type: 'button',
          'aria-label': label,
          disabled: n < 0 || n >= pages,
          onclick: () => {
            page = n
            draw()
          },
        },
        text,
      )
    fill(
      element,
      h(
        'div',
        { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Table of connections' },
        h(
          'table',
          { id: 'connections' },
          h('caption', {}, `${count(order.length)} of ${count(data.rows.length)} connections`),
          h('thead', {}, head),
          h('tbody', {}, body),
        ),
      ),
      h(
        'p',
        { class: 'tools' },
        to(0, 'first', 'first page'),
        to(page - 1, '←', 'page before'),
        ` page ${count(page + 1)} of ${count(pages)} `,
        to(page + 1, '→', 'next page'),
        to(pages - 1, 'last', 'last page'),
      ),
    )
  }

  return {
    draw,
    first() {
      page = 0
    },
  }
}
