package ladder

import (
	"cmp"

	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/analyzer/tcpstate"
)

// A cause is what made an endpoint change its state.
type cause uint8

const (
	bySending    cause = iota // a segment of its own tells
	byReceiving               // a segment of its peer arrives
	bySynAck                  // a SYN-ACK arrives where an ACK was waited for
	byFilling                 // text arrives that was missing before a FIN
	byAborting                // it sends an RST of its own accord
	byDisowning               // it answers a segment by an RST
	byNotReading              // it answers text by an RST, having closed
	byRST                     // an RST arrives
	byTimer
	byICMP
	bySuccessor // the next connection of the two sockets was accepted
)

// A rule is an arrow of RFC 9293 figure 5 and what prescribes it. From is empty where the capture begins to know of the
// endpoint; supposed is then the state that it must have been in.
type rule struct {
	from, to string
	cause    cause
	supposed string
	text     string
	source   string
}

// noRule is the text where there is none: the segments of the two contradict each other, or what belongs between them is
// missing.
const noRule = "no state of RFC 9293 leads from what was sent before to this"

// ruleOf finds the rule of a transition.
func ruleOf(from record.StateOrNone, to string, c cause) rule {
	name := ""
	if from.Known {
		name = from.State.String()
	}
	for i := range rules {
		if r := &rules[i]; r.from == name && r.to == to && r.cause == c {
			return *r
		}
	}
	return rule{from: name, to: to, cause: c, text: noRule, source: "RFC 9293 §3.3.2, figure 5"}
}

// before is the state that the endpoint leaves, as far as anything is known of it.
func (r *rule) before() record.StateOrNone {
	return stateNamed(cmp.Or(r.supposed, r.from))
}

// stateNamed is the state of a name, none if there is none.
func stateNamed(name string) record.StateOrNone {
	for s := tcpstate.Closed; s <= tcpstate.TimeWait; s++ {
		if s.String() == name {
			return record.StateOrNone{State: s, Known: true}
		}
	}
	return record.StateOrNone{}
}

const (
	synArrives = "RFC 9293 §3.10.7.2, third step"
	ackArrives = "RFC 9293 §3.10.7.4, fifth step"
	finArrives = "RFC 9293 §3.10.7.4, eighth step"
	rstArrives = "RFC 9293 §3.10.7.4, second step"
	synSentSyn = "RFC 9293 §3.10.7.3, fourth step"
	closeCall  = "RFC 9293 §3.10.4"
	abortCall  = "RFC 9293 §3.10.5"
	noneThere  = "RFC 9293 §3.10.7.1"
	midstream  = "RFC 9293 §3.3.2"
	givenUp    = "RFC 9293 §3.8.3; RFC 6298 §5.5"
	halfOpen   = "RFC 9293 §3.5.1"
	halfDuplex = "RFC 1122 §4.2.2.13" // also of the reuse of ports in TIME_WAIT

	filled = "what was missing before the FIN has come"
)

