package flows

import (
	"testing"

	"github.com/tcplife/tcplife/capture"
)

func BenchmarkDecode(b *testing.B) {
	big := ip4(6, tcp4(ACK, timestamps, zeros(1428)))
	for _, bb := range []struct {
		name string
		p    *capture.Packet
	}{
		{"eth_ip4_ack", packet(1, eth(0x800, ip4(6, tcp4(ACK, timestamps, nil))))},
		{"eth_ip4_syn", packet(1, eth(0x800, syn4))},
		{"eth_ip4_1428", packet(1, eth(0x800, big))},
		{"eth_ip4_1428_snaplen_96", cut(1, eth(0x800, big), 96)},
		{"eth_vlan_ip4_ack", packet(1, eth(0x8100, tag(12, 0x800, ip4(6, tcp4(ACK, timestamps, nil)))))},
		{"eth_ip6_ack", packet(1, eth(0x86dd, ip6(6, tcp6(ACK, timestamps, nil))))},
		{"sll2_ip4_ack", packet(276, cat(be16(0x800), zeros(18), ip4(6, tcp4(ACK, timestamps, nil))))},
		{"vxlan", packet(1, eth(0x800, ip4(17, udpTo(4789, cat([]byte{8, 0, 0, 0, 0, 0, 42, 0}, eth(0x800, syn4))))))},
		{"udp", packet(1, eth(0x800, ip4(17, udpTo(53, zeros(40)))))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			d := NewDecoder(DecoderOptions{})
			var segs []Segment
			b.ReportAllocs()
			for b.Loop() {
				segs = d.Decode(bb.p, segs[:0])
			}
		})
	}
}
