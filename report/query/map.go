package query

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/report/internal/encode"
)

// Map gives a connection as its JSON would be read back: nested maps by the same names, lists as []any, strings, bools,
// and nil for null; whole numbers are int, durations float64 seconds. It is what filter expressions are evaluated on.
func Map(c *record.Connection) map[string]any {
	m := map[string]any{
		"record":        c.Record,
		"schema":        c.Schema,
		"id":            int(c.ID),
		"previous_id":   packetValue(c.PreviousID),
		"community_id":  c.CommunityID.String(),
		"start":         timeValue(c.Start),
		"end":           timeValue(c.End),
		"duration_s":    durationValue(c.Duration),
		"ended_by":      string(c.EndedBy),
		"client":        endpointMap(&c.Client),
		"server":        endpointMap(&c.Server),
		"role_evidence": string(c.RoleEvidence),
		"handshake": map[string]any{
			"outcome":        string(c.Handshake.Outcome),
			"syn_at":         timeValue(c.Handshake.SynAt),
			"syn_packet":     packetValue(c.Handshake.SynPacket),
			"syn_ack_at":     timeValue(c.Handshake.SynAckAt),
			"syn_ack_packet": packetValue(c.Handshake.SynAckPacket),
			"ack_at":         timeValue(c.Handshake.AckAt),
			"ack_packet":     packetValue(c.Handshake.AckPacket),
			"server_rtt_s":   durationValue(c.Handshake.ServerRTT),
			"client_rtt_s":   durationValue(c.Handshake.ClientRTT),
		},
		"half_open": nil, "zeek": nil, "tshark": nil,
	}
	teardown := map[string]any{
		"kind":          string(c.Teardown.Kind),
		"initiator":     wordValue(c.Teardown.Initiator.String()),
		"at":            timeValue(c.Teardown.At),
		"half_closed_s": durationValue(c.Teardown.HalfClosed),
		"reset":         nil,
	}
	if r := c.Teardown.Reset; r != nil {
		teardown["reset"] = map[string]any{
			"by":             wordValue(r.By.String()),
			"packet":         packetValue(r.Packet),
			"receiver_state": stateValue(r.ReceiverState),
			"answers":        string(r.Answers),
			"idle_s":         durationValue(r.Idle),
		}
	}
	m["teardown"] = teardown
	layers := make([]any, len(c.Encapsulation))
	for i, layer := range c.Encapsulation {
		var id any
		if layer.HasID {
			id = int(layer.ID)
		}
		layers[i] = map[string]any{"kind": layer.Kind, "id": id}
	}
	m["encapsulation"] = layers
	waits := make([]any, len(c.TimeWait))
	for i := range c.TimeWait {
		t := &c.TimeWait[i]
		waits[i] = map[string]any{
			"side":         wordValue(t.Side.String()),
			"entered":      timeValue(t.Entered),
			"restarts":     int(t.Restarts),
			"two_msl_s":    durationValue(t.TwoMSL),
			"expires":      timeValue(t.Expires),
			"ended_by":     string(t.EndedBy),
			"reuse_proven": answerValue(t.ReuseProven),
			"observed_s":   durationValue(t.Observed),
		}
	}
	m["time_wait"] = waits
	if h := c.HalfOpen; h != nil {
		m["half_open"] = map[string]any{
			"survivor":      wordValue(h.Survivor.String()),
			"since":         timeValue(h.Since),
			"at":            timeValue(h.At),
			"discovered_by": wordValue(string(h.DiscoveredBy)),
		}
	}
	findings := make([]any, len(c.Findings))
	for i := range c.Findings {
		f := &c.Findings[i]
		packets := make([]any, len(f.Packets))
		for i, n := range f.Packets {
			packets[i] = int(n)
		}
		findings[i] = map[string]any{
			"code": f.Code, "severity": string(f.Severity), "side": wordValue(f.Side.String()), "packets": packets, "detail": f.Detail,
		}
	}
	m["findings"] = findings
	if c.Zeek != nil {
		m["zeek"] = map[string]any{"conn_state": c.Zeek.ConnState, "history": c.Zeek.History}
	}
	if c.Tshark != nil {
		m["tshark"] = map[string]any{"completeness": c.Tshark.Completeness}
	}
	return m
}

