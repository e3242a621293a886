// Bytes as text in a page.

// unpack85 reads ASCII85 in which v stands for <: five letters are four bytes, z are four zeros.
export function unpack85(text) {
  const bytes = new Uint8Array(Math.ceil((text.length / 5) * 4) + 4 * text.split('z').length)
  let size = 0
  let n = 0
  let letters = 0
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i)
    if (c === 122) {
      // z
      size += 4
      continue
    }
    if (c === 118) c = 60 // v
    n = n * 85 + (c - 33)
    if (++letters === 5) {
      bytes[size++] = n / 16777216
      bytes[size++] = n / 65536
      bytes[size++] = n / 256
      bytes[size++] = n
      n = letters = 0
    }
  }
  if (letters > 0) {
    // the last bytes are fewer
    for (let i = letters; i < 5; i++) n = n * 85 + 84
    for (let i = 0; i < letters - 1; i++) bytes[size++] = n / 256 ** (3 - i)
  }
  return bytes.subarray(0, size)
}
