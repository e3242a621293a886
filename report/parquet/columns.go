package parquet

import (
	"encoding"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
	"github.com/tcplife/tcplife/flows"
)

// layout says how the values of a Go type are stored in columns. It follows from the type: a struct is a group with the
// names of its JSON tags, a pointer is an optional value, a slice is a list, a map is a map, and everything else is a
// column. So a new field of a record becomes a column of its file.
type layout struct {
	node   parquet.Node
	leaves int // columns
	shred  shredder
}

// A shredder puts the value at p into the columns from the first on. rep is the repetition level of the first value:
// the depth of the list that it continues. All other levels follow from the layout.
type shredder func(b *batch, first int, p unsafe.Pointer, rep int)

// batch collects the values of some rows by column.
type batch struct {
	columns [][]parquet.Value
	text    []byte // strings that are not in a record
	size    int    // approximate bytes of the values
}

// put adds a value to a column.
func (b *batch) put(column int, v parquet.Value, rep, def int) {
	b.columns[column] = append(b.columns[column], v.Level(rep, def, column))
	b.size += 8
	if v.Kind() == parquet.ByteArray {
		b.size += len(v.ByteArray())
	}
}

// putNothing puts null into n columns. def is how many of the optional values and lists around them exist.
func (b *batch) putNothing(first, n, rep, def int) {
	for column := first; column < first+n; column++ {
		b.putNull(column, rep, def)
	}
}

func (b *batch) putNull(column, rep, def int) {
	b.columns[column] = append(b.columns[column], parquet.NullValue().Level(rep, def, column))
	b.size++
}

// written returns the value of a string that write appends.
func (b *batch) written(write func([]byte) []byte) parquet.Value {
	start := len(b.text)
	b.text = write(b.text)
	return parquet.ByteArrayValue(b.text[start:])
}

// textValue returns the value of a string, which refers to the string. Bytes that are not UTF-8 are replaced as in
// JSON.
func textValue(s string) parquet.Value {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// layoutOf returns the layout of values of a type. rep is how many lists contain them, and def how many lists and
// optional values. It panics for a type whose kind does not determine its JSON; such types must be in leaves.
func layoutOf(t reflect.Type, rep, def int) layout {
	if leaf, is := leaves[t]; is {
		return leaf(def)
	}
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[flows.Layer]():
		return layerLayout(def)
	case kind == reflect.Pointer:
		return optionalLayout(t, rep, def)
	case kind == reflect.Slice:
		return listLayout(t, rep, def)
	case kind == reflect.Map:
		return mapLayout(t, rep, def)
	case t.Implements(reflect.TypeFor[json.Marshaler]()) && kind == reflect.String: // null if it is empty
		return sometimes(words, func(_ *batch, s *string) (parquet.Value, bool) { return textValue(*s), *s != "" })(def)
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return textLayout(t, def)
	case kind == reflect.Struct:
		return groupLayout(t, rep, def)
	case kind == reflect.String:
		return always(words, func(_ *batch, s *string) parquet.Value { return textValue(*s) })(def)
	case kind == reflect.Bool:
		return always(booleans, func(_ *batch, v *bool) parquet.Value { return parquet.BooleanValue(*v) })(def)
	case kind == reflect.Float64:
		return always(doubles, func(_ *batch, v *float64) parquet.Value { return parquet.DoubleValue(*v) })(def)
	case kind == reflect.Int:
		return always(integers, func(_ *batch, n *int) parquet.Value { return parquet.Int64Value(int64(*n)) })(def)
	case kind == reflect.Int64:
		return always(integers, func(_ *batch, n *int64) parquet.Value { return parquet.Int64Value(*n) })(def)
	case kind == reflect.Uint8:
		return always(integers, func(_ *batch, n *uint8) parquet.Value { return parquet.Int64Value(int64(*n)) })(def)
	case kind == reflect.Uint16:
		return always(integers, func(_ *batch, n *uint16) parquet.Value { return parquet.Int64Value(int64(*n)) })(def)
	case kind == reflect.Uint32:
		return always(integers, func(_ *batch, n *uint32) parquet.Value { return parquet.Int64Value(int64(*n)) })(def)
	case kind == reflect.Uint64:
		return always(integers, func(_ *batch, n *uint64) parquet.Value { return parquet.Int64Value(int64(*n)) })(def)
	}
	panic(fmt.Sprintf("no Parquet column for %v: define its values, and which of them are null, in leaves", t))
}

