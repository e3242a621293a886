package usage

import "github.com/tcplife/tcplife/analyzer/record"

// Thresholds of the patterns.
const (
	bulkBytes = 1 << 20         // least octets of a turn in a bulk transfer
	beatBytes = 16              // most octets of a heartbeat's segment: MQTT, AMQP and WebSocket take 2 to 8
	manyBeats = 10              // least idle times if heartbeats are longer, but all have one length
	longBeat  = 128             // most octets of those: an encrypted heartbeat has about 50
	idleTime  = 60 * int64(1e9) // least life of an idle connection, in ns
	idleShare = 10              // one idle time takes all but a tenth of that life
)

// Pattern judges a connection that has sent some octets in a life of some nanoseconds.
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

// Of fills in how a connection was used, if both directions were captured. bytes is the number of octets of both ends.
// The idle times are stored in room.
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
