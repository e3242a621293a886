package flows

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	md5, ao := cat([]byte{19, 18}, zeros(16)), cat([]byte{29, 16}, zeros(14))
	for _, tt := range []struct {
		name string
		b    []byte
		want Options
	}{
		{"none", nil, Options{}},
		{"SYN of Linux", synOptions, Options{HasMSS: true, MSS: 1460, SACKPermitted: true, HasTimestamp: true, TSVal: 9,
			HasWScale: true, WScale: 7}},
		{"timestamps", timestamps, Options{HasTimestamp: true, TSVal: 1, TSEcr: 2}},
		{"timestamps, reversed", []byte{8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1},
			Options{HasTimestamp: true, TSVal: 1, TSEcr: 2}},
		{"window scale above 14", []byte{3, 3, 200, 0}, Options{HasWScale: true, WScale: 14}},
		{"SACK of two blocks", cat([]byte{1, 1, 5, 18}, be32(1), be32(2), be32(3), be32(4)),
			Options{HasSACK: true, SACKLeft: 1, SACKRight: 2}},
		{"SACK of half a block", cat([]byte{1, 1, 5, 6}, be32(1)), Options{}},
		{"Fast Open request", []byte{34, 2, 1, 1}, Options{FastOpen: true}},
		{"Fast Open cookie", cat([]byte{34, 10}, zeros(8), []byte{1, 1}), Options{FastOpen: true, FastOpenLen: 8}},
		{"Fast Open, experimental", []byte{254, 8, 0xf9, 0x89, 1, 2, 3, 4}, Options{FastOpen: true, FastOpenLen: 4}},
		{"another experiment", []byte{254, 4, 1, 2}, Options{}},
		{"MPTCP, a SYN", []byte{30, 4, 0x01, 0x01}, Options{MPTCP: MPTCPCapable}},
		{"MPTCP, a SYN-ACK", []byte{30, 12, 0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 7},
			Options{MPTCP: MPTCPCapable, MPTCPToken: 0xa3eb8db8}},
		{"MPTCP of version 0", []byte{30, 12, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0, 7},
			Options{MPTCP: MPTCPCapable, MPTCPToken: 0xaebf7400}},
		{"MPTCP, another subflow", []byte{30, 12, 0x10, 0x01, 1, 2, 3, 4, 9, 9, 9, 9},
			Options{MPTCP: MPTCPJoin, MPTCPToken: 0x01020304}},
		{"MPTCP, its SYN-ACK", cat([]byte{30, 16, 0x10, 0x01}, zeros(12)), Options{MPTCP: MPTCPJoin}},
		{"MPTCP, data", cat([]byte{30, 8, 0x20, 0x01}, zeros(4)), Options{MPTCP: MPTCPOther}},
		{"MD5", cat(md5, []byte{1, 1}), Options{Signed: true}},
		{"TCP-AO", ao, Options{Signed: true}},
		{"end of list", []byte{0, 2, 4, 5}, Options{}},
		{"unknown", []byte{99, 4, 0, 0, 2, 4, 5, 0xb4}, Options{HasMSS: true, MSS: 1460}},
		{"MSS of a wrong length", []byte{2, 3, 5, 1, 3, 3, 7, 0}, Options{HasWScale: true, WScale: 7}},
		{"length 0", []byte{2, 4, 5, 0xb4, 8, 0, 0, 0}, Options{HasMSS: true, MSS: 1460, Cut: true}},
		{"length 1", []byte{8, 1, 0, 0}, Options{Cut: true}},
		{"overrun", []byte{4, 2, 8, 10}, Options{SACKPermitted: true, Cut: true}},
		{"a kind without a length", []byte{1, 1, 1, 2}, Options{Cut: true}},
	} {
		s := one(t, NewDecoder(DecoderOptions{}), packet(101, ip4(6, tcp4(SYN, tt.b, nil))))
		if s.Options != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, s.Options, tt.want)
		}
	}
}

// Options are decoded as far as they were captured.
func TestOptionsCut(t *testing.T) {
	whole := ip4(6, tcp4(SYN, synOptions, nil))
	for _, tt := range []struct {
		n    int
		want Options
	}{
		{36, Options{Cut: true}}, // ends behind the window
		{40, Options{Cut: true}},
		{43, Options{Cut: true}},
		{44, Options{Cut: true, HasMSS: true, MSS: 1460}},
		{46, Options{Cut: true, HasMSS: true, MSS: 1460, SACKPermitted: true}},
		{56, Options{Cut: true, HasMSS: true, MSS: 1460, SACKPermitted: true, HasTimestamp: true, TSVal: 9}},
	} {
		if s := one(t, NewDecoder(DecoderOptions{}), cut(101, whole, tt.n)); s.Options != tt.want ||
			s.Window != testWindow {
			t.Errorf("%d bytes: %+v, want %+v", tt.n, s.Options, tt.want)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, f := range []Flags{0, FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE, SYN | ECE | CWR | AE, AE<<1 - 1} {
		reserved := Flags(0x0e00)
		if s := one(t, NewDecoder(DecoderOptions{}), packet(101, ip4(6, tcp4(f|reserved, nil, nil)))); s.Flags != f {
			t.Errorf("flags %03x, want %03x", s.Flags, f)
		}
	}
	if !(SYN | ACK).Has(SYN) || SYN.Has(SYN|ACK) {
		t.Error("Has wants every bit")
	}
}

// The quick sum equals that of RFC 1071.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
			if r.IntN(3) == 0 {
				b[i] = 0xff // carries
			}
		}
		start := r.Uint64()
		pad := []byte{byte(start), byte(start >> 8), byte(start >> 16), byte(start >> 24), byte(start >> 32),
			byte(start >> 40), byte(start >> 48), byte(start >> 56)}
		complement := rfc1071(cat(pad, b))
		if n%2 != 0 {
			b = cat(b, zeros(1))
		}
		if !checks(sum(cat(b, be16(int(complement))), start)) {
			t.Errorf("%d bytes: a correct checksum counts as wrong", n)
		}
		if checks(sum(cat(b, be16(int(complement^0x0100))), start)) {
			t.Errorf("%d bytes: a wrong checksum counts as correct", n)
		}
	}
}

// An RST can contain a reason. Data that is not text is left out.
func TestReason(t *testing.T) {
	for _, tt := range []struct {
		flags Flags
		text  string
		want  string
	}{
		{RST | ACK, "no pool member is available", "no pool member is available"},
		{RST, " [0x1:2] gone\r\n\x00", "[0x1:2] gone"},
		{RST, strings.Repeat("x", 300), strings.Repeat("x", 200)},
		{RST, "\x16\x03\x01 not text", ""},
		{RST, "\x00\x00", ""},
		{RST, "", ""},
		{PSH | ACK, "no reset", ""},
	} {
		s := one(t, NewDecoder(DecoderOptions{}), packet(101, ip4(6, tcp4(tt.flags, nil, []byte(tt.text)))))
		if got := s.Reason; (got == nil) != (tt.want == "") || got != nil && *got != tt.want {
			t.Errorf("%q: %v", tt.text, got)
		}
	}
}
