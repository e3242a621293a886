// What the file holds: facts as JSON, the columns of the table, the lives of connections, and the ladders.

import { inflate } from './inflate.js'
import { unpack85 } from './unpack.js'

const unpack = (text) => inflate(unpack85(text))

// Varints reads numbers of seven bits a byte, the lowest first.
class Varints {
  constructor(bytes, at) {
    this.bytes = bytes
    this.at = at
  }

  next() {
    let n = 0
    let scale = 1
    for (;;) {
      const b = this.bytes[this.at++]
      n += (b & 127) * scale
      if (b < 128) return n
      scale *= 128
    }
  }

  signed() {
    return unzigzag(this.next())
  }

  // planes reads so many numbers of which the lowest bytes come first, then the next ones.
  planes(n) {
    const numbers = new Float64Array(n)
    let scale = 1
    for (let size = this.bytes[this.at++]; size > 0; size--) {
      for (let i = 0; i < n; i++) numbers[i] += this.bytes[this.at++] * scale
      scale *= 256
    }
    return numbers
  }
}

const unzigzag = (n) => (n % 2 === 0 ? n / 2 : -(n + 1) / 2)

// readColumn gives an array of numbers: NaN where there is none, and for words and addresses their places in words.
function readColumn(column, varints, rows) {
  const { kind, unit } = column
  if (kind === 'address') column.words = readAddresses(varints)
  const numbers = varints.planes(rows)
  switch (kind) {
    case 'word':
    case 'address':
      return Uint32Array.from(numbers)
    case 'delta': {
      let last = 0
      return numbers.map((n) => (last += unzigzag(n)))
    }
    case 'time': {
      let last = BigInt(column.first || 0)
      return BigInt64Array.from(numbers, (n) => (last += BigInt(unzigzag(n)) * BigInt(unit)))
    }
    case 'span':
      return numbers.map((n) => (n === 0 ? NaN : unzigzag(n - 1) * unit))
  }
  return numbers
}

// readAddresses reads a list of addresses in their order, those of IPv4 first.
function readAddresses(varints) {
  const list = []
  let four = 0
  for (let n = varints.next(); n > 0; n--) {
    four += varints.next()
    list.push([four / 16777216, four / 65536, four / 256, four].map((x) => Math.floor(x) % 256).join('.'))
  }
  const six = new Uint8Array(16)
  for (let n = varints.next(); n > 0; n--) {
    for (let i = varints.bytes[varints.at++]; i < 16; i++) six[i] = varints.bytes[varints.at++]
    list.push(ipv6(six))
  }
  return list
}

// ipv6 writes an address as RFC 5952 wants it.
function ipv6(b) {
  const parts = Array.from({ length: 8 }, (_, i) => b[2 * i] * 256 + b[2 * i + 1])
  if (parts.slice(0, 5).every((p) => p === 0) && parts[5] === 0xffff)
    return '::ffff:' + Array.from(b.subarray(12)).join('.')
  let [at, size] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let j = i
    while (j < 8 && parts[j] === 0) j++
    if (j - i > size) [at, size] = [i, j - i]
  }
  const hex = (list) => list.map((p) => p.toString(16)).join(':')
  return at < 0 ? hex(parts) : hex(parts.slice(0, at)) + '::' + hex(parts.slice(at + size))
}

// readLives finds where the life of each row begins; -1 for those that have none here.
function readLives(varints, facts) {
  const at = new Int32Array(facts.rows).fill(-1)
  let row = 0
  for (let i = 0; i < facts.timed; i++) {
    row += varints.next()
    at[row] = varints.at
    for (let side = 0; side < 2; side++) {
      for (let n = varints.next(); n > 0; n--) {
        for (let field = 0; field < 4; field++) varints.next()
      }
    }
    for (let n = 2 * varints.next(); n > 0; n--) varints.next()
  }
  return at
}

