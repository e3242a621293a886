package pack

import (
	"math"
	"net/netip"
	"reflect"
	"testing"
)

type inner struct {
	name string
	list []uint16
}

type everything struct {
	Bool    bool
	Int     int
	I8      int8
	I16     int16
	I32     int32
	I64     int64
	U8      uint8
	U16     uint16
	U32     uint32
	U64     uint64
	Float   float64
	Text    string
	Bytes   [4]byte
	Array   [2]inner
	Raw     []byte
	NoRaw   []byte
	Nil     []int64
	Empty   []int64
	Some    []inner
	None    *inner
	Zero    *inner
	Number  *uint64
	Addr    netip.Addr
	V6      netip.Addr
	Invalid netip.Addr
	hidden  int64
}

func full() everything {
	n := uint64(math.MaxUint64)
	return everything{
		true, -1, math.MinInt8, math.MinInt16, math.MinInt32, math.MinInt64, math.MaxUint8, math.MaxUint16,
		math.MaxUint32,
		math.MaxUint64, math.Inf(-1), "text", [4]byte{1, 2, 3, 4}, [2]inner{{"a", nil}, {"", []uint16{}}}, []byte{7, 8},
		[]byte{}, nil, []int64{},
		[]inner{{"b", []uint16{5, 6}}}, nil, &inner{}, &n, netip.MustParseAddr("192.0.2.1"),
		netip.MustParseAddr("fe80::1%eth0"),
		netip.Addr{}, -7,
	}
}

// Read returns the packed values, one after the other. It keeps the difference between nil and empty.
func TestRoundTrip(t *testing.T) {
	c := Of[everything]()
	first, second := full(), everything{Text: "second"}
	b := c.Append(c.Append(nil, &first), &second)
	got := full() // to be overwritten
	rest, err := c.Read(b, &got)
	if err != nil || !reflect.DeepEqual(got, first) {
		t.Fatalf("read %+v, %v; packed %+v", got, err, first)
	}
	if rest, err = c.Read(rest, &got); err != nil || len(rest) != 0 || !reflect.DeepEqual(got, second) {
		t.Fatalf("read %+v, %v, %d bytes left; packed %+v", got, err, len(rest), second)
	}
}

// Bytes that are cut or wrong are an error, and allocate no memory for missing elements.
func TestCutBytesAreAnError(t *testing.T) {
	c := Of[everything]()
	v := full()
	b := c.Append(nil, &v)
	for n := range b {
		var got everything
		if _, err := c.Read(b[:n:n], &got); err == nil {
			t.Errorf("no error for %d of %d bytes", n, len(b))
		}
	}
	var list []uint64
	if _, err := Of[[]uint64]().Read([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, &list); err == nil {
		t.Error("no error for a length beyond the bytes")
	}
}

// Of panics for a type that cannot be packed.
func TestNoMaps(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic for a map")
		}
	}()
	Of[struct{ m map[string]int }]()
}
