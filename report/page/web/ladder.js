// The chosen connection: what is known of it, its ladder, and the commands that tell more.

import { count, iso, moment, span } from './time.js'
import { h, fill, table, command } from './dom.js'
import { findings } from './filter.js'
import { socket } from './states.js'

// connection writes into the element what is known of row i.
export function connection(element, data, i) {
  const { rows, words, facts } = data
  const w = (name) => words[name][rows[name][i]]
  const id = rows.id[i]
  const items = [
    ['client', socket(w('client'), rows.clientPort[i])],
    ['server', socket(w('server'), data.rows.serverPort[i])],
    ['begins', iso(rows.start[i]) + ' UTC'],
    ['lasts', span(rows.duration[i])],
    ['handshake', w('outcome')],
    ['teardown', w('teardown') + (w('initiator') ? ` by the ${w('initiator')}` : '')],
    ['reset by', w('resetBy')],
    ['record ended by', w('endedBy')],
    ['client at the end', w('clientState') || 'unknown'],
    ['server at the end', w('serverState') || 'unknown'],
    ['server RTT', span(rows.serverRTT[i])],
    ['client RTT', span(rows.clientRTT[i])],
    ['packets', `${count(rows.clientPackets[i])} of the client, ${count(rows.serverPackets[i])} of the server`],
    ['bytes', `${count(rows.clientBytes[i])} of the client, ${count(rows.serverBytes[i])} of the server`],
    ['sent again', `${count(rows.clientAgain[i])} of the client, ${count(rows.serverAgain[i])} of the server`],
    ['inside', w('encapsulation')],
    ['before on these ports', rows.previous[i] ? `connection ${id - rows.previous[i]}` : ''],
  ].filter(([, value]) => value !== '')
  const found = findings(w('findings')).map((f) => {
    const kind = facts.findings[f.code]
    return h(
      'li',
      { class: f.severity },
      h('strong', {}, `${f.severity} ${f.code}`),
      f.side ? ` (${f.side})` : '',
      `: ${kind.meaning} `,
      h('span', { class: 'small' }, `(${kind.source})`),
      h('br'),
      '→ ',
      kind.advice,
    )
  })
  const svg = data.ladder(id)
  const life = data.life(i)
  const parts = [
    h('h3', {}, `Connection ${id}`),
    h(
      'dl',
      { class: 'facts' },
      items.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    ),
    found.length > 0 ? h('ul', { class: 'findings' }, found) : null,
    facts.explain === '' ? null : h('p', {}, command(facts.explain + id)),
  ]
  if (svg !== null) {
    const picture = ladderPicture(svg)
    parts.push(
      h(
        'div',
        { class: 'scroll ladderbox', tabindex: '0', role: 'region', 'aria-label': `Ladder of connection ${id}` },
        picture,
      ),
      h(
        'details',
        { class: 'twin' },
        h('summary', {}, 'step by step, in words'),
        h(
          'ol',
          {},
          [...picture.querySelectorAll('.rung > title')].map((t) => h('li', {}, t.textContent)),
        ),
      ),
    )
  } else if (life) {
    const side = (name) =>
      life[name].map((s) => [
        name,
        s.state + (s.inferred ? ' (inferred)' : ''),
        moment(rows.start[i], s.after),
        s.packet === null ? 'a timer' : s.packet,
        s.text,
        s.source,
      ])
    parts.push(
      h('p', { class: 'small' }, why(facts)),
      table(
        `States of connection ${id}`,
        ['side', 'state', 'since (UTC)', 'packet', 'rule', 'source'],
        [...side('client'), ...side('server')],
      ),
    )
  } else {
    parts.push(
      h(
        'p',
        { class: 'small' },
        `This page holds the times of states of ${count(facts.timed)} of ${count(facts.rows)} connections ` +
          'only: those with findings and the first ones.',
      ),
    )
  }
  fill(element, parts)
}

// why says why there is no ladder.
function why(facts) {
  if (!facts.again)
    return (
      'There are no ladders: the capture was not read a second time, because it came from a pipe ' +
      'or reading was interrupted.'
    )
  return (
    'The page has ladders only as far as there is room for them, the worst findings first. ' +
    'The command above draws this one.'
  )
}

// ladderPicture makes elements of a ladder's SVG. tcplife made it; still it is parsed as XML, in which nothing runs.
function ladderPicture(text) {
  const namespaced = text.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
  const picture = document.importNode(
    new DOMParser().parseFromString(namespaced, 'image/svg+xml').documentElement,
    true,
  )
  for (const rung of picture.querySelectorAll('.rung')) {
    rung.setAttribute('tabindex', '0')
    rung.setAttribute('role', 'img')
    rung.setAttribute('aria-label', rung.querySelector('title').textContent)
  }
  return picture
}
