package main

import (
	"bytes"
	
	"net/netip"
	"os"
	"hash/fnv"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/flows"
	"encoding/json"
)

func main() {
	h, err := pcap.OpenOffline(os.Args[1])
	if err != nil { panic(err) }
	out := json.NewEncoder(os.Stdout)
	a := analyzer.New(analyzer.Options{}, func(c *analyzer.Connection) { if err := out.Encode(c); err != nil { panic(err) } })
	n := uint64(0)
	for {
		data, ci, err := h.ReadPacketData()
		if err != nil { break }
		n++
		p := gopacket.NewPacket(data, h.LinkType(), gopacket.NoCopy)
		t, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok { continue }
		var s flows.Segment
		s.Packet, s.Time = n, ci.Timestamp.UnixNano()
		var src, dst netip.Addr
		switch ip := p.NetworkLayer().(type) {
		case *layers.IPv4:
			src, _ = netip.AddrFromSlice(ip.SrcIP.To4()); dst, _ = netip.AddrFromSlice(ip.DstIP.To4())
			s.Len = uint32(ip.Length) - uint32(ip.IHL)*4 - uint32(t.DataOffset)*4
			s.IPID, s.TTL = ip.Id, ip.TTL
		case *layers.IPv6:
			src, _ = netip.AddrFromSlice(ip.SrcIP); dst, _ = netip.AddrFromSlice(ip.DstIP)
			s.Len = uint32(ip.Length) - uint32(t.DataOffset)*4
			s.TTL = ip.HopLimit; s.Key.V6 = true
		}
		sa, da := flows.Addr(src.As16()), flows.Addr(dst.As16())
		sp, dp := uint16(t.SrcPort), uint16(t.DstPort)
		if c := bytes.Compare(sa[:], da[:]); c < 0 || c == 0 && sp <= dp {
			s.Key.A, s.Key.B, s.Key.APort, s.Key.BPort = sa, da, sp, dp
		} else {
			s.Key.A, s.Key.B, s.Key.APort, s.Key.BPort = da, sa, dp, sp
			s.FromB = true
		}
		s.Seq, s.Ack, s.Window = t.Seq, t.Ack, t.Window
		for i, b := range []bool{t.FIN, t.SYN, t.RST, t.PSH, t.ACK, t.URG, t.ECE, t.CWR, t.NS} { if b { s.Flags |= 1 << i } }
		for _, o := range t.Options {
			switch o.OptionType { case layers.TCPOptionKindWindowScale: s.Options.HasWScale, s.Options.WScale = true, o.OptionData[0]
			case layers.TCPOptionKindTimestamps: s.Options.HasTimestamp = true }
		}
		hh := fnv.New32a()
		hh.Write(t.Contents[:16]); hh.Write(t.Contents[18:]); hh.Write(t.Payload)
		s.Digest = hh.Sum32()
		if src.Is4() && s.Len == uint32(len(t.Payload)) { 
			if ip, ok := p.NetworkLayer().(*layers.IPv4); ok {
				t.SetNetworkLayerForChecksum(ip)
				cs, _ := t.ComputeChecksum(); s.GoodChecksum = cs == t.Checksum || cs == 0; s.BadChecksum = !s.GoodChecksum
				b := append([]byte{}, t.Contents...); b[16], b[17] = 0, 0
				_ = b
			}
		}
		a.Segment(&s)
	}
	a.Close()
}
