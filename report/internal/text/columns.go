package text

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// A connectionColumn is a column of TableOptions.Columns.
type ConnectionColumn struct {
	Name    string
	Header  Cell
	Right   bool
	Meaning string
	Cell    func(*record.Connection) Cell
}

// ConnectionColumns are all columns. The arrows in the headers point away from the side that the column is about; the
// client is on the left.
var ConnectionColumns = []ConnectionColumn{
	{"id", Cell{Full: "ID"}, true, "number of the first packet",
		func(c *record.Connection) Cell { return Cell{Full: strconv.FormatUint(c.ID, 10), Tone: Faint} }},
	{"start", Cell{Full: "START"}, false, "time of the first packet, UTC",
		func(c *record.Connection) Cell { return TimeCell(c.Start) }},
	{"end", Cell{Full: "END"}, false, "time of the last packet, UTC",
		func(c *record.Connection) Cell { return TimeCell(c.End) }},
	{"client", Cell{Full: "CLIENT"}, false, "address and port of the side that opened",
		func(c *record.Connection) Cell { return EndpointCell(&c.Client) }},
	{"server", Cell{Full: "SERVER"}, false, "address and port of the other side",
		func(c *record.Connection) Cell { return EndpointCell(&c.Server) }},
	{"outcome", Cell{Full: "OUTCOME"}, false, "what became of the handshake", outcomeCell},
	{"teardown", Cell{Full: "TEARDOWN"}, false, "how it was closed", teardownCell},
	{"fate", Cell{Full: "FATE"}, false, "the teardown or, where there was none, the outcome", fateCell},
	{"initiator", Cell{Full: "INITIATOR"}, false, "who began to close it",
		func(c *record.Connection) Cell { return Cell{Full: cmp.Or(c.Teardown.Initiator.String(), Unknown)} }},
	{"states", Cell{Full: "STATES"}, false, "states at the end, client:server", statesCell},
	{"ended_by", Cell{Full: "ENDED BY"}, false, "why the record ended",
		func(c *record.Connection) Cell { return Cell{Full: string(c.EndedBy)} }},
	{"duration", Cell{Full: "LASTED"}, true, "from the first packet to the last",
		func(c *record.Connection) Cell { return Cell{Full: Span(c.Duration)} }},
	{"rtt", Cell{Full: "RTT"}, true, "round trip of the handshake, SYN to the SYN-ACK's ACK",
		func(c *record.Connection) Cell { return Cell{Full: Span(HandshakeRTT(c))} }},
	{"server_rtt", Cell{Full: "RTT→"}, true, "the part of it between the capture and the server",
		func(c *record.Connection) Cell { return Cell{Full: Span(c.Handshake.ServerRTT)} }},
	{"client_rtt", Cell{Full: "←RTT"}, true, "the part of it between the capture and the client",
		func(c *record.Connection) Cell { return Cell{Full: Span(c.Handshake.ClientRTT)} }},
	{"client_bytes", Cell{Full: "BYTES→"}, true, "payload the client sent",
		func(c *record.Connection) Cell { return Cell{Full: Amount(c.Client.Bytes)} }},
	{"server_bytes", Cell{Full: "←BYTES"}, true, "payload the server sent",
		func(c *record.Connection) Cell { return Cell{Full: Amount(c.Server.Bytes)} }},
	{"client_packets", Cell{Full: "PKTS→"}, true, "packets the client sent",
		func(c *record.Connection) Cell { return Cell{Full: Count(c.Client.Packets)} }},
	{"server_packets", Cell{Full: "←PKTS"}, true, "packets the server sent",
		func(c *record.Connection) Cell { return Cell{Full: Count(c.Server.Packets)} }},
	{"retransmitted", Cell{Full: "RETR"}, true, "retransmitted packets of both", retransmittedCell},
	{"timers", Cell{Full: "TIMERS"}, false, "what the timers of client and server did, and how often: rto 4 / -",
		timersCell},
	{"findings", Cell{Full: "FINDINGS"}, false, "codes of the findings, worst first; short: the worst, and how many " +
		"others",
		findingsCell},
	{"icmp", Cell{Full: "ICMP"}, false, "what an ICMP error said of the SYN or SYN-ACK, and who sent it", icmpCell},
	{"reset_origin", Cell{Full: "RST MADE BY"}, false, "who made the RST, by its TTL", originCell},
	{"nearer", Cell{Full: "NEARER"}, false, "the side nearer to where the capture was taken",
		func(c *record.Connection) Cell { return Cell{Full: cmp.Or(c.Observer.Nearer.String(), Unknown)} }},
	{"role", Cell{Full: "ROLE"}, false, "how the sides' roles are known",
		func(c *record.Connection) Cell { return Cell{Full: string(c.RoleEvidence)} }},
	{"encapsulation", Cell{Full: "INSIDE"}, false, "encapsulation, outermost first", encapsulationCell},
	{"community_id", Cell{Full: "COMMUNITY ID"}, false, "Community ID v1",
		func(c *record.Connection) Cell { return Cell{Full: cmp.Or(c.CommunityID.String(), Unknown)} }},
	{"zeek", Cell{Full: "ZEEK"}, false, "Zeek's conn_state and history", zeekCell},
	{"tshark", Cell{Full: "TSHARK"}, true, "tshark's completeness", tsharkCell},
}

