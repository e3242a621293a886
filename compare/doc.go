// Package compare puts captures from several points of one path together: which segment passed, and where one was lost,
// born, altered, delayed, duplicated or reordered.
//
// It reads the captures twice. The first time (survey.go) it keeps a sample of the segments of each, which is the same
// sample at every point, for it is chosen by what no router changes. From the samples of neighbours follow their clocks
// (clock.go) and what is usual between them (stretch.go). The second time (feed.go) all captures are read side by side
// in the order of the corrected time. Each is tracked by an analyzer.Analyzer of its own, which says what connection a
// segment belongs to; what it says of one connection at several points is put together in a trail (trail.go, pair.go),
// and segments in journeys (journey.go). When a connection has ended everywhere its journeys are judged (verdict.go),
// with what is known of the captures' gaps (blind.go).
//
// Memory is bounded by the connections that are alive, and by the segments on their way.
package compare
