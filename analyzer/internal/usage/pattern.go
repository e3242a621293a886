package usage

import "github.com/tcplife/tcplife/analyzer/record"

// Thresholds of the patterns.
const (
	bulkBytes = 1 << 20         // octets a turn, at least, where files are moved
	beatBytes = 16              // octets a segment, at most, of a heartbeat: MQTT, AMQP and WebSocket take 2 to 8
	manyBeats = 10              // idle times of messages that are longer, but all of one length
	longBeat  = 128             // octets of those, at most: an encrypted heartbeat has some 50
	idleTime  = 60 * int64(1e9) // the shortest life of a connection that is called idle
	idleShare = 10              // one idle time takes all of that life but a tenth
)

// Pattern judges a connection that has sent so many octets, in a life of so many nanoseconds since it was opened.
func (u *Usage) Pattern(bytes uint64, life int64) record.Pattern {
	var mean uint64
	if u.texts > 0 {
		mean = bytes / u.texts
	}
	switch {
	case u.Period() > 0 && u.texts > beats && (mean <= beatBytes || u.gaps >= manyBeats && !u.varied &&
		mean <= longBeat):
		return record.PatternHeartbeat
	case life >= idleTime && u.turns <= 1 && (u.texts == 0 || u.longest > life-life/idleShare):
		return record.PatternIdle
	case u.texts == 0:
		return record.NoPattern
	case bytes >= bulkBytes*max(1, u.turns):
		return record.PatternBulk
	case u.turns > 1:
		return record.PatternPersistent
	}
	return record.PatternSingle
}

// Of fills in a record what is known of a connection that has sent so many octets. It needs both directions. Idle times
// go to room.
func (u *Usage) Of(r *record.Connection, bytes uint64, room *record.Idle) {
	if u.last == 0 || r.Client.Packets == 0 || r.Server.Packets == 0 {
		return
	}
	*room = record.Idle{Gaps: u.gaps, Longest: record.NoDuration, Period: record.NoDuration}
	if u.gaps > 0 {
		room.Longest = record.Duration(u.longest)
	}
	if period := u.Period(); period > 0 {
		room.Period = record.Duration(period)
	}
	r.Exchanges, r.Idle = record.Count{Number: u.turns, Known: true}, room
	r.Pattern = u.Pattern(bytes, u.last-u.opened)
}