// DefaultColumns are the columns without --columns, as far as they fit and any row has a value for them.
var DefaultColumns = []string{"id", "start", "client", "server", "outcome", "teardown", "fate", "states", "ended_by",
	"duration", "rtt",
	"server_rtt", "client_rtt", "client_bytes", "server_bytes", "client_packets", "server_packets", "retransmitted",
	"findings"}

// SpareColumn is the default column that is shown only in place of others.
const SpareColumn = "fate"

// DefaultSteps make the default columns fit a width.
var DefaultSteps = []Step{
	Drop("server_rtt", "client_rtt"),
	Shorten("start"),
	Drop("client_packets", "server_packets"),
	Drop("ended_by"),
	Shorten("client", "server"),
	Drop("start"),
	Drop("retransmitted"),
	Drop("rtt"),
	Drop("client_bytes", "server_bytes"),
	Shorten("states"),
	Shorten("findings"),
	Replace(SpareColumn, "outcome", "teardown"),
	Drop("duration"),
	Drop("states"),
	Drop(SpareColumn),
}

// SqueezedColumn is the default column that is cut if no step suffices. The id stays, because explain needs it.
const SqueezedColumn = "findings"

// A Column is one that TableOptions.Columns can name.
type Column struct {
	Name, Meaning string
}

func ColumnsByName(names []string) ([]ConnectionColumn, error) {
	columns := make([]ConnectionColumn, len(names))
	for i, name := range names {
		at := slices.IndexFunc(ConnectionColumns, func(c ConnectionColumn) bool { return c.Name == name })
		if at < 0 {
			var valid []string
			for _, c := range ConnectionColumns {
				valid = append(valid, c.Name)
			}
			return nil, fmt.Errorf("--columns: unknown value %q: it can be %s", name, strings.Join(valid, ", "))
		}
		columns[i] = ConnectionColumns[at]
	}
	return columns, nil
}

func TimeCell(t record.Time) Cell { return Cell{Full: Clock(t), Short: ClockShort(t)} }

func EndpointCell(p *record.Endpoint) Cell { return SocketCell(netip.AddrPortFrom(p.IP, p.Port)) }

func SocketCell(s netip.AddrPort) Cell { return Cell{Full: s.String(), Short: ShortSocket(s)} }

func IPCell(ip netip.Addr) Cell {
	return Cell{Full: ip.String(), Short: cutMiddle(ip.String(), longestIPv4)}
}

func outcomeCell(c *record.Connection) Cell {
	outcome := c.Handshake.Outcome
	tones := map[record.Outcome]Tone{
		record.OutcomeRefused: Bad, record.OutcomeUnreachable: Bad, record.OutcomeUnanswered: Bad,
		record.OutcomeChallenged: Alert, record.OutcomeEmbryonic: Alert, record.OutcomeAborted: Alert,
		record.OutcomeUnseen: Faint, record.OutcomePartial: Faint, record.OutcomeStray: Faint,
	}
	return Cell{Full: string(outcome), Tone: tones[outcome]}
}

func teardownCell(c *record.Connection) Cell {
	kind := c.Teardown.Kind
	tones := map[record.TeardownKind]Tone{
		record.TeardownReset: Bad, record.TeardownHalfClosed: Alert, record.TeardownIncomplete: Alert,
	}
	if kind == record.TeardownNone {
		return Cell{Full: Unknown}
	}
	return Cell{Full: string(kind), Tone: tones[kind]}
}

func fateCell(c *record.Connection) Cell {
	if c.Teardown.Kind == record.TeardownNone {
		return outcomeCell(c)
	}
	return teardownCell(c)
}

// ShortStates are short names for the column states.
var ShortStates = map[tcpstate.State]string{
	tcpstate.Closed: "CLOSED", tcpstate.Listen: "LISTEN", tcpstate.SynSent: "SYNSENT", tcpstate.SynRcvd: "SYNRCVD",
	tcpstate.Established: "ESTAB", tcpstate.FinWait1: "FINW1", tcpstate.FinWait2: "FINW2", tcpstate.CloseWait: "CLOSEW",
	tcpstate.Closing: "CLOSING", tcpstate.LastAck: "LASTACK", tcpstate.TimeWait: "TIMEW",
}

func statesCell(c *record.Connection) Cell {
	full := func(s record.StateOrNone) string {
		if !s.Known {
			return Unknown
		}
		return s.State.String()
	}
	short := func(s record.StateOrNone) string {
		if !s.Known {
			return Unknown
		}
		return ShortStates[s.State]
	}
	states := Cell{
		Full:  full(c.Client.State) + ":" + full(c.Server.State),
		Short: short(c.Client.State) + ":" + short(c.Server.State),
	}
	open := func(s record.StateOrNone) bool { return s.Known && s.State == tcpstate.Established }
	if open(c.Client.State) && open(c.Server.State) {
		states.Tone = Good
	}
	return states
}

