package report

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
	"github.com/tcplife/tcplife/report/internal/text"
)

// CSV writes one row a connection below a header (RFC 4180, but with lines that end in a single LF, as encoding/csv
// writes them). The other records do not fit a row and are left out.
//
// A column has the name of its place in the JSON record, with dots (client.ip, handshake.server_rtt_s), and the same
// value; what is null there is empty here. Lists become words with spaces between: encapsulation is "vlan:12 vxlan:42",
// client.states and client.withdrawn "SYN_SENT ESTABLISHED", findings the codes. The entries of time_wait have columns by their side,
// as time_wait.client.entered. Columns keep their order; new ones come last.
type CSV struct {
	// FlushLines hands every row to the underlying writer at once, for a reader that waits for it.
	FlushLines bool

	w       *csv.Writer
	started bool
	buf     []byte
	ends    []int // of the fields in buf
	row     []string
}

// NewCSV returns a writer of CSV to w.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w)} }

// Connection writes the row of a connection.
func (v *CSV) Connection(c *record.Connection) error {
	if err := v.header(); err != nil {
		return err
	}
	v.buf, v.ends = v.buf[:0], v.ends[:0]
	for _, column := range csvColumns {
		start := len(v.buf)
		v.buf = column.append(v.buf, c)
		if string(v.buf[start:]) == "null" { // no string of a record is that word
			v.buf = v.buf[:start]
		}
		v.ends = append(v.ends, len(v.buf))
	}
	if v.FlushLines {
		defer v.w.Flush()
	}
	v.row = v.row[:0]
	line, start := string(v.buf), 0
	for _, end := range v.ends {
		v.row = append(v.row, line[start:end])
		start = end
	}
	return v.w.Write(v.row)
}

// Finish writes what is still buffered. Without any connection that is the header.
func (v *CSV) Finish(*Ending) error {
	if err := v.header(); err != nil {
		return err
	}
	v.w.Flush()
	return v.w.Error()
}

func (v *CSV) header() error {
	if v.started {
		return nil
	}
	v.started = true
	for _, column := range csvColumns {
		v.row = append(v.row, column.name)
	}
	return v.w.Write(v.row)
}

// A csvColumn appends the value of one field; "null" if it is not known.
type csvColumn struct {
	name   string
	append func([]byte, *record.Connection) []byte
}

