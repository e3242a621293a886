package text

import (
	"slices"

	"github.com/tcplife/tcplife/analyzer/record"
)

// explained lists the findings that another finding of the same connection explains.
var explained = map[record.FindingCode][]record.FindingCode{
	record.FindingSynRetransmitted: {record.FindingUnanswered, record.FindingRefused, record.FindingUnreachable,
		record.FindingAnsweredElsewhere, record.FindingTimestampBehind, record.FindingBadSynAck,
		record.FindingSynAckChecksum, record.FindingChallenged, record.FindingTimeWaitRefused,
		record.FindingBacklogOverflow},
	record.FindingSynAckRetransmitted: {record.FindingEmbryonic, record.FindingAckNotAccepted,
		record.FindingAckReset},
	record.FindingUnanswered: {record.FindingAnsweredElsewhere, record.FindingTimestampBehind,
		record.FindingBacklogOverflow},
	record.FindingAckNotAccepted: {record.FindingBacklogOverflow},
	record.FindingAckReset:       {record.FindingBacklogOverflow},
	record.FindingReset: {record.FindingHalfOpen, record.FindingDataAfterClose, record.FindingCloseCrossed,
		record.FindingAckReset},
	record.FindingFinUnacknowledged: {record.FindingDataUnanswered, record.FindingKeepaliveUnanswered},
}

// explainedBy has the same by the code of the explaining finding.
var explainedBy = func() map[string][]string {
	codes := map[string][]string{}
	for code, by := range explained {
		for _, b := range by {
			codes[code.String()] = append(codes[code.String()], b.String())
		}
	}
	return codes
}()

// Explained reports whether one of a connection's findings explains another one, which has a code.
func Explained(code string, findings []record.Finding) bool {
	return len(findings) > 1 && slices.ContainsFunc(explainedBy[code], func(by string) bool {
		return slices.ContainsFunc(findings, func(f record.Finding) bool { return f.Code == by })
	})
}
