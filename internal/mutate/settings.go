package main

// settings are constants that are no thresholds, or changes of them that cannot be noticed, and why: what comes out does not depend
// on them.
var settings = map[string]string{
	"analyzer/crowd cookieSlots * 2": "slots are emptied once they are judged, so that more of them hold nothing",
	"analyzer/crowd golden":          "any odd number with mixed bits spreads the index",
	"analyzer/crowd many":            "how many forgotten targets keep their room; they count as forgotten all the same",
	"analyzer/crowd most":            "how many floods that came to nothing are kept to be used again",
	"analyzer/crowd waitingSources":  "how many sources wait before they are counted; they are before anybody asks",
}
