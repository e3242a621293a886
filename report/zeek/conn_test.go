package zeek

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/internal/readtest"
	"github.com/tcplife/tcplife/report"
)

// written returns a capture in the two formats, and the ids of its records in order.
func written(t *testing.T, path string, local []netip.Prefix) (tsv, lines string, ids []uint64) {
	t.Helper()
	var table, objects bytes.Buffer
	logs := []*Log{NewTSV(&table, local), NewJSON(&objects, local)}
	ending := readtest.Read(t, path, func(c *record.Connection) {
		ids = append(ids, c.ID)
		for _, l := range logs {
			if err := l.Connection(c); err != nil {
				t.Fatal(err)
			}
		}
	})
	for _, l := range logs {
		if err := l.Finish(ending); err != nil {
			t.Fatal(err)
		}
	}
	return table.String(), objects.String(), ids
}

// cut reads a log like zeek-cut: only the header says what the columns are.
func cut(log string) (rows []map[string]string, types map[string]string, err error) {
	separator, empty, none := " ", "", ""
	var names, kinds []string
	for _, line := range strings.Split(strings.TrimSuffix(log, "\n"), "\n") {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(line, separator)
			if len(fields) != len(names) {
				return nil, nil, fmt.Errorf("%d fields and %d names: %q", len(fields), len(names), line)
			}
			row := map[string]string{}
			for i, field := range fields {
				if field != none && field != empty {
					row[names[i]] = field
				}
			}
			rows = append(rows, row)
			continue
		}
		if text, is := strings.CutPrefix(line, "#separator "); is {
			if separator, err = strconv.Unquote(`"` + text + `"`); err != nil {
				return nil, nil, err
			}
			continue
		}
		words := strings.Split(line, separator)
		switch words[0] {
		case "#unset_field":
			none = words[1]
		case "#empty_field":
			empty = words[1]
		case "#fields":
			names = words[1:]
		case "#types":
			kinds = words[1:]
		}
	}
	if len(kinds) != len(names) {
		return nil, nil, errors.New("not as many types as names")
	}
	types = map[string]string{}
	for i, name := range names {
		types[name] = kinds[i]
	}
	return rows, types, nil
}

// typed converts the fields of a row to the values that they have in JSON.
func typed(row, types map[string]string) map[string]any {
	values := map[string]any{}
	for name, text := range row {
		switch types[name] {
		case "time", "interval", "count", "port":
			values[name] = json.Number(text)
		case "bool":
			values[name] = text == "T"
		default:
			values[name] = text
		}
	}
	return values
}

func TestJSONHasWhatTSVHas(t *testing.T) {
	for _, path := range readtest.Captures(t, 2) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			table, objects, _ := written(t, path, PrivateNets())
			rows, types, err := cut(table)
			if err != nil {
				t.Fatal(err)
			}
			decoder := json.NewDecoder(strings.NewReader(objects))
			decoder.UseNumber()
			for i, row := range rows {
				var object map[string]any
				if err := decoder.Decode(&object); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(typed(row, types), object); diff != "" {
					t.Errorf("row %d:\n%s", i, diff)
				}
			}
			if decoder.More() {
				t.Error("more objects than rows")
			}
		})
	}
}

// Every row agrees with the record of its connection.
func TestRowsAgreeWithRecords(t *testing.T) {
	uids := map[string]string{}
	for _, path := range readtest.Captures(t, 2) {
		table, _, _ := written(t, path, PrivateNets())
		rows, _, err := cut(table)
		if err != nil {
			t.Fatal(err)
		}
		readtest.Read(t, path, func(c *record.Connection) {
			row := rows[0]
			rows = rows[1:]
			want := map[string]string{
				"uid": UID(c), "proto": "tcp", "community_id": c.CommunityID.String(),
				"id.orig_h": c.Client.IP.String(), "id.orig_p": fmt.Sprint(c.Client.Port),
				"id.resp_h": c.Server.IP.String(), "id.resp_p": fmt.Sprint(c.Server.Port),
				"conn_state": c.Zeek.ConnState, "history": c.Zeek.History,
				"missed_bytes": fmt.Sprint(c.Zeek.MissedBytes),
			}
			for name, value := range want {
				if row[name] != value {
					t.Errorf("%s: connection %d: %s is %q, not %q", path, c.ID, name, row[name], value)
				}
			}
			if packets := row["orig_pkts"]; packets != fmt.Sprint(c.Client.Packets) &&
				c.Client.Packets == c.Zeek.OrigPackets {
				t.Errorf("%s: connection %d: %s packets of the client, not %d", path, c.ID, packets, c.Client.Packets)
			}
			for _, name := range []string{"service", "tunnel_parents"} {
				if row[name] != "" {
					t.Errorf("%s: connection %d: %s is %q", path, c.ID, name, row[name])
				}
			}
			where := fmt.Sprintf("%s: connection %d", path, c.ID)
			if other := uids[UID(c)]; other != "" {
				t.Errorf("%s has the uid of %s", where, other)
			}
			uids[UID(c)] = where
		})
		if len(rows) > 0 {
			t.Errorf("%s: %d rows too many", path, len(rows))
		}
	}
}

