// Captures that try to be markup: a peer by the text of an RST (RFC 9293 §3.5.2), a file by its names and comments.

export const hostileText = '</script><img src=x onerror=alert(1)>'

const client = [192, 0, 2, 10]
const server = [198, 51, 100, 80]

function packetsOf() {
  return [
    segment(client, server, 51530, 80, 1000, 0, 0x02, ''),
    segment(server, client, 80, 51530, 5000, 1001, 0x12, ''),
    segment(client, server, 51530, 80, 1001, 5001, 0x10, ''),
    segment(server, client, 80, 51530, 5001, 1001, 0x14, hostileText),
  ]
}

export function hostileCapture() {
  const packets = packetsOf()
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b2c3d4, 0)
  head.writeUInt16LE(2, 4)
  head.writeUInt16LE(4, 6)
  head.writeUInt32LE(65535, 16)
  head.writeUInt32LE(101, 20) // raw IP
  return Buffer.concat([
    head,
    ...packets.flatMap((p, i) => {
      const h = Buffer.alloc(16)
      h.writeUInt32LE(1700000000, 0)
      h.writeUInt32LE(i * 1000, 4)
      h.writeUInt32LE(p.length, 8)
      h.writeUInt32LE(p.length, 12)
      return [h, p]
    }),
  ])
}

// hostilePcapng has text as the name, the description and the comment of its interface and of its section, and on
// packets; it is cut off in a block behind them.
export function hostilePcapng(text) {
  const options = (...codes) =>
    Buffer.concat([
      ...codes.map((code) => {
        const bytes = Buffer.from(text)
        const option = Buffer.alloc(4 + Math.ceil(bytes.length / 4) * 4)
        option.writeUInt16LE(code, 0)
        option.writeUInt16LE(bytes.length, 2)
        bytes.copy(option, 4)
        return option
      }),
      Buffer.alloc(4),
    ])
  const block = (kind, ...parts) => {
    const body = Buffer.concat(parts)
    const out = Buffer.alloc(12 + body.length)
    out.writeUInt32LE(kind, 0)
    out.writeUInt32LE(out.length, 4)
    body.copy(out, 8)
    out.writeUInt32LE(out.length, 8 + body.length)
    return out
  }
  const section = Buffer.alloc(16, 0xff)
  section.writeUInt32LE(0x1a2b3c4d, 0)
  section.writeUInt32LE(1, 4)
  const device = Buffer.from([101, 0, 0, 0, 0, 0, 4, 0]) // raw IP
  const blocks = [block(0x0a0d0d0a, section, options(1, 2, 3, 4)), block(1, device, options(1, 2, 3))]
  packetsOf().forEach((p, i) => {
    const head = Buffer.alloc(20)
    const at = 1700000000000000n + 1000n * BigInt(i)
    head.writeUInt32LE(Number(at >> 32n), 4)
    head.writeUInt32LE(Number(at & 0xffffffffn), 8)
    head.writeUInt32LE(p.length, 12)
    head.writeUInt32LE(p.length, 16)
    blocks.push(block(6, head, p, Buffer.alloc(-p.length & 3), options(1)))
  })
  return Buffer.concat([...blocks, blocks[1].subarray(0, 20)])
}

function segment(from, to, fromPort, toPort, seq, ack, flags, text) {
  const payload = Buffer.from(text)
  const ip = Buffer.from([0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, ...from, ...to])
  ip.writeUInt16BE(40 + payload.length, 2)
  const tcp = Buffer.alloc(20)
  tcp.writeUInt16BE(fromPort, 0)
  tcp.writeUInt16BE(toPort, 2)
  tcp.writeUInt32BE(seq, 4)
  tcp.writeUInt32BE(ack, 8)
  tcp[12] = 0x50
  tcp[13] = flags
  tcp.writeUInt16BE(64240, 14)
  return Buffer.concat([ip, tcp, payload])
}
