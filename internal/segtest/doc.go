// Package segtest reads a script that looks like the figures of RFC 9293. It makes the segments, and the packets, that
// an observer of the exchange captures. It is for tests and for making captures.
//
//	x := segtest.Script(`
//	    SYN_SENT     C --> S  SYN seq=100
//	    SYN_SENT     C <-- S  SYN,ACK seq=300      SYN_RCVD
//	    ESTABLISHED  C --> S  ACK                  ESTABLISHED
//	         +50ms   C --> S  PSH,ACK len=10
//	                 C x-- S  ACK                               # lost on its way to C
//	        +200ms   C --> S  again
//	`)
//	x.Segments() // six of them
//
// # Segments
//
// A line is one segment. Its parts stand in this order; those in brackets are optional:
//
//	[4.] [time] [state] C --> S FLAGS [attribute …] [state] [# remark]
//
// Sockets have names. C (10.0.0.1:40000) and S (10.0.0.2:80) exist; others are declared. The arrow shows who sends, and
// what happens to the segment. The observer is in the middle of it:
//
//	C --> S   C <-- S   captured and delivered
//	C --x S   C x-- S   captured, then lost behind the observer: it never arrives
//	C x-> S   C <-x S   lost before the observer: neither captured nor delivered
//	C ~~> S   C <~~ S   delivered, but missing in the capture
//
// FLAGS are control bits joined by commas (FIN SYN RST PSH ACK URG ECE CWR AE, NULL for none), or one of
//
//	again      the sender's last segment with a SYN, data or FIN, retransmitted
//	dup        the sender's last captured packet once more, the same bytes, as in a capture with duplicates
//	icmp 3/1   an ICMP (ICMPv6) error of this type and code, about the last segment that the receiver has sent
//
// Sequence numbers need not be written. A segment begins at its sender's SND.NXT and, with ACK, acknowledges what has
// been delivered to its sender (lost and missing segments leave holes, which later ones fill). The first SYN of the
// socket left of the arrow has the number 100, that of the right one 300; a SYN without a number is a retransmission of
// the SYN before, so a new incarnation needs seq=. RST,ACK from a socket that never sent has number 0. Segments that
// the others shall take no notice of (forged or stale ones) are best sent by another socket with the same address and
// port.
//
//	seq=100 ack=301   the numbers; seq=-1, seq=+10 count from SND.NXT, ack=-1, ack=+10 from RCV.NXT
//	len=10            bytes of data; data in a SYN advances later numbers only with tfo=
//	win=512 urg=1     window as on the wire (a RST has 0 by default); urgent pointer
//	mss=1460 wscale=7 sack      options; sack is SACK permitted
//	sack=101-111      a SACK block
//	ts=1000 ts=1000,900 ts=no   TSval, and TSecr (otherwise the last TSval delivered to the sender); no timestamp
//	tfo tfo=8         Fast Open cookie request, cookie of 8 bytes
//	mptcp mptcp=7     MP_CAPABLE, version 1, without a key and with the key 7
//	join=0x12345678   MP_JOIN of a SYN, with the token of the receiver's connection
//	md5               a TCP MD5 signature
//	ttl=63 ipid=7     of the IP header
//	ecn=ce            its ECN codepoint: ect0, ect1 or ce
//	badsum            a wrong TCP checksum
//	unsummed          a checksum left to the network card: the sum of the pseudo-header
//	quote=8           bytes of TCP header and data that an icmp line quotes (default: all)
//
// In an icmp line seq= replaces the quoted number.
//
// The time is +10ms, after the segment before, or @4.155s, after Epoch, in whole microseconds. Without one a segment
// passes a millisecond after the one before it. A line may hold a time alone.
//
// The states are the expected ones of the left and the right socket after the line's segment. This package does not use
// them; tests find them in Step.
//
// # Declarations
//
// A line with = declares a socket, or changes it. Attributes given with it go into each of its segments: win, ttl, and,
// where they belong, mss, wscale, sack, ts (which then counts milliseconds from the number given; a RST has none). win
// is in bytes: if both sockets have wscale, segments other than SYNs carry it shifted. ipid is the first IP
// identification, each packet has the next. nxt is SND.NXT for an exchange that begins midstream.
//
//	C = 192.168.1.116:3337 mss=1460 sack ts=4294960000 wscale=7 win=64240 ipid=4711
//	S = [2001:db8::2]:443 nxt=70000
//	R = 192.0.2.254                             a router, sends icmp only
//
// These lines change the packets of all lines below them:
//
//	encap vlan 100 vlan 42      outermost first: vlan, vxlan; "encap" alone ends it
//	pad                         Ethernet frames have at least 60 bytes, as their receiver captures them
package segtest
