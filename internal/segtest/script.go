package segtest

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcplife/tcplife/flows"
)

// Script reads a script. It panics if the script has an error, because scripts are constants.
func Script(text string) *Exchange {
	x, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return x
}

// Parse reads a script. Its errors name the line.
func Parse(text string) (*Exchange, error) {
	r := &reader{
		sockets: map[string]*socket{},
		streams: map[[2]*socket]*stream{},
	}
	r.declare("C", []string{"10.0.0.1:40000"})
	r.declare("S", []string{"10.0.0.2:80"})
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		r.line = i + 1
		if err := r.read(words); err != nil {
			return nil, fmt.Errorf("script line %d: %w", r.line, err)
		}
	}
	return &r.exchange, nil
}

// socket is a named address and port, and what all its segments have in common.
type socket struct {
	addr netip.AddrPort
	attributes
	nextID uint16
	last   *sent // its last segment, to any socket
}

// sent is a packet and its step.
type sent struct {
	packet
	step Step
}

// attributes are the words of the form name=value.
type attributes struct {
	seq, ack, nxt number
	len           uint32
	win           uint16
	urg           uint16
	ttl           uint8
	ipid          uint16
	hasWin        bool
	hasTTL        bool
	hasIPID       bool
	opt           flows.Options
	noTimestamp   bool
	hasEcr        bool
	md5           bool
	key           uint64
	ecn           flows.ECN
	badsum        bool
	unsummed      bool
	quote         int
}

// number is a sequence number, absolute or relative to the sender's present one.
type number struct {
	given    bool
	relative bool
	value    uint32
}

func (n number) or(base uint32) uint32 {
	switch {
	case !n.given:
		return base
	case n.relative:
		return base + n.value
	}
	return n.value
}

// reader is the state between two lines of a script.
type reader struct {
	exchange Exchange
	line     int
	sockets  map[string]*socket
	streams  map[[2]*socket]*stream
	packets  uint64        // captured so far
	now      time.Duration // since Epoch
	step     time.Duration // from the last segment to the next, if hasStep
	hasStep  bool
	encap    *flows.Encapsulation
	pad      bool
}

func (r *reader) read(words []string) error {
	if len(words) >= 2 && words[1] == "=" {
		return r.declare(words[0], words[2:])
	}
	switch words[0] {
	case "encap":
		return r.setEncap(words[1:])
	case "pad":
		r.pad = true
		return nil
	}
	return r.send(words)
}

func (r *reader) declare(name string, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("%s = needs an address and a port", name)
	}
	addr, err := netip.ParseAddrPort(words[0])
	if err != nil {
		ip, errIP := netip.ParseAddr(words[0])
		if errIP != nil {
			return fmt.Errorf("%s = needs an address and a port: %w", name, err)
		}
		addr = netip.AddrPortFrom(ip, 0)
	}
	s := r.sockets[name]
	if s == nil {
		s = &socket{}
		r.sockets[name] = s
	}
	s.addr = addr
	s.attributes = attributes{win: 64240, ttl: 64, ipid: addr.Port()}
	for _, w := range words[1:] {
		if err := s.set(w); err != nil {
			return err
		}
	}
	s.nextID = s.ipid
	return nil
}

func (r *reader) setEncap(words []string) error {
	r.encap = nil
	if len(words) == 0 {
		return nil
	}
	r.encap = &flows.Encapsulation{}
	for ; len(words) >= 2; words = words[2:] {
		if words[0] != "vlan" && words[0] != "vxlan" {
			return fmt.Errorf("encapsulation %q is neither vlan nor vxlan", words[0])
		}
		id, err := strconv.ParseUint(words[1], 10, 24)
		if err != nil {
			return fmt.Errorf("%s id: %w", words[0], err)
		}
		r.encap.Layers = append(r.encap.Layers, flows.Layer{Kind: words[0], ID: uint32(id), HasID: true})
	}
	if len(words) > 0 {
		return fmt.Errorf("encapsulation %q needs an id", words[0])
	}
	return nil
}

