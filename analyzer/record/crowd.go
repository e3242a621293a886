package record

import "net/netip"

// Listener is a socket that answered SYNs, and its backlog as the packets show it (RFC 4987).
type Listener struct {
	Record string `json:"record" const:"listener"`
	Schema int    `json:"schema" const:"1"`
	// Its address.
	IP netip.Addr `json:"ip"`
	// Its port.
	Port uint16 `json:"port" field:"ref=port"`
	// SYN of the first attempt.
	First Time `json:"first"`
	// SYN of the latest attempt.
	Last Time `json:"last"`
	// SYNs that began an attempt.
	Attempts uint64 `json:"attempts"`
	// SYNs, retransmissions included.
	Syns uint64 `json:"syns"`

	// Attempts that were answered by a SYN-ACK.
	Answered uint64 `json:"answered"`
	// Attempts whose handshake was completed.
	Completed uint64 `json:"completed"`
	// Attempts that an RST answered.
	Refused uint64 `json:"refused"`
	// Attempts that an ICMP error ended.
	Unreachable uint64 `json:"unreachable"`
	// Attempts that ended without any answer; those that the end of the capture cut off are not among them.
	Unanswered uint64 `json:"unanswered"`
	// Attempts that were answered and abandoned without an ACK; attempts cut off by the end of the capture are not
	// among them.
	Abandoned uint64 `json:"abandoned"`
	// Attempts whose SYN-ACK drew an RST.
	ResetByClient uint64 `json:"reset_by_client"`
	// Attempts that the listener withdrew after its SYN-ACK.
	Withdrawn uint64 `json:"reset_by_listener"`

	// SYNs without an answer though the listener held others, or answered some of the same second: its queue was full,
	// or they were lost behind the observer.
	Ignored uint64 `json:"ignored_syns"`
	// SYN-ACKs sent after the ACK had passed: the accept queue was full, or TCP_DEFER_ACCEPT waits for data, or the
	// ACK was lost behind the observer.
	FellBack uint64 `json:"syn_acks_after_ack"`

	// Attempts in SYN_RCVD when the capture ended. Each counts for at most 64 s, because no listener holds it longer.
	Embryonic uint64 `json:"embryonic"`
	// The most attempts in SYN_RCVD at one time.
	EmbryonicPeak uint64 `json:"embryonic_peak"`
	// When this number was first reached; null: there was none.
	EmbryonicPeakAt Time `json:"embryonic_peak_at" field:"null"`
	// How many attempts were in SYN_RCVD over time; null: there were never eight at one time.
	EmbryonicSeries *EmbryonicSeries `json:"embryonic_series" field:"null"`
	// The most attempts under way at one time, including those that the listener ignored: the backlog that would have
	// held all of them.
	BacklogNeeded uint64 `json:"backlog_needed"`

	// Answered attempts by how often the SYN-ACK was retransmitted without a retransmitted SYN: never, once, …; the
	// eighth is seven times or more.
	SynAckRetransmissions []uint64 `json:"syn_ack_retransmissions"`

	// From SYN to ACK, of the completed attempts. Beyond 64 attempts the values are right to one part in 16.
	Handshake RTT `json:"handshake_s"`
	// How long the completed attempts were in SYN_RCVD: from SYN-ACK to ACK, or until the listener accepted the
	// connection, if that was later.
	SynRcvd RTT `json:"syn_rcvd_s"`
	// Signs of SYN cookies; null: none.
	SynCookies *SynCookies `json:"syn_cookies" field:"null"`

	// How long the listener waits for the ACK before it retransmits its SYN-ACK, in seconds: the median. null: it never
	// did.
	SynAckTimeout Duration `json:"syn_ack_timeout_s" field:"null"`
	// Times in which one of the listener's queues was full, by their beginning.
	BacklogOverflow []Overflow `json:"backlog_overflow"`
	// A device in front of the listener that answers SYNs in its name; null: no sign of one.
	SynProxy *SynProxy `json:"syn_proxy" field:"null"`
}

// SynProxy has the signs that another device than the listener made its SYN-ACKs (RFC 4987 §3.7): in at least three
// connections their TTL does not fit the distance of the listener's other segments.
type SynProxy struct {
	// The SYN-ACK of the first connection that shows it.
	Since Time `json:"since"`
	// The SYN-ACK of the last such connection.
	Until Time `json:"until"`
	// Connections that show the proxy.
	Connections uint64 `json:"connections"`
	// TTL of these SYN-ACKs.
	TTL uint64 `json:"ttl"`
	// TTL of the segments after them.
	ServerTTL uint64 `json:"server_ttl"`
}

