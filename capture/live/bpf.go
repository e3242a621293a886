package live

import (
	"encoding/binary"

	"github.com/tcplife/tcplife/capture"
)

// The parts of a BPF instruction's code (McCanne, Jacobson: The BSD Packet Filter, 1993; libpcap's pcap/bpf.h).
const (
	bpfClass = 0x07
	bpfLD    = 0x00
	bpfLDX   = 0x01
	bpfST    = 0x02
	bpfSTX   = 0x03
	bpfALU   = 0x04
	bpfJMP   = 0x05
	bpfRET   = 0x06
	bpfMISC  = 0x07

	bpfSize = 0x18
	bpfW    = 0x00
	bpfH    = 0x08
	bpfB    = 0x10

	bpfMode = 0xe0
	bpfIMM  = 0x00
	bpfABS  = 0x20
	bpfIND  = 0x40
	bpfMEM  = 0x60
	bpfLEN  = 0x80
	bpfMSH  = 0xa0

	bpfOp  = 0xf0
	bpfADD = 0x00
	bpfSUB = 0x10
	bpfMUL = 0x20
	bpfDIV = 0x30
	bpfOR  = 0x40
	bpfAND = 0x50
	bpfLSH = 0x60
	bpfRSH = 0x70
	bpfNEG = 0x80
	bpfMOD = 0x90
	bpfXOR = 0xa0

	bpfJA   = 0x00
	bpfJEQ  = 0x10
	bpfJGT  = 0x20
	bpfJGE  = 0x30
	bpfJSET = 0x40

	bpfX   = 0x08 // the operand of ALU and JMP is X, not K
	bpfTXA = 0x80 // MISC copies X to A, not A to X

	bpfReturn = 0x18
	bpfA      = 0x10 // RET returns A, not K
)

// instruction is an instruction of BPF.
type instruction struct {
	Code   uint16
	Jt, Jf uint8 // how many instructions a jump skips if its condition holds, and if not
	K      uint32
}

// runBPF reports whether a program accepts a packet, as libpcap's bpf_filter does. (The interpreter of
// golang.org/x/net/bpf uses the captured length as the packet's, so that `greater 1000` fails under a small snaplen,
// and does not let an index wrap.) A program reads nothing outside of the packet. It ends, because it only jumps
// forward.
func runBPF(program []instruction, p *capture.Packet) bool {
	var a, x uint32
	var memory [16]uint32
	for pc := 0; pc < len(program); pc++ {
		i := &program[pc]
		operand := i.K
		if i.Code&bpfX != 0 {
			operand = x
		}
		ok := true
		switch i.Code & bpfClass {
		case bpfLD:
			switch i.Code & bpfMode {
			case bpfIMM:
				a = i.K
			case bpfABS:
				a, ok = loadBPF(p.Data, i.K, i.Code)
			case bpfIND:
				a, ok = loadBPF(p.Data, x+i.K, i.Code)
			case bpfMEM:
				a, ok = memory[i.K&15], i.K < 16
			case bpfLEN:
				a = uint32(p.Length)
			}
		case bpfLDX:
			switch i.Code & bpfMode {
			case bpfIMM:
				x = i.K
			case bpfMEM:
				x, ok = memory[i.K&15], i.K < 16
			case bpfLEN:
				x = uint32(p.Length)
			case bpfMSH:
				x, ok = loadBPF(p.Data, i.K, bpfB)
				x = x & 0xf << 2
			}
		case bpfST:
			memory[i.K&15], ok = a, i.K < 16
		case bpfSTX:
			memory[i.K&15], ok = x, i.K < 16
		case bpfALU:
			switch i.Code & bpfOp {
			case bpfADD:
				a += operand
			case bpfSUB:
				a -= operand
			case bpfMUL:
				a *= operand
			case bpfDIV:
				if ok = operand != 0; ok {
					a /= operand
				}
			case bpfMOD:
				if ok = operand != 0; ok {
					a %= operand
				}
			case bpfOR:
				a |= operand
			case bpfAND:
				a &= operand
			case bpfXOR:
				a ^= operand
			case bpfLSH:
				a <<= operand
			case bpfRSH:
				a >>= operand
			case bpfNEG:
				a = -a
			}
		case bpfJMP:
			jump := false
			switch i.Code & bpfOp {
			case bpfJA:
				pc += int(i.K)
				continue
			case bpfJEQ:
				jump = a == operand
			case bpfJGT:
				jump = a > operand
			case bpfJGE:
				jump = a >= operand
			case bpfJSET:
				jump = a&operand != 0
			}
			if jump {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		case bpfRET:
			if i.Code&bpfReturn == bpfA {
				return a != 0
			}
			return i.K != 0
		case bpfMISC:
			if i.Code&bpfOp == bpfTXA {
				a = x
			} else {
				x = a
			}
		}
		if !ok {
			return false
		}
	}
	return false
}

// loadBPF reads a word, half-word or byte. It is not ok if the packet does not have all of it.
func loadBPF(data []byte, offset uint32, code uint16) (v uint32, ok bool) {
	if uint64(offset) >= uint64(len(data)) {
		return 0, false
	}
	data = data[offset:]
	switch size := code & bpfSize; {
	case size == bpfW && len(data) >= 4:
		return binary.BigEndian.Uint32(data), true
	case size == bpfH && len(data) >= 2:
		return uint32(binary.BigEndian.Uint16(data)), true
	case size == bpfB:
		return uint32(data[0]), true
	}
	return 0, false
}
