package rfcsim

// Options are what may differ between endpoints that all follow the RFC.
type Options struct {
	ISS    uint32
	MSS    uint32 // octets of text in a segment; 1000 if 0
	Buffer uint32 // for received text, which is the window where it is empty; 32000 if 0, at most 65535

	RTO      int64 // the first retransmission timeout, doubled each time; 300 ms if 0
	DelayAck int64 // how long an acknowledgement of text or FIN may wait (RFC 9293 §3.8.6.3); 0: not at all
	MSL      int64 // 120 s if 0

	// Strict applies the sequence number check of §3.10.7.4 to the letter. Without it a segment that ends just at
	// RCV.NXT is heard for its ACK field (appendix A.2: a SYN,ACK in SYN_RCVD as in figure 7, a FIN sent again that
	// acknowledges ours), an empty segment at the right edge of the window is acceptable (it follows text that fills
	// the window), and a SYN that arrives again in SYN_RCVD is answered by the SYN,ACK rather than by an ACK. So do
	// deployed stacks.
	Strict bool
	// InOrder keeps the whole of a segment beyond RCV.NXT for later, its ACK field too ("further processing is done in
	// SEG.SEQ order", §3.10.7.4). Without it the ACK field counts at once, as in deployed stacks.
	InOrder bool
	// Forgets drops segments beyond RCV.NXT, where to hold them is only a SHOULD (SHLD-31).
	Forgets bool
	// Joins sends the text that waits in SYN_SENT with the ACK of the handshake, not after it (§3.10.7.3: MAY).
	Joins bool
	// AckInReset puts an ACK into the RST of an ABORT, as deployed stacks do; §3.10.5 has <SEQ=SND.NXT><CTL=RST>.
	AckInReset bool
	// CloseOnFin makes the user call CLOSE as soon as the other side's FIN arrives.
	CloseOnFin bool
}

// Endpoint is one side of a connection: the TCB of RFC 9293 §3.3.1 and the history of its states.
type Endpoint struct {
	History []Entry // the first is CLOSED at 0

	Options
	net network

	passive bool // it came from LISTEN

	sndUna, sndNxt uint32 // SND.NXT does not go back for a retransmission
	sndWnd         uint32
	sndWl1, sndWl2 uint32
	maxSndWnd      uint32 // RFC 5961 §5.2
	textEnd        uint32 // the number after all text that the user has sent, in segments or not: the FIN's
	closing        bool   // the user has called CLOSE: a FIN follows the text

	irs, rcvNxt uint32
	unread      uint32 // octets in the buffer
	stalled     bool   // the user does not RECEIVE
	held        []Segment

	ack        urgency // the acknowledgement that is due
	ackTimer   *event
	retransmit *event
	timeouts   uint // without an answer
	twoMSL     *event

	cause Cause
	kept  int // entries of History that were there before the present call or arrival
}

type urgency uint8

const (
	notDue urgency = iota
	due            // may wait for other data
	dueNow
)

// network is the part of the simulation that an endpoint needs.
type network interface {
	Now() int64
	transmit(*Endpoint, Segment)
	after(d int64, f func()) *event
}

func newEndpoint(opts Options, net network) *Endpoint {
	if opts.MSS == 0 {
		opts.MSS = 1000
	}
	if opts.Buffer == 0 {
		opts.Buffer = 32000
	}
	if opts.RTO == 0 {
		opts.RTO = 300e6
	}
	if opts.MSL == 0 {
		opts.MSL = 120e9
	}
	return &Endpoint{Options: opts, net: net, History: []Entry{{State: Closed}}}
}

// State is the present state.
func (e *Endpoint) State() State { return e.History[len(e.History)-1].State }

func (e *Endpoint) in(states ...State) bool {
	for _, s := range states {
		if e.State() == s {
			return true
		}
	}
	return false
}

func (e *Endpoint) enter(s State) {
	e.History = append(e.History, Entry{State: s, At: e.net.Now(), Cause: e.cause})
	switch s {
	case Closed:
		e.stop(&e.retransmit)
		e.stop(&e.ackTimer)
		e.stop(&e.twoMSL)
		e.ack, e.held, e.unread = notDue, nil, 0
	case TimeWait:
		e.stop(&e.retransmit)
		e.startTwoMSL()
	}
}

// act runs one call, arrival or timeout, and marks the states that the endpoint only passed through.
func (e *Endpoint) act(cause Cause, f func()) {
	e.cause, e.kept = cause, len(e.History)
	f()
	for i := e.kept; i < len(e.History)-1; i++ {
		e.History[i].Passing = true
	}
}

func (e *Endpoint) stop(t **event) {
	if *t != nil {
		(*t).cancelled = true
		*t = nil
	}
}

func (e *Endpoint) startTwoMSL() {
	e.stop(&e.twoMSL)
	e.twoMSL = e.net.after(2*e.MSL, func() {
		e.act(Timer, func() { e.enter(Closed) })
	})
	e.twoMSL.idle = true
}

// rcvWnd is RCV.WND. RCV.NXT+RCV.WND is never reduced: arriving text advances RCV.NXT and reduces RCV.WND by the same
// amount.
func (e *Endpoint) rcvWnd() uint32 { return e.Buffer - e.unread }

// finSent reports whether the FIN has its number, which is textEnd.
func (e *Endpoint) finSent() bool { return less(e.textEnd, e.sndNxt) }

func (e *Endpoint) finAcked() bool { return e.finSent() && e.sndUna == e.sndNxt }

// RcvNxt is RCV.NXT.
func (e *Endpoint) RcvNxt() uint32 { return e.rcvNxt }