// Overflow is a time in which one of a listener's queues was full: of attempts that wait for their ACK (syn), or of
// connections that wait for its program to accept them (accept).
type Overflow struct {
	// syn: SYNs were ignored while as many attempts were pending as ever, or SYN cookies were sent. accept: ACKs were
	// ignored or reset, or SYNs were ignored while none was pending and connections waited for the program.
	Queue string `json:"queue" field:"enum=syn|accept"`
	// The first SYN or ACK that was ignored, reset, or answered by a cookie.
	From Time `json:"from"`
	// The last one.
	To Time `json:"to"`
	// The length of the full queue: attempts in SYN_RCVD, or open connections to which the program had sent nothing.
	// null: not known.
	Size Count `json:"size" field:"null"`
	// Attempts whose first SYN was ignored.
	IgnoredSyns uint64 `json:"ignored_syns"`
	// Connections whose ACK was ignored, so that the SYN-ACK was retransmitted.
	IgnoredAcks uint64 `json:"ignored_acks"`
	// Connections whose ACK drew an RST (tcp_abort_on_overflow).
	ResetAcks uint64 `json:"reset_acks"`
	// How many of all these were accepted later.
	Delayed uint64 `json:"delayed"`
	// The longest wait of an accepted one, in seconds; null: there was none.
	LongestWait Duration `json:"longest_wait_s" field:"null"`
	// Attempts that retransmitted their SYN, as forged ones do not, and were not answered.
	GaveUp uint64 `json:"gave_up"`
	// The first 16 affected clients that are not forged: they retransmitted their SYN, or sent an ACK.
	Clients []netip.Addr `json:"clients"`
	// SYN cookies replaced the queue: no client was ignored.
	Cookies bool `json:"cookies"`
}

// EmbryonicSeries is how many attempts of a listener were in SYN_RCVD over time, from the moment at which there
// were eight.
type EmbryonicSeries struct {
	// When the first step begins: a whole multiple of the step since 1970.
	Start Time `json:"start"`
	// The length of a step, in seconds: 0.1, doubled until at most 128 steps are needed.
	Step Duration `json:"step_s"`
	// The numbers, one for each step.
	Peaks []uint64 `json:"peaks"`
}

// SynCookies has the signs that a listener keeps no state of an attempt (RFC 4987 §3.6): unanswered SYN-ACKs are no
// longer retransmitted when due, or options disappear for which a cookie has no room.
type SynCookies struct {
	// The first SYN-ACK that shows it.
	Since Time `json:"since"`
	// The last SYN-ACK that could be judged.
	Until Time `json:"until"`
	// SYN-ACKs whose retransmission was due by then, and did not come.
	Unrepeated uint64 `json:"unrepeated_syn_acks"`
	// SYN-ACKs without window scale and SACK for SYNs without timestamps that offered them, though this listener had
	// granted them before: Linux keeps them in the timestamp.
	Bare uint64 `json:"optionless_syn_acks"`
}

// SynFlood is a target whose backlog filled with connections that were never completed (RFC 4987).
type SynFlood struct {
	Record string `json:"record" const:"syn_flood"`
	Schema int    `json:"schema" const:"1"`
	// Where the SYNs went.
	Target Target `json:"target"`
	// spoofed_flood: the sources are forged. single_source_flood: they are one or few. flash_crowd: many who complete
	// their handshakes. suspicious: a flood by its numbers, without enough to say which.
	Verdict string `json:"verdict" field:"enum=spoofed_flood|single_source_flood|flash_crowd|suspicious"`
	// When it began.
	Onset Time `json:"onset"`
	// The last SYN of the excess.
	End Time `json:"end"`
	// SYNs to the target from onset to end, retransmissions included.
	Syns uint64 `json:"syns"`
	// SYNs per second at the peak: the attempts of the busiest second, or mean_rate if that is higher.
	PeakRate float64 `json:"peak_rate" field:"min=0"`
	// SYNs per second from onset to end. A flood shorter than a second counts as one of a second.
	MeanRate float64 `json:"mean_rate" field:"min=0"`
	// The old name of unresolved_peak. In RFC 9293 §3.5.1 half-open means something else.
	HalfOpenPeak uint64 `json:"half_open_peak" field:"deprecated"`
	// The most attempts at one time that were unresolved: neither completed nor ended, for 64 s at most.
	UnresolvedPeak uint64 `json:"unresolved_peak"`
	// The share of the attempts that were completed.
	CompletionRatio float64 `json:"completion_ratio" field:"min=0,max=1"`
	// Distinct source addresses; beyond 16,384 an estimate, right to about one part in a hundred.
	Sources uint64 `json:"sources"`
	// Shannon entropy of the source addresses in bits; null: not determined.
	SourceEntropy NullableNumber `json:"source_entropy_bits" field:"null,min=0"`
	// SYNs per second before the onset, a moving average.
	UsualRate float64 `json:"usual_rate" field:"min=0"`
	// Attempts that a SYN-ACK answered.
	Answered uint64 `json:"answered"`
	// Attempts whose SYN was retransmitted, as forged sources do not.
	Retransmitted uint64 `json:"retransmitted"`
	// Attempts whose SYN-ACK drew an RST: from the owner of a forged address, or from the host of a tool that sends its
	// own SYNs.
	ResetBySource uint64 `json:"reset_by_source"`
	// Attempts that an ICMP error ended.
	Unreachable uint64 `json:"unreachable"`
	// The share of the sources that were seen once.
	SeenOnce float64 `json:"seen_once_ratio" field:"min=0,max=1"`
	// Distinct /16 networks (/32 of IPv6) among the kept sources.
	Networks uint64 `json:"source_networks"`
	// Signs of SYN cookies; null: none.
	SynCookies *SynCookies `json:"syn_cookies" field:"null"`
	// What the SYNs have in common, nine in ten of them or more: mirai_isn (the number is the target's address),
	// zmap_ip_id, masscan_ip_id, constant_isn, sequential_isn, no_options, same_ttl, same_window, same_options.
	Marks []string `json:"marks"`
	// The marks with their values.
	MarkValues []MarkValue `json:"mark_values"`
	// The numbers that led to the verdict, one sentence each.
	Evidence []string `json:"evidence"`
}