// HandshakeRTT is the whole round trip, wherever on the path the capture was taken.
func HandshakeRTT(c *record.Connection) record.Duration {
	if c.Handshake.ServerRTT == record.NoDuration || c.Handshake.ClientRTT == record.NoDuration {
		return record.NoDuration
	}
	return c.Handshake.ServerRTT + c.Handshake.ClientRTT
}

func retransmittedCell(c *record.Connection) Cell {
	return Some(c.Client.RetransmittedPackets + c.Server.RetransmittedPackets)
}

// timersCell lists the timers of the client and, after a slash, of the server.
func timersCell(c *record.Connection) Cell {
	if len(c.Client.Timers)+len(c.Server.Timers) == 0 {
		return Cell{}
	}
	return Cell{Full: timersOf(&c.Client) + " / " + timersOf(&c.Server)}
}

func timersOf(e *record.Endpoint) string {
	var kinds []string
	for i := range e.Timers {
		kind := e.Timers[i].Kind
		if i > 0 && slices.ContainsFunc(e.Timers[:i], func(t record.Timer) bool { return t.Kind == kind }) {
			continue
		}
		var n uint64
		for _, t := range e.Timers[i:] {
			if t.Kind == kind {
				n += t.Count
			}
		}
		kinds = append(kinds, string(kind)+" "+Count(n))
	}
	return cmp.Or(strings.Join(kinds, " "), Unknown)
}

// Severities are the tones of severities, from the worst to the least.
var Severities = [...]Tone{Bad, Alert, Calm}

// SeverityRank returns the place of a severity in Severities. An unknown severity ranks lowest.
func SeverityRank(s record.Severity) int {
	switch s {
	case record.Error:
		return 0
	case record.Warning:
		return 1
	}
	return 2
}

// countSeverities counts findings by the places of severities.
func countSeverities(findings []record.Finding) (counts [len(Severities)]int) {
	for i := range findings {
		counts[SeverityRank(findings[i].Severity)]++
	}
	return counts
}

func findingsCell(c *record.Connection) Cell {
	if len(c.Findings) == 0 {
		return Cell{}
	}
	var full []string
	counts := countSeverities(c.Findings)
	for rank, n := range counts {
		if n == 0 {
			continue
		}
		codes := make(map[string]int)
		var order []string
		for i := range c.Findings {
			if f := &c.Findings[i]; SeverityRank(f.Severity) == rank {
				if codes[f.Code]++; codes[f.Code] == 1 {
					order = append(order, f.Code)
				}
			}
		}
		for _, code := range order {
			if codes[code] > 1 {
				full = append(full, code+"×"+strconv.Itoa(codes[code]))
			} else {
				full = append(full, code)
			}
		}
	}
	worst := slices.IndexFunc(counts[:], func(n int) bool { return n > 0 })
	short := full[0]
	if i := slices.IndexFunc(c.Findings, func(f record.Finding) bool {
		return SeverityRank(f.Severity) == worst && !Explained(f.Code, c.Findings)
	}); i >= 0 {
		code := c.Findings[i].Code
		short = full[slices.IndexFunc(full, func(s string) bool { return s == code || strings.HasPrefix(s, code+"×") })]
	}
	if len(full) > 1 {
		short += " +" + strconv.Itoa(len(full)-1)
	}
	return Cell{strings.Join(full, " "), short, Severities[worst]}
}

func encapsulationCell(c *record.Connection) Cell {
	if len(c.Encapsulation) == 0 {
		return Cell{Full: Unknown}
	}
	return Cell{Full: string(AppendEncapsulation(nil, c.Encapsulation))}
}

func zeekCell(c *record.Connection) Cell {
	if c.Zeek == nil {
		return Cell{Full: Unknown}
	}
	return Cell{Full: c.Zeek.ConnState + " " + c.Zeek.History, Short: c.Zeek.ConnState}
}

func tsharkCell(c *record.Connection) Cell {
	if c.Tshark == nil {
		return Cell{Full: Unknown}
	}
	return Cell{Full: strconv.Itoa(c.Tshark.Completeness)}
}

func icmpCell(c *record.Connection) Cell {
	i := c.Handshake.ICMP
	if i == nil {
		return Cell{Full: Unknown}
	}
	return Cell{Full: i.Meaning + " from " + i.From.String(), Short: i.Meaning}
}

func originCell(c *record.Connection) Cell {
	r := c.Teardown.Reset
	switch {
	case r == nil || r.Origin == record.NoOrigin:
		return Cell{Full: Unknown}
	case r.Origin == record.OriginElsewhere:
		return Cell{Full: r.Origin.String(), Tone: Alert}
	}
	return Cell{Full: r.Origin.String()}
}
