// Each state has a colour (after Okabe and Ito, for all kinds of sight) and a pattern, so that it is known without
// colour.

import { h } from './dom.js'

export const palette = {
  LISTEN: ['#c3b091', ''],
  SYN_SENT: ['#e69f00', 'M0 6L6 0'],
  SYN_RCVD: ['#d55e00', 'M0 0L6 6M0 6L6 0'],
  ESTABLISHED: ['#009e73', ''],
  FIN_WAIT_1: ['#56b4e9', 'M0 3H6'],
  FIN_WAIT_2: ['#0072b2', 'M0 2H6M0 5H6'],
  CLOSE_WAIT: ['#cc79a7', 'M3 0V6'],
  CLOSING: ['#7d3c98', 'M2 0V6M5 0V6'],
  LAST_ACK: ['#9b7fd1', 'M0 0L6 6'],
  TIME_WAIT: ['#b0a000', 'M2 2h2v2h-2z'],
  CLOSED: ['#b9c0c8', ''],
}

export function colour(state) {
  return palette[state] ? palette[state][0] : '#b9c0c8'
}

// patterns are SVG patterns, by the id p-STATE.
export function patterns(prefix) {
  return h(
    'defs',
    {},
    Object.entries(palette).map(([state, [fill, lines]]) =>
      h(
        'pattern',
        { id: prefix + state, width: 6, height: 6, patternUnits: 'userSpaceOnUse' },
        h('rect', { width: 6, height: 6, fill }),
        lines === ''
          ? null
          : h('path', { d: lines, stroke: '#000', 'stroke-opacity': 0.45, 'stroke-width': 1, fill: 'none' }),
      ),
    ),
  )
}

// legend names the states.
export function legend(states) {
  return h(
    'ul',
    { class: 'legend' },
    states.map((s) => {
      const id = 'legend-' + s + '-' + (legend.number = (legend.number || 0) + 1) + '-'
      return h(
        'li',
        {},
        h(
          'svg',
          { width: 18, height: 12, 'aria-hidden': 'true' },
          patterns(id),
          h('rect', { width: 18, height: 12, fill: `url(#${id}${s})` }),
        ),
        ' ',
        s,
      )
    }),
  )
}
