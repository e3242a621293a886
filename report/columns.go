package report

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

// A connectionColumn is one of TableOptions.Columns.
type connectionColumn struct {
	name    string
	header  cell
	right   bool
	meaning string
	cell    func(*record.Connection) cell
}

// connectionColumns are those there are. The arrows of the headers point from the side that is meant, and away from
// the other: the client stands on the left.
var connectionColumns = []connectionColumn{
	{"id", cell{full: "ID"}, true, "number of the first packet", func(c *record.Connection) cell { return cell{full: strconv.FormatUint(c.ID, 10), tone: faint} }},
	{"start", cell{full: "START"}, false, "time of the first packet, UTC", func(c *record.Connection) cell { return timeCell(c.Start) }},
	{"end", cell{full: "END"}, false, "time of the last packet, UTC", func(c *record.Connection) cell { return timeCell(c.End) }},
	{"client", cell{full: "CLIENT"}, false, "address and port of the side that opened", func(c *record.Connection) cell { return endpointCell(&c.Client) }},
	{"server", cell{full: "SERVER"}, false, "address and port of the other side", func(c *record.Connection) cell { return endpointCell(&c.Server) }},
	{"outcome", cell{full: "OUTCOME"}, false, "what became of the handshake", outcomeCell},
	{"teardown", cell{full: "TEARDOWN"}, false, "how it was closed", teardownCell},
	{"fate", cell{full: "FATE"}, false, "the teardown or, where there was none, the outcome", fateCell},
	{"initiator", cell{full: "INITIATOR"}, false, "who began to close it", func(c *record.Connection) cell { return cell{full: cmp.Or(c.Teardown.Initiator.String(), unknown)} }},
	{"states", cell{full: "STATES"}, false, "states at the end, client:server", statesCell},
	{"ended_by", cell{full: "ENDED BY"}, false, "why the record ended", func(c *record.Connection) cell { return cell{full: string(c.EndedBy)} }},
	{"duration", cell{full: "LASTED"}, true, "from the first packet to the last", func(c *record.Connection) cell { return cell{full: span(c.Duration)} }},
	{"rtt", cell{full: "RTT"}, true, "round trip of the handshake, SYN to the SYN-ACK's ACK", func(c *record.Connection) cell { return cell{full: span(handshakeRTT(c))} }},
	{"server_rtt", cell{full: "RTT→"}, true, "the part of it between the capture and the server", func(c *record.Connection) cell { return cell{full: span(c.Handshake.ServerRTT)} }},
	{"client_rtt", cell{full: "←RTT"}, true, "the part of it between the capture and the client", func(c *record.Connection) cell { return cell{full: span(c.Handshake.ClientRTT)} }},
	{"client_bytes", cell{full: "BYTES→"}, true, "payload the client sent", func(c *record.Connection) cell { return cell{full: amount(c.Client.Bytes)} }},
	{"server_bytes", cell{full: "←BYTES"}, true, "payload the server sent", func(c *record.Connection) cell { return cell{full: amount(c.Server.Bytes)} }},
	{"client_packets", cell{full: "PKTS→"}, true, "packets the client sent", func(c *record.Connection) cell { return cell{full: amount(c.Client.Packets)} }},
	{"server_packets", cell{full: "←PKTS"}, true, "packets the server sent", func(c *record.Connection) cell { return cell{full: amount(c.Server.Packets)} }},
	{"retransmitted", cell{full: "RETR"}, true, "retransmitted packets of both", retransmittedCell},
	{"findings", cell{full: "FINDINGS", short: "FLAGS"}, false, "codes of the findings, worst first; short: E errors, W warnings, I others, and how many", findingsCell},
	{"role", cell{full: "ROLE"}, false, "how the sides' roles are known", func(c *record.Connection) cell { return cell{full: string(c.RoleEvidence)} }},
	{"encapsulation", cell{full: "INSIDE"}, false, "encapsulation, outermost first", encapsulationCell},
	{"community_id", cell{full: "COMMUNITY ID"}, false, "Community ID v1", func(c *record.Connection) cell { return cell{full: cmp.Or(c.CommunityID.String(), unknown)} }},
	{"zeek", cell{full: "ZEEK"}, false, "Zeek's conn_state and history", zeekCell},
	{"tshark", cell{full: "TSHARK"}, true, "tshark's completeness", tsharkCell},
}

// defaultColumns are shown if none are asked for, as far as they fit and any row has a value for them.
var defaultColumns = []string{"id", "start", "client", "server", "outcome", "teardown", "fate", "states", "ended_by", "duration", "rtt",
	"server_rtt", "client_rtt", "client_bytes", "server_bytes", "client_packets", "server_packets", "retransmitted", "findings"}

// spareColumn is the one of the default columns that only takes the place of others.
const spareColumn = "fate"

// defaultSteps make the default columns fit a width.
var defaultSteps = []step{
	drop("server_rtt", "client_rtt"),
	shorten("start"),
	drop("client_packets", "server_packets"),
	drop("ended_by"),
	shorten("client", "server"),
	drop("start"),
	shorten("findings"),
	drop("retransmitted"),
	shorten("states"),
	drop("rtt"),
	drop("client_bytes", "server_bytes"),
	replace(spareColumn, "outcome", "teardown"),
	drop("id"),
	drop("duration"),
	drop("findings"),
}

// A Column is one that TableOptions.Columns can name.
type Column struct {
	Name, Meaning string
}

// TableColumns lists the columns that TableOptions.Columns can name.
func TableColumns() []Column {
	columns := make([]Column, len(connectionColumns))
	for i, c := range connectionColumns {
		columns[i] = Column{c.name, c.meaning}
	}
	return columns
}