func TestHeader(t *testing.T) {
	const names = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes " +
		"conn_state local_orig " +
		"local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents community_id"
	const kinds = "time string addr port addr port enum string interval count count string bool " +
		"bool count string count count count count set[string] string"
	header := `#separator \x09` +
		"\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\tOPEN\n#fields\t" +
		strings.ReplaceAll(names, " ", "\t") + "\n#types\t" + strings.ReplaceAll(kinds, " ", "\t") + "\n"

	for _, tt := range []struct {
		first record.Time // the end of the record that is written first
		last  record.Time // the last packet
		want  string
	}{
		{1700000000_000000000, 1700000001_999999999, strings.Replace(header, "OPEN", "2023-11-14-22-13-20", 1) +
			"ROW\n#close\t2023-11-14-22-13-21\n"},
		{record.NoTime, 1700000000_000000000, strings.Replace(header, "OPEN", "2023-11-14-22-13-20", 1) +
			"#close\t2023-11-14-22-13-20\n"},
		{record.NoTime, record.NoTime, strings.Replace(header, "OPEN", "-", 1) + "#close\t-\n"},
	} {
		var out bytes.Buffer
		l := NewTSV(&out, nil)
		if tt.first != record.NoTime {
			if err := l.Connection(&record.Connection{Ended: tt.first}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Finish(&report.Ending{Capture: &report.Capture{Last: tt.last}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(out.String(), "\n")
		for i, line := range lines {
			if line != "" && !strings.HasPrefix(line, "#") {
				lines[i] = "ROW\n"
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(lines, "")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLocalNets(t *testing.T) {
	for _, tt := range []struct {
		ip   string
		want string
	}{
		{"10.1.2.3", "T"}, {"172.15.255.255", "F"}, {"172.16.0.0", "T"}, {"172.31.255.255", "T"}, {"172.32.0.0", "F"},
		{"192.168.0.1", "T"}, {"100.64.0.1", "T"}, {"100.128.0.1", "F"}, {"8.8.8.8", "F"}, {"255.255.255.255", "T"},
		{"fd00::1", "T"}, {"fe80::1", "T"}, {"2001:db8::1", "T"}, {"2001:4860::1", "F"},
		{"2002:a01:203::1", "T"}, {"2002:808:808::1", "F"}, // 10.1.2.3 and 8.8.8.8 by 6to4
	} {
		var r row
		r.isLocal(netip.MustParseAddr(tt.ip), PrivateNets())
		if got := string(r.text); got != tt.want {
			t.Errorf("%s: %s, not %s", tt.ip, got, tt.want)
		}
	}
	var r row
	if r.isLocal(netip.MustParseAddr("10.1.2.3"), nil); len(r.text) > 0 {
		t.Errorf("without networks: %s", r.text)
	}
}

func TestSeconds(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0.000000", 499: "0.000000", 500: "0.000001", -500: "-0.000001", 999_999_500: "1.000000",
		-1_500_000_000:            "-1.500000",
		1_700_000_000_123_456_789: "1700000000.123457",
	} {
		var r row
		if r.seconds(ns); string(r.text) != want {
			t.Errorf("%d ns: %s, not %s", ns, r.text, want)
		}
	}
}

// The uid of a connection must not change: people join logs of different days by it.
func TestUIDStays(t *testing.T) {
	_, objects, _ := written(t, "../../testdata/pcaps/svr4-bsd.pcap", nil)
	const want = `"uid":"CQWZw6NuHh7d5aOUY"`
	if !strings.Contains(objects, want) {
		t.Errorf("%s is not in %s", want, objects)
	}
	uid := UID(&record.Connection{Start: 1700000000_000000000})
	if uid[0] != 'C' || len(uid) < 12 || len(uid) > 18 || strings.Trim(uid, digits) != "" {
		t.Errorf("%q does not have the form of Zeek's uids", uid)
	}
	if uid == UID(&record.Connection{Start: 1700000000_000000001}) {
		t.Error("two connections of the same sockets have the same uid")
	}
}

func TestWriteErrors(t *testing.T) {
	failed := errors.New("no space")
	l := NewTSV(failing{failed}, nil)
	l.FlushLines = true
	if err := l.Connection(&record.Connection{}); !errors.Is(err, failed) {
		t.Errorf("%v, not %v", err, failed)
	}
	if err := l.Finish(&report.Ending{Capture: &report.Capture{Last: record.NoTime}}); !errors.Is(err, failed) {
		t.Errorf("%v at the end, not %v", err, failed)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
