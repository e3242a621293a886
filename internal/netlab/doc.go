// Package netlab lets two Linux kernels' worth of TCP talk over a wire that a test holds in its hands. It is for tests
// and for making captures; it needs Linux, root and the ip command.
//
// Each of the two hosts is a network namespace of its own with a single interface, a TAP device. What one host sends
// comes out of its device as a frame, is captured, and goes into the other one's. So the wire has the delay that was
// asked for, loses exactly the frames that the test wants lost, captures every frame once, at one clock, with whole
// checksums and no offloads, and it needs neither tcpdump nor a queueing discipline. Namespaces without a name and
// devices without a file vanish with the process, even with one that was killed.
//
// Sockets are made by Host.Do, which runs a function on a thread inside the namespace; a socket stays in the namespace
// it was made in and can be used from anywhere. Watch records which state the kernel had each of them in.
package netlab