// MarkValue is what most SYNs of a flood or probes of a scan have in common.
type MarkValue struct {
	// The name, as in marks.
	Mark string `json:"mark"`
	// The common value: the TTL, the window, the sequence number, the step from one to the next, the IP identification
	// or the options. null: the values differ, and only follow the rule of the mark.
	Value *string `json:"value" field:"null"`
	// The share of the SYNs or probes that has the mark.
	Share float64 `json:"share" field:"min=0,max=1"`
}

// Scan is one source whose attempts on many ports or addresses mostly fail.
type Scan struct {
	Record string `json:"record" const:"scan"`
	Schema int    `json:"schema" const:"1"`
	// syn: half-open, the SYN-ACK draws an RST. connect: by the operating system, the handshake is completed and
	// nothing sent. fin, null, xmas, maimon (FIN and ACK), ack: by the flags of the probe. window: an ack scan some of
	// whose RSTs offer a window.
	Kind string `json:"kind" field:"enum=syn|connect|fin|null|xmas|maimon|ack|window"`
	// horizontal: a port of many addresses. vertical: many ports of an address. both.
	Direction string `json:"direction" field:"enum=horizontal|vertical|both"`
	// The scanning address.
	Source netip.Addr `json:"source"`
	// Distinct addresses that were probed; an estimate if the evidence says about.
	Targets uint64 `json:"targets"`
	// Distinct ports that were probed.
	Ports uint64 `json:"ports"`
	// What was found, in nmap's words: ports of addresses. Silence to a fin, null, xmas or maimon probe counts as open
	// where the address answered other probes of the scan (nmap says open|filtered), else as filtered.
	Found Found `json:"found"`
	// The first 256 of found.open, by address and port.
	Open []OpenPort `json:"open"`
	// The first probe.
	Start Time `json:"start"`
	// The last one.
	End Time `json:"end"`
	// Probes, including repeated ones.
	Probes uint64 `json:"probes"`
	// Connections in which the source sent data.
	Used uint64 `json:"used_connections"`

	// The first 256 of the addresses.
	TargetList []netip.Addr `json:"target_list"`
	// The ports, as 22 or 1-1024.
	PortRanges []string `json:"port_ranges"`
	// What the probes have in common, as in syn_flood.
	Marks []string `json:"marks"`
	// The marks with their values.
	MarkValues []MarkValue `json:"mark_values"`
	// The numbers that led to the verdict, one sentence each.
	Evidence []string `json:"evidence"`
}

// OpenPort is a socket that accepts connections.
type OpenPort struct {
	// Its address.
	IP netip.Addr `json:"ip"`
	// Its port.
	Port uint16 `json:"port" field:"ref=port"`
}

// Found counts what the probes found, in nmap's words: distinct ports of distinct addresses.
type Found struct {
	// Ports that accept connections.
	Open uint64 `json:"open"`
	// Ports that answer with an RST.
	Closed uint64 `json:"closed"`
	// Ports that are silent, or about which an ICMP error came.
	Filtered uint64 `json:"filtered"`
	// Ports that answer an ack scan, which does not distinguish open from closed.
	Unfiltered uint64 `json:"unfiltered"`
}

// Backscatter is what comes back from a flood elsewhere: neither a flood nor a scan.
type Backscatter struct {
	Record string `json:"record" const:"backscatter"`
	Schema int    `json:"schema" const:"1"`
	// backscatter: the victim answers SYNs that were forged in the name of the peers. syn_ack_reflection: the peers
	// answer SYNs that were forged in the name of the victim.
	Kind string `json:"kind" field:"enum=backscatter|syn_ack_reflection"`
	// The attacked address.
	Victim netip.Addr `json:"victim"`
	// Distinct addresses that got the answers, or sent them.
	Peers uint64 `json:"peers"`
	// Distinct sockets of the peers.
	Sockets uint64 `json:"sockets"`
	// Answers, without retransmissions.
	Segments uint64 `json:"segments"`
	// Time of the first answer.
	Start Time `json:"start"`
	// The last one.
	End Time `json:"end"`
	// The numbers that led to the verdict, one sentence each.
	Evidence []string `json:"evidence"`
}
