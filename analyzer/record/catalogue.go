package record

// FindingKind is one entry of the catalogue of findings.
type FindingKind struct {
	Code     string   `json:"code"` // a promise to scripts, as the names of the record
	Severity Severity `json:"severity"`
	Meaning  string   `json:"meaning"` // what was seen
	Source   string   `json:"source"`  // where it is defined, mostly a section of an RFC
	Advice   string   `json:"advice"`  // what to do about it
}

// Catalogue lists all findings, in the order of a connection's life.
func Catalogue() []FindingKind {
	return append([]FindingKind(nil), catalogue[:]...)
}

// FindingCode is a kind of finding: its place in the catalogue.
type FindingCode uint8

// Kind is the entry of the catalogue.
func (c FindingCode) Kind() *FindingKind { return &catalogue[c] }

// String is the code in words, as in the record (syn_retransmitted).
func (c FindingCode) String() string { return catalogue[c].Code }

// The kinds of findings, in the order of a connection's life.
const (
	FindingSynRetransmitted FindingCode = iota
	FindingSynAckRetransmitted
	FindingOptionFallback
	FindingRefused
	FindingUnanswered
	FindingAnsweredElsewhere
	FindingTimestampBehind
	FindingImpossibleAddress
	FindingUnreachable
	FindingFiltered
	FindingChallenged
	FindingEmbryonic
	FindingAckNotAccepted
	FindingAckReset
	FindingBacklogOverflow
	FindingBadSynAck
	FindingSynAckChecksum
	FindingStaleSyn
	FindingLateSynAck
	FindingSynScanned
	FindingISNPredictable
	FindingSynInConnection
	FindingSimultaneousOpen
	FindingFastOpenIgnored
	FindingCaptureLoss
	FindingCaptureDuplicates
	FindingOneWay
	FindingBadChecksums
	FindingImpossibleFlags
	FindingForeignSegments
	FindingZeroWindow
	FindingKeepaliveUnanswered
	FindingDataUnanswered
	FindingApplicationSilent
	FindingPathMTU
	FindingHalfOpen
	FindingReset
	FindingResetReason
	FindingResetOutsideWindow
	FindingResetChallenged
	FindingResetOutlived
	FindingDataAfterClose
	FindingCloseCrossed
	FindingFinRetransmitted
	FindingFinUnacknowledged
	FindingAckOfFinLost
	FindingFinBeforeData
	FindingNotClosed
	FindingTimeWaitReused
	FindingTimeWaitRefused
	FindingTimeWaitReset
	codes
)

// FindingCodes is the number of kinds.
const FindingCodes = int(codes)

