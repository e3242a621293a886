// Package compare puts captures from several points of one path together: which segment passed, and where one was lost,
// born, altered, delayed, duplicated or reordered.
//
// It reads the captures twice. In the first reading (survey.go) it keeps a sample of the segments of each capture,
// chosen by fields that no router changes, so that the sample is the same at every point. The samples of neighbours
// give their clocks (clock.go) and what is usual between them (stretch.go). In the second reading (feed.go) all
// captures are read side by side in the order of the corrected time. Each has its own analyzer.Analyzer, which assigns
// segments to connections. The records of one connection at several points form a trail (trail.go, pair.go), the
// sightings of one segment a journey (journey.go). When a connection has ended at all points, its journeys are judged
// (verdict.go), with the known gaps of the captures (blind.go).
//
// Memory is bounded by the connections that are alive, and by the segments on their way.
package compare