// arrows give the direction and the fate of a segment.
var arrows = map[string]struct{ leftward, captured, delivered bool }{
	"-->": {false, true, true},
	"--x": {false, true, false},
	"x->": {false, false, false},
	"~~>": {false, false, true},
	"<--": {true, true, true},
	"x--": {true, true, false},
	"<-x": {true, false, false},
	"<~~": {true, false, true},
}

var states = []string{
	"LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK",
	"TIME_WAIT", "CLOSED",
}

// send reads a line that sends a segment, or that has only a time.
func (r *reader) send(words []string) error {
	if n, ok := strings.CutSuffix(words[0], "."); ok {
		if _, err := strconv.Atoi(n); err == nil {
			words = words[1:]
		}
	}
	if len(words) > 0 && (words[0][0] == '+' || words[0][0] == '@') {
		if err := r.setTime(words[0]); err != nil {
			return err
		}
		if words = words[1:]; len(words) == 0 {
			return nil
		}
	}
	step := Step{Line: r.line}
	if len(words) > 0 && slices.Contains(states, words[0]) {
		step.Left, words = words[0], words[1:]
	}
	if n := len(words); n > 0 && slices.Contains(states, words[n-1]) {
		step.Right, words = words[n-1], words[:n-1]
	}
	if len(words) < 4 {
		return fmt.Errorf("a segment is written C --> S FLAGS")
	}
	left, arrow, right, what := words[0], words[1], words[2], words[3]
	words = words[4:]
	way, ok := arrows[arrow]
	if !ok {
		return fmt.Errorf("%q is no arrow", arrow)
	}
	from, to := r.sockets[left], r.sockets[right]
	if from == nil {
		return fmt.Errorf("socket %q is not declared", left)
	}
	if to == nil {
		return fmt.Errorf("socket %q is not declared", right)
	}
	if from.addr.Addr().Is4() != to.addr.Addr().Is4() {
		return fmt.Errorf("%s and %s have addresses of different families", left, right)
	}
	defaultISN := uint32(100)
	if way.leftward {
		from, to = to, from
		defaultISN = 300
	}

	if !r.hasStep && len(r.exchange.Steps) > 0 {
		r.step = time.Millisecond
	}
	r.now += r.step
	r.step, r.hasStep = 0, false
	step.Captured = way.captured
	step.Segment.Time = Epoch.Add(r.now).UnixNano()

	s := &sent{step: step}
	var err error
	switch what {
	case "icmp":
		err = r.icmp(s, from, to, words)
	case "dup":
		err = r.dup(s, from, to, words)
	default:
		err = r.segment(s, from, to, what, words, defaultISN)
	}
	if err != nil {
		return err
	}
	if way.captured {
		r.packets++
		s.step.Segment.Packet = r.packets
	}
	if what != "icmp" {
		st := r.stream(from, to)
		if way.captured {
			st.captured = s
		}
		if way.delivered && what != "dup" {
			st.deliver(&s.packet)
		}
		from.last = s
	}
	r.exchange.Steps = append(r.exchange.Steps, s.step)
	return nil
}

func (r *reader) setTime(word string) error {
	d, err := time.ParseDuration(word[1:])
	if err != nil {
		return fmt.Errorf("time %q: %w", word, err)
	}
	if d%time.Microsecond != 0 {
		return fmt.Errorf("time %q is not in whole microseconds", word)
	}
	if word[0] == '@' {
		r.step = d - r.now
	} else {
		r.step += d
	}
	r.hasStep = true
	return nil
}

