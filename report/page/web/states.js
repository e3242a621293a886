// How many endpoints were in each state over time, stacked; below it, on the same axis, floods, backlogs and TIME_WAIT.
// A span that is drawn over it (or set with the sliders) is what everything below is about.

import { clock, count, moment, roundUp, ticks } from './time.js'
import { h, fill, table, twin, plain } from './dom.js'
import { colour, legend, patterns } from './palette.js'

const margin = { left: 58, right: 14, top: 22 }
const stackHeight = 200
const stripHeight = 34

// order is from the bottom up.
const order = [
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RCVD',
  'FIN_WAIT_1',
  'FIN_WAIT_2',
  'CLOSE_WAIT',
  'CLOSING',
  'LAST_ACK',
  'TIME_WAIT',
]

// strips are what stands below the stack: each has a name and its values from a moment on, a step apart.
function strips(data) {
  const list = []
  const listeners = data
    .of('listener')
    .filter((l) => l.embryonic_series)
    .sort((a, b) => b.backlog_needed - a.backlog_needed)
    .slice(0, 3)
  for (const l of listeners) {
    const s = l.embryonic_series
    list.push({
      name: `SYN_RCVD at ${socket(l.ip, l.port)}`,
      state: 'SYN_RCVD',
      start: data.since(s.start),
      step: s.step_s * 1e9,
      values: s.peaks,
      note: `a backlog of ${count(l.backlog_needed)} would have held all`,
    })
  }
  const p = data.population
  if (p && p.states.TIME_WAIT) {
    const most = data.of('time_wait').reduce((a, b) => (a && a.ports.locked >= b.ports.locked ? a : b), null)
    const ports =
      most && most.ports.locked > 0
        ? `${most.client.ip} has ${count(most.ports.locked)} of ` +
          `${count(most.ports.high - most.ports.low + 1)} ports locked ` +
          `towards ${socket(most.server.ip, most.server.port)}`
        : ''
    list.push({
      name: 'TIME_WAIT',
      state: 'TIME_WAIT',
      start: data.since(p.start),
      step: p.step_s * 1e9,
      values: p.states.TIME_WAIT,
      note: ports,
    })
  }
  return list
}

