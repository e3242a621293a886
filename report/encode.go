package report

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/flows"
)

// An encoder appends connections as JSON. It gives what encoding/json gives with the HTML escapes off (a test holds
// it to that), but needs neither reflection nor memory of its own, and a fifth of the time.
type encoder struct {
	// The times of one connection mostly lie in the same few seconds, and to format the date is the dearest part of a
	// record: so keep the last one.
	second int64
	date   [len(dateLayout)]byte // second, formatted; zero before the first
}

const dateLayout = `"2006-01-02T15:04:05.`

func (e *encoder) connection(b []byte, c *analyzer.Connection) []byte {
	b = append(b, `{"record":`...)
	b = appendString(b, c.Record)
	b = append(b, `,"schema":`...)
	b = strconv.AppendInt(b, int64(c.Schema), 10)
	b = append(b, `,"id":`...)
	b = strconv.AppendUint(b, c.ID, 10)
	b = append(b, `,"previous_id":`...)
	b = appendPacket(b, c.PreviousID)
	b = append(b, `,"community_id":`...)
	b = appendString(b, c.CommunityID)
	b = append(b, `,"encapsulation":[`...)
	for i := range c.Encapsulation {
		b = appendComma(b, i)
		b = appendLayer(b, &c.Encapsulation[i])
	}
	b = append(b, `],"start":`...)
	b = e.time(b, c.Start)
	b = append(b, `,"end":`...)
	b = e.time(b, c.End)
	b = append(b, `,"duration_s":`...)
	b = c.Duration.Append(b)
	b = append(b, `,"ended_by":`...)
	b = appendString(b, string(c.EndedBy))
	b = append(b, `,"client":`...)
	b = e.endpoint(b, &c.Client)
	b = append(b, `,"server":`...)
	b = e.endpoint(b, &c.Server)
	b = append(b, `,"role_evidence":`...)
	b = appendString(b, string(c.RoleEvidence))
	b = append(b, `,"handshake":`...)
	b = e.handshake(b, &c.Handshake)
	b = append(b, `,"teardown":`...)
	b = e.teardown(b, &c.Teardown)
	b = append(b, `,"time_wait":[`...)
	for i := range c.TimeWait {
		b = appendComma(b, i)
		b = e.timeWait(b, &c.TimeWait[i])
	}
	b = append(b, `],"half_open":`...)
	b = e.halfOpen(b, c.HalfOpen)
	b = append(b, `,"findings":[`...)
	for i := range c.Findings {
		b = appendComma(b, i)
		b = appendFinding(b, &c.Findings[i])
	}
	b = append(b, `],"zeek":`...)
	if c.Zeek == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, `{"conn_state":`...)
		b = appendString(b, c.Zeek.ConnState)
		b = append(b, `,"history":`...)
		b = appendString(b, c.Zeek.History)
		b = append(b, '}')
	}
	b = append(b, `,"tshark":`...)
	if c.Tshark == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, `{"completeness":`...)
		b = strconv.AppendInt(b, int64(c.Tshark.Completeness), 10)
		b = append(b, '}')
	}
	return append(b, '}')
}

