package parquet

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// clickHouseType returns the type of a node in ClickHouse. A tuple cannot be null, so the members of an optional tuple
// can be null instead.
func clickHouseType(n parquet.Node, missing bool, indent string) string {
	optional := missing || n.Optional()
	switch {
	case n.Type().String() == "LIST":
		return "Array(" + clickHouseType(n.Fields()[0].Fields()[0], false, indent) + ")"
	case !n.Leaf():
		var members []string
		for _, f := range n.Fields() {
			typ := clickHouseType(f, optional, indent+"    ")
			if f.Name() == "ip" { // a flood can have millions
				typ = "String"
			}
			members = append(members, indent+"    "+f.Name()+" "+typ)
		}
		return "Tuple(\n" + strings.Join(members, ",\n") + ")"
	}
	name, few := "", false
	switch kind := n.Type().Kind(); {
	case strings.HasPrefix(n.Type().String(), "TIMESTAMP"):
		name = "DateTime64(9, 'UTC')"
	case kind == parquet.Int64:
		name = "Int64"
	case kind == parquet.Double:
		name = "Float64"
	case kind == parquet.Boolean:
		name = "Bool"
	default:
		name, few = "String", n.Encoding() == &parquet.RLEDictionary
	}
	if optional {
		name = "Nullable(" + name + ")"
	}
	if few {
		name = "LowCardinality(" + name + ")"
	}
	return name
}

// The table of contrib/recipes/clickhouse.sql has the columns of the file.
func TestClickHouseTable(t *testing.T) {
	const path = "../../contrib/recipes/clickhouse.sql"
	var table strings.Builder
	table.WriteString(`-- A table for connections, and how files get into it.
CREATE DATABASE IF NOT EXISTS tcplife;

CREATE TABLE IF NOT EXISTS tcplife.connections
(
`)
	for _, f := range connections().schema.Fields() {
		typ := clickHouseType(f, false, "    ")
		if f.Name() == "start" { // a key cannot be null; without a time it is 1970
			typ = "DateTime64(9, 'UTC')"
		}
		table.WriteString("    `" + f.Name() + "` " + typ + ",\n")
	}
	sql := strings.TrimSuffix(table.String(), ",\n") + `
)
ENGINE = MergeTree
PARTITION BY toDate(start)
ORDER BY (start, id);

-- Columns of later versions are added by ALTER TABLE … ADD COLUMN; until then they are left out.
INSERT INTO tcplife.connections
SELECT * FROM file('web.parquet', Parquet)
SETTINGS input_format_skip_unknown_fields = 1;
`
	if *update {
		if err := os.WriteFile(path, []byte(sql), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), sql); diff != "" {
		t.Errorf("%s has other columns than the file (go test ./report/parquet -update):\n%s", path, diff)
	}
}
