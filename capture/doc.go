// Package capture reads packets out of capture files, in order of time. It does not look inside them.
//
// A file's bytes come through a buffer of large reads, perhaps from a decompressor that works ahead in a goroutine of
// its own (compress.go). Its first bytes say what it is (file.go). The reader of its format (pcap.go, pcapng.go) gives
// packets that lie in that buffer: nothing is copied or allocated for a packet. A Reader merges files into one capture
// (reader.go).
//
// Files are read as tcpdump and tshark read them, oddities included. Where a file is damaged it ends, Stats says where
// and what was expected there, and everything before is given. No length that a file claims is trusted with memory.
//
// A Writer writes packets, a Ring into one file after the other; Recent keeps the last ones in memory.
//
// All of it is Go: no libpcap, no C. Devices and filter expressions are in package live.
package capture