func columnsByName(names []string) ([]connectionColumn, error) {
	columns := make([]connectionColumn, len(names))
	for i, name := range names {
		at := slices.IndexFunc(connectionColumns, func(c connectionColumn) bool { return c.name == name })
		if at < 0 {
			var valid []string
			for _, c := range connectionColumns {
				valid = append(valid, c.name)
			}
			return nil, fmt.Errorf("unknown column %q: it must be one of %s", name, strings.Join(valid, ", "))
		}
		columns[i] = connectionColumns[at]
	}
	return columns, nil
}

func timeCell(t record.Time) cell { return cell{full: clock(t), short: clockShort(t)} }

func endpointCell(p *record.Endpoint) cell { return socketCell(netip.AddrPortFrom(p.IP, p.Port)) }

func socketCell(s netip.AddrPort) cell { return cell{full: s.String(), short: shortSocket(s)} }

func ipCell(ip netip.Addr) cell {
	return cell{full: ip.String(), short: cutMiddle(ip.String(), longestIPv4)}
}

func outcomeCell(c *record.Connection) cell {
	outcome := c.Handshake.Outcome
	tones := map[record.Outcome]tone{
		record.OutcomeRefused: bad, record.OutcomeUnreachable: bad, record.OutcomeUnanswered: bad,
		record.OutcomeChallenged: alert, record.OutcomeEmbryonic: alert, record.OutcomeAborted: alert,
		record.OutcomeUnseen: faint, record.OutcomePartial: faint, record.OutcomeStray: faint,
	}
	return cell{full: string(outcome), tone: tones[outcome]}
}

func teardownCell(c *record.Connection) cell {
	kind := c.Teardown.Kind
	tones := map[record.TeardownKind]tone{
		record.TeardownReset: bad, record.TeardownHalfClosed: alert, record.TeardownIncomplete: alert,
	}
	if kind == record.TeardownNone {
		return cell{full: unknown}
	}
	return cell{full: string(kind), tone: tones[kind]}
}

func fateCell(c *record.Connection) cell {
	if c.Teardown.Kind == record.TeardownNone {
		return outcomeCell(c)
	}
	return teardownCell(c)
}

// shortStates are for the column states where there is little room.
var shortStates = map[tcpstate.State]string{
	tcpstate.Closed: "CLOSED", tcpstate.Listen: "LISTEN", tcpstate.SynSent: "SYNSENT", tcpstate.SynRcvd: "SYNRCVD",
	tcpstate.Established: "ESTAB", tcpstate.FinWait1: "FINW1", tcpstate.FinWait2: "FINW2", tcpstate.CloseWait: "CLOSEW",
	tcpstate.Closing: "CLOSING", tcpstate.LastAck: "LASTACK", tcpstate.TimeWait: "TIMEW",
}

func statesCell(c *record.Connection) cell {
	full := func(s record.StateOrNone) string {
		if !s.Known {
			return unknown
		}
		return s.State.String()
	}
	short := func(s record.StateOrNone) string {
		if !s.Known {
			return unknown
		}
		return shortStates[s.State]
	}
	states := cell{
		full:  full(c.Client.State) + ":" + full(c.Server.State),
		short: short(c.Client.State) + ":" + short(c.Server.State),
	}
	open := func(s record.StateOrNone) bool { return s.Known && s.State == tcpstate.Established }
	if open(c.Client.State) && open(c.Server.State) {
		states.tone = good
	}
	return states
}

// handshakeRTT is the whole round trip, wherever on the path the capture was taken.
func handshakeRTT(c *record.Connection) record.Duration {
	if c.Handshake.ServerRTT == record.NoDuration || c.Handshake.ClientRTT == record.NoDuration {
		return record.NoDuration
	}
	return c.Handshake.ServerRTT + c.Handshake.ClientRTT
}

func retransmittedCell(c *record.Connection) cell {
	return some(c.Client.RetransmittedPackets + c.Server.RetransmittedPackets)
}

// severities are from the worst to the least.
var severities = [...]struct {
	severity record.Severity
	letter   string
	tone     tone
}{
	{record.Error, "E", bad},
	{record.Warning, "W", alert},
	{record.Info, "I", calm},
}

// severityRank is the place in severities; what is not there counts as the least.
func severityRank(s record.Severity) int {
	for i := range severities {
		if severities[i].severity == s {
			return i
		}
	}
	return len(severities) - 1
}

// countSeverities counts findings by the places of severities.
func countSeverities(findings []record.Finding) (counts [len(severities)]int) {
	for i := range findings {
		counts[severityRank(findings[i].Severity)]++
	}
	return counts
}

func findingsCell(c *record.Connection) cell {
	if len(c.Findings) == 0 {
		return cell{}
	}
	var full, short []string
	counts := countSeverities(c.Findings)
	for rank, n := range counts {
		if n == 0 {
			continue
		}
		short = append(short, severities[rank].letter+strconv.Itoa(n))
		codes := make(map[string]int)
		var order []string
		for i := range c.Findings {
			if f := &c.Findings[i]; severityRank(f.Severity) == rank {
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
	return cell{strings.Join(full, " "), strings.Join(short, " "), severities[worst].tone}
}

func encapsulationCell(c *record.Connection) cell {
	if len(c.Encapsulation) == 0 {
		return cell{full: unknown}
	}
	return cell{full: string(appendEncapsulation(nil, c.Encapsulation))}
}

func zeekCell(c *record.Connection) cell {
	if c.Zeek == nil {
		return cell{full: unknown}
	}
	return cell{full: c.Zeek.ConnState + " " + c.Zeek.History, short: c.Zeek.ConnState}
}

func tsharkCell(c *record.Connection) cell {
	if c.Tshark == nil {
		return cell{full: unknown}
	}
	return cell{full: strconv.Itoa(c.Tshark.Completeness)}
}