var csvColumns = slices.Concat(
	[]csvColumn{
		{"id", func(b []byte, c *record.Connection) []byte { return strconv.AppendUint(b, c.ID, 10) }},
		{"previous_id", func(b []byte, c *record.Connection) []byte { return encode.AppendPacket(b, c.PreviousID) }},
		{"community_id", func(b []byte, c *record.Connection) []byte { return c.CommunityID.Append(b) }},
		{"encapsulation", func(b []byte, c *record.Connection) []byte { return text.AppendEncapsulation(b, c.Encapsulation) }},
		{"start", func(b []byte, c *record.Connection) []byte { return appendTimeField(b, c.Start) }},
		{"end", func(b []byte, c *record.Connection) []byte { return appendTimeField(b, c.End) }},
		{"duration_s", func(b []byte, c *record.Connection) []byte { return c.Duration.Append(b) }},
		{"ended_by", func(b []byte, c *record.Connection) []byte { return append(b, c.EndedBy...) }},
		{"role_evidence", func(b []byte, c *record.Connection) []byte { return append(b, c.RoleEvidence...) }},
	},
	endpointColumns("client", func(c *record.Connection) *record.Endpoint { return &c.Client }),
	endpointColumns("server", func(c *record.Connection) *record.Endpoint { return &c.Server }),
	[]csvColumn{
		{"handshake.outcome", func(b []byte, c *record.Connection) []byte { return append(b, c.Handshake.Outcome...) }},
		{"handshake.syn_at", func(b []byte, c *record.Connection) []byte { return appendTimeField(b, c.Handshake.SynAt) }},
		{"handshake.syn_packet", func(b []byte, c *record.Connection) []byte { return encode.AppendPacket(b, c.Handshake.SynPacket) }},
		{"handshake.syn_ack_at", func(b []byte, c *record.Connection) []byte { return appendTimeField(b, c.Handshake.SynAckAt) }},
		{"handshake.syn_ack_packet", func(b []byte, c *record.Connection) []byte { return encode.AppendPacket(b, c.Handshake.SynAckPacket) }},
		{"handshake.ack_at", func(b []byte, c *record.Connection) []byte { return appendTimeField(b, c.Handshake.AckAt) }},
		{"handshake.ack_packet", func(b []byte, c *record.Connection) []byte { return encode.AppendPacket(b, c.Handshake.AckPacket) }},
		{"handshake.server_rtt_s", func(b []byte, c *record.Connection) []byte { return c.Handshake.ServerRTT.Append(b) }},
		{"handshake.client_rtt_s", func(b []byte, c *record.Connection) []byte { return c.Handshake.ClientRTT.Append(b) }},
		{"teardown.kind", func(b []byte, c *record.Connection) []byte { return append(b, c.Teardown.Kind...) }},
		{"teardown.initiator", func(b []byte, c *record.Connection) []byte { return append(b, c.Teardown.Initiator.String()...) }},
		{"teardown.at", func(b []byte, c *record.Connection) []byte { return appendTimeField(b, c.Teardown.At) }},
		{"teardown.half_closed_s", func(b []byte, c *record.Connection) []byte { return c.Teardown.HalfClosed.Append(b) }},
		resetColumn("by", func(b []byte, r *record.Reset) []byte { return append(b, r.By.String()...) }),
		resetColumn("packet", func(b []byte, r *record.Reset) []byte { return encode.AppendPacket(b, r.Packet) }),
		resetColumn("receiver_state", func(b []byte, r *record.Reset) []byte { return appendStateName(b, r.ReceiverState) }),
		resetColumn("answers", func(b []byte, r *record.Reset) []byte { return append(b, r.Answers...) }),
	},
	timeWaitColumns(record.Client),
	timeWaitColumns(record.Server),
	[]csvColumn{
		halfOpenColumn("survivor", func(b []byte, h *record.HalfOpen) []byte { return append(b, h.Survivor.String()...) }),
		halfOpenColumn("since", func(b []byte, h *record.HalfOpen) []byte { return appendTimeField(b, h.Since) }),
		halfOpenColumn("at", func(b []byte, h *record.HalfOpen) []byte { return appendTimeField(b, h.At) }),
		halfOpenColumn("discovered_by", func(b []byte, h *record.HalfOpen) []byte { return append(b, h.DiscoveredBy...) }),
		{"findings", func(b []byte, c *record.Connection) []byte {
			for i := range c.Findings {
				b = append(text.AppendSpace(b, i), c.Findings[i].Code...)
			}
			return b
		}},
		{"zeek.conn_state", func(b []byte, c *record.Connection) []byte {
			if c.Zeek == nil {
				return b
			}
			return append(b, c.Zeek.ConnState...)
		}},
		{"zeek.history", func(b []byte, c *record.Connection) []byte {
			if c.Zeek == nil {
				return b
			}
			return append(b, c.Zeek.History...)
		}},
		{"tshark.completeness", func(b []byte, c *record.Connection) []byte {
			if c.Tshark == nil {
				return b
			}
			return strconv.AppendInt(b, int64(c.Tshark.Completeness), 10)
		}},
		resetColumn("idle_s", func(b []byte, r *record.Reset) []byte { return r.Idle.Append(b) }),
		timeWaitColumn(record.Client, "reuse_proven", func(b []byte, t *record.TimeWait) []byte { return encode.AppendAnswer(b, t.ReuseProven) }),
		timeWaitColumn(record.Server, "reuse_proven", func(b []byte, t *record.TimeWait) []byte { return encode.AppendAnswer(b, t.ReuseProven) }),
		{"client.ip_bytes", func(b []byte, c *record.Connection) []byte { return strconv.AppendUint(b, c.Client.IPBytes, 10) }},
		{"server.ip_bytes", func(b []byte, c *record.Connection) []byte { return strconv.AppendUint(b, c.Server.IPBytes, 10) }},
	},
	withdrawnColumns("client", func(c *record.Connection) *record.Endpoint { return &c.Client }),
	withdrawnColumns("server", func(c *record.Connection) *record.Endpoint { return &c.Server }),
)

// withdrawnColumns came after the others of an endpoint, whose places in the table stay what they are.
func withdrawnColumns(side string, of func(*record.Connection) *record.Endpoint) []csvColumn {
	return []csvColumn{
		{side + ".withdrawn", func(b []byte, c *record.Connection) []byte {
			for i, w := range of(c).Withdrawn {
				b = append(text.AppendSpace(b, i), w.State.String()...)
			}
			return b
		}},
		{side + ".withdrawn_left_out", func(b []byte, c *record.Connection) []byte {
			return strconv.AppendUint(b, of(c).WithdrawnLeftOut, 10)
		}},
	}
}

