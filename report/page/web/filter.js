// The language of the search: words that all must hold. finding:refused, port:443, rtt>100ms, -outcome:complete; a word
// without a key is looked for in addresses and words.

const units = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9, d: 86400e9, '': 1e9 }

// lengths are keys for lengths of time, numbers those for other numbers: each gives the value of a row.
const lengths = {
  duration: (r, i) => r.duration[i],
  rtt: (r, i) => r.serverRTT[i] + r.clientRTT[i],
  server_rtt: (r, i) => r.serverRTT[i],
  client_rtt: (r, i) => r.clientRTT[i],
}
const numbers = {
  id: (r, i) => r.id[i],
  packets: (r, i) => r.clientPackets[i] + r.serverPackets[i],
  bytes: (r, i) => r.clientBytes[i] + r.serverBytes[i],
  retransmitted: (r, i) => r.clientAgain[i] + r.serverAgain[i],
  port: (r, i) => r.serverPort[i],
  client_port: (r, i) => r.clientPort[i],
}

// keys are those for words: the columns in which one of them must be.
const keys = {
  client: ['client'],
  server: ['server'],
  host: ['client', 'server'],
  outcome: ['outcome'],
  teardown: ['teardown'],
  ended: ['endedBy'],
  initiator: ['initiator'],
  reset: ['resetBy'],
  state: ['clientState', 'serverState'],
  client_state: ['clientState'],
  server_state: ['serverState'],
  inside: ['encapsulation'],
}

export const searchKeys = [
  ...Object.keys(keys),
  'finding',
  'severity',
  ...Object.keys(numbers),
  ...Object.keys(lengths),
]

// compile gives a function that says whether row i is looked for. It throws an Error with what is wrong.
export function compile(query, { rows, words }) {
  const tests = query
    .split(/\s+/)
    .filter((w) => w !== '')
    .map((w) => {
      const not = w.startsWith('-')
      const test = one(not ? w.slice(1) : w, rows, words)
      return not ? (i) => !test(i) : test
    })
  return (i) => tests.every((t) => t(i))
}

function one(word, rows, words) {
  const [, key, operator, value] = /^([a-z_]+)(:|>=|<=|>|<)(.+)$/.exec(word) || []
  if (key in numbers || key in lengths) return compare(key, operator, value, rows, words)
  if (key !== undefined && operator !== ':') throw new Error(`${key} has no order: write ${key}:${value}`)
  if (key === 'finding') return among(words.findings, rows.findings, (f) => findings(f).some((x) => x.code === value))
  if (key === 'severity') return among(words.findings, rows.findings, (f) => worst(f) === value)
  if (key in keys) {
    const tests = keys[key].map((c) => among(words[c], rows[c], (w) => w === value))
    return (i) => tests.some((t) => t(i))
  }
  if (key !== undefined && !/[.\d:]/.test(word.slice(0, 4)) && operator === ':') {
    throw new Error(`there is no ${key}; there are ${searchKeys.join(', ')}`)
  }
  const text = word.toLowerCase()
  const anywhere = [
    'client',
    'server',
    'outcome',
    'teardown',
    'clientState',
    'serverState',
    'findings',
    'encapsulation',
  ].map((c) => among(words[c], rows[c], (w) => w.toLowerCase().includes(text)))
  return (i) => anywhere.some((t) => t(i))
}

// among asks each word of a column once.
function among(list, column, holds) {
  const wanted = Uint8Array.from(list, (w) => (holds(w) ? 1 : 0))
  return (i) => wanted[column[i]] === 1
}

function compare(key, operator, value, rows, words) {
  let n
  if (key in lengths) {
    const [, digits, unit] = /^([\d.]+)([a-zµ]*)$/.exec(value) || []
    n = Number(digits) * units[unit]
  } else {
    n = Number(value)
  }
  if (Number.isNaN(n)) throw new Error(`${value} is no ${key in lengths ? 'length of time, such as 100ms' : 'number'}`)
  const of = numbers[key] || lengths[key]
  const holds = {
    ':': (x) => x === n,
    '>': (x) => x > n,
    '<': (x) => x < n,
    '>=': (x) => x >= n,
    '<=': (x) => x <= n,
  }[operator]
  return (i) => holds(of(rows, i))
}

// findings reads the findings of a row.
export function findings(word) {
  return word === ''
    ? []
    : word.split(' ').map((f) => {
        const [code, severity, side] = f.split('/')
        return { code, severity, side }
      })
}

export const severities = ['error', 'warning', 'info']

// worst is the highest severity of a row's findings, or empty.
export function worst(word) {
  const list = findings(word)
  return severities.find((s) => list.some((f) => f.severity === s)) || ''
}
