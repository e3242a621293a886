// Package randfill fills the fields of structs with random values, for tests.
package randfill

import (
	"math/rand/v2"
	"reflect"
	"unsafe"
)

// Fill gives every field below *p, exported or not, a random value, which may be zero. Lists get one to four elements,
// numbers any value of their type that is at least 0. Fill follows the pointers that it sets. It leaves fields of the
// types in leave alone.
func Fill[T any](r *rand.Rand, p *T, leave ...reflect.Type) {
	filler{r, leave}.fill(reflect.ValueOf(p).Elem())
}

type filler struct {
	r     *rand.Rand
	leave []reflect.Type
}

func (f filler) fill(v reflect.Value) {
	r := f.r
	for _, t := range f.leave {
		if v.Type() == t {
			return
		}
	}
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // also fields that are not exported
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(4), 5))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Pointer:
		if r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem())
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int64:
		if r.IntN(4) > 0 {
			v.SetInt(r.Int64() >> (64 - v.Type().Bits()) >> r.IntN(v.Type().Bits()-1))
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if r.IntN(4) > 0 {
			v.SetUint(r.Uint64() >> (64 - v.Type().Bits()) >> r.IntN(v.Type().Bits()))
		}
	case reflect.Float64:
		v.SetFloat(r.NormFloat64() * 1e3)
	case reflect.String:
		v.SetString([...]string{"", "word", "two words", "\"é\\\x01"}[r.IntN(4)])
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key)
			f.fill(value)
			v.SetMapIndex(key, value)
		}
	default:
		panic("no value for " + v.Type().String())
	}
}