func endpointMap(p *record.Endpoint) map[string]any {
	m := map[string]any{
		"port":                  int(p.Port),
		"ip":                    string(p.IP.AppendTo(nil)),
		"isn":                   nil,
		"isn_evidence":          wordValue(string(p.ISNEvidence)),
		"syn_acked":             answerValue(p.SynAcked),
		"syns":                  int(p.Syns),
		"fins":                  int(p.Fins),
		"rsts":                  int(p.Rsts),
		"fin":                   nil,
		"packets":               int(p.Packets),
		"capture_duplicates":    int(p.CaptureDuplicates),
		"bytes":                 int(p.Bytes),
		"ip_bytes":              int(p.IPBytes),
		"retransmitted_packets": int(p.RetransmittedPackets),
		"keepalives":            int(p.Keepalives),
		"zero_window_probes":    int(p.ZeroWindowProbes),
		"state":                 stateValue(p.State),
	}
	if p.ISN.Known {
		m["isn"] = int(p.ISN.Number)
	}
	if p.Fin != nil {
		m["fin"] = map[string]any{"seq": int(p.Fin.Seq), "packet": packetValue(p.Fin.Packet), "acked": answerValue(p.Fin.Acked)}
	}
	states := make([]any, len(p.States))
	for i := range p.States {
		s := &p.States[i]
		states[i] = map[string]any{
			"state": s.State.String(), "at": timeValue(s.At), "packet": packetValue(s.Packet), "evidence": wordValue(string(s.Evidence)),
			"rule": s.Rule.String(),
		}
	}
	withdrawn := make([]any, len(p.Withdrawn))
	for i := range p.Withdrawn {
		w := &p.Withdrawn[i]
		withdrawn[i] = map[string]any{
			"state": w.State.String(), "at": timeValue(w.At), "packet": packetValue(w.Packet), "rule": w.Rule.String(),
			"by_packet": packetValue(w.ByPacket),
		}
	}
	m["states"], m["withdrawn"], m["withdrawn_left_out"] = states, withdrawn, int(p.WithdrawnLeftOut)
	return m
}

func timeValue(t record.Time) any {
	if t == record.NoTime {
		return nil
	}
	return string(encode.AppendMoment(make([]byte, 0, 30), t))
}

// durationValue is the number that the decimal seconds of the JSON are read as.
func durationValue(d record.Duration) any {
	if d == record.NoDuration {
		return nil
	}
	seconds, _ := strconv.ParseFloat(string(d.Append(nil)), 64) // cannot fail: Append gave it
	return seconds
}

func packetValue(p record.PacketNumber) any {
	if p == 0 {
		return nil
	}
	return int(p)
}

func stateValue(s record.StateOrNone) any {
	if !s.Known {
		return nil
	}
	return s.State.String()
}

func answerValue(a record.Answer) any {
	if a == record.Unknown {
		return nil
	}
	return a == record.Yes
}

func wordValue(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// MapSummary gives the summary as its JSON would be read back, but with a 0 for every word that it counts nothing by.
func MapSummary(s *record.Summary) map[string]any {
	b, _ := encode.AppendRecord(nil, encode.FilledSummary(*s)) // cannot fail: there is nothing but numbers and words in it
	var m map[string]any
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	_ = decoder.Decode(&m)
	m, _ = numbers(m).(map[string]any)
	for field, words := range record.SummaryWords() {
		counts := m
		for part := range strings.SplitSeq(field, ".") {
			counts, _ = counts[part].(map[string]any)
		}
		for _, word := range words {
			if _, counted := counts[word]; !counted {
				counts[word] = 0
			}
		}
	}
	return m
}

// numbers replaces the numbers in what was read of JSON: whole ones become int, the others float64.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n
		}
		n, _ := v.Float64()
		return n
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}