// The types of columns. All integers are signed and have 64 bits, because every reader supports these.
var (
	integers = parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked)
	moments  = parquet.Encoded(parquet.Timestamp(parquet.Nanosecond), &parquet.DeltaBinaryPacked) // in UTC
	doubles  = parquet.Leaf(parquet.DoubleType)
	booleans = parquet.Leaf(parquet.BooleanType)
	words    = parquet.Encoded(parquet.String(), &parquet.RLEDictionary) // few different ones
	texts    = parquet.String()
)

// leaves are the types that are single columns, whatever their kind. Values that are null in JSON are null.
var leaves = map[reflect.Type]func(def int) layout{
	reflect.TypeFor[record.Time](): sometimes(moments, func(_ *batch, t *record.Time) (parquet.Value, bool) {
		return parquet.Int64Value(int64(*t)), *t != record.NoTime
	}),
	reflect.TypeFor[record.Duration](): sometimes(doubles, func(_ *batch, d *record.Duration) (parquet.Value, bool) {
		return parquet.DoubleValue(float64(*d) / 1e9), *d != record.NoDuration // seconds, rounded as in JSON
	}),
	reflect.TypeFor[record.PacketNumber](): sometimes(integers,
		func(_ *batch, n *record.PacketNumber) (parquet.Value, bool) {
			return parquet.Int64Value(int64(*n)), *n != 0
		}),
	reflect.TypeFor[record.Seq](): sometimes(integers, func(_ *batch, s *record.Seq) (parquet.Value, bool) {
		return parquet.Int64Value(int64(s.Number)), s.Known
	}),
	reflect.TypeFor[record.Count](): sometimes(integers, func(_ *batch, n *record.Count) (parquet.Value, bool) {
		return parquet.Int64Value(int64(n.Number)), n.Known
	}),
	reflect.TypeFor[record.NullableNumber](): sometimes(doubles,
		func(_ *batch, n *record.NullableNumber) (parquet.Value, bool) {
			return parquet.DoubleValue(n.Value), n.Known
		}),
	reflect.TypeFor[record.Answer](): sometimes(booleans, func(_ *batch, a *record.Answer) (parquet.Value, bool) {
		return parquet.BooleanValue(*a == record.Yes), *a != record.Unknown
	}),
	reflect.TypeFor[record.Side](): sometimes(words, func(_ *batch, s *record.Side) (parquet.Value, bool) {
		return textValue(s.String()), *s != record.NoSide
	}),
	reflect.TypeFor[tcpstate.State](): always(words, func(_ *batch, s *tcpstate.State) parquet.Value {
		return textValue(s.String())
	}),
	reflect.TypeFor[tcpstate.Rule](): always(words, func(_ *batch, r *tcpstate.Rule) parquet.Value {
		return textValue(r.String())
	}),
	reflect.TypeFor[record.StateOrNone](): sometimes(words,
		func(_ *batch, s *record.StateOrNone) (parquet.Value, bool) {
			return textValue(s.State.String()), s.Known
		}),
	reflect.TypeFor[netip.Addr](): always(words, func(b *batch, ip *netip.Addr) parquet.Value {
		return b.written(ip.AppendTo)
	}),
	reflect.TypeFor[flows.CommunityID](): always(texts, func(b *batch, id *flows.CommunityID) parquet.Value {
		return b.written(id.Append)
	}),
}

// always returns the layout of a type whose values are never null.
func always[T any](node parquet.Node, value func(*batch, *T) parquet.Value) func(def int) layout {
	return func(def int) layout {
		return layout{node, 1, func(b *batch, column int, p unsafe.Pointer, rep int) {
			b.put(column, value(b, (*T)(p)), rep, def)
		}}
	}
}

// sometimes returns the layout of a type of which some values mean unknown.
func sometimes[T any](node parquet.Node, value func(*batch, *T) (v parquet.Value, known bool)) func(def int) layout {
	return func(def int) layout {
		return layout{parquet.Optional(node), 1, func(b *batch, column int, p unsafe.Pointer, rep int) {
			if v, known := value(b, (*T)(p)); known {
				b.put(column, v, rep, def+1)
			} else {
				b.putNull(column, rep, def)
			}
		}}
	}
}

// textLayout returns the layout of a type with a MarshalText method. Frequent types are in leaves, which is faster.
func textLayout(t reflect.Type, def int) layout {
	return layout{words, 1, func(b *batch, column int, p unsafe.Pointer, rep int) {
		text, err := reflect.NewAt(t, p).Elem().Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			text = []byte(err.Error())
		}
		b.put(column, textValue(string(text)), rep, def)
	}}
}

