// Package rfcsim plays TCP connections: two endpoints that follow RFC 9293 §3.10 step by step, a path between them that
// loses, duplicates and delays segments, and an observer on it. Every endpoint keeps its true history of states. Tests
// compare a passive tracker with it. The package is written from the RFC alone and shares nothing with the tracker.
//
// Time is simulated, in nanoseconds from 0. A run depends on its inputs alone: it has no clock and no source of
// randomness of its own.
//
//	sim := rfcsim.New(rfcsim.Options{ISS: 100}, rfcsim.Options{ISS: 300})
//	sim.Do(0, 1, func(e *rfcsim.Endpoint) { e.Listen() })
//	sim.Do(0, 0, func(e *rfcsim.Endpoint) { e.Open() })
//	sim.Do(1e9, 0, func(e *rfcsim.Endpoint) { e.Close() })
//	sim.Observe = func(s *rfcsim.Passing) { … }
//	sim.Run(60e9)
//	sim.Ends[0].History
package rfcsim