// load reads the file's data.
//
// Times are nanoseconds: data.base since 1970 as a BigInt, and all others as numbers since then.
export function load(packed, ladders) {
  const [head, columns] = packed.split('\n')
  const facts = JSON.parse(new TextDecoder().decode(unpack(head)))
  const bytes = unpack(columns)
  const varints = new Varints(bytes, 0)
  const rows = { length: facts.rows }
  const words = {}
  for (const column of facts.columns) {
    rows[column.name] = readColumn(column, varints, facts.rows)
    if (column.kind === 'word' || column.kind === 'address') words[column.name] = column.words || []
  }
  const lives = readLives(varints, facts)

  const of = (kind) => facts.records.filter((r) => r.record === kind)
  const capture = of('capture')[0]
  const first = capture.first ? nanoseconds(capture.first) : 0n
  const base = rows.start.reduce((a, b) => (b < a ? b : a), first)
  rows.from = Float64Array.from(rows.start, (t) => Number(t - base))
  rows.to = Float64Array.from(rows.from, (t, i) => Math.max(t, t + (rows.duration[i] || 0)))
  const end = rows.to.reduce((a, b) => Math.max(a, b), capture.last ? Number(nanoseconds(capture.last) - base) : 0)
  // What the capture's end cut off went on until then.
  const held = (side, i) => !['CLOSED', ''].includes(words[side + 'State'][rows[side + 'State'][i]])
  rows.until = Float64Array.from(rows.to, (t, i) =>
    words.endedBy[rows.endedBy[i]] === 'capture_end' && (held('client', i) || held('server', i)) ? Math.max(t, end) : t,
  )

  const ids = new Map()
  for (let i = 0; i < rows.length; i++) ids.set(rows.id[i], i)
  return {
    facts,
    rows,
    words,
    base,
    end,
    of,
    capture,
    ids,
    summary: of('summary')[0],
    population: of('population')[0],
    since: (text) => Number(nanoseconds(text) - base),
    life: (i) => (lives[i] < 0 ? null : readLife(new Varints(bytes, lives[i]), facts, rows, i)),
    hasLife: (i) => lives[i] >= 0,
    ladder: ladderReader(facts, ladders),
  }
}

// nanoseconds reads a moment as the records write it: 2023-11-14T22:13:20.000000000Z.
export function nanoseconds(text) {
  const [seconds, fraction] = text.replace('Z', '').split('.')
  return BigInt(Date.parse(seconds + 'Z')) * 1000000n + BigInt(fraction.padEnd(9, '0'))
}

// readLife gives the states of both sides and the marked segments of a connection: at is since data.base, after is
// since the connection's start, and exact however far from base that is. The file counts from the start in
// microseconds.
function readLife(varints, facts, rows, i) {
  const rest = Number(((rows.start[i] % 1000n) + 1000n) % 1000n)
  const life = { client: [], server: [], marks: [] }
  for (const side of [life.client, life.server]) {
    let after = -rest
    for (let n = varints.next(); n > 0; n--) {
      const state = varints.next()
      after += varints.signed()
      const packet = varints.signed()
      const [text, source] = facts.rules[varints.next()]
      side.push({
        state: facts.states[state >> 1],
        inferred: (state & 1) === 1,
        after,
        at: rows.from[i] + after,
        packet: packet === 0 ? null : rows.id[i] + (packet > 0 ? packet - 1 : packet),
        text,
        source,
      })
    }
  }
  let at = rows.from[i] - rest
  for (let n = varints.next(); n > 0; n--) {
    const kind = varints.next()
    at += varints.signed()
    life.marks.push({ at, kind: ['FIN', 'RST', 'again'][kind & 3], side: kind & 4 ? 'server' : 'client' })
  }
  return life
}

// ladderReader gives the SVG of a connection's ladder by its id, or null.
function ladderReader(facts, text) {
  const blocks = text.trim() === '' ? [] : text.trim().split('\n')
  const where = new Map()
  facts.ladders.forEach((ids, block) => ids.forEach((id, n) => where.set(id, [block, n])))
  const read = new Map()
  return (id) => {
    if (!where.has(id)) return null
    const [block, n] = where.get(id)
    if (!read.has(block)) read.set(block, JSON.parse(new TextDecoder().decode(unpack(blocks[block]))))
    return read.get(block)[n]
  }
}
