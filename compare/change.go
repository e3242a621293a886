package compare

import (
	"github.com/tcplife/tcplife/compare/result"
	"github.com/tcplife/tcplife/flows"
)

// A field is what a device can change in a segment.
type field uint8

const (
	fieldTTL field = iota
	fieldSource
	fieldSourcePort
	fieldTarget
	fieldTargetPort
	fieldSeq
	fieldAck
	fieldLen
	fieldFlags
	fieldWindow
	fieldIPID
	fieldECN
	fieldTSVal
	fieldTSEcr
	fieldMSS
	fieldWScale
	fieldSACKPermitted
	fieldSACK
	fieldTimestamps
	fieldFastOpen
	fieldMPTCP
	fieldSignature
	fields
)

// fieldNames are the names of the record.
var fieldNames = [fields]result.Field{
	fieldTTL: result.FieldTTL, fieldSource: result.FieldSource, fieldSourcePort: result.FieldSourcePort,
	fieldTarget: result.FieldTarget, fieldTargetPort: result.FieldTargetPort, fieldSeq: result.FieldSeq,
	fieldAck: result.FieldAck,
	fieldLen: result.FieldLen, fieldFlags: result.FieldFlags, fieldWindow: result.FieldWindow,
	fieldIPID: result.FieldIPID,
	fieldECN:  result.FieldECN, fieldTSVal: result.FieldTSVal, fieldTSEcr: result.FieldTSEcr, fieldMSS: result.FieldMSS,
	fieldWScale: result.FieldWScale, fieldSACKPermitted: result.FieldSACKPermitted, fieldSACK: result.FieldSACK,
	fieldTimestamps: result.FieldTimestamps, fieldFastOpen: result.FieldFastOpen, fieldMPTCP: result.FieldMPTCP,
	fieldSignature: result.FieldSignature,
}

// A change is what a stretch does to a field of a trail's segments in one direction.
type change struct {
	stretch int
	dir     int
	field   field
	step    int32 // of the TTL: each is a change of its own
	from    uint32
	to      uint32
	count   uint32
	first   *journey // the first that shows it, while that is on its way
	segment sighting // of it, before the stretch
	packets []uint64 // of it
}

// differences compares a segment before and behind a stretch, and calls differ for each field that has changed.
func differences(a, b *sighting, differ func(f field, from, to uint32)) {
	if a.ttl != b.ttl {
		differ(fieldTTL, uint32(a.ttl), uint32(b.ttl))
	}
	if a.seq != b.seq {
		differ(fieldSeq, a.seq, b.seq)
	}
	if a.has(flows.ACK) && a.ack != b.ack {
		differ(fieldAck, a.ack, b.ack)
	}
	if a.window != b.window {
		differ(fieldWindow, uint32(a.window), uint32(b.window))
	}
	if a.id != b.id {
		differ(fieldIPID, uint32(a.id), uint32(b.id))
	}
	if a.ecn != b.ecn {
		differ(fieldECN, uint32(a.ecn), uint32(b.ecn))
	}
	if a.flags != b.flags {
		differ(fieldFlags, uint32(a.flags), uint32(b.flags))
	}
	if a.options == b.options && a.tsVal == b.tsVal && a.tsEcr == b.tsEcr && a.mss == b.mss && a.wscale == b.wscale {
		return
	}
	both := a.options & b.options
	if both&hasTimestamp != 0 {
		if a.tsVal != b.tsVal {
			differ(fieldTSVal, a.tsVal, b.tsVal)
		}
		if a.tsEcr != b.tsEcr {
			differ(fieldTSEcr, a.tsEcr, b.tsEcr)
		}
	}
	if (a.options|b.options)&optionsCut != 0 {
		return // what is missing may be cut off
	}
	if from, to := a.number(hasMSS, uint32(a.mss)), b.number(hasMSS, uint32(b.mss)); from != to {
		differ(fieldMSS, from, to)
	}
	if from, to := a.number(hasWScale, uint32(a.wscale)), b.number(hasWScale, uint32(b.wscale)); from != to {
		differ(fieldWScale, from, to)
	}
	if changed := a.options ^ b.options; changed != 0 {
		for _, o := range [...]struct {
			option optionSet
			field  field
		}{
			{hasSACKPermitted, fieldSACKPermitted}, {hasSACK, fieldSACK}, {hasTimestamp, fieldTimestamps},
			{hasFastOpen, fieldFastOpen}, {hasMPTCP, fieldMPTCP}, {hasSignature, fieldSignature},
		} {
			switch {
			case changed&o.option == 0:
			case a.options&o.option != 0:
				differ(o.field, present, absent)
			default:
				differ(o.field, absent, present)
			}
		}
	}
}

// number is the number of an option, or absent.
func (s *sighting) number(o optionSet, value uint32) uint32 {
	if s.options&o == 0 {
		return absent
	}
	return value
}

// An option that is not there, and one without a number that is.
const (
	absent  = 1<<32 - 1
	present = 1<<32 - 2
)
