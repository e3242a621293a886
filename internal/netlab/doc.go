// Package netlab connects the TCP of two Linux hosts by a wire that a test controls. It is for tests and for making
// captures. It needs Linux, root and the ip command.
//
// Each host is a network namespace of its own with a single interface, a TAP device. A frame that one host sends is
// read from its device, captured, and written to the other device. So the wire has exactly the delay that the test asks
// for and loses exactly the frames that the test wants lost. It captures every frame once, by one clock, with complete
// checksums and without offloads. It needs neither tcpdump nor a queueing discipline. Namespaces without a name and
// devices without a file vanish with the process, even if it is killed.
//
// Host.Do runs a function on a thread inside the namespace. A socket that it makes stays in the namespace, and any
// thread can use it. Watch records the states that the kernel had each socket in.
package netlab
