package tcpstate

//go:generate go test -run ^TestTransitions$ . -update

// Rule is one thing that RFC 9293 says about an endpoint's state: what moves it from which states to which (figure 5,
// §3.10), what withdraws a state, or why a segment changes nothing. docs/TRANSITIONS.md is generated from this table.
type Rule uint8

// NoRule is the zero value. Nothing is entered by it. Rules is the number after the last rule.
const (
	NoRule Rule = 0
	Rules       = int(countRules)
)

// The rules that enter a state, in the order of a connection's life.
const (
	ActiveOpen Rule = iota + 1 // exported for a record of a SYN alone
	synUnseen
	passiveOpen
	synAckSent
	listenerAppeared
	midstream
	midstreamAcked
	synArrives
	synOnItsWay
	synArrived
	synAckArrives
	synAckTaken
	synAckUnseen
	synAcked
	synAckedUnseen
	finSent
	finUnseen
	finArrives
	finFilled
	finTaken
	finOnItsWay
	finAckArrives
	finAckUnseen
	finAcksFin
	finsTaken
	timeWaitOver
	rstArrives
	aborts
	answersRst
	notReading
	givenUp
	unreachable
	superseded
	endOfEntering // the number after them
)

// The rules that withdraw states: each says what was seen, and what therefore had not happened. A name in a record is a
// promise, so some names there differ from those here.
const (
	synResent Rule = iota + endOfEntering
	synAckResent
	synAckUnanswered
	synNotReceived
	otherSyn
	ackShort
	finResent
	finAckLost
	finUnanswered
	finsCross
	finHeldBack
	finLeftFirst
	dataBeyondFin
	noFinSent
	acksUnsent
	outlivesRst
	beforeRst
	refusedByRst
	onlySyn
	onlyProbe
	endOfWithdrawing // the number after them
)

// The rules by which a segment changes nothing.
const (
	impossibleFlags Rule = iota + endOfWithdrawing
	otherAck
	rstNotAcked
	rstOutsideWindow
	otherSynAck
	SynInside // exported for a SYN that began another connection at first
	noAck
	paws
	otherNumbers
	countRules
)

// Event is what changes an endpoint's state.
type Event uint8

// The events.
const (
	Sends       Event = iota // a segment of its own shows it
	Arrives                  // a segment of its peer is taken to have arrived: later evidence may withdraw it
	ArrivesICMP              // likewise an ICMP error about its own
	Timer
	Successor // the next connection of the two sockets
	Withdraws // later evidence shows that a state was not
	Drops     // the segment changes nothing in its receiver
)

var eventNames = [...]string{"sends", "arrives", "arrives (ICMP)", "timer", "next connection", "withdraws", "drops"}

// String is the event in a word or two.
func (e Event) String() string { return eventNames[e] }

// arrow is one way of a rule, from a state to another one.
type arrow struct {
	from, to State
	unseen   bool   // nothing is known before: from is the state that the endpoint must have been in
	text     string // instead of the rule's, empty for the rule's
	clause   string // likewise
}

// rule is what the table says about a Rule.
type rule struct {
	name   string
	clause string
	event  Event
	text   string
	arrows []arrow // none for a rule that withdraws or drops
}

// Clauses that several rules cite.
const (
	ackClause            = "RFC 9293 §3.10.7.4, fifth step"
	finClause            = "RFC 9293 §3.10.7.4, eighth step"
	rstClause            = "RFC 9293 §3.10.7.4, second step"
	listenClause         = "RFC 9293 §3.10.7.2, third step"
	closedClause         = "RFC 9293 §3.10.7.1"
	halfOpenClause       = "RFC 9293 §3.5.1"
	retransmissionClause = "RFC 9293 §3.8.1"
)

