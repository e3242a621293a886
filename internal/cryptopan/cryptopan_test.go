package cryptopan

import (
	"math/bits"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// The key and the addresses of the authors' sample program.
func TestSample(t *testing.T) {
	a := New([KeySize]byte{
		21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
		216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
	})
	for from, to := range map[string]string{
		"128.11.68.132": "135.242.180.132", "129.118.74.4": "134.136.186.123", "130.132.252.244": "133.68.164.234",
		"141.223.7.43": "141.167.8.160", "141.233.145.108": "141.129.237.235", "152.163.225.39": "151.140.114.167",
		"156.29.3.236": "147.225.12.42", "165.247.96.84": "162.9.99.234", "166.107.77.190": "160.132.178.185",
		"192.102.249.13": "252.138.62.131",
	} {
		if got := a.Addr(netip.MustParseAddr(from)).String(); got != to {
			t.Errorf("%s becomes %s, want %s", from, got, to)
		}
	}
}

// shared is the number of leading bits that two addresses have in common.
func shared(x, y []byte) (n int) {
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			return n + bits.LeadingZeros8(d)
		}
		n += 8
	}
	return n
}

// Two addresses share an equally long prefix before and after.
func TestPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := New([KeySize]byte(rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key")))
		check := func(kind string, x, y, newX, newY []byte) {
			if before, after := shared(x, y), shared(newX, newY); before != after {
				t.Errorf("%s %x and %x share %d bits, their replacements %x and %x %d", kind, x, y,
					before, newX, newY, after)
			}
		}
		draw := func(n int) (x, y []byte) {
			x = rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "x")
			y = append([]byte{}, x...)
			rest := rapid.IntRange(0, n).Draw(t, "shared")
			copy(y[rest:], rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "y"))
			return x, y
		}
		x, y := draw(4)
		x4, y4 := a.IP4([4]byte(x)), a.IP4([4]byte(y))
		check("IPv4", x, y, x4[:], y4[:])
		x, y = draw(16)
		x6, y6 := a.IP6([16]byte(x)), a.IP6([16]byte(y))
		check("IPv6", x, y, x6[:], y6[:])
		x, y = draw(6)
		xm, ym := a.MAC([6]byte(x)), a.MAC([6]byte(y))
		if xm[0]&3 != x[0]&3 {
			t.Errorf("MAC %x becomes %x, which is of another kind", x, xm)
		}
		if (xm == ym) != ([6]byte(x) == [6]byte(y)) {
			t.Errorf("MAC %x and %x become %x and %x", x, y, xm, ym)
		}
	})
}

func TestParseKey(t *testing.T) {
	raw := make([]byte, KeySize)
	for i := range raw {
		raw[i] = byte(i)
	}
	for _, file := range []string{string(raw), "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n"} {
		if key, err := ParseKey([]byte(file)); err != nil || string(key[:]) != string(raw) {
			t.Errorf("%q: %x, %v", file, key, err)
		}
	}
	for _, file := range []string{"", string(raw[1:]), "0001", string(raw) + "\n"} {
		if _, err := ParseKey([]byte(file)); err == nil {
			t.Errorf("%q is accepted as a key", file)
		}
	}
}