func endpointColumns(side string, of func(*record.Connection) *record.Endpoint) []csvColumn {
	column := func(name string, value func([]byte, *record.Endpoint) []byte) csvColumn {
		return csvColumn{side + "." + name, func(b []byte, c *record.Connection) []byte { return value(b, of(c)) }}
	}
	count := func(name string, n func(*record.Endpoint) uint64) csvColumn {
		return column(name, func(b []byte, p *record.Endpoint) []byte { return strconv.AppendUint(b, n(p), 10) })
	}
	fin := func(name string, value func([]byte, *record.Fin) []byte) csvColumn {
		return column("fin."+name, func(b []byte, p *record.Endpoint) []byte {
			if p.Fin == nil {
				return b
			}
			return value(b, p.Fin)
		})
	}
	return []csvColumn{
		column("ip", func(b []byte, p *record.Endpoint) []byte { return p.IP.AppendTo(b) }),
		count("port", func(p *record.Endpoint) uint64 { return uint64(p.Port) }),
		column("isn", func(b []byte, p *record.Endpoint) []byte { return encode.AppendSeq(b, p.ISN) }),
		column("isn_evidence", func(b []byte, p *record.Endpoint) []byte { return append(b, p.ISNEvidence...) }),
		column("syn_acked", func(b []byte, p *record.Endpoint) []byte { return encode.AppendAnswer(b, p.SynAcked) }),
		count("syns", func(p *record.Endpoint) uint64 { return p.Syns }),
		count("fins", func(p *record.Endpoint) uint64 { return p.Fins }),
		count("rsts", func(p *record.Endpoint) uint64 { return p.Rsts }),
		fin("seq", func(b []byte, f *record.Fin) []byte { return strconv.AppendUint(b, uint64(f.Seq), 10) }),
		fin("packet", func(b []byte, f *record.Fin) []byte { return encode.AppendPacket(b, f.Packet) }),
		fin("acked", func(b []byte, f *record.Fin) []byte { return encode.AppendAnswer(b, f.Acked) }),
		count("packets", func(p *record.Endpoint) uint64 { return p.Packets }),
		count("capture_duplicates", func(p *record.Endpoint) uint64 { return p.CaptureDuplicates }),
		count("bytes", func(p *record.Endpoint) uint64 { return p.Bytes }),
		count("retransmitted_packets", func(p *record.Endpoint) uint64 { return p.RetransmittedPackets }),
		count("keepalives", func(p *record.Endpoint) uint64 { return p.Keepalives }),
		count("zero_window_probes", func(p *record.Endpoint) uint64 { return p.ZeroWindowProbes }),
		column("state", func(b []byte, p *record.Endpoint) []byte { return appendStateName(b, p.State) }),
		column("states", func(b []byte, p *record.Endpoint) []byte {
			for i := range p.States {
				b = append(text.AppendSpace(b, i), p.States[i].State.String()...)
			}
			return b
		}),
	}
}

func resetColumn(name string, value func([]byte, *record.Reset) []byte) csvColumn {
	return csvColumn{"teardown.reset." + name, func(b []byte, c *record.Connection) []byte {
		if c.Teardown.Reset == nil {
			return b
		}
		return value(b, c.Teardown.Reset)
	}}
}

func timeWaitColumn(side record.Side, name string, value func([]byte, *record.TimeWait) []byte) csvColumn {
	return csvColumn{"time_wait." + side.String() + "." + name, func(b []byte, c *record.Connection) []byte {
		for i := range c.TimeWait {
			if c.TimeWait[i].Side == side {
				return value(b, &c.TimeWait[i])
			}
		}
		return b
	}}
}

func timeWaitColumns(side record.Side) []csvColumn {
	return []csvColumn{
		timeWaitColumn(side, "entered", func(b []byte, t *record.TimeWait) []byte { return appendTimeField(b, t.Entered) }),
		timeWaitColumn(side, "restarts", func(b []byte, t *record.TimeWait) []byte { return strconv.AppendUint(b, t.Restarts, 10) }),
		timeWaitColumn(side, "two_msl_s", func(b []byte, t *record.TimeWait) []byte { return t.TwoMSL.Append(b) }),
		timeWaitColumn(side, "expires", func(b []byte, t *record.TimeWait) []byte { return appendTimeField(b, t.Expires) }),
		timeWaitColumn(side, "ended_by", func(b []byte, t *record.TimeWait) []byte { return append(b, t.EndedBy...) }),
		timeWaitColumn(side, "observed_s", func(b []byte, t *record.TimeWait) []byte { return t.Observed.Append(b) }),
	}
}

func halfOpenColumn(name string, value func([]byte, *record.HalfOpen) []byte) csvColumn {
	return csvColumn{"half_open." + name, func(b []byte, c *record.Connection) []byte {
		if c.HalfOpen == nil {
			return b
		}
		return value(b, c.HalfOpen)
	}}
}

func appendStateName(b []byte, s record.StateOrNone) []byte {
	if !s.Known {
		return b
	}
	return append(b, s.State.String()...)
}

func appendTimeField(b []byte, t record.Time) []byte {
	if t == record.NoTime {
		return b
	}
	return encode.AppendMoment(b, t)
}
