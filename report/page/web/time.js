// Times in nanoseconds, as people write them: UTC, at round moments.

const second = 1e9

// steps are distances between ticks, in nanoseconds: a person would choose these.
const steps = []
for (let power = 1; power < second; power *= 10) steps.push(power, 2 * power, 5 * power)
for (const s of [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]) {
  steps.push(s * second)
}
for (let days = 2; days < 40000; days *= 10)
  steps.push(days * 86400 * second, days * 2.5 * 86400 * second, days * 5 * 86400 * second)

// ticks are round moments between two, which are counted from base, at most so many.
export function ticks(base, from, to, most) {
  const step = steps.find((s) => (to - from) / s <= most) || steps[steps.length - 1]
  const size = BigInt(Math.round(step))
  const absolute = base + BigInt(Math.floor(from))
  let at = from + Number((size - (absolute % size)) % size) - (from - Math.floor(from))
  const list = []
  for (; at <= to; at += step) list.push({ at, text: clock(base, at, step) })
  return { step, list }
}

// clock is a moment of the day, as exact as the distance between moments asks for; for days the date.
export function clock(base, at, step) {
  const ns = base + BigInt(Math.round(at))
  const text = iso(ns)
  if (step >= 86400 * second) return text.slice(0, 10)
  if (step >= 60 * second) return text.slice(11, 16)
  const digits = step >= second ? 0 : Math.min(9, Math.ceil(-Math.log10(step / second) - 1e-9))
  return text.slice(11, digits === 0 ? 19 : 20 + digits)
}

// iso is a moment as the records write it.
export function iso(ns) {
  let s = ns / 1000000000n
  let rest = ns % 1000000000n
  if (rest < 0n) {
    s -= 1n
    rest += 1000000000n
  }
  const text = new Date(Number(s) * 1000).toISOString()
  return text.slice(0, text.length - 5) + '.' + String(rest).padStart(9, '0') + 'Z'
}

// moment is a moment since base as the records write it.
export function moment(base, at) {
  return iso(base + BigInt(Math.round(at)))
}

// span is a length of time with its unit, in three digits.
export function span(ns) {
  if (Number.isNaN(ns)) return '–'
  const size = Math.abs(ns)
  if (size === 0) return '0 s'
  for (const [unit, name] of [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
  ]) {
    if (size >= unit) {
      if (unit === 1e9 && size >= 120e9) return minutes(ns)
      return digits(ns / unit) + ' ' + name
    }
  }
  return ns + ' ns'
}

function minutes(ns) {
  const s = Math.round(ns / 1e9)
  const h = Math.floor(s / 3600)
  const m = Math.floor((s % 3600) / 60)
  const pad = (n) => String(n).padStart(2, '0')
  return h > 0 ? `${h} h ${pad(m)} min` : `${m} min ${pad(s % 60)} s`
}

// digits is a number with three digits that count, without zeros behind its point.
function digits(n) {
  const text = n.toPrecision(3)
  return String(Math.abs(n) >= 1000 ? Math.round(n) : Number(text))
}

// seconds is a length of time as the records write it, exact.
export function seconds(ns) {
  if (Number.isNaN(ns)) return null
  return Number((ns / 1e9).toFixed(9))
}

// count is a whole number with its thousands apart.
export function count(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',')
}

// roundUp is the least of 1, 2, 4, 6, 8, 10, 12, 20, … that is not below n.
export function roundUp(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, n)))
  return [1, 1.2, 2, 4, 6, 8, 10].map((x) => x * power).find((x) => x >= n)
}
