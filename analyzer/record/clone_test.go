package record_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/randfill"
)

// A clone is equal to its original, and shares no list, pointer or map with it, whatever fields are added.
func TestCloneSharesNothing(t *testing.T) {
	for seed := range uint64(50) {
		var c record.Connection
		randfill.Fill(rand.New(rand.NewPCG(seed, 1)), &c, reflect.TypeFor[netip.Addr](),
			reflect.TypeFor[flows.CommunityID]())
		clone := c.Clone()
		if diff := cmp.Diff(&c, clone, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Fatal(diff)
		}
		shares(t, "", reflect.ValueOf(c), reflect.ValueOf(*clone))
	}
}

func shares(t *testing.T, path string, x, y reflect.Value) {
	t.Helper()
	switch x.Kind() {
	case reflect.Struct:
		for i := range x.NumField() {
			shares(t, path+"."+x.Type().Field(i).Name, x.Field(i), y.Field(i))
		}
	case reflect.Slice:
		if x.Len() > 0 && x.Pointer() == y.Pointer() {
			t.Errorf("%s is shared", path)
		}
		for i := range x.Len() {
			shares(t, path+"[]", x.Index(i), y.Index(i))
		}
	case reflect.Map:
		if x.Len() > 0 && x.Pointer() == y.Pointer() {
			t.Errorf("%s is shared", path)
		}
	case reflect.Pointer:
		if !x.IsNil() {
			if x.Pointer() == y.Pointer() {
				t.Errorf("%s is shared", path)
			}
			shares(t, path, x.Elem(), y.Elem())
		}
	}
}