var rules = [countRules]rule{
	ActiveOpen: {"active_open", "RFC 9293 §3.10.1", Sends, "active OPEN: a SYN is sent", []arrow{
		{from: Closed, to: SynSent, unseen: true},
	}},
	synUnseen: {"syn_unseen", "RFC 9293 §3.10.1", Sends,
		"the SYN-ACK answers a SYN that the capture does not show before it", []arrow{
			{from: Closed, to: SynSent, unseen: true},
		}},
	passiveOpen: {"passive_open", listenClause, Arrives,
		"passive OPEN: the SYN arrives; a SYN-ACK will answer it", []arrow{
			{from: Listen, to: SynRcvd, unseen: true},
		}},
	synAckSent: {"syn_ack_sent", listenClause, Sends,
		"the SYN-ACK answers a SYN that the capture does not show before it", []arrow{
			{from: Listen, to: SynRcvd, unseen: true},
		}},
	listenerAppeared: {"listener_came", listenClause, Sends, "a process listens there now: a SYN-ACK answers", []arrow{
		{from: Closed, to: SynRcvd},
	}},
	midstream: {"midstream", "RFC 9293 §3.3.2", Sends,
		"picked up midstream: every connection passes through this state", []arrow{
			{to: Established, unseen: true},
			{from: SynRcvd, to: Established,
				text:   "later segments show that its SYN was acknowledged; that ACK was not captured",
				clause: ackClause},
		}},
	midstreamAcked: {"midstream_acked", "RFC 9293 §3.3.2", Arrives,
		"picked up midstream: its peer acknowledges data that it sent", []arrow{
			{to: Established, unseen: true},
		}},
	synArrives: {"syn_arrives", "RFC 9293 §3.10.7.3, fourth step", Arrives,
		"a SYN without ACK arrives: both sides open at once", []arrow{
			{from: SynSent, to: SynRcvd},
		}},
	synOnItsWay: {"syn_on_its_way", "RFC 9293 §3.10.7.3, fourth step", Arrives,
		"the other side's SYN, sent at the same time, arrives: both sides open at once", []arrow{
			{from: SynSent, to: SynRcvd},
		}},
	synArrived: {"syn_arrived", "RFC 9293 §3.10.7.3, fourth step", Sends,
		"its SYN-ACK shows that the other side's SYN has arrived: both sides open at once", []arrow{
			{from: SynSent, to: SynRcvd},
		}},
	synAckArrives: {"syn_ack_arrives", "RFC 9293 §3.10.7.3, fourth step", Arrives,
		"its SYN is acknowledged by the other side's SYN", []arrow{
			{from: SynSent, to: Established},
			{from: SynRcvd, to: Established, text: "its SYN is acknowledged by the SYN-ACK of a side that opens at " +
				"the same time", clause: "RFC 9293 §3.5, figure 7; appendix A.2"},
		}},
	synAckTaken: {"syn_ack_taken", "RFC 9293 §3.10.7.3, fourth step", Arrives,
		"it acknowledges the other side's SYN, so the SYN-ACK has arrived", []arrow{
			{from: SynSent, to: Established},
		}},
	synAckUnseen: {"syn_ack_unseen", "RFC 9293 §3.10.7.3, fourth step", Arrives,
		"it acknowledges a SYN-ACK that is not in the capture", []arrow{
			{from: SynSent, to: Established},
		}},
	synAcked: {"syn_acked", ackClause, Arrives, "its SYN is acknowledged", []arrow{
		{from: SynRcvd, to: Established},
	}},
	synAckedUnseen: {"syn_acked_unseen", ackClause, Arrives,
		"later segments show that its SYN was acknowledged; that ACK was not captured", []arrow{
			{from: SynRcvd, to: Established},
		}},
	finSent: {"fin_sent", "RFC 9293 §3.10.4", Sends, "CLOSE: a FIN is sent", []arrow{
		{from: SynRcvd, to: FinWait1},
		{from: Established, to: FinWait1},
		{from: CloseWait, to: LastAck},
	}},
	finUnseen: {"fin_unseen", "RFC 9293 §3.10.4", Sends,
		"the sequence numbers show that it sent a FIN, which was not captured", []arrow{
			{from: SynRcvd, to: FinWait1},
			{from: Established, to: FinWait1},
			{from: CloseWait, to: LastAck},
		}},
	finArrives: {"fin_arrives", finClause, Arrives, "a FIN arrives, and no data before it is missing", []arrow{
		{from: SynRcvd, to: CloseWait},
		{from: Established, to: CloseWait},
		{from: FinWait1, to: Closing, text: "a FIN arrives before its own FIN is acknowledged"},
		{from: FinWait2, to: TimeWait, text: "a FIN arrives: 2MSL begins"},
	}},
	finFilled: {"fin_filled", finClause, Arrives, "the data missing before the FIN has arrived", []arrow{
		{from: SynRcvd, to: CloseWait},
		{from: Established, to: CloseWait},
		{from: FinWait1, to: Closing},
		{from: FinWait2, to: TimeWait, text: "the data missing before the FIN has arrived: 2MSL begins"},
	}},
	finTaken: {"fin_taken", finClause, Sends, "it acknowledges the FIN, so the FIN has arrived", []arrow{
		{from: SynRcvd, to: CloseWait},
		{from: Established, to: CloseWait},
		{from: FinWait1, to: Closing},
		{from: FinWait2, to: TimeWait, text: "it acknowledges the FIN, so the FIN has arrived and 2MSL began"},
	}},
	finOnItsWay: {"fin_on_its_way", finClause, Arrives,
		"the other side's FIN, sent at the same time, arrives before its own FIN is acknowledged", []arrow{
			{from: FinWait1, to: Closing},
		}},
	finAckArrives: {"fin_ack_arrives", ackClause, Arrives, "its FIN is acknowledged", []arrow{
		{from: FinWait1, to: FinWait2},
		{from: Closing, to: TimeWait, text: "its FIN is acknowledged: 2MSL begins"},
		{from: LastAck, to: Closed},
	}},
	finAckUnseen: {"fin_ack_unseen", ackClause, Arrives,
		"later segments show that its FIN was acknowledged; that ACK was not captured", []arrow{
			{from: FinWait1, to: FinWait2},
			{from: Closing, to: TimeWait,
				text: "its FIN is not retransmitted, so it was acknowledged; that ACK was not captured; 2MSL begins"},
			{from: LastAck, to: Closed,
				text: "its FIN is not retransmitted, so it was acknowledged; that ACK was not captured"},
		}},
	finAcksFin: {"fin_acks_fin", "RFC 9293 §3.3.2, note 2; " + "§3.10.7.4, eighth step", Arrives,
		"a FIN arrives that also acknowledges its own FIN: 2MSL begins", []arrow{
			{from: FinWait1, to: TimeWait},
		}},
	finsTaken: {"fins_taken", finClause, Sends,
		"it acknowledges the FIN, and its own FIN is acknowledged: 2MSL begins", []arrow{
			{from: FinWait1, to: TimeWait},
		}},
	timeWaitOver: {"time_wait_over", "RFC 9293 §3.10.8", Timer, "2MSL is over", []arrow{
		{from: TimeWait, to: Closed},
	}},
	rstArrives: {"rst_arrives", rstClause, Arrives, "an RST: connection reset", []arrow{
		{from: Closed, to: Closed, unseen: true, text: "an RST: the connection is gone"},
		{from: SynSent, to: Closed, text: "an RST that acknowledges its SYN: refused",
			clause: "RFC 9293 §3.10.7.3, second step"},
		{from: SynRcvd, to: Closed, text: "an RST: a passive OPEN goes back to LISTEN, an active one is refused"},
		{from: Established, to: Closed},
		{from: FinWait1, to: Closed},
		{from: FinWait2, to: Closed},
		{from: CloseWait, to: Closed},
		{from: Closing, to: Closed, text: "an RST: the connection is gone"},
		{from: LastAck, to: Closed, text: "an RST: the connection is gone"},
		{from: TimeWait, to: Closed, text: "an RST ends TIME_WAIT before 2MSL is over",
			clause: rstClause + "; RFC 1337"},
	}},
	aborts: {"aborts", "RFC 9293 §3.10.5", Sends, "ABORT: an RST is sent", []arrow{
		{from: Closed, to: Closed, unseen: true, text: "it sends nothing but an RST: it has no such connection",
			clause: closedClause},
		{from: SynSent, to: Closed, text: "its RST shows that it has abandoned the attempt", clause: closedClause},
		{from: SynRcvd, to: Closed},
		{from: Established, to: Closed},
		{from: FinWait1, to: Closed},
		{from: FinWait2, to: Closed},
		{from: CloseWait, to: Closed},
		{from: Closing, to: Closed, text: "its RST shows that it no longer has the connection", clause: closedClause},
		{from: LastAck, to: Closed, text: "its RST shows that it no longer has the connection", clause: closedClause},
		{from: TimeWait, to: Closed, text: "its RST shows that it no longer has the connection", clause: closedClause},
	}},
	answersRst: {"answers_rst", closedClause, Sends,
		"it answers with an RST: it no longer has the connection", []arrow{
			{from: Closed, to: Closed, unseen: true,
				text: "nothing listens and there is no connection: it answers with an RST"},
			{from: SynSent, to: Closed, text: "it answers with an RST: it has no such attempt",
				clause: closedClause + "; §3.10.7.3, first step"},
			{from: SynRcvd, to: Closed},
			{from: Established, to: Closed},
			{from: FinWait1, to: Closed},
			{from: FinWait2, to: Closed},
			{from: CloseWait, to: Closed},
			{from: Closing, to: Closed},
			{from: LastAck, to: Closed},
			{from: TimeWait, to: Closed, text: "it answers with an RST: its 2MSL was over"},
		}},
	notReading: {"not_reading", "RFC 1122 §4.2.2.13", Sends,
		"it answers data with an RST: its process closed and reads no more", []arrow{
			{from: FinWait1, to: Closed},
			{from: FinWait2, to: Closed},
		}},
	givenUp: {"given_up", "RFC 9293 §3.8.3; RFC 6298 §5.5", Timer,
		"the SYN is not retransmitted when due: its sender abandoned the attempt", []arrow{
			{from: SynSent, to: Closed},
			{from: SynRcvd, to: Closed,
				text: "the SYN-ACK is not retransmitted when due: its sender abandoned the attempt"},
		}},
	unreachable: {"unreachable", "RFC 1122 §4.2.3.9", ArrivesICMP,
		"an ICMP error says that the SYN cannot be delivered", []arrow{
			{from: SynSent, to: Closed},
			{from: SynRcvd, to: Closed, text: "an ICMP error says that the SYN-ACK cannot be delivered"},
		}},
	superseded: {"superseded", halfOpenClause, Successor,
		"a new connection uses its ports: it had lost this one", []arrow{
			{from: Closed, to: Closed, unseen: true},
			{from: SynSent, to: Closed, text: "a new connection uses its ports: it had abandoned this one",
				clause: closedClause},
			{from: SynRcvd, to: Closed, text: "a new connection uses its ports: it had abandoned this one",
				clause: closedClause},
			{from: Established, to: Closed},
			{from: FinWait1, to: Closed},
			{from: FinWait2, to: Closed},
			{from: CloseWait, to: Closed},
			{from: Closing, to: Closed},
			{from: LastAck, to: Closed},
			{from: TimeWait, to: Closed, text: "its ports are reused: TIME_WAIT gives way to a SYN with a higher " +
				"number or timestamp", clause: "RFC 1122 §4.2.2.13; RFC 6191"},
		}},

	synResent: {"syn_again", retransmissionClause, Withdraws,
		"the SYN is retransmitted: no SYN-ACK and no RST had reached its sender", nil},
	synAckResent: {"syn_ack_again", "RFC 9293 §3.10.7.4", Withdraws,
		"the SYN-ACK is retransmitted: its ACK was lost or not accepted", nil},
	synAckUnanswered: {"syn_ack_unanswered", "RFC 9293 §3.10.7.3, fourth step", Withdraws,
		"nothing answered the SYN-ACK at once, so it had not arrived", nil},
	synNotReceived: {"syn_never_came", "RFC 9293 §3.10.7.3, fourth step", Withdraws,
		"in SYN_RCVD it would have sent a SYN-ACK first: the other side's SYN never arrived", nil},
	otherSyn: {"other_syn", "RFC 9293 §3.10.7.3, first step", Withdraws,
		"another SYN-ACK acknowledges the SYN: the earlier one did not count", nil},
	ackShort: {"ack_short", "RFC 9293 §3.4", Withdraws,
		"SEG.ACK does not cover the other side's FIN: that FIN had not arrived", nil},
	finResent: {"fin_again", retransmissionClause, Withdraws,
		"the FIN is retransmitted, and nothing shows that the first one arrived", nil},
	finAckLost: {"fin_ack_lost", retransmissionClause, Withdraws,
		"the FIN is retransmitted: its acknowledgement had not reached its sender", nil},
	finUnanswered: {"fin_unanswered", finClause, Withdraws,
		"the FIN was retransmitted without an acknowledgement: it had not arrived", nil},
	finsCross: {"fins_cross", "RFC 9293 §3.6, figure 13", Withdraws,
		"it sent its own FIN before the other side's FIN arrived", nil},
	finHeldBack: {"fin_behind", finClause, Withdraws,
		"data before the FIN is retransmitted: the FIN took no effect before that data arrived", nil},
	finLeftFirst: {"fin_left_first", "RFC 9293 §3.6, figure 13", Withdraws,
		"the sequence numbers show that it sent its FIN before the other side's FIN arrived", nil},
	dataBeyondFin: {"fin_disowned", "RFC 9293 §3.10.4", Withdraws,
		"its sender sends data beyond that FIN, so the FIN was not its own", nil},
	acksUnsent: {"acks_unsent", ackClause, Withdraws,
		"it repeats its old numbers: it dropped a segment that acknowledged data which it had not sent", nil},
	noFinSent: {"fin_denied", "RFC 9293 §3.10.4", Withdraws, "later segments show that it sent no FIN", nil},
	outlivesRst: {"outlives_rst", "RFC 5961 §3.2", Withdraws,
		"it continues: it did not send that RST, or did not accept it", nil},
	beforeRst: {"before_rst", rstClause, Withdraws, "it sent its RST before this could have arrived", nil},
	refusedByRst: {"refused_by_rst", closedClause, Withdraws,
		"it answers this with an RST: it has no such connection", nil},
	onlySyn: {"only_syn", halfOpenClause, Withdraws,
		"an RST is its first segment after its SYN: it never accepted the SYN-ACK", nil},
	onlyProbe: {"only_probe", closedClause, Withdraws,
		"one empty segment that an RST answers is a probe, not a connection", nil},

	impossibleFlags: {"impossible_flags", "RFC 9293 §3.10.7", Drops, "no TCP sends these flags together", nil},
	otherAck: {"other_ack", "RFC 9293 §3.10.7.3, first step", Drops,
		"its ACK does not acknowledge this SYN: the receiver answers with an RST", nil},
	rstNotAcked: {"rst_not_acked", "RFC 9293 §3.10.7.3, second step", Drops,
		"an RST that does not acknowledge the SYN: dropped", nil},
	rstOutsideWindow: {"rst_outside_window", rstClause, Drops, "an RST outside the window: silently dropped", nil},
	otherSynAck: {"other_syn_ack", "RFC 9293 §3.10.7", Drops,
		"a SYN-ACK with another sequence number than this connection's", nil},
	SynInside: {"syn_inside", "RFC 5961 §4.2", Drops,
		"a SYN with another sequence number inside the connection: a challenge ACK answers it", nil},
	noAck: {"no_ack", ackClause, Drops, "a segment with neither SYN, RST nor ACK: dropped", nil},
	paws: {"paws", "RFC 7323 §5.3", Drops,
		"its timestamp is older than those that have arrived (PAWS): an ACK answers it", nil},
	otherNumbers: {"other_numbers", "RFC 9293 §3.10.7.4, first and fifth step", Drops,
		"its numbers do not fit this connection: an ACK answers it", nil},
}