// segment sends a TCP segment, or retransmits the last one.
func (r *reader) segment(s *sent, from, to *socket, what string, words []string, defaultISN uint32) error {
	st, back := r.stream(from, to), r.stream(to, from)
	p := &s.packet
	p.src, p.dst, p.encap, p.pad = from.addr, to.addr, r.encap, r.pad

	a := attributes{}
	if what == "again" {
		if st.last == nil {
			return fmt.Errorf("there is no segment to retransmit")
		}
		p.flags = st.last.flags
		a.opt = st.last.opt
		a.opt.HasTimestamp = false
		a.len = st.last.len
		a.seq = number{given: true, value: st.last.seq}
		a.urg = st.last.urg
		a.md5 = st.last.md5
	} else {
		var err error
		if p.flags, err = parseFlags(what); err != nil {
			return err
		}
	}
	for _, w := range words {
		if err := a.set(w); err != nil {
			return err
		}
	}
	if a.nxt.given {
		return fmt.Errorf("nxt= is for declarations; a segment has seq=")
	}

	if p.flags.Has(flows.ACK) {
		switch {
		case back.received || a.ack.given && !a.ack.relative:
			p.ack = a.ack.or(back.rcv)
		case to.nxt.given:
			p.ack = a.ack.or(to.nxt.value)
		default:
			return fmt.Errorf("nothing was delivered that could be acknowledged: give ack=")
		}
		back.acked(p.ack)
	}
	switch {
	case a.seq.given && !a.seq.relative:
		p.seq = a.seq.value
	case p.flags.Has(flows.SYN) && st.opened:
		p.seq = a.seq.or(st.isn)
	case p.flags.Has(flows.SYN):
		p.seq = a.seq.or(defaultISN)
	case st.sent:
		p.seq = a.seq.or(st.nxt)
	case from.nxt.given:
		p.seq = a.seq.or(from.nxt.value)
	case p.flags.Has(flows.RST | flows.ACK):
		p.seq = a.seq.or(0) // RFC 9293 §3.10.7.1
	default:
		return fmt.Errorf("the sender's SND.NXT is not known: give seq=")
	}
	p.len, p.urg, p.md5, p.badsum, p.unsummed = a.len, a.urg, a.md5, a.badsum, a.unsummed
	p.key, p.ecn = a.key, a.ecn
	p.ttl = from.ttl
	switch {
	case p.flags.Has(flows.RST):
	case p.flags.Has(flows.SYN) || !to.opt.HasWScale:
		p.win = from.win
	default:
		p.win = from.win >> from.opt.WScale // RFC 7323 §2.2
	}
	if a.hasWin {
		p.win = a.win
	}
	if a.hasTTL {
		p.ttl = a.ttl
	}
	p.ipid = r.ipid(from, &a)
	p.opt = a.opt
	if p.flags.Has(flows.SYN) && what != "again" {
		inherit(&p.opt, &from.opt)
	}
	if from.opt.HasTimestamp && !a.opt.HasTimestamp && !a.noTimestamp && !p.flags.Has(flows.RST) {
		p.opt.HasTimestamp = true
		p.opt.TSVal = from.opt.TSVal + uint32(r.now.Milliseconds())
	}
	if p.opt.HasTimestamp && !a.hasEcr && p.flags.Has(flows.ACK) {
		p.opt.TSEcr = back.tsRecent
	}
	st.send(p)

	tcp := p.tcp()
	s.step.frame = p.ethernet(p.ip(6, tcp))
	if n := len(s.step.frame); n > 65535 {
		return fmt.Errorf("a frame of %d bytes: len=%d is too large", n, p.len)
	}
	seg := &s.step.Segment
	seg.Key, seg.FromB = key(p.src, p.dst)
	seg.Flags, seg.Seq, seg.Ack, seg.Window, seg.Len, seg.Options = p.flags, p.seq, p.ack, p.win, p.len, p.opt
	seg.Headers = uint16(p.headers())
	seg.Options.Signed = p.md5
	seg.TTL, seg.ECN, seg.IPID, seg.Digest, seg.Encap = p.ttl, p.ecn, p.ipid, digest(tcp), p.encap
	switch {
	case p.badsum:
		seg.Checksum = flows.ChecksumWrong
	case p.unsummed:
		seg.Checksum = flows.ChecksumUnfinished
	default:
		seg.Checksum = flows.ChecksumGood
	}
	return nil
}

