package main

// settings lists constants that are no thresholds, and changes that cannot be noticed, with the reason: the output does
// not depend on them.
var settings = map[string]string{
	"analyzer/crowd cookieSlots * 2": "slots are emptied once they are judged, so that more of them hold nothing",
	"analyzer/crowd golden":          "any odd number with mixed bits spreads the index",
	"analyzer/crowd many":            "how many forgotten targets keep their room; they count as forgotten",
	"analyzer/crowd most":            "how many candidates that became no flood are kept to be used again",
	"analyzer/crowd waitingSources":  "how many sources wait before they are counted; all are in time",

	"analyzer awakeLimit":       "how many connections are awake: resting changes nothing",
	"analyzer/course placeBits": "more than a stretch has segments",
	"analyzer manySegments":     "how many segments come between two looks at the memory",
	"analyzer roomForMany":      "how much memory must be left for that",
	"analyzer reserve * 2":      "room for incarnations that cannot be so many",
	"analyzer reserve / 2": "a segment wakes four incarnations at most and ends one before it begins another: half " +
		"the room will do",
	"analyzer pageEvents":         "size of a page of the journal",
	"analyzer pageRecords":        "size of a page of the journal",
	"analyzer pageEnded":          "size of a page of the journal",
	"analyzer journalPages":       "how far one tracker may be ahead of the others",
	"analyzer ephemeral * 2":      "a port has 16 bits",
	"analyzer prefetchedSegments": "how many segments are looked at ahead: only speed depends on it",
	"analyzer prefetchedEnds":     "how many records are fetched ahead: only speed depends on it",
	"analyzer isWide":             "a mark in a number",
	"analyzer isSpare":            "a mark beside a count",
	"analyzer golden":             "any odd number with mixed bits tells sockets apart",
	"analyzer mergedPages":        "how far reading a journal may be ahead of merging",
	"analyzer turnOfSegment":      "between the turns of what waited and of alarms",
	"analyzer waitingWork":        "how far reading may be ahead of tracking",
	"analyzer fewPlaces":          "below how many places no memory is fetched ahead: only speed depends on it",
	"analyzer leastIndex":         "how large the index is at first; it grows",
	"analyzer never":              "farther off than any time",
	"analyzer placeBytes":         "the size of a place, from the sizes of structs",
	"analyzer maxPackedKey":       "room for a key, from the sizes of its parts",

	"analyzer/internal/distance initial[1] * 2": "a TTL has eight bits",
	"analyzer/internal/distance initial[2] * 2": "a TTL has eight bits",
	"analyzer/internal/distance usual * 2":      "there are no more initial TTLs",

	"analyzer/internal/lines Most":       "how many segments are stored before the rules read them",
	"analyzer/internal/lines timeBytes":  "how far apart they may be: for others the rules read the stored ones first",
	"analyzer/internal/lines blockBytes": "how much room is taken at once",
	"analyzer/internal/lines spill * 2":  "more room than a number needs",
	"analyzer/internal/lines ipidAt":     "where a field stands in a word",
	"analyzer/internal/lines flagsAt":    "where a field stands in a word",
	"analyzer/internal/lines marksAt":    "where a field stands in a word",
	"analyzer/internal/lines headersAt":  "where a field stands in a word",
	"analyzer/internal/lines ttlAt":      "where a field stands in a word",

	"analyzer/internal/store apart": "how near a number must be to take the place of another one; it is " +
		"restored in full",
	"analyzer/internal/store bucketBits * 2": "a time in a bucket has 32 bits",
	"analyzer/internal/store isSeen * 2":     "a byte has eight bits",
	"analyzer/internal/store leastSlots":     "how many places the index has at first; it grows",
	"analyzer/internal/store slabSize":       "for how many values room is made at once",
	"analyzer/internal/store ringSize * 2": "how many alarms are in the ring and not in the heap; both fire in " +
		"time",

	"analyzer/internal/timers unknown": "less than any wait",

	"ledger DefaultPortRange[0] * 2": "a port has 16 bits",
	"ledger DefaultPortRange[1] * 2": "a port has 16 bits",

	"analyzer/record Schema": "the version of the record's form; package report's golden files hold it",

	"analyzer/tcpstate far * 2":   "the half of the sequence space is no difference of two numbers",
	"analyzer/tcpstate ruleShift": "where a rule stands in an effect's bits",
	"analyzer/tcpstate unknown":   "an index behind those of the states",
	"analyzer/tcpstate nearby": "how far numbers may be apart where the short way compares them; the long way " +
		"has the same result",
}
