package report

import (
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tcplife/tcplife/analyzer"
	"github.com/tcplife/tcplife/flows"
)

// The functions of this file append records as JSON. They give what encoding/json gives with the HTML escapes off (a
// test holds them to that), but need neither reflection nor memory, and a small part of the time.

func appendConnection(b []byte, c *analyzer.Connection) []byte {
	b = append(b, `{"record":`...)
	b = appendString(b, c.Record)
	b = append(b, `,"schema":`...)
	b = strconv.AppendInt(b, int64(c.Schema), 10)
	b = append(b, `,"id":`...)
	b = strconv.AppendUint(b, c.ID, 10)
	b = append(b, `,"previous_id":`...)
	b = appendPacket(b, c.PreviousID)
	b = append(b, `,"community_id":"`...)
	b = c.CommunityID.Append(b)
	b = append(b, `","encapsulation":[`...)
	for i := range c.Encapsulation {
		b = appendComma(b, i)
		b = appendLayer(b, &c.Encapsulation[i])
	}
	b = append(b, `],"start":`...)
	b = appendTime(b, c.Start)
	b = append(b, `,"end":`...)
	b = appendTime(b, c.End)
	b = append(b, `,"duration_s":`...)
	b = c.Duration.Append(b)
	b = append(b, `,"ended_by":`...)
	b = appendString(b, string(c.EndedBy))
	b = append(b, `,"client":`...)
	b = appendEndpoint(b, &c.Client)
	b = append(b, `,"server":`...)
	b = appendEndpoint(b, &c.Server)
	b = append(b, `,"role_evidence":`...)
	b = appendString(b, string(c.RoleEvidence))
	b = append(b, `,"handshake":`...)
	b = appendHandshake(b, &c.Handshake)
	b = append(b, `,"teardown":`...)
	b = appendTeardown(b, &c.Teardown)
	b = append(b, `,"time_wait":[`...)
	for i := range c.TimeWait {
		b = appendComma(b, i)
		b = appendTimeWait(b, &c.TimeWait[i])
	}
	b = append(b, `],"half_open":`...)
	b = appendHalfOpen(b, c.HalfOpen)
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

func appendEndpoint(b []byte, p *analyzer.Endpoint) []byte {
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
	b = appendCount(b, p.Syns)
	b = append(b, `,"fins":`...)
	b = appendCount(b, p.Fins)
	b = append(b, `,"rsts":`...)
	b = appendCount(b, p.Rsts)
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
	b = appendCount(b, p.Packets)
	b = append(b, `,"capture_duplicates":`...)
	b = appendCount(b, p.CaptureDuplicates)
	b = append(b, `,"bytes":`...)
	b = appendCount(b, p.Bytes)
	b = append(b, `,"retransmitted_packets":`...)
	b = appendCount(b, p.RetransmittedPackets)
	b = append(b, `,"keepalives":`...)
	b = appendCount(b, p.Keepalives)
	b = append(b, `,"zero_window_probes":`...)
	b = appendCount(b, p.ZeroWindowProbes)
	b = append(b, `,"state":`...)
	b = appendState(b, p.State)
	b = append(b, `,"states":[`...)
	for i := range p.States {
		s := &p.States[i]
		b = appendComma(b, i)
		b = append(b, `{"state":"`...)
		b = append(b, s.State.String()...)
		b = append(b, `","at":`...)
		b = appendTime(b, s.At)
		b = append(b, `,"packet":`...)
		b = appendPacket(b, s.Packet)
		b = append(b, `,"evidence":`...)
		b = appendWord(b, string(s.Evidence))
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

func appendHandshake(b []byte, h *analyzer.Handshake) []byte {
	b = append(b, `{"outcome":`...)
	b = appendString(b, string(h.Outcome))
	b = append(b, `,"syn_at":`...)
	b = appendTime(b, h.SynAt)
	b = append(b, `,"syn_packet":`...)
	b = appendPacket(b, h.SynPacket)
	b = append(b, `,"syn_ack_at":`...)
	b = appendTime(b, h.SynAckAt)
	b = append(b, `,"syn_ack_packet":`...)
	b = appendPacket(b, h.SynAckPacket)
	b = append(b, `,"ack_at":`...)
	b = appendTime(b, h.AckAt)
	b = append(b, `,"ack_packet":`...)
	b = appendPacket(b, h.AckPacket)
	b = append(b, `,"server_rtt_s":`...)
	b = h.ServerRTT.Append(b)
	b = append(b, `,"client_rtt_s":`...)
	b = h.ClientRTT.Append(b)
	return append(b, '}')
}

func appendTeardown(b []byte, t *analyzer.Teardown) []byte {
	b = append(b, `{"kind":`...)
	b = appendString(b, string(t.Kind))
	b = append(b, `,"initiator":`...)
	b = appendWord(b, t.Initiator.String())
	b = append(b, `,"at":`...)
	b = appendTime(b, t.At)
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
	b = append(b, `,"idle_s":`...)
	b = t.Reset.Idle.Append(b)
	return append(b, "}}"...)
}

func appendTimeWait(b []byte, t *analyzer.TimeWait) []byte {
	b = append(b, `{"side":`...)
	b = appendWord(b, t.Side.String())
	b = append(b, `,"entered":`...)
	b = appendTime(b, t.Entered)
	b = append(b, `,"restarts":`...)
	b = appendCount(b, t.Restarts)
	b = append(b, `,"two_msl_s":`...)
	b = t.TwoMSL.Append(b)
	b = append(b, `,"expires":`...)
	b = appendTime(b, t.Expires)
	b = append(b, `,"ended_by":`...)
	b = appendString(b, string(t.EndedBy))
	b = append(b, `,"reuse_proven":`...)
	b = appendAnswer(b, t.ReuseProven)
	b = append(b, `,"observed_s":`...)
	b = t.Observed.Append(b)
	return append(b, '}')
}

func appendHalfOpen(b []byte, h *analyzer.HalfOpen) []byte {
	if h == nil {
		return append(b, "null"...)
	}
	b = append(b, `{"survivor":`...)
	b = appendWord(b, h.Survivor.String())
	b = append(b, `,"since":`...)
	b = appendTime(b, h.Since)
	b = append(b, `,"at":`...)
	b = appendTime(b, h.At)
	b = append(b, `,"discovered_by":`...)
	b = appendWord(b, string(h.DiscoveredBy))
	return append(b, '}')
}

// appendTime appends what analyzer.Time.MarshalJSON gives.
func appendTime(b []byte, t analyzer.Time) []byte {
	if t == analyzer.NoTime {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = appendMoment(b, t)
	return append(b, '"')
}

// appendMoment appends what analyzer.Time.Append gives for a time that is known, in a tenth of its time.
func appendMoment(b []byte, t analyzer.Time) []byte {
	const nanosecondsOfDay = 24 * 3600 * 1e9
	days, ofDay := int64(t)/nanosecondsOfDay, int64(t)%nanosecondsOfDay
	if ofDay < 0 { // before 1970
		days, ofDay = days-1, ofDay+nanosecondsOfDay
	}
	second, nano := uint32(ofDay/1e9), uint32(ofDay%1e9)
	b = append(b, dayText(days)...)
	b = append(b, "00:00:00.000000000Z"...)
	text := (*[19]byte)(b[len(b)-19:])
	text[0], text[1] = digits(second / 3600)
	text[3], text[4] = digits(second / 60 % 60)
	text[6], text[7] = digits(second % 60)
	micro, nano := nano/1000, nano%1000
	text[9], text[10] = digits(micro / 10000)
	text[11], text[12] = digits(micro / 100 % 100)
	text[13], text[14] = digits(micro % 100)
	text[15] = byte('0' + nano/100)
	text[16], text[17] = digits(nano % 100)
	return b
}

// A day is the text of a day, as it stands before the time of day.
type day struct {
	number int64 // days since the Unix epoch
	text   string
}

// lastDays are those that dayText was asked for, by their numbers: the moments of a capture are of few days.
var lastDays [16]atomic.Pointer[day]

func dayText(number int64) string {
	last := &lastDays[uint64(number)%uint64(len(lastDays))]
	d := last.Load()
	if d == nil || d.number != number {
		d = &day{number, time.Unix(number*24*3600, 0).UTC().Format("2006-01-02T")}
		last.Store(d)
	}
	return d.text
}

// digits are the two decimal digits of a number below 100.
func digits(n uint32) (tens, ones byte) { return pairs[2*n], pairs[2*n+1] }

const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// appendCount appends a number that is mostly small.
func appendCount(b []byte, n uint64) []byte {
	if n < 10 {
		return append(b, byte('0'+n))
	}
	return strconv.AppendUint(b, n, 10)
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

// plainASCII are the bytes that stand for themselves in a JSON string.
var plainASCII = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// appendString appends s as a JSON string (RFC 8259 §7). As encoding/json does, it writes bytes that are not UTF-8 as
// U+FFFD, and escapes U+2028 and U+2029, which end a line in JavaScript.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainASCII[c] {
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
