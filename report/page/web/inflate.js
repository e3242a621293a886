// Decompression by RFC 1951, at once: a page that waits for the browser's own would be empty when it has loaded,
// which is when it is printed or drawn without a window.

const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
]
const distanceBits = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]
const lengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

// huffman is the code that has words of these lengths, by their order.
function huffman(lengths) {
  const counts = new Uint16Array(16)
  for (const n of lengths) counts[n]++
  counts[0] = 0
  const offsets = new Uint16Array(16)
  for (let n = 1; n < 15; n++) offsets[n + 1] = offsets[n] + counts[n]
  const symbols = new Uint16Array(lengths.length)
  lengths.forEach((n, symbol) => {
    if (n > 0) symbols[offsets[n]++] = symbol
  })
  return { counts, symbols }
}

const fixedLengths = huffman(Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)))
const fixedDistances = huffman(new Array(30).fill(5))

export function inflate(packed) {
  let out = new Uint8Array(packed.length * 4 + 1024)
  let size = 0
  let at = 0
  let held = 0 // bits
  let have = 0

  function bits(n) {
    while (have < n) {
      if (at === packed.length) throw new Error('the data of this file are cut off')
      held |= packed[at++] << have
      have += 8
    }
    const value = held & ((1 << n) - 1)
    held >>>= n
    have -= n
    return value
  }

  function decode({ counts, symbols }) {
    let code = 0
    let first = 0
    let index = 0
    for (let n = 1; n <= 15; n++) {
      code |= bits(1)
      if (code - counts[n] < first) return symbols[index + code - first]
      index += counts[n]
      first = (first + counts[n]) << 1
      code <<= 1
    }
    throw new Error('the data of this file are damaged')
  }

  function room(n) {
    if (size + n <= out.length) return
    const more = new Uint8Array(2 * out.length + n)
    more.set(out)
    out = more
  }

  function block(lengths, distances) {
    for (;;) {
      const symbol = decode(lengths)
      if (symbol === 256) return
      if (symbol < 256) {
        room(1)
        out[size++] = symbol
        continue
      }
      const length = lengthBase[symbol - 257] + bits(lengthBits[symbol - 257])
      const code = decode(distances)
      const distance = distanceBase[code] + bits(distanceBits[code])
      room(length)
      for (let i = 0; i < length; i++, size++) out[size] = out[size - distance]
    }
  }

  function codes() {
    const [nLengths, nDistances, n] = [bits(5) + 257, bits(5) + 1, bits(4) + 4]
    const short = new Array(19).fill(0)
    for (let i = 0; i < n; i++) short[lengthOrder[i]] = bits(3)
    const code = huffman(short)
    const lengths = []
    while (lengths.length < nLengths + nDistances) {
      const symbol = decode(code)
      if (symbol < 16) lengths.push(symbol)
      else {
        const again = symbol === 16 ? 3 + bits(2) : symbol === 17 ? 3 + bits(3) : 11 + bits(7)
        const length = symbol === 16 ? lengths[lengths.length - 1] : 0
        for (let i = 0; i < again; i++) lengths.push(length)
      }
    }
    return [huffman(lengths.slice(0, nLengths)), huffman(lengths.slice(nLengths))]
  }

  for (let last = 0; last === 0;) {
    last = bits(1)
    const kind = bits(2)
    if (kind === 0) {
      // not compressed
      held = have = 0
      const n = packed[at] | (packed[at + 1] << 8)
      at += 4
      room(n)
      out.set(packed.subarray(at, at + n), size)
      at += n
      size += n
    } else if (kind === 1) block(fixedLengths, fixedDistances)
    else block(...codes())
  }
  return out.subarray(0, size)
}