// rules are all transitions that a record can show.
var rules = []rule{
	// What is seen first.
	{"", "SYN_SENT", bySending, "CLOSED", "active OPEN: a SYN is sent", "RFC 9293 §3.10.1"},
	{"", "SYN_SENT", byReceiving, "CLOSED", "the SYN-ACK answers a SYN that the capture does not show before it", "RFC 9293 §3.10.1"},
	{"", "SYN_RCVD", byReceiving, "LISTEN", "passive OPEN: the SYN arrives, a SYN-ACK will answer", synArrives},
	{"", "SYN_RCVD", bySending, "LISTEN", "the SYN-ACK answers a SYN that the capture does not show before it", synArrives},
	{"", "ESTABLISHED", bySending, "", "picked up in mid-connection: the state that every connection passes", midstream},
	{"", "ESTABLISHED", byReceiving, "", "picked up in mid-connection: its peer acknowledges what it sent", midstream},
	{"", "FIN_WAIT_1", bySending, "", "picked up in mid-connection: CLOSE, a FIN is sent", closeCall},
	{"", "CLOSED", byAborting, "", "an RST is all that is seen of it: there is no connection", noneThere},
	{"", "CLOSED", byDisowning, "", "nothing listens and there is no connection: an RST is the answer", noneThere},

	// Opening.
	{"SYN_SENT", "SYN_RCVD", byReceiving, "", "a SYN without ACK arrives: both sides open at once", synSentSyn},
	{"SYN_SENT", "SYN_RCVD", bySending, "", "the other side's SYN, which is on its way, arrives: both sides open at once", synSentSyn},
	{"SYN_SENT", "ESTABLISHED", byReceiving, "", "its SYN is acknowledged by the other side's SYN", synSentSyn},
	{"SYN_SENT", "ESTABLISHED", bySending, "", "it acknowledges a SYN-ACK that is not in the capture", synSentSyn},
	{"SYN_RCVD", "ESTABLISHED", byReceiving, "", "its SYN is acknowledged", ackArrives},
	{"SYN_RCVD", "ESTABLISHED", bySynAck, "", "its SYN is acknowledged, by the SYN-ACK of a side that opens at the same time", "RFC 9293 §3.5, figure 7; appendix A.2"},
	{"SYN_RCVD", "ESTABLISHED", bySending, "", "what follows supposes that its SYN was acknowledged, unseen", ackArrives},
	{"CLOSED", "SYN_RCVD", byReceiving, "LISTEN", "somebody listens there now: the SYN arrives, a SYN-ACK will answer", synArrives},
	{"CLOSED", "SYN_RCVD", bySending, "LISTEN", "somebody listens there now: a SYN-ACK answers", synArrives},

	// Closing.
	{"SYN_RCVD", "FIN_WAIT_1", bySending, "", "CLOSE: a FIN is sent", closeCall},
	{"ESTABLISHED", "FIN_WAIT_1", bySending, "", "CLOSE: a FIN is sent", closeCall},
	{"ESTABLISHED", "FIN_WAIT_1", byReceiving, "", "the numbers tell that its FIN has been sent by now, unseen", closeCall},
	{"SYN_RCVD", "CLOSE_WAIT", byReceiving, "", "a FIN arrives, nothing before it is missing", finArrives},
	{"ESTABLISHED", "CLOSE_WAIT", byReceiving, "", "a FIN arrives, nothing before it is missing", finArrives},
	{"SYN_RCVD", "CLOSE_WAIT", byFilling, "", filled, finArrives},
	{"ESTABLISHED", "CLOSE_WAIT", byFilling, "", filled, finArrives},
	{"FIN_WAIT_1", "CLOSING", byFilling, "", filled, finArrives},
	{"FIN_WAIT_2", "TIME_WAIT", byFilling, "", filled + ": 2MSL begins", finArrives},
	{"SYN_RCVD", "CLOSE_WAIT", bySending, "", "it acknowledges the FIN: that has arrived", finArrives},
	{"ESTABLISHED", "CLOSE_WAIT", bySending, "", "it acknowledges the FIN: that has arrived", finArrives},
	{"FIN_WAIT_1", "FIN_WAIT_2", byReceiving, "", "its FIN is acknowledged", ackArrives},
	{"FIN_WAIT_1", "FIN_WAIT_2", bySending, "", "what follows supposes that its FIN was acknowledged, unseen", ackArrives},
	{"FIN_WAIT_1", "CLOSING", byReceiving, "", "a FIN arrives, its own is not yet acknowledged", finArrives},
	{"FIN_WAIT_1", "CLOSING", bySending, "", "the other side's FIN, which is on its way, arrives, its own is not yet acknowledged", finArrives},
	{"FIN_WAIT_1", "TIME_WAIT", byReceiving, "", "a FIN arrives that also acknowledges its own: 2MSL begins", finArrives},
	{"FIN_WAIT_1", "TIME_WAIT", bySending, "", "it acknowledges the FIN, its own is acknowledged: 2MSL begins", finArrives},
	{"FIN_WAIT_2", "TIME_WAIT", byReceiving, "", "a FIN arrives: 2MSL begins", finArrives},
	{"FIN_WAIT_2", "TIME_WAIT", bySending, "", "it acknowledges the FIN: that has arrived, 2MSL began", finArrives},
	{"CLOSE_WAIT", "LAST_ACK", bySending, "", "CLOSE: a FIN is sent", closeCall},
	{"CLOSE_WAIT", "LAST_ACK", byReceiving, "", "the numbers tell that its FIN has been sent by now, unseen", closeCall},
	{"CLOSING", "TIME_WAIT", byReceiving, "", "its FIN is acknowledged: 2MSL begins", ackArrives},
	{"LAST_ACK", "CLOSED", byReceiving, "", "its FIN is acknowledged", ackArrives},
	{"LAST_ACK", "CLOSED", bySending, "", "its FIN is not sent again: it was acknowledged, unseen", ackArrives},
	{"TIME_WAIT", "CLOSED", byTimer, "", "2MSL is over", "RFC 9293 §3.10.8"},

	// An RST arrives.
	{"SYN_SENT", "CLOSED", byRST, "", "an RST that acknowledges its SYN: refused", "RFC 9293 §3.10.7.3, second step"},
	{"SYN_RCVD", "CLOSED", byRST, "", "an RST: a passive OPEN goes back to LISTEN, an active one is refused", rstArrives},
	{"ESTABLISHED", "CLOSED", byRST, "", "an RST: connection reset", rstArrives},
	{"FIN_WAIT_1", "CLOSED", byRST, "", "an RST: connection reset", rstArrives},
	{"FIN_WAIT_2", "CLOSED", byRST, "", "an RST: connection reset", rstArrives},
	{"CLOSE_WAIT", "CLOSED", byRST, "", "an RST: connection reset", rstArrives},
	{"CLOSING", "CLOSED", byRST, "", "an RST: nothing is left", rstArrives},
	{"LAST_ACK", "CLOSED", byRST, "", "an RST: nothing is left", rstArrives},
	{"TIME_WAIT", "CLOSED", byRST, "", "an RST ends TIME_WAIT before its time", rstArrives + "; RFC 1337"},

	// An RST is sent. Only in these four states ABORT sends one.
	{"SYN_RCVD", "CLOSED", byAborting, "", "ABORT: an RST is sent", abortCall},
	{"ESTABLISHED", "CLOSED", byAborting, "", "ABORT: an RST is sent", abortCall},
	{"FIN_WAIT_1", "CLOSED", byAborting, "", "ABORT: an RST is sent", abortCall},
	{"FIN_WAIT_2", "CLOSED", byAborting, "", "ABORT: an RST is sent", abortCall},
	{"CLOSE_WAIT", "CLOSED", byAborting, "", "ABORT: an RST is sent", abortCall},

	{"SYN_SENT", "CLOSED", byAborting, "", "its RST tells that it has given up the connection", noneThere},
	{"CLOSING", "CLOSED", byAborting, "", "its RST tells that it has no connection any more", noneThere},
	{"LAST_ACK", "CLOSED", byAborting, "", "its RST tells that it has no connection any more", noneThere},
	{"TIME_WAIT", "CLOSED", byAborting, "", "its RST tells that it has no connection any more", noneThere},
	{"SYN_SENT", "CLOSED", byDisowning, "", "it answers by an RST: to it there is no such attempt", noneThere + "; §3.10.7.3, first step"},
	{"SYN_RCVD", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"ESTABLISHED", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"FIN_WAIT_1", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"FIN_WAIT_1", "CLOSED", byNotReading, "", "it answers by an RST: nobody is left who would read", halfDuplex},
	{"FIN_WAIT_2", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"FIN_WAIT_2", "CLOSED", byNotReading, "", "it answers by an RST: nobody is left who would read", halfDuplex},
	{"CLOSE_WAIT", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"CLOSING", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"LAST_ACK", "CLOSED", byDisowning, "", "it answers by an RST: it has no such connection any more", noneThere},
	{"TIME_WAIT", "CLOSED", byDisowning, "", "it answers by an RST: its 2MSL was over", noneThere},

	{"SYN_SENT", "CLOSED", byTimer, "", "the SYN does not come again when it is due: the attempt was given up", givenUp},
	{"SYN_RCVD", "CLOSED", byTimer, "", "the SYN-ACK does not come again when it is due: the attempt was given up", givenUp},
	{"SYN_SENT", "CLOSED", byICMP, "", "an ICMP error says that the SYN cannot be delivered", "RFC 1122 §4.2.3.9"},
	{"SYN_RCVD", "CLOSED", byICMP, "", "an ICMP error says that the SYN-ACK cannot be delivered", "RFC 1122 §4.2.3.9"},

	// The next connection of the two sockets was accepted: nothing is left of this one.
	{"SYN_SENT", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was given up", noneThere},
	{"SYN_RCVD", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was given up", noneThere},
	{"ESTABLISHED", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was lost", halfOpen},
	{"FIN_WAIT_1", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was lost", halfOpen},
	{"FIN_WAIT_2", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was lost", halfOpen},
	{"CLOSE_WAIT", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was lost", halfOpen},
	{"CLOSING", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was lost", halfOpen},
	{"LAST_ACK", "CLOSED", bySuccessor, "", "its ports serve another connection: this one was lost", halfOpen},
	{"TIME_WAIT", "CLOSED", bySuccessor, "", "its ports are reused: TIME_WAIT gives way to a SYN with a higher number or timestamp", halfDuplex + "; RFC 6191"},
}