// inherit adds the options that the socket puts into each SYN.
func inherit(o, socket *flows.Options) {
	if socket.HasMSS && !o.HasMSS {
		o.HasMSS, o.MSS = true, socket.MSS
	}
	if socket.HasWScale && !o.HasWScale {
		o.HasWScale, o.WScale = true, socket.WScale
	}
	o.SACKPermitted = o.SACKPermitted || socket.SACKPermitted
	if o.MPTCP == flows.NoMPTCP {
		o.MPTCP, o.MPTCPToken = socket.MPTCP, socket.MPTCPToken
	}
}

// dup captures the last captured packet once more, perhaps with another TTL or encapsulation.
func (r *reader) dup(s *sent, from, to *socket, words []string) error {
	first := r.stream(from, to).captured
	if first == nil {
		return fmt.Errorf("there is no captured packet to duplicate")
	}
	a := attributes{}
	for _, w := range words {
		if err := a.set(w); err != nil {
			return err
		}
	}
	s.packet = first.packet
	s.encap, s.pad = r.encap, r.pad
	if a.hasTTL {
		s.ttl = a.ttl
	}
	at := s.step.Segment.Time
	s.step.Segment = first.step.Segment
	s.step.Segment.Time, s.step.Segment.TTL, s.step.Segment.Encap = at, s.ttl, s.encap
	s.step.frame = s.packet.frame()
	return nil
}

// icmp sends an error about the last segment that the socket to has sent.
func (r *reader) icmp(s *sent, from, to *socket, words []string) error {
	var typ, code uint8
	if len(words) == 0 {
		return fmt.Errorf("icmp needs a type and a code, as in 3/1")
	}
	if _, err := fmt.Sscanf(words[0], "%d/%d", &typ, &code); err != nil {
		return fmt.Errorf("icmp needs a type and a code, as in 3/1: %w", err)
	}
	a := attributes{quote: -1}
	for _, w := range words[1:] {
		if err := a.set(w); err != nil {
			return err
		}
	}
	if to.last == nil {
		return fmt.Errorf("there is no segment to quote")
	}
	q := to.last.packet
	q.seq = a.seq.or(q.seq)
	p := &s.packet
	p.src, p.dst, p.encap, p.pad = from.addr, to.addr, r.encap, r.pad
	p.ttl = from.ttl
	if a.hasTTL {
		p.ttl = a.ttl
	}
	p.ipid = r.ipid(from, &a)
	s.step.frame = p.icmp(typ, code, &q, a.quote)
	seg := &s.step.Segment
	seg.Key, seg.FromB = key(q.src, q.dst)
	seg.TTL, seg.IPID, seg.Encap = p.ttl, p.ipid, p.encap
	seg.Quote = &flows.Quote{V6: q.src.Addr().Is6(), Type: typ, Code: code, From: from.addr.Addr(),
		HasSeq: a.quote < 0 || a.quote >= 8}
	if seg.Quote.HasSeq {
		seg.Seq = q.seq
	}
	return nil
}

// ipid is the IP identification of a socket's next packet.
func (r *reader) ipid(from *socket, a *attributes) uint16 {
	if from.addr.Addr().Is6() {
		return 0
	}
	if a.hasIPID {
		return a.ipid
	}
	from.nextID++
	return from.nextID - 1
}

func (r *reader) stream(from, to *socket) *stream {
	k := [2]*socket{from, to}
	if r.streams[k] == nil {
		r.streams[k] = &stream{}
	}
	return r.streams[k]
}

var flagNames = map[string]flows.Flags{
	"FIN": flows.FIN, "SYN": flows.SYN, "RST": flows.RST, "PSH": flows.PSH, "ACK": flows.ACK, "URG": flows.URG,
	"ECE": flows.ECE, "CWR": flows.CWR, "AE": flows.AE, "NULL": 0,
}

var ecnNames = map[string]flows.ECN{"ect1": flows.ECT1, "ect0": flows.ECT0, "ce": flows.CongestionExperienced}

