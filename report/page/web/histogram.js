// How many connections had a value of what size: bars on a logarithmic axis, 1, 2, 5, 10, …

import { count, span } from './time.js'
import { h, fill, table, twin } from './dom.js'

// bins are the edges of bars, in nanoseconds.
const edges = []
for (let power = 1e3; power <= 1e14; power *= 10) edges.push(power, 2 * power, 5 * power)

function bin(values) {
  const counts = new Array(edges.length + 1).fill(0)
  let known = 0
  for (const v of values) {
    if (Number.isNaN(v)) continue
    known++
    counts[edges.findIndex((e) => v < e) === -1 ? edges.length : edges.findIndex((e) => v < e)]++
  }
  const first = counts.findIndex((n) => n > 0)
  let last = counts.length - 1
  while (last > first && counts[last] === 0) last--
  const bars = []
  for (let i = first; first >= 0 && i <= last; i++) {
    const low = i === 0 ? '' : span(edges[i - 1])
    const high = i === edges.length ? '' : span(edges[i])
    bars.push({
      n: counts[i],
      low,
      name: i === 0 ? `below ${high}` : i === edges.length ? `${low} or longer` : `${low} to below ${high}`,
    })
  }
  return { bars, known }
}

// histogram draws into the element.
export function histogram(element, title, values, unknown) {
  const { bars, known } = bin(values)
  if (known === 0) {
    fill(element, h('h3', {}, title), h('p', {}, 'None of these connections has one.'))
    return
  }
  const width = 420
  const height = 150
  const left = 44
  const bottom = height - 24
  const most = Math.max(...bars.map((b) => b.n))
  const each = (width - left - 8) / bars.length
  const every = Math.ceil(bars.length / Math.max(1, Math.floor((width - left) / 56)))
  const svg = h(
    'svg',
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: 'img',
      'aria-label': `${title}: ${count(known)} connections`,
    },
    h('text', { x: left - 6, y: 18, 'text-anchor': 'end' }, count(most)),
    h('text', { x: left - 6, y: bottom, 'text-anchor': 'end' }, '0'),
    h('line', { x1: left, x2: width, y1: bottom, y2: bottom, class: 'grid' }),
    bars.map((b, i) => {
      const size = (b.n / most) * (bottom - 14)
      return h(
        'g',
        {},
        h(
          'rect',
          { x: left + i * each + 1, y: bottom - size, width: Math.max(1, each - 2), height: size, class: 'bar' },
          h('title', {}, `${b.name}: ${count(b.n)}`),
        ),
        i % every === 0 && b.low !== ''
          ? h('text', { x: left + i * each, y: bottom + 15, 'text-anchor': 'middle' }, b.low)
          : null,
      )
    }),
  )
  const rest = values.length - known
  fill(
    element,
    h('h3', {}, title),
    svg,
    rest > 0 ? h('p', { class: 'small' }, `${count(rest)} ${unknown}`) : null,
    twin(
      table(
        title,
        ['from, to', 'connections'],
        bars.map((b) => [b.name, b.n]),
      ),
    ),
  )
}
