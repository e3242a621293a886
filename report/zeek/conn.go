// Package zeek writes connections in the format of Zeek's conn.log, for tools that read it: zeek-cut, RITA, SIEMs.
//
// The columns, their types and their order are those of Zeek 6 and 7 with the script
// policy/protocols/conn/community-id-logging. Three columns differ: service is never set, because tcplife reads no
// payload; tunnel_parents is never set, because tunnels are no connections here; and uid is not random (see UID).
// docs/DIFFERENCES.md says when tcplife and Zeek divide packets into connections differently.
package zeek

import (
	"bufio"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report"
)

// Log writes conn.log: a row when each connection ends.
type Log struct {
	// FlushLines writes every row to the underlying writer at once.
	FlushLines bool

	w      *bufio.Writer
	local  []netip.Prefix
	json   bool
	opened bool
	row    row
}

// NewTSV returns a writer of Zeek's tab-separated log: a header, rows, and a last line that says when it was closed.
// local are the local networks; if there are none, local_orig and local_resp are not set.
func NewTSV(w io.Writer, local []netip.Prefix) *Log {
	return &Log{w: bufio.NewWriterSize(w, bufferSize), local: local}
}

// NewJSON returns a writer of Zeek's JSON log, as with LogAscii::use_json: one object on each line, with only the
// fields that are set.
func NewJSON(w io.Writer, local []netip.Prefix) *Log {
	return &Log{w: bufio.NewWriterSize(w, bufferSize), local: local, json: true}
}

const bufferSize = 64 << 10

// Connection writes the row of a connection.
func (l *Log) Connection(c *record.Connection) error {
	l.open(c.Ended)
	l.row.fill(c, l.local)
	b := l.w.AvailableBuffer()
	if l.json {
		b = l.row.appendJSON(b)
	} else {
		b = l.row.appendTSV(b)
	}
	_, err := l.w.Write(b)
	if err == nil && l.FlushLines {
		err = l.w.Flush()
	}
	return err
}

// Finish writes the last line, and flushes the buffer.
func (l *Log) Finish(e *report.Ending) error {
	l.open(e.Capture.Last)
	if !l.json {
		l.w.WriteString("#close\t" + day(e.Capture.Last) + "\n")
	}
	return l.w.Flush()
}

// open writes the header before the first row. Like Zeek, it dates the log by the first row.
func (l *Log) open(at record.Time) {
	if l.opened || l.json {
		return
	}
	l.opened = true
	names, types := "#fields", "#types"
	for _, c := range columns {
		names += "\t" + c.name
		types += "\t" + c.kind
	}
	l.w.WriteString("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t" + unset +
		"\n#path\tconn\n#open\t" + day(at) + "\n" + names + "\n" + types + "\n")
}

// day returns a time in UTC, in the format of the #open and #close lines.
func day(t record.Time) string {
	if t == record.NoTime {
		return unset
	}
	return time.Unix(0, int64(t)).UTC().Format("2006-01-02-15-04-05")
}

const unset = "-"

// columns are the columns of conn.log, in Zeek's order.
var columns = [...]struct{ name, kind string }{
	{"ts", "time"},
	{"uid", "string"},
	{"id.orig_h", "addr"},
	{"id.orig_p", "port"},
	{"id.resp_h", "addr"},
	{"id.resp_p", "port"},
	{"proto", "enum"},
	{"service", "string"},
	{"duration", "interval"},
	{"orig_bytes", "count"},
	{"resp_bytes", "count"},
	{"conn_state", "string"},
	{"local_orig", "bool"},
	{"local_resp", "bool"},
	{"missed_bytes", "count"},
	{"history", "string"},
	{"orig_pkts", "count"},
	{"orig_ip_bytes", "count"},
	{"resp_pkts", "count"},
	{"resp_ip_bytes", "count"},
	{"tunnel_parents", "set[string]"},
	{"community_id", "string"},
}

// row has the text of each column in TSV, empty if it is not set.
type row struct {
	text []byte
	ends [len(columns)]int // where the text of each column ends
	n    int               // columns so far
}

// next ends a column.
func (r *row) next() {
	r.ends[r.n] = len(r.text)
	r.n++
}

func (r *row) word(s string) {
	r.text = append(r.text, s...)
	r.next()
}

func (r *row) count(n uint64) {
	r.text = strconv.AppendUint(r.text, n, 10)
	r.next()
}

func (r *row) address(ip netip.Addr, port uint16) {
	r.text = ip.AppendTo(r.text)
	r.next()
	r.count(uint64(port))
}

func (r *row) isLocal(ip netip.Addr, local []netip.Prefix) {
	if len(local) > 0 {
		answer := byte('F')
		for _, net := range local {
			if net.Contains(ip) {
				answer = 'T'
				break
			}
		}
		r.text = append(r.text, answer)
	}
	r.next()
}

// seconds writes nanoseconds as seconds with six decimals, like Zeek in TSV.
func (r *row) seconds(ns int64) {
	if ns < 0 { // before 1970
		r.text = append(r.text, '-')
		ns = -ns
	}
	us := (ns + 500) / 1000
	r.text = strconv.AppendInt(r.text, us/1e6, 10)
	r.text = append(r.text, '.')
	for scale := int64(1e5); scale > 0; scale /= 10 {
		r.text = append(r.text, byte('0'+us/scale%10))
	}
}

// fill makes the row of a connection.
func (r *row) fill(c *record.Connection, local []netip.Prefix) {
	r.text, r.n = r.text[:0], 0
	z := c.Zeek
	if z == nil {
		z = &record.Zeek{Duration: record.NoDuration}
	}
	timed := z.Duration != record.NoDuration
	if c.Start != record.NoTime {
		r.seconds(int64(c.Start))
	}
	r.next()
	r.text = appendUID(r.text, c)
	r.next()
	r.address(c.Client.IP, c.Client.Port)
	r.address(c.Server.IP, c.Server.Port)
	r.word("tcp")
	r.next() // service
	if timed {
		r.seconds(int64(z.Duration))
		r.next()
		r.count(z.OrigBytes)
		r.count(z.RespBytes)
	} else {
		r.next()
		r.next()
		r.next()
	}
	r.word(z.ConnState)
	r.isLocal(c.Client.IP, local)
	r.isLocal(c.Server.IP, local)
	r.count(z.MissedBytes)
	r.word(z.History)
	r.count(z.OrigPackets)
	r.count(z.OrigIPBytes)
	r.count(z.RespPackets)
	r.count(z.RespIPBytes)
	r.next() // tunnel_parents
	r.text = c.CommunityID.Append(r.text)
	r.next()
}

func (r *row) appendTSV(b []byte) []byte {
	start := 0
	for i, end := range r.ends {
		if i > 0 {
			b = append(b, '\t')
		}
		if start == end {
			b = append(b, unset...)
		}
		b = append(b, r.text[start:end]...)
		start = end
	}
	return append(b, '\n')
}

func (r *row) appendJSON(b []byte) []byte {
	b = append(b, '{')
	start := 0
	for i, end := range r.ends {
		if start == end {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), columns[i].name...), `":`...)
		text := r.text[start:end]
		start = end
		switch columns[i].kind {
		case "time", "interval", "count", "port":
			b = append(b, text...)
		case "bool":
			b = strconv.AppendBool(b, text[0] == 'T')
		default: // words and addresses, which need no escapes
			b = append(append(append(b, '"'), text...), '"')
		}
	}
	return append(b, "}\n"...)
}