// layerLayout returns the layout of an encapsulation, whose id is optional.
func layerLayout(def int) layout {
	id := sometimes(integers, func(_ *batch, l *flows.Layer) (parquet.Value, bool) {
		return parquet.Int64Value(int64(l.ID)), l.HasID
	})(def)
	kind := always(words, func(_ *batch, l *flows.Layer) parquet.Value { return textValue(l.Kind) })(def)
	node := group([]parquet.Field{member{kind.node, "kind"}, member{id.node, "id"}})
	return layout{node, 2, func(b *batch, first int, p unsafe.Pointer, rep int) {
		kind.shred(b, first, p, rep)
		id.shred(b, first+1, p, rep)
	}}
}

// groupLayout returns the layout of a struct.
func groupLayout(t reflect.Type, rep, def int) layout {
	type part struct {
		layout
		offset uintptr
		first  int
	}
	var parts []part
	var members []parquet.Field
	n := 0
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("%v.%s has no name in JSON", t, f.Name))
		}
		l := layoutOf(f.Type, rep, def)
		parts = append(parts, part{l, f.Offset, n})
		members = append(members, member{l.node, name})
		n += l.leaves
	}
	return layout{group(members), n, func(b *batch, first int, p unsafe.Pointer, rep int) {
		for i := range parts {
			f := &parts[i]
			f.shred(b, first+f.first, unsafe.Add(p, f.offset), rep)
		}
	}}
}

// optionalLayout returns the layout of a pointer.
func optionalLayout(t reflect.Type, rep, def int) layout {
	l := layoutOf(t.Elem(), rep, def+1)
	return layout{parquet.Optional(l.node), l.leaves, func(b *batch, first int, p unsafe.Pointer, rep int) {
		if to := *(*unsafe.Pointer)(p); to != nil {
			l.shred(b, first, to, rep)
		} else {
			b.putNothing(first, l.leaves, rep, def)
		}
	}}
}

// listLayout returns the layout of a slice. nil is an empty list, because no list of a record is null.
func listLayout(t reflect.Type, rep, def int) layout {
	size := t.Elem().Size()
	l := layoutOf(t.Elem(), rep+1, def+1)
	deeper := rep + 1
	return layout{parquet.List(l.node), l.leaves, func(b *batch, first int, p unsafe.Pointer, rep int) {
		list := (*struct {
			data     unsafe.Pointer
			len, cap int
		})(p)
		if list.len == 0 {
			b.putNothing(first, l.leaves, rep, def)
		}
		for i := range list.len {
			l.shred(b, first, unsafe.Add(list.data, uintptr(i)*size), rep)
			rep = deeper
		}
	}}
}

// mapLayout returns the layout of a map with strings as keys, which are sorted. nil is an empty map.
func mapLayout(t reflect.Type, rep, def int) layout {
	key := layoutOf(t.Key(), rep+1, def+1)
	value := layoutOf(t.Elem(), rep+1, def+1)
	deeper := rep + 1
	node := parquet.Map(key.node, value.node)
	return layout{node, 1 + value.leaves, func(b *batch, first int, p unsafe.Pointer, rep int) {
		m := reflect.NewAt(t, p).Elem()
		if m.Len() == 0 {
			b.putNothing(first, 1+value.leaves, rep, def)
		}
		for _, k := range sortedKeys(m) {
			v := reflect.New(t.Elem())
			v.Elem().Set(m.MapIndex(reflect.ValueOf(k)))
			key.shred(b, first, unsafe.Pointer(&k), rep)
			value.shred(b, first+1, v.UnsafePointer(), rep)
			rep = deeper
		}
	}}
}

func sortedKeys(m reflect.Value) []string {
	keys := make([]string, 0, m.Len())
	for k := range m.Seq() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

// ordered is a group whose members keep their order. parquet.Group sorts them.
type ordered struct {
	parquet.Group
	members []parquet.Field
}

func group(members []parquet.Field) parquet.Node {
	g := ordered{parquet.Group{}, members}
	for _, m := range members {
		g.Group[m.Name()] = m
	}
	return g
}

func (g ordered) Fields() []parquet.Field { return g.members }

type member struct {
	parquet.Node
	name string
}

func (m member) Name() string { return m.name }

// Value is called only for schemas that write Go structs themselves. This one does not.
func (m member) Value(reflect.Value) reflect.Value { panic("not a schema of Go structs") }
