// Package usage finds how applications use a connection: turns of request and answer, times without text, and the
// pattern that they form.
package usage

// Thresholds of what counts as idle.
const (
	gap    = int64(1e9) // least idle time, in ns; in less the server may compute an answer
	beats  = 3          // least idle times of a period
	steady = 10         // idle times of a period differ from their mean by at most a tenth

	silence      = 30 * int64(1e9) // least wait of a request, in ns, that counts as silence
	firstSilence = 2 * silence     // the same for the first request, because no answer shows how long answers take
	muchLonger   = 10              // a wait counts as silence if it is so many times the longest answer before
	smallest     = 3               // a waiting message is a request if it has at least this part of the mean request
)

// Usage has the counts so far. Its zero value is a connection that has not been opened.
type Usage struct {
	opened   int64 // when the handshake was completed, or the first text was seen
	last     int64 // when the last text was seen, or opened; 0 before that
	took     int64 // the longest time from the end of a request to its answer
	shortest int64 // of the idle times
	longest  int64
	sum      int64
	gaps     uint64
	turns    uint64
	first    [2]int64  // text of each end, 0 for none
	asked    int64     // when the last segment of the first waiting request was seen
	closed   int64     // when the first FIN or RST was seen, 0 before that
	packet   uint64    // the last packet of the first waiting request
	waiting  uint64    // waiting requests: pieces of the client's text, at least a second apart
	asking   uint64    // octets of the first waiting request
	answered uint64    // octets of answered requests
	pushed   uint64    // requests that another one followed before the server answered
	texts    uint64    // segments with new text, of both ends
	lengths  [2]uint64 // of the first of them from each end
	varied   bool      // the segments of one end differ in length
}

// Opened records the completed handshake, in nanoseconds.
func (u *Usage) Opened(at int64) {
	if u.last == 0 {
		u.opened, u.last = at, at
	}
}

// Text records length octets that an end sends for the first time. client is the end that opened the connection.
func (u *Usage) Text(end, client int, at int64, length uint32, packet uint64) {
	u.Opened(at) // if the capture lacks the handshake
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
		u.answered += u.asking
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

// Closed records a FIN or RST. The connection may have been idle before it.
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

// Period is the mean of the idle times in nanoseconds, 0 if they are few or not regular.
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

// Silence is how long the client has waited for an answer at a time, or when the connection was closed. It is 0 unless
// the wait is far longer than usual, and the server has answered each earlier request before the next one came.
func (u *Usage) Silence(at int64) (waited int64) {
	if u.closed != 0 {
		at = u.closed
	}
	waited = at - u.asked
	switch {
	case u.waiting == 0 || u.pushed > 0 || u.waiting > max(1, u.turns):
		return 0
	case u.asking*u.turns*smallest < u.answered: // not a request but a notification, as in HTTP/2 and TLS
		return 0
	case waited < silence || waited < muchLonger*u.took || u.turns == 0 && waited < firstSilence:
		return 0
	}
	return waited
}

// Waiting returns the last packet of the first waiting request, how many requests wait, and the longest time that an
// answer took, 0 if there was none.
func (u *Usage) Waiting() (packet, requests uint64, usual int64) { return u.packet, u.waiting, u.took }
