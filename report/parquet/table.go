package parquet

import (
	"io"
	"reflect"
	"sync"
	"unsafe"

	"github.com/parquet-go/parquet-go"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// The limits of a table's memory. A row group ends after groupRows or groupBytes. Until then its columns are in memory,
// compressed except for one page of each.
const (
	batchRows     = 128       // rows that are passed to the columns at once
	groupBytes    = 128 << 20 // of values, before they are encoded and compressed
	pageBytes     = 64 << 10  // of a page, likewise
	dictionaryMax = 256 << 10 // bytes of different strings; with more, a column is written without a dictionary
)

var groupRows = 128 << 10 // about as many as DuckDB gives to a thread; tests use fewer

// A kind is a kind of record, with the layout of its files.
type kind struct {
	layout
	schema *parquet.Schema
}

// kindOf makes the kind of a record's type.
func kindOf[T any](name string) func() *kind {
	return sync.OnceValue(func() *kind {
		l := layoutOf(reflect.TypeFor[T](), 0, 0)
		return &kind{l, parquet.NewSchema(name, l.node)}
	})
}

// The kinds, by the names of the members of the JSON document.
var (
	connections = kindOf[record.Connection]("connections")
	listeners   = kindOf[record.Listener]("listeners")
	synFloods   = kindOf[record.SynFlood]("syn_floods")
	scans       = kindOf[record.Scan]("scans")
	backscatter = kindOf[record.Backscatter]("backscatter")
	timeWait    = kindOf[record.TimeWaitHolding]("time_wait")
	population  = kindOf[record.PopulationSeries]("population")
	summary     = kindOf[record.Summary]("summary")
	captures    = kindOf[report.Capture]("capture")
)

// table writes one file of records of a kind.
type table struct {
	kind  *kind
	w     *parquet.GenericWriter[any]
	batch batch
	rows  int // in the batch
	group int // in the row group, including the batch
	size  int // bytes of the row group that were passed to the columns
}

func newTable(w io.Writer, k *kind) *table {
	t := &table{kind: k}
	t.w = parquet.NewGenericWriter[any](w, k.schema,
		parquet.Compression(&parquet.Zstd),
		parquet.PageBufferSize(pageBytes),
		parquet.DictionaryMaxBytes(dictionaryMax),
		parquet.KeyValueMetadata("tcplife.record", k.schema.Name()),
		parquet.KeyValueMetadata("tcplife.schema", schemaNumber))
	t.batch.columns = make([][]parquet.Value, k.leaves)
	return t
}

// add adds a row for the record at p. It keeps only strings of the record.
func (t *table) add(p unsafe.Pointer) error {
	t.kind.shred(&t.batch, 0, p, 0)
	t.rows++
	t.group++
	if t.rows < batchRows && t.size+t.batch.size < groupBytes {
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	if t.group < groupRows && t.size < groupBytes {
		return nil
	}
	t.group, t.size = 0, 0
	return t.w.Flush()
}

// flush passes the batch to the columns.
func (t *table) flush() error {
	if t.rows == 0 {
		return nil // parquet-go computes a wrong pointer for no values
	}
	for i, column := range t.w.ColumnWriters() {
		values := t.batch.columns[i]
		if _, err := column.WriteRowValues(values); err != nil {
			return err
		}
		clear(values) // release their strings
		t.batch.columns[i] = values[:0]
	}
	t.size += t.batch.size
	t.batch.text, t.batch.size, t.rows = t.batch.text[:0], 0, 0
	return nil
}

// close writes the rest, and the footer.
func (t *table) close() error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Close()
}
