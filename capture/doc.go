// Package capture reads packets from capture files, in order of time. It does not decode them.
//
// A file is read through a buffer with large reads, if need be from a decompressor that works ahead in its own
// goroutine (compress.go). Its first bytes show its format (file.go). The reader of the format (pcap.go, pcapng.go)
// returns packets inside that buffer: nothing is copied or allocated for a packet. A Reader merges files into one
// capture (reader.go).
//
// Files are read as tcpdump and tshark read them, oddities included. A damaged file ends at the damage; Stats says
// where that is and what was expected there. Everything before it is returned. No memory is allocated for a length that
// a file only claims.
//
// A Writer writes packets, a Ring writes one file after the other; Recent keeps the last packets in memory.
//
// All of it is Go: no libpcap, no C. Devices and filter expressions are in package live.
package capture