func parseFlags(word string) (flows.Flags, error) {
	var flags flows.Flags
	for name := range strings.SplitSeq(word, ",") {
		f, ok := flagNames[name]
		if !ok {
			return 0, fmt.Errorf("%q is no control bit", name)
		}
		flags |= f
	}
	return flags, nil
}

// set reads one attribute.
func (a *attributes) set(word string) error {
	name, value, hasValue := strings.Cut(word, "=")
	var err error
	unsigned := func(bits int) uint64 {
		var n uint64
		n, err = strconv.ParseUint(value, 0, bits)
		return n
	}
	switch {
	case name == "seq" && hasValue:
		a.seq, err = parseNumber(value)
	case name == "ack" && hasValue:
		a.ack, err = parseNumber(value)
	case name == "nxt" && hasValue:
		a.nxt, err = parseNumber(value)
	case name == "len" && hasValue:
		a.len = uint32(unsigned(16))
	case name == "win" && hasValue:
		a.win, a.hasWin = uint16(unsigned(16)), true
	case name == "urg" && hasValue:
		a.urg = uint16(unsigned(16))
	case name == "ttl" && hasValue:
		a.ttl, a.hasTTL = uint8(unsigned(8)), true
	case name == "ipid" && hasValue:
		a.ipid, a.hasIPID = uint16(unsigned(16)), true
	case name == "quote" && hasValue:
		a.quote = int(unsigned(16))
	case name == "mss" && hasValue:
		a.opt.HasMSS, a.opt.MSS = true, uint16(unsigned(16))
	case name == "wscale" && hasValue:
		a.opt.HasWScale, a.opt.WScale = true, uint8(unsigned(4))
	case name == "sack" && !hasValue:
		a.opt.SACKPermitted = true
	case name == "sack":
		a.opt.HasSACK = true
		_, err = fmt.Sscanf(value, "%d-%d", &a.opt.SACKLeft, &a.opt.SACKRight)
	case word == "ts=no":
		a.noTimestamp = true
	case name == "ts" && hasValue:
		a.opt.HasTimestamp = true
		var ecr string
		if value, ecr, a.hasEcr = strings.Cut(value, ","); a.hasEcr {
			var n uint64
			if n, err = strconv.ParseUint(ecr, 0, 32); err != nil {
				break
			}
			a.opt.TSEcr = uint32(n)
		}
		a.opt.TSVal = uint32(unsigned(32))
	case name == "tfo" && !hasValue:
		a.opt.FastOpen = true
	case name == "tfo":
		a.opt.FastOpen, a.opt.FastOpenLen = true, uint8(unsigned(4))
	case word == "mptcp":
		a.opt.MPTCP = flows.MPTCPCapable
	case name == "mptcp":
		a.opt.MPTCP, a.key = flows.MPTCPCapable, unsigned(64)
		sum := sha256.Sum256(be.AppendUint64(nil, a.key))
		a.opt.MPTCPToken = be.Uint32(sum[:])
	case name == "join" && hasValue:
		a.opt.MPTCP, a.opt.MPTCPToken = flows.MPTCPJoin, uint32(unsigned(32))
	case name == "ecn" && hasValue:
		var known bool
		if a.ecn, known = ecnNames[value]; !known {
			return fmt.Errorf("%q is no ECN codepoint", value)
		}
	case word == "md5":
		a.md5 = true
	case word == "badsum":
		a.badsum = true
	case word == "unsummed":
		a.unsummed = true
	default:
		return fmt.Errorf("%q is no attribute", word)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	return nil
}

func parseNumber(s string) (number, error) {
	n := number{given: true}
	switch s[:min(1, len(s))] {
	case "+", "-":
		n.relative = true
		v, err := strconv.ParseInt(s, 0, 64)
		n.value = uint32(v)
		return n, err
	}
	v, err := strconv.ParseUint(s, 0, 32)
	n.value = uint32(v)
	return n, err
}