var catalogue = [codes]FindingKind{
	FindingSynRetransmitted: {"syn_retransmitted", Warning,
		"a SYN was sent again because nothing acceptable answered in time",
		"RFC 6298 §2; RFC 9293 §3.8.1",
		"look for loss on the path, a firewall that drops, or a listener whose queue is full"},
	FindingSynAckRetransmitted: {"syn_ack_retransmitted", Warning,
		"a SYN-ACK was sent again because no ACK completed the handshake in time",
		"RFC 9293 §3.10.7.4", "look for loss towards the client, a spoofed source, or an accept queue that is full"},
	FindingOptionFallback: {"option_fallback", Info,
		"a SYN was sent again without ECN, Fast Open or other options of the first",
		"RFC 3168 §6.1.1.1; RFC 7413 §4.1.3", "look for a middlebox that drops SYNs with these options"},
	FindingRefused: {"refused", Warning, "an RST answered the SYN: nothing listens there, or a firewall says so",
		"RFC 9293 §3.10.7.1", "check that the service runs and listens on this address and port"},
	FindingUnanswered: {"unanswered", Warning, "nothing answered the SYN",
		"RFC 9293 §3.8.3", "check the route, the firewall and the host; a full SYN queue is silent too"},
	FindingAnsweredElsewhere: {"answered_elsewhere", Warning,
		"the SYN-ACK came from another address, so the client refuses it",
		"RFC 9293 §3.10.7.1",
		"a NAT or load balancer does not translate the answer back: look for a route around it, or for a server that " +
			"answers directly"},
	FindingTimestampBehind: {"timestamp_behind", Warning,
		"the SYN has a lower timestamp than an answered SYN from the same address, as all ignored SYNs have",
		"RFC 7323 appendix B.2",
		"a server that keeps one timestamp for each address drops SYNs of other hosts behind a NAT: turn off " +
			"tcp_tw_recycle or a similar setting"},
	FindingImpossibleAddress: {"impossible_address", Warning,
		"a SYN to or from an address that does not belong to one host: every receiver drops it silently",
		"RFC 9293 §3.9.2.3; RFC 1122 §4.2.3.10",
		"find the program with the wrong address in its configuration, or the scanner"},
	FindingUnreachable: {"unreachable", Warning, "an ICMP error answered the SYN",
		"RFC 1122 §4.2.3.9", "the router or host that sent it says where the path ends"},
	FindingFiltered: {"filtered", Warning,
		"an ICMP error says that a rule forbids the SYN or the SYN-ACK",
		"RFC 1812 §5.2.7.1; RFC 4443 §3.1",
		"the firewall or router that sent the error has the rule: change it there, or ask its owner"},
	FindingChallenged: {"challenged", Warning,
		"a plain ACK with other numbers answered the SYN: the other side still has an earlier connection on these " +
			"ports",
		"RFC 5961 §4.2", "wait longer before reusing the port, or find out why the old connection was not closed on " +
			"both sides"},
	FindingEmbryonic: {"embryonic", Warning, "the SYN-ACK was never acknowledged",
		"RFC 4987 §2", "many of these are a SYN flood or a path that loses one direction"},
	FindingAckNotAccepted: {"ack_not_accepted", Warning,
		"the SYN-ACK was retransmitted after the client had acknowledged it: the client is ESTABLISHED, the server " +
			"is not",
		"RFC 9293 §3.10.7.4",
		"the accept queue is full (raise the backlog, accept faster), TCP_DEFER_ACCEPT waits for data, or the ACK " +
			"was lost"},
	FindingAckReset: {"ack_reset", Warning,
		"an RST answered the ACK that should have completed the handshake: the server never accepted the connection",
		"RFC 9293 §3.10.7.4, fifth step",
		"the accept queue is full and tcp_abort_on_overflow is set, a SYN cookie was not valid, or a device on the " +
			"path resets"},
	FindingBacklogOverflow: {"backlog_overflow", Warning,
		"a queue of the listener was full, and the listener ignored or reset the handshake",
		"RFC 4987 §2; listen(2)",
		"accept faster or raise the backlog (accept queue); SYN cookies or a longer SYN queue (syn queue)"},
	FindingBadSynAck: {"bad_syn_ack", Warning, "a SYN-ACK acknowledged another number than the SYN's",
		"RFC 9293 §3.10.7.3", "it answers an older SYN, or a middlebox rewrites sequence numbers on one side"},
	FindingSynAckChecksum: {"syn_ack_checksum", Warning,
		"every SYN-ACK had a wrong checksum and none was acknowledged: the client drops them",
		"RFC 9293 §3.1",
		"look for a device that rewrites packets without their checksum, or for checksum offload that fails on a " +
			"virtual network"},
	FindingStaleSyn: {"stale_syn", Warning, "an old duplicate SYN of the same ports reached the server",
		"RFC 9293 §3.5, figure 8", "harmless when it was reset; many hint at a path that delays packets for long"},
	FindingLateSynAck: {"late_syn_ack", Warning, "a SYN-ACK came after the client had given up, and was reset",
		"RFC 9293 §3.10.7.1", "the server answers slower than the client waits"},
	FindingSynScanned: {"syn_scanned", Info,
		"an RST answered the SYN-ACK at once, without an ACK: the client only tested whether the port is open",
		"RFC 9293 §3.5", "look for the same source at other ports"},
	FindingISNPredictable: {"isn_predictable", Info,
		"the initial sequence numbers of this host are predictable, so others can forge segments of its connections",
		"RFC 6528 §3; RFC 9293 §3.4.1",
		"update the host, or put it behind a firewall that randomises ISNs; reported once for each host"},
	FindingSynInConnection: {"syn_in_connection", Warning, "a SYN arrived inside a connection that went on",
		"RFC 5961 §4", "an old duplicate, or an attempt to disturb the connection"},
	FindingSimultaneousOpen: {"simultaneous_open", Info, "both sides sent a SYN before the other's arrived",
		"RFC 9293 §3.5, figure 7", "usual for NAT traversal; elsewhere look for a split handshake"},
	FindingFastOpenIgnored: {"fast_open_ignored", Info,
		"the data in the SYN was not acknowledged and had to be sent again",
		"RFC 7413 §4.2", "the server does not support Fast Open, or did not accept the cookie"},
	FindingCaptureLoss: {"capture_loss", Info, "segments were acknowledged that the capture does not hold",
		"RFC 9293 §3.4", "the capture dropped packets or sees only a part of them: counts are lower bounds"},
	FindingCaptureDuplicates: {"capture_duplicates", Info, "the capture holds packets twice; they were counted once",
		"RFC 6864 §4", "a mirror port for both directions, or a capture on every interface of a router"},
	FindingOneWay: {"one_way", Info, "only one direction is in the capture",
		"RFC 9293 §3.5",
		"the other side's states are inferred from acknowledgements or unknown; capture where both directions pass"},
	FindingBadChecksums: {"bad_checksums", Warning,
		"segments with a wrong checksum were treated as not received; their retransmissions are listed with them",
		"RFC 9293 §3.1", "look for a broken link or a middlebox; checksum offload does not count"},
	FindingImpossibleFlags: {"impossible_flags", Warning, "a combination of flags that no TCP sends",
		"RFC 9293 §3.10.7", "a scanner, or a broken middlebox"},
	FindingForeignSegments: {"foreign_segments", Warning,
		"segments that their receiver had to drop: far outside the window, with an old timestamp, or without ACK",
		"RFC 9293 §3.10.7.4, first and fifth step; RFC 7323 §5.3; RFC 5961", "old duplicates, or an attempt to inject"},
	FindingZeroWindow: {"zero_window", Info, "the receiver's window was closed and the sender probed it",
		"RFC 9293 §3.8.6.1", "the application on the receiving side does not read fast enough"},
	FindingKeepaliveUnanswered: {"keepalive_unanswered", Error, "keepalives were not answered",
		"RFC 9293 §3.8.4", "the peer is gone, or a device on the path dropped the state of the connection"},
	FindingDataUnanswered: {"data_unanswered", Error, "segments were retransmitted and never acknowledged",
		"RFC 9293 §3.8.3", "the peer is gone, or the path is cut"},
	FindingApplicationSilent: {"application_silent", Warning,
		"a request was acknowledged but not answered for far longer than usual: the host is up, the application does " +
			"not respond",
		"RFC 793 §2.6", "the process hangs, is overloaded or has not accepted the connection; the network is not the " +
			"cause"},
	FindingPathMTU: {"path_mtu", Error,
		"large segments were retransmitted repeatedly and did not get through; smaller ones did",
		"RFC 1191; RFC 8201; RFC 2923 §2.1",
		"the path carries less than the MSS promises: let ICMP errors 3/4 (ICMPv6 type 2) through, or lower the MSS " +
			"or the MTU"},
	FindingHalfOpen: {"half_open", Error, "one side had lost the connection and the other did not know",
		"RFC 9293 §3.5.1", "a crash, a restart, or a middlebox that forgot an idle connection"},
	FindingReset: {"reset", Warning, "an RST ended the connection",
		"RFC 9293 §3.5.2", "see what it answers: data to a closed socket, unread data at close, an abort, a middlebox"},
	FindingResetReason: {"reset_reason", Info, "an RST carried text, usually the reason",
		"RFC 9293 §3.5.2; RFC 1122 §4.2.2.12", "read the text: load balancers name the cause in it"},
	FindingResetOutsideWindow: {"reset_outside_window", Warning,
		"an RST outside the window, which its receiver had to ignore",
		"RFC 9293 §3.5.3", "an old duplicate, or a blind attempt to reset"},
	FindingResetChallenged: {"reset_challenged", Warning,
		"an RST in the window that was not at the next number: the receiver had to ask first",
		"RFC 5961 §3.2", "segments before it were lost, or a blind attempt to reset"},
	FindingResetOutlived: {"reset_outlived", Error,
		"the connection went on after an RST that should have been accepted",
		"RFC 9293 §3.5.3",
		"it was injected, sent by another host with the same port behind NAT, or lost behind the point of capture"},
	FindingDataAfterClose: {"data_after_close", Warning,
		"data arrived at a side that had closed, and an RST answered it",
		"RFC 1122 §4.2.2.13", "the writer did not know that its peer no longer reads"},
	FindingCloseCrossed: {"close_crossed", Warning,
		"data was sent before the other side's FIN had arrived, and an RST answered it: the two crossed",
		"RFC 1122 §4.2.2.13",
		"a request on an idle connection met its time-out: let clients close idle connections sooner than servers " +
			"do, and retry"},
	FindingFinRetransmitted: {"fin_retransmitted", Info, "a FIN was retransmitted",
		"RFC 9293 §3.8.1", "its acknowledgement or the FIN itself was lost"},
	FindingFinUnacknowledged: {"fin_unacknowledged", Warning, "a FIN was never acknowledged",
		"RFC 9293 §3.6", "the peer is gone, or the capture ended too soon"},
	FindingAckOfFinLost: {"ack_of_fin_lost", Info,
		"the acknowledgement of a FIN did not reach its sender, which retransmitted the FIN",
		"RFC 9293 §3.6", "harmless: this is what TIME_WAIT is for"},
	FindingFinBeforeData: {"fin_before_data", Info, "a FIN arrived before data that precedes it",
		"RFC 9293 §3.10.7.4, eighth step", "loss or reordering: the close took effect only when the hole was filled"},
	FindingNotClosed: {"not_closed", Warning,
		"one side closed at least a minute ago, and the other has neither sent nor closed since",
		"RFC 9293 §3.6.1", "the application leaves sockets in CLOSE_WAIT: it must close them"},
	FindingTimeWaitReused: {"time_wait_reused", Info, "the ports were reused while one side was in TIME_WAIT",
		"RFC 1122 §4.2.2.13; RFC 6191",
		"allowed when the new number or timestamp is higher; often a sign of port exhaustion"},
	FindingTimeWaitRefused: {"time_wait_refused", Warning, "a SYN met TIME_WAIT and was not accepted",
		"RFC 1122 §4.2.2.13; RFC 5961 §4.2", "use more ports or addresses, or timestamps on both sides"},
	FindingTimeWaitReset: {"time_wait_reset", Warning, "an RST ended TIME_WAIT before its time",
		"RFC 1337", "old segments may now disturb the next connection of these ports"},
}
