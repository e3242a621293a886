// A capture in which a peer tries to be markup: the text of an RST (RFC 9293 §3.5.2).

export const hostileText = '</script><img src=x onerror=alert(1)>'

const client = [192, 0, 2, 10]
const server = [198, 51, 100, 80]

export function hostileCapture() {
  const packets = [
    segment(client, server, 51530, 80, 1000, 0, 0x02, ''),
    segment(server, client, 80, 51530, 5000, 1001, 0x12, ''),
    segment(client, server, 51530, 80, 1001, 5001, 0x10, ''),
    segment(server, client, 80, 51530, 5001, 1001, 0x14, hostileText),
  ]
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b2c3d4, 0)
  head.writeUInt16LE(2, 4)
  head.writeUInt16LE(4, 6)
  head.writeUInt32LE(65535, 16)
  head.writeUInt32LE(101, 20) // raw IP
  return Buffer.concat([head, ...packets.flatMap((p, i) => {
    const h = Buffer.alloc(16)
    h.writeUInt32LE(1700000000, 0)
    h.writeUInt32LE(i * 1000, 4)
    h.writeUInt32LE(p.length, 8)
    h.writeUInt32LE(p.length, 12)
    return [h, p]
  })])
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