// unknown is the state of an endpoint about which nothing is known yet. It comes after the others.
const unknown = TimeWait + 1

// arrows has the table by state: the arrow of each rule from that state, nil for none.
var arrows [unknown + 1][countRules]*arrow

func init() {
	for r := range endOfEntering {
		for i := range rules[r].arrows {
			a := &rules[r].arrows[i]
			from := a.from
			if a.unseen {
				from = unknown
			}
			arrows[from][r] = a
		}
	}
}

// arrowFrom returns the rule's arrow from a state, nil if it has none.
func (r Rule) arrowFrom(from State) *arrow { return arrows[from][r] }

// String is the rule's name in a record: fin_arrives.
func (r Rule) String() string { return rules[r].name }

// MarshalText gives String.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Event is what makes the rule apply.
func (r Rule) Event() Event { return rules[r].event }

// Describe returns what the rule says about an endpoint that leaves a state, and the clause that prescribes it. known
// is false if nothing was known about the endpoint. before is then the state that it must have been in, else from.
func (r Rule) Describe(from State, known bool) (text, clause string, before State, beforeKnown bool) {
	text, clause, before, beforeKnown = rules[r].text, rules[r].clause, from, known
	if !known {
		from = unknown
	}
	a := r.arrowFrom(from)
	if a == nil {
		return text, clause, before, beforeKnown
	}
	if a.text != "" {
		text = a.text
	}
	if a.clause != "" {
		clause = a.clause
	}
	switch {
	case r == listenerAppeared:
		before = Listen
	case a.unseen && a.to != Established && a.to != Closed:
		before, beforeKnown = a.from, true
	}
	return text, clause, before, beforeKnown
}
