// Package pathsim plays TCP connections over a path of links and middleboxes that lose, hold, double, translate,
// renumber, answer and forge segments, with captures at several points of it, and knows what happened to every segment.
// It is for tests.
//
// Its endpoints are simple: they retransmit, acknowledge and close like a TCP, but know no congestion. What the
// captures are held to is not what endpoints do but what becomes of their segments on the way, and that is written down
// as it happens.
//
//	s := pathsim.New(1)
//	client, fwin, fwout, server := s.Point("client"), …
//	s.Path(client, &pathsim.Link{Delay: …}, fwin, &pathsim.Box{…}, fwout, &pathsim.Link{…}, server)
//	s.Connect(…)
//	s.Run()
//	s.Truth()
package pathsim
