// Package usage finds how applications use a connection: turns of request and answer, times without text, and the
// pattern that these make.
package usage

// Thresholds of what counts as idle.
const (
	gap    = int64(1e9) // the shortest idle time: what takes less may be an answer that is being computed
	beats  = 3          // idle times that make a period, at least
	steady = 10         // a period's longest and shortest idle time differ from the mean by a tenth at most

	silence      = 30 * int64(1e9) // what a request waits at least where the application is called silent
	firstSilence = 2 * silence     // the same of the first request, for nobody knows how long answers take
	muchLonger   = 10              // times as long as an answer took before
	smallest     = 3               // so many times as much had the mean request at most
)

// Usage has the counts so far. Its zero value is a connection that has not been opened.
type Usage struct {
	opened   int64 // when the first of these happened
	last     int64 // when text passed last, or the handshake was completed; 0 before that
	took     int64 // the longest time from the end of a request to its answer
	shortest int64 // of the idle times
	longest  int64
	sum      int64
	gaps     uint64
	turns    uint64
	first    [2]int64  // text of each end, 0 for none
	asked    int64     // when the end of the first request that waits passed
	closed   int64     // when the first FIN or RST did, 0 before that
	packet   uint64    // the last of the first request that waits
	waiting  uint64    // requests that wait: the client's text in pieces a second and more apart
	asking   uint64    // octets of the first of them
	told     uint64    // octets of those that were answered
	pushed   uint64    // such pieces that were followed by another one before the server answered
	texts    uint64    // segments with new text, of both ends
	lengths  [2]uint64 // of the first of them
	varied   bool      // the segments of one end are not all of one length
}

// Opened records the completed handshake, in nanoseconds.
func (u *Usage) Opened(at int64) {
	if u.last == 0 {
		u.opened, u.last = at, at
	}
}

// Text records length octets that an end sends for the first time. Client is the end that opened.
func (u *Usage) Text(end, client int, at int64, length uint32, packet uint64) {
	u.Opened(at) // a connection that was picked up midstream
	before := u.last
	u.pause(at)
	u.texts++
	if u.lengths[end] == 0 {
		u.lengths[end] = uint64(length)
	}
	u.varied = u.varied || u.lengths[end] != uint64(length)
	if u.first[end] == 0 {
		u.first[end] = at
	}
	switch {
	case end != client && u.waiting > 0:
		u.turns++
		u.took = max(u.took, at-before)
		u.pushed += u.waiting - 1
		u.told += u.asking
		u.waiting, u.asking = 0, 0
	case end != client:
	case u.waiting == 0 || at-before >= gap:
		if u.waiting++; u.waiting > 1 {
			break
		}
		fallthrough
	case u.waiting == 1:
		u.asked, u.packet = at, packet
		u.asking += uint64(length)
	}
	u.last = max(u.last, at)
}

// Closed records the first FIN or RST. The connection may have been idle before it.
func (u *Usage) Closed(at int64) {
	if u.last != 0 {
		u.pause(at)
		u.last = max(u.last, at)
	}
	if u.closed == 0 {
		u.closed = at
	}
}

func (u *Usage) pause(at int64) {
	idle := at - u.last
	if idle < gap {
		return
	}
	if u.gaps == 0 || idle < u.shortest {
		u.shortest = idle
	}
	u.longest = max(u.longest, idle)
	u.sum += idle
	u.gaps++
}

// First is when an end sent its first text, 0 if it has sent none.
func (u *Usage) First(end int) int64 { return u.first[end] }

// Turns is the number of the client's requests that the server has answered.
func (u *Usage) Turns() uint64 { return u.turns }

// Gaps returns the number of idle times, and the longest, in nanoseconds.
func (u *Usage) Gaps() (n uint64, longest int64) { return u.gaps, u.longest }

// Period is the mean of the idle times in nanoseconds, 0 if they are few or differ.
func (u *Usage) Period() int64 {
	if u.gaps < beats {
		return 0
	}
	mean := u.sum / int64(u.gaps)
	if u.longest-mean > mean/steady || mean-u.shortest > mean/steady {
		return 0
	}
	return mean
}

// Silence is how long the client has waited for an answer at a time, or had when the connection was closed. It is 0
// unless that is far longer than usual, and the server usually answers every request.
func (u *Usage) Silence(at int64) (waited int64) {
	if u.closed != 0 {
		at = u.closed
	}
	waited = at - u.asked
	switch {
	case u.waiting == 0 || u.pushed > 0 || u.waiting > max(1, u.turns):
		return 0
	case u.asking*u.turns*smallest < u.told: // it is not a request but a notification, as in HTTP/2 and TLS
		return 0
	case waited < silence || waited < muchLonger*u.took || u.turns == 0 && waited < firstSilence:
		return 0
	}
	return waited
}

// Waiting is the last packet of the first request that waits, how many wait, and the longest time that an answer took
// before: 0 if there was none.
func (u *Usage) Waiting() (packet, requests uint64, usual int64) { return u.packet, u.waiting, u.took }
