// Swim-lanes: a bar for each connection, of the client's states in its upper half and of the server's in its lower
// half. Where there are more connections than lines of pixels, a line shows several, and the worst that is in it.

import { count, iso, moment, span, ticks } from './time.js'
import { h, fill, table, twin } from './dom.js'
import { colour, legend, palette } from './palette.js'
import { worst } from './filter.js'
import { socket } from './states.js'

const axis = 22
const marksFrom = 8 // pixels that a lane must be high for marks

// lanes draws the rows of view.shown. choose(row) is called for the one that was clicked.
export function lanes(element, data, view, choose) {
  const canvas = h('canvas', {
    tabindex: '0',
    role: 'img',
    'aria-describedby': 'lanes-help',
    'aria-label': 'A bar for each connection over time; the table below lists the same connections',
  })
  const status = h('p', { class: 'status', 'aria-live': 'polite' })
  const button = (text, label, act) =>
    h('button', { type: 'button', 'aria-label': label, title: label, onclick: act }, text)
  const below = h('div', {})
  fill(
    element,
    h(
      'p',
      { class: 'tools' },
      button('+', 'zoom in', () => zoom(0.5)),
      button('−', 'zoom out', () => zoom(2)),
      button('←', 'earlier', () => pan(-0.25)),
      button('→', 'later', () => pan(0.25)),
      button('↑', 'lanes above', () => scroll(-0.5)),
      button('↓', 'lanes below', () => scroll(0.5)),
      button('taller', 'taller lanes', () => grow(1.5)),
      button('lower', 'lower lanes', () => grow(1 / 1.5)),
      button('all', 'show all', reset),
    ),
    canvas,
    status,
    h(
      'p',
      { id: 'lanes-help', class: 'small' },
      'Drag to move; turn the wheel to zoom; click a bar to see the connection. With the ' +
        'keyboard: arrows move, + and − zoom, Page Up and Page Down move by lanes, Enter shows the connection ' +
        'in the middle. ',
      'The upper half of a bar is the client, the lower half the server. ▲ FIN, ✕ RST, ● sent again. ',
      data.facts.timed < data.facts.rows
        ? 'Connections without state times have the colour of the state that lasted longest.'
        : '',
    ),
    legend(Object.keys(palette)),
    below,
  )

  let from = 0 // of time
  let to = 1
  let first = 0 // lane on top
  let lane = 0 // pixels; 0: as many as fit
  let width = 0
  let height = 0

  const size = () => lane || Math.min(18, height / Math.max(1, view.shown.length))
  const visible = () => height / size()

  function reset() {
    const [a, b] = view.span || [0, Math.max(1, data.end)]
    const slack = (b - a) * 0.01
    from = a - slack
    to = b + slack
    first = 0
    lane = 0
    draw()
  }

  function zoom(factor, at = (from + to) / 2) {
    const least = 10
    if ((to - from) * factor < least) return
    const limit = Math.max(1, data.end) * 1.05
    from = Math.max(-limit * 0.05, at - (at - from) * factor)
    to = Math.min(limit, at + (to - at) * factor)
    draw()
  }

  function pan(share) {
    const by = (to - from) * share
    from += by
    to += by
    draw()
  }

  function scroll(share) {
    first = Math.max(0, Math.min(first + share * visible(), view.shown.length - visible()))
    draw()
  }

  function grow(factor) {
    lane = Math.max(0.5, Math.min(48, size() * factor))
    scroll(0)
  }

  const x = (t) => ((t - from) / (to - from)) * width

  // bars are the pieces of a connection: on each side from when to when it was in which state.
  function bars(i) {
    const life = data.life(i)
    const end = data.rows.to[i]
    if (!life) {
      const most = (name) => data.words[name][data.rows[name][i]]
      return {
        client: [[data.rows.from[i], end, most('clientMost')]],
        server: [[data.rows.from[i], end, most('serverMost')]],
        marks: [],
      }
    }
    const until = data.rows.until[i]
    const pieces = (side) =>
      side.map((s, n) => [
        s.at,
        n + 1 < side.length ? side[n + 1].at : s.state === 'CLOSED' ? s.at : Math.max(until, s.at),
        s.state,
      ])
    return { client: pieces(life.client), server: pieces(life.server), marks: life.marks }
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1
    width = Math.max(300, element.clientWidth - 2)
    const whole = axis + Math.max(90, Math.min(418, view.shown.length * Math.max(18, lane)))
    height = whole - axis
    canvas.style.width = width + 'px'
    canvas.style.height = whole + 'px'
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(whole * ratio)
    const c = canvas.getContext('2d')
    c.scale(ratio, ratio)
    const ink = getComputedStyle(element).color
    c.clearRect(0, 0, width, whole)
    if (size() < 1) drawPixels(c, ratio)
    else drawLanes(c, ink)
    drawAxis(c, ink)
    const n = Math.min(view.shown.length, Math.ceil(visible()))
    status.textContent =
      view.shown.length === 0
        ? 'No connection to show.'
        : `${count(n)} of ${count(view.shown.length)} connections, ` +
          `${span(to - from)} from ${moment(data.base, from).slice(0, 26)}Z` +
          (size() < 1 ? `; a line of pixels is up to ${count(Math.ceil(1 / size()))} connections` : '')
    fill(
      below,
      twin(
        h(
          'p',
          {},
          'The table of connections below lists the same connections with their states at the end; the ladder of a ' +
            'connection has the times of its states.',
        ),
        table(
          'The first lanes',
          ['connection', 'client', 'server', 'from (UTC)', 'for', 'client at the end', 'server at the end'],
          view.shown.slice(Math.floor(first), Math.floor(first) + 20).map((i) => {
            const w = (name) => data.words[name][data.rows[name][i]]
            return [
              data.rows.id[i],
              socket(w('client'), data.rows.clientPort[i]),
              socket(w('server'), data.rows.serverPort[i]),
              iso(data.rows.start[i]),
              span(data.rows.duration[i]),
              w('clientState') || 'unknown',
              w('serverState') || 'unknown',
            ]
          }),
        ),
      ),
    )
  }

  function drawLanes(c, ink) {
    const high = size()
    const gap = high > 6 ? 2 : high > 3 ? 1 : 0
    const half = (high - gap) / 2
    for (let n = Math.max(0, Math.floor(first)); n < view.shown.length && (n - first) * high < height; n++) {
      const i = view.shown[n]
      const top = (n - first) * high
      if (data.rows.from[i] > to || top + high < 0) continue
      const { client, server, marks } = bars(i)
      for (const [pieces, y] of [
        [client, top],
        [server, top + half],
      ]) {
        for (const [a, b, state] of pieces) {
          if (b < from || a > to) continue
          c.fillStyle = colour(state)
          const left = Math.max(-1, x(a))
          const wide = Math.max(1, Math.min(width + 1, x(b)) - left)
          c.fillRect(left, y, wide, half)
          if (half >= 5 && wide > 3 && palette[state] && palette[state][1] !== '') {
            c.fillStyle = hatch(c, palette[state][1])
            c.fillRect(left, y, wide, half)
          }
          if (half >= 9 && wide > state.length * 6 + 4) label(c, state, left + 3, y + half - 1.5)
        }
      }
      if (worst(data.words.findings[data.rows.findings[i]]) === 'error') {
        c.fillStyle = '#d1242f'
        c.fillRect(0, top, 4, high - gap)
      }
      if (i === view.chosen) {
        c.strokeStyle = ink
        c.lineWidth = 2
        c.strokeRect(
          Math.max(1, x(data.rows.from[i]) - 3),
          top + 1,
          Math.min(width - 2, Math.max(8, x(data.rows.to[i]) - x(data.rows.from[i]) + 6)),
          Math.max(3, high - 2),
        )
      }
      if (high >= marksFrom)
        for (const m of marks) drawMark(c, m, x(m.at), m.side === 'client' ? top + half / 2 : top + half * 1.5, ink)
    }
  }

  // hatch is the pattern of a state, so that it is known without its colour.
  const hatches = new Map()
  function hatch(c, lines) {
    if (!hatches.has(lines)) {
      const tile = document.createElement('canvas')
      tile.width = tile.height = 6
      const t = tile.getContext('2d')
      t.strokeStyle = 'rgb(0 0 0 / 0.45)'
      t.stroke(new Path2D(lines))
      hatches.set(lines, c.createPattern(tile, 'repeat'))
    }
    return hatches.get(lines)
  }

  function label(c, text, left, y) {
    c.font = '10px ui-monospace, monospace'
    c.strokeStyle = 'rgb(255 255 255 / 0.8)'
    c.lineWidth = 3
    c.strokeText(text, left, y)
    c.fillStyle = '#000'
    c.fillText(text, left, y)
  }

  function drawMark(c, m, px, y, ink) {
    if (px < -5 || px > width + 5) return
    c.fillStyle = ink
    c.strokeStyle = ink
    c.lineWidth = 1.5
    c.beginPath()
    const r = 3
    if (m.kind === 'FIN') {
      c.moveTo(px - r, y + r)
      c.lineTo(px, y - r)
      c.lineTo(px + r, y + r)
      c.fill()
    } else if (m.kind === 'RST') {
      c.moveTo(px - r, y - r)
      c.lineTo(px + r, y + r)
      c.moveTo(px + r, y - r)
      c.lineTo(px - r, y + r)
      c.stroke()
    } else {
      c.arc(px, y, 2, 0, 7)
      c.fill()
    }
  }

  // drawPixels fills a picture of as many lines as there are pixels: of the connections in a line those with an error
  // first, then the others, where the line is still empty.
  function drawPixels(c, ratio) {
    const w = canvas.width
    const lines = Math.max(1, Math.floor(height * ratio))
    const image = c.createImageData(w, lines)
    const pixels = new Uint32Array(image.data.buffer)
    const perLine = 1 / (size() * ratio)
    const scale = w / (to - from)
    const colours = {}
    for (const [state, [hex]] of Object.entries(palette)) {
      const n = parseInt(hex.slice(1), 16)
      colours[state] = (0xff000000 | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0
    }
    const { rows, words } = data
    const bad = Uint8Array.from(words.findings, (f) => (worst(f) === 'error' ? 1 : 0))
    const timed = perLine <= 50
    for (let line = 0; line < lines; line++) {
      const begin = Math.floor(first + line * perLine)
      const end = Math.min(view.shown.length, Math.max(begin + 1, Math.floor(first + (line + 1) * perLine)))
      if (begin >= view.shown.length) break
      for (const turn of [1, 0]) {
        for (let n = begin; n < end; n++) {
          const i = view.shown[n]
          if (bad[rows.findings[i]] !== turn) continue
          const pieces =
            timed && data.hasLife(i)
              ? bars(i).client
              : [[rows.from[i], rows.to[i], words.clientMost[rows.clientMost[i]]]]
          for (const [a, b, state] of pieces) {
            const left = Math.max(0, Math.floor((a - from) * scale))
            const right = Math.min(w, Math.max(left + 1, Math.floor((b - from) * scale)))
            const value = colours[state] || colours.CLOSED
            for (let p = line * w + left; p < line * w + right; p++) if (pixels[p] === 0) pixels[p] = value
          }
        }
      }
    }
    c.putImageData(image, 0, 0)
  }

  function drawAxis(c, ink) {
    c.fillStyle = ink
    c.font = '11px system-ui, sans-serif'
    c.textAlign = 'center'
    const { list } = ticks(data.base, from, to, Math.max(2, Math.floor(width / 110)))
    for (const t of list) {
      c.globalAlpha = 0.2
      c.fillRect(x(t.at), 0, 1, height)
      c.globalAlpha = 1
      c.fillText(t.text, Math.min(width - 30, Math.max(62, x(t.at))), height + 15)
    }
    c.textAlign = 'start'
    c.fillText('UTC', 2, height + 15)
  }

  const rowAt = (y) => view.shown[Math.floor(first + y / size())]

  let held = null
  canvas.addEventListener('pointerdown', (e) => {
    held = { x: e.offsetX, y: e.offsetY, from, to, first, moved: false }
    canvas.setPointerCapture(e.pointerId)
  })
  canvas.addEventListener('pointermove', (e) => {
    if (!held) {
      const i = rowAt(e.offsetY)
      canvas.title = i === undefined || e.offsetY > height ? '' : describe(i)
      return
    }
    const dx = ((e.offsetX - held.x) / width) * (held.to - held.from)
    held.moved = held.moved || Math.abs(e.offsetX - held.x) + Math.abs(e.offsetY - held.y) > 4
    from = held.from - dx
    to = held.to - dx
    first = Math.max(
      0,
      Math.min(held.first - (e.offsetY - held.y) / size(), Math.max(0, view.shown.length - visible())),
    )
    draw()
  })
  canvas.addEventListener('pointerup', (e) => {
    if (held && !held.moved && e.offsetY < height && rowAt(e.offsetY) !== undefined) choose(rowAt(e.offsetY))
    held = null
  })
  canvas.addEventListener('pointercancel', () => {
    held = null
  })
  canvas.addEventListener(
    'wheel',
    (e) => {
      e.preventDefault()
      if (e.shiftKey) scroll(Math.sign(e.deltaY || e.deltaX) * 0.2)
      else zoom(e.deltaY > 0 ? 1.25 : 0.8, from + (e.offsetX / width) * (to - from))
    },
    { passive: false },
  )
  canvas.addEventListener('keydown', (e) => {
    const act = {
      ArrowLeft: () => pan(-0.1),
      ArrowRight: () => pan(0.1),
      ArrowUp: () => scroll(-1 / visible()),
      ArrowDown: () => scroll(1 / visible()),
      PageUp: () => scroll(-1),
      PageDown: () => scroll(1),
      '+': () => zoom(0.5),
      '=': () => zoom(0.5),
      '-': () => zoom(2),
      Home: reset,
      Enter: () => {
        if (rowAt(height / 2) !== undefined || view.shown.length > 0)
          choose(rowAt(Math.min(height / 2, (view.shown.length - first) * size() - 1)))
      },
    }[e.key]
    if (!act) return
    e.preventDefault()
    act()
  })

  function describe(i) {
    const w = (name) => data.words[name][data.rows[name][i]]
    return (
      `connection ${data.rows.id[i]}: ${socket(w('client'), data.rows.clientPort[i])} ` +
      `to ${socket(w('server'), data.rows.serverPort[i])}, ` +
      `${w('outcome')}, ${w('teardown')}, ${span(data.rows.duration[i])}`
    )
  }

  return { draw, reset }
}
