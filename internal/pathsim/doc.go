// Package pathsim plays TCP connections over a path of links and middleboxes that lose, hold, duplicate, translate,
// renumber, answer and forge segments. Captures are made at several points of the path. The simulation records what
// happened to every segment. It is for tests.
//
// Its endpoints are simple: they retransmit, acknowledge and close like TCP, but have no congestion control. Tests do
// not check what endpoints do, but what happens to their segments on the way.
//
//	s := pathsim.New(1)
//	client, fwin, fwout, server := s.Point("client"), …
//	s.Path(client, &pathsim.Link{Delay: …}, fwin, &pathsim.Box{…}, fwout, &pathsim.Link{…}, server)
//	s.Connect(…)
//	s.Run()
//	s.Truth()
package pathsim