export function socket(ip, port) {
  return port === null || port === undefined ? ip : ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

// statesChart draws into the element. view.span is what is brushed, null for all; brushed(span) is called for a new
// one.
export function statesChart(element, data, view, brushed) {
  const all = [data.population, ...data.facts.hosts].filter((p) => p)
  if (all.length === 0) {
    fill(element, h('p', {}, 'There is no state to count.'))
    return { draw() {} }
  }
  const choice = h(
    'select',
    { onchange: () => draw() },
    all.map((p, i) => h('option', { value: i }, p.host === null ? 'all hosts together' : plain(p.host))),
  )
  const chart = h('div', { class: 'chart' })
  const from = slider('from')
  const to = slider('to')
  const now = h('output', {})
  const reset = h('button', { type: 'button', onclick: () => brushed(null) }, 'whole capture')
  const below = h('div', {})
  const more = data.facts.hostsMore > 0 ? `; ${count(data.facts.hostsMore)} more hosts have fewer endpoints` : ''
  fill(
    element,
    h(
      'p',
      {},
      h('label', {}, 'endpoints of ', choice),
      more,
      data.facts.where === '' ? '' : '. Hosts count the chosen connections, all hosts together every connection',
    ),
    chart,
    h('p', { class: 'brush' }, h('label', {}, 'from ', from), h('label', {}, ' to ', to), ' ', now, ' ', reset),
    below,
  )

  function slider(name) {
    return h('input', {
      type: 'range',
      min: 0,
      max: 1000,
      step: 1,
      value: name === 'from' ? 0 : 1000,
      'aria-label': name,
      oninput: () => {
        const at = (x) => (Number(x.value) / 1000) * data.end
        if (Number(from.value) >= Number(to.value)) {
          if (name === 'from') to.value = Math.min(1000, Number(from.value) + 1)
          else from.value = Math.max(0, Number(to.value) - 1)
        }
        const whole = Number(from.value) <= 0 && Number(to.value) >= 1000
        brushed(whole ? null : [at(from), at(to)])
      },
    })
  }

  function draw() {
    const p = all[Number(choice.value)]
    const width = Math.max(320, chart.clientWidth || 900)
    const inner = width - margin.left - margin.right
    const below_ = strips(data)
    const floods = data.of('syn_flood')
    const height = margin.top + stackHeight + 24 + below_.length * (stripHeight + 8)
    const end = Math.max(data.end, 1)
    const x = (t) => margin.left + (Math.min(Math.max(t, 0), end) / end) * inner
    const step = p.step_s * 1e9
    const start = data.since(p.start)
    const names = order.filter((s) => p.states[s])
    const sums = new Float64Array(p.moments)
    for (const s of names)
      p.states[s].forEach((n, i) => {
        sums[i] += n
      })
    const top = roundUp(sums.reduce((a, b) => Math.max(a, b), 0))
    const bottom = margin.top + stackHeight
    const y = (n) => bottom - (n / top) * stackHeight

    const svg = h(
      'svg',
      {
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: 'img',
        'aria-label': `Endpoints in each state over time, at most ${count(Math.max(0, ...sums))} at once`,
      },
      patterns('p-'),
    )
    for (const n of [0, top / 2, top].filter((n) => n === Math.floor(n))) {
      svg.append(
        h('line', { x1: margin.left, x2: width - margin.right, y1: y(n), y2: y(n), class: 'grid' }),
        h('text', { x: margin.left - 6, y: y(n) + 4, 'text-anchor': 'end' }, count(n)),
      )
    }
    svg.append(h('text', { x: 4, y: 10, class: 'unit' }, 'endpoints'))
    const base = new Float64Array(p.moments)
    for (const s of names) {
      svg.append(
        h(
          'path',
          { d: area(p.states[s], base, (i) => x(start + i * step), y, p.moments), fill: `url(#p-${s})` },
          h('title', {}, `${s}: at most ${count(p.peaks[s].count)}, at ${p.peaks[s].at}`),
        ),
      )
      p.states[s].forEach((n, i) => {
        base[i] += n
      })
    }
    for (const f of floods) {
      const left = x(data.since(f.onset))
      const right = Math.max(left + 2, x(data.since(f.end)))
      svg.append(
        h(
          'rect',
          { x: left, y: margin.top, width: right - left, height: stackHeight, class: 'flood' },
          h('title', {}, `${f.verdict} of ${socket(f.target.ip, f.target.port)}: ${count(f.syns)} SYNs`),
        ),
        h(
          'text',
          { x: Math.min(left + 4, width - 190), y: margin.top + 12 },
          `${f.verdict} ${socket(f.target.ip, f.target.port)}`,
        ),
      )
    }
    below_.forEach((strip, i) => drawStrip(svg, strip, bottom + 24 + i * (stripHeight + 8), x, width))
    const { list } = ticks(data.base, 0, end, Math.max(2, Math.floor(inner / 110)))
    for (const t of list) {
      svg.append(
        h('line', { x1: x(t.at), x2: x(t.at), y1: margin.top, y2: bottom + 4, class: 'grid' }),
        h('text', { x: x(t.at), y: bottom + 17, 'text-anchor': 'middle' }, t.text),
      )
    }
    svg.append(h('text', { x: 4, y: bottom + 17, class: 'unit' }, 'UTC'))
    if (view.span) {
      svg.append(
        h('rect', {
          x: x(view.span[0]),
          y: margin.top,
          width: Math.max(1, x(view.span[1]) - x(view.span[0])),
          height: height - margin.top,
          class: 'span',
        }),
      )
    }
    brush(svg, (px) => ((px - margin.left) / inner) * end)
    fill(chart, svg)
    from.value = view.span ? Math.round((view.span[0] / end) * 1000) : 0
    to.value = view.span ? Math.round((view.span[1] / end) * 1000) : 1000
    const [a, b] = view.span || [0, end]
    now.textContent = `${moment(data.base, a).slice(0, 23)} to ${moment(data.base, b).slice(11, 23)} UTC`
    for (const [s, at] of [
      [from, a],
      [to, b],
    ])
      s.setAttribute('aria-valuetext', clock(data.base, at, 1e6))
    fill(
      below,
      legend(names),
      twin(
        table(
          'The most endpoints in each state at one moment',
          ['state', 'most', 'first at (UTC)'],
          names.map((s) => [s, p.peaks[s].count, p.peaks[s].at]),
        ),
        below_.length === 0
          ? null
          : table(
              'What stands below',
              ['what', 'most at once', 'what it means'],
              below_.map((s) => [s.name, Math.max(0, ...s.values), s.note]),
            ),
      ),
    )
  }

  // brush lets a pointer draw a span.
  function brush(svg, at) {
    let begin = null
    const where = (e) =>
      at(
        ((e.clientX - svg.getBoundingClientRect().left) * svg.viewBox.baseVal.width) /
          svg.getBoundingClientRect().width,
      )
    const mark = h('rect', { class: 'span', y: margin.top, height: stackHeight, width: 0 })
    svg.append(mark)
    svg.addEventListener('pointerdown', (e) => {
      begin = e
      svg.setPointerCapture(e.pointerId)
      e.preventDefault()
    })
    svg.addEventListener('pointermove', (e) => {
      if (!begin) return
      const scale = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width
      const left = svg.getBoundingClientRect().left
      const [a, b] = [begin.clientX, e.clientX].map((px) => (px - left) * scale).sort((m, n) => m - n)
      mark.setAttribute('x', a)
      mark.setAttribute('width', b - a)
    })
    svg.addEventListener('pointerup', (e) => {
      if (!begin) return
      const [a, b] = [where(begin), where(e)].sort((m, n) => m - n)
      const moved = Math.abs(e.clientX - begin.clientX) > 4
      begin = null
      brushed(moved ? [Math.max(0, a), Math.min(data.end, b)] : null)
    })
    svg.addEventListener('pointercancel', () => {
      begin = null
      mark.setAttribute('width', 0)
    })
  }

  return { draw }
}

// area is the outline of values above a base, in steps: a value counts from its moment until the next.
function area(values, base, x, y, moments) {
  let up = ''
  let down = ''
  for (let i = 0; i < moments; i++) {
    const [a, b] = [x(i), x(i + 1)]
    const high = y(base[i] + values[i])
    const low = y(base[i])
    up += `${i === 0 ? 'M' : 'L'}${a.toFixed(1)} ${high.toFixed(1)}H${b.toFixed(1)}`
    down = `L${b.toFixed(1)} ${low.toFixed(1)}H${a.toFixed(1)}` + down
  }
  return up + down + 'Z'
}

function drawStrip(svg, strip, top, x, width) {
  const most = Math.max(1, ...strip.values)
  const none = new Float64Array(strip.values.length)
  const y = (n) => top + stripHeight - (n / most) * (stripHeight - 12)
  svg.append(
    h('line', {
      x1: margin.left,
      x2: width - margin.right,
      y1: top + stripHeight,
      y2: top + stripHeight,
      class: 'grid',
    }),
    h('path', {
      d: area(strip.values, none, (i) => x(strip.start + i * strip.step), y, strip.values.length),
      fill: colour(strip.state),
    }),
    h('text', { x: margin.left - 6, y: top + 16, 'text-anchor': 'end' }, count(most)),
    h('text', { x: margin.left + 2, y: top + 9 }, strip.note === '' ? strip.name : `${strip.name}: ${strip.note}`),
  )
}