func (e *encoder) endpoint(b []byte, p *analyzer.Endpoint) []byte {
	b = append(b, `{"ip":"`...)
	b = p.IP.AppendTo(b)
	b = append(b, `","port":`...)
	b = strconv.AppendUint(b, uint64(p.Port), 10)
	b = append(b, `,"isn":`...)
	b = appendSeq(b, p.ISN)
	b = append(b, `,"isn_evidence":`...)
	b = appendWord(b, string(p.ISNEvidence))
	b = append(b, `,"syn_acked":`...)
	b = appendAnswer(b, p.SynAcked)
	b = append(b, `,"syns":`...)
	b = strconv.AppendUint(b, p.Syns, 10)
	b = append(b, `,"fins":`...)
	b = strconv.AppendUint(b, p.Fins, 10)
	b = append(b, `,"rsts":`...)
	b = strconv.AppendUint(b, p.Rsts, 10)
	b = append(b, `,"fin":`...)
	if p.Fin == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, `{"seq":`...)
		b = strconv.AppendUint(b, uint64(p.Fin.Seq), 10)
		b = append(b, `,"packet":`...)
		b = appendPacket(b, p.Fin.Packet)
		b = append(b, `,"acked":`...)
		b = appendAnswer(b, p.Fin.Acked)
		b = append(b, '}')
	}
	b = append(b, `,"packets":`...)
	b = strconv.AppendUint(b, p.Packets, 10)
	b = append(b, `,"capture_duplicates":`...)
	b = strconv.AppendUint(b, p.CaptureDuplicates, 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendUint(b, p.Bytes, 10)
	b = append(b, `,"retransmitted_packets":`...)
	b = strconv.AppendUint(b, p.RetransmittedPackets, 10)
	b = append(b, `,"keepalives":`...)
	b = strconv.AppendUint(b, p.Keepalives, 10)
	b = append(b, `,"zero_window_probes":`...)
	b = strconv.AppendUint(b, p.ZeroWindowProbes, 10)
	b = append(b, `,"state":`...)
	b = appendState(b, p.State)
	b = append(b, `,"states":[`...)
	for i := range p.States {
		s := &p.States[i]
		b = appendComma(b, i)
		b = append(b, `{"state":"`...)
		b = append(b, s.State.String()...)
		b = append(b, `","at":`...)
		b = e.time(b, s.At)
		b = append(b, `,"packet":`...)
		b = appendPacket(b, s.Packet)
		b = append(b, `,"evidence":`...)
		b = appendWord(b, string(s.Evidence))
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func (e *encoder) handshake(b []byte, h *analyzer.Handshake) []byte {
	b = append(b, `{"outcome":`...)
	b = appendString(b, string(h.Outcome))
	b = append(b, `,"syn_at":`...)
	b = e.time(b, h.SynAt)
	b = append(b, `,"syn_packet":`...)
	b = appendPacket(b, h.SynPacket)
	b = append(b, `,"syn_ack_at":`...)
	b = e.time(b, h.SynAckAt)
	b = append(b, `,"syn_ack_packet":`...)
	b = appendPacket(b, h.SynAckPacket)
	b = append(b, `,"ack_at":`...)
	b = e.time(b, h.AckAt)
	b = append(b, `,"ack_packet":`...)
	b = appendPacket(b, h.AckPacket)
	b = append(b, `,"server_rtt_s":`...)
	b = h.ServerRTT.Append(b)
	b = append(b, `,"client_rtt_s":`...)
	b = h.ClientRTT.Append(b)
	return append(b, '}')
}

func (e *encoder) teardown(b []byte, t *analyzer.Teardown) []byte {
	b = append(b, `{"kind":`...)
	b = appendString(b, string(t.Kind))
	b = append(b, `,"initiator":`...)
	b = appendWord(b, t.Initiator.String())
	b = append(b, `,"at":`...)
	b = e.time(b, t.At)
	b = append(b, `,"half_closed_s":`...)
	b = t.HalfClosed.Append(b)
	b = append(b, `,"reset":`...)
	if t.Reset == nil {
		return append(b, "null}"...)
	}
	b = append(b, `{"by":`...)
	b = appendWord(b, t.Reset.By.String())
	b = append(b, `,"packet":`...)
	b = appendPacket(b, t.Reset.Packet)
	b = append(b, `,"receiver_state":`...)
	b = appendState(b, t.Reset.ReceiverState)
	b = append(b, `,"answers":`...)
	b = appendString(b, string(t.Reset.Answers))
	return append(b, "}}"...)
}

func (e *encoder) timeWait(b []byte, t *analyzer.TimeWait) []byte {
	b = append(b, `{"side":`...)
	b = appendWord(b, t.Side.String())
	b = append(b, `,"entered":`...)
	b = e.time(b, t.Entered)
	b = append(b, `,"restarts":`...)
	b = strconv.AppendUint(b, t.Restarts, 10)
	b = append(b, `,"two_msl_s":`...)
	b = t.TwoMSL.Append(b)
	b = append(b, `,"expires":`...)
	b = e.time(b, t.Expires)
	b = append(b, `,"ended_by":`...)
	b = appendString(b, string(t.EndedBy))
	b = append(b, `,"observed_s":`...)
	b = t.Observed.Append(b)
	return append(b, '}')
}

func (e *encoder) halfOpen(b []byte, h *analyzer.HalfOpen) []byte {
	if h == nil {
		return append(b, "null"...)
	}
	b = append(b, `{"survivor":`...)
	b = appendWord(b, h.Survivor.String())
	b = append(b, `,"since":`...)
	b = e.time(b, h.Since)
	b = append(b, `,"at":`...)
	b = e.time(b, h.At)
	b = append(b, `,"discovered_by":`...)
	b = appendWord(b, string(h.DiscoveredBy))
	return append(b, '}')
}

// time appends what analyzer.Time.MarshalJSON gives.
func (e *encoder) time(b []byte, t analyzer.Time) []byte {
	if t == analyzer.NoTime {
		return append(b, "null"...)
	}
	second, nano := int64(t)/1e9, int64(t)%1e9
	if nano < 0 { // before 1970
		second, nano = second-1, nano+1e9
	}
	if second != e.second || e.date[0] == 0 {
		e.second = second
		time.Unix(second, 0).UTC().AppendFormat(e.date[:0], dateLayout)
	}
	b = append(b, e.date[:]...)
	b = append(b, "000000000Z\""...)
	for i := len(b) - len("0Z\""); nano > 0; i-- {
		b[i] = byte('0' + nano%10)
		nano /= 10
	}
	return b
}

func appendFinding(b []byte, f *analyzer.Finding) []byte {
	b = append(b, `{"code":`...)
	b = appendString(b, f.Code)
	b = append(b, `,"severity":`...)
	b = appendString(b, string(f.Severity))
	b = append(b, `,"side":`...)
	b = appendWord(b, f.Side.String())
	b = append(b, `,"packets":[`...)
	for i, n := range f.Packets {
		b = appendComma(b, i)
		b = strconv.AppendUint(b, n, 10)
	}
	b = append(b, `],"detail":`...)
	b = appendString(b, f.Detail)
	return append(b, '}')
}

func appendLayer(b []byte, l *flows.Layer) []byte {
	b = append(b, `{"kind":`...)
	b = appendString(b, l.Kind)
	b = append(b, `,"id":`...)
	if l.HasID {
		b = strconv.AppendUint(b, uint64(l.ID), 10)
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}

func appendState(b []byte, s analyzer.StateOrNone) []byte {
	if !s.Known {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = append(b, s.State.String()...)
	return append(b, '"')
}

func appendSeq(b []byte, s analyzer.Seq) []byte {
	if !s.Known {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, uint64(s.Number), 10)
}

func appendPacket(b []byte, p analyzer.PacketNumber) []byte {
	if p == 0 {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, uint64(p), 10)
}

func appendAnswer(b []byte, a analyzer.Answer) []byte {
	switch a {
	case analyzer.Yes:
		return append(b, "true"...)
	case analyzer.No:
		return append(b, "false"...)
	default:
		return append(b, "null"...)
	}
}

// appendWord appends a string of which the empty one means that it is not known.
func appendWord(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

// appendComma separates element i of a list from the one before.
func appendComma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// appendString appends s as a JSON string (RFC 8259 §7). As encoding/json does, it writes bytes that are not UTF-8 as
// U+FFFD, and escapes U+2028 and U+2029, which end a line in JavaScript.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if !(r == utf8.RuneError && size == 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			b = append(b, s[start:i]...)
			b = append(b, `\u`...)
			b = append(b, hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			}
		}
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
