package flows

import "encoding/binary"

// numbers holds the flows whose sequence numbers disclose an address: those of a scanner that uses its target's address
// as ISN, like Mirai (M. Antonakakis et al., "Understanding the Mirai Botnet", USENIX Security 2017, §3.1). All numbers
// of such a flow, and their acknowledgements, change by the same difference as the address. The latest flows are kept.
type numbers struct {
	recent, before map[flow]struct{}
}

// flow is one direction of a connection.
type flow struct {
	src, dst         Addr
	srcPort, dstPort uint16
}

const mostNumbered = 1 << 17 // in each map of numbers

func (n *numbers) has(f flow) bool {
	if _, is := n.recent[f]; is {
		return true
	}
	_, is := n.before[f]
	if is {
		n.add(f)
	}
	return is
}

func (n *numbers) add(f flow) {
	if n.recent == nil || len(n.recent) == mostNumbered {
		n.before, n.recent = n.recent, map[flow]struct{}{}
	}
	n.recent[f] = struct{}{}
}

// low returns the last four bytes of an address.
func (a *Addr) low() uint32 { return binary.BigEndian.Uint32(a[12:]) }

// renumber rewrites the numbers for inTCP.
func (w *Rewriter) renumber(ip4, b []byte, was, is *network) {
	forth := flow{was.src, was.dst, binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}
	back := flow{forth.dst, forth.src, forth.dstPort, forth.srcPort}
	seq, flags := binary.BigEndian.Uint32(b[4:]), SYN // a quote of 8 bytes has only this
	var ack uint32
	if len(b) >= tcpNeeded {
		ack, flags = binary.BigEndian.Uint32(b[8:]), Flags(b[13])
	}
	opens := flags&(SYN|ACK|RST) == SYN
	if opens && seq == was.dst.low() {
		w.numbers.add(forth)
	}
	if flags&ACK != 0 && flags&(SYN|RST) != 0 && ack == was.src.low()+1 {
		w.numbers.add(back)
	}
	newSeq := seq
	if w.numbers.has(forth) {
		newSeq += is.dst.low() - was.dst.low()
		binary.BigEndian.PutUint32(b[4:], newSeq)
	}
	if w.numbers.has(back) && (flags&ACK != 0 || ack != 0) {
		moved := is.src.low() - was.src.low()
		binary.BigEndian.PutUint32(b[8:], ack+moved)
		if len(b) > 20 {
			moveSACK(b[20:], moved)
		}
	}
	// masscan derives the identification of a SYN from the address, the port and the ISN.
	const fragmentMask = 0x3fff
	if opens && ip4 != nil && binary.BigEndian.Uint16(ip4[6:])&fragmentMask == 0 &&
		was.id == uint16(was.dst.low())^forth.dstPort^uint16(seq) {
		binary.BigEndian.PutUint16(ip4[4:], uint16(is.dst.low())^forth.dstPort^uint16(newSeq))
	}
}

// moveSACK moves the edges of SACK blocks (RFC 2018 §3).
func moveSACK(options []byte, by uint32) {
	const sack = 5
	for option := range tcpOptions(options) {
		for n := 2; option[0] == sack && n+4 <= len(option); n += 4 {
			binary.BigEndian.PutUint32(option[n:], binary.BigEndian.Uint32(option[n:])+by)
		}
	}
}
