package flows_test

import (
	"net/netip"
	"testing"

	"github.com/tcplife/tcplife/flows"
)

// The test cases of the specification (https://github.com/corelight/community-id-spec).
func TestCommunityID(t *testing.T) {
	for _, c := range []struct{ client, server, want string }{
		{"128.232.110.120:34855", "66.35.250.204:80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"[2001:470:e5bf:dead:4957:2174:e82c:4887]:63943", "[2607:f8b0:400c:c03::1a]:25",
			"1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
	} {
		x, y := netip.MustParseAddrPort(c.client), netip.MustParseAddrPort(c.server)
		for _, id := range []flows.CommunityID{flows.NewCommunityID(x, y), flows.NewCommunityID(y, x)} {
			if id.String() != c.want {
				t.Errorf("%s and %s: %s, want %s", x, y, id, c.want)
			}
		}
	}
}

// Firewalls and routers forbid with codes of destination unreachable (RFC 1812 §5.2.7.1, RFC 4443 §3.1).
func TestProhibits(t *testing.T) {
	forbid := map[bool]map[[2]uint8]bool{ // by type and code
		false: {{3, 9}: true, {3, 10}: true, {3, 13}: true},
		true:  {{1, 1}: true, {1, 5}: true, {1, 6}: true},
	}
	for v6, want := range forbid {
		for typ := range uint8(16) {
			for code := range uint8(16) {
				if got := (&flows.Quote{V6: v6, Type: typ, Code: code}).Prohibits(); got != want[[2]uint8{typ, code}] {
					t.Errorf("IPv6 %v, type %d, code %d: %v", v6, typ, code, got)
				}
			}
		}
	}
}
