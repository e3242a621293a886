package main

// details are what the manual page says of a command beyond its --help, which is to fit on a screen.
var details = map[string]string{
	"live": `Captures on a device and reports every TCP connection as it ends, until a signal, --duration,
--count or --until ends it; then the final report follows. SIGUSR1 asks for a report in
between. A record is written as soon as its connection is closed or refused. --emit final waits until
TIME_WAIT is over.

On a terminal, and unless -o asks for a format, it shows a view that moves: rates, states, floods
and a list of connections to sort, to filter and to look into; ? in it tells the keys. The
report follows when it ends.

The filter, with -f or as the last words, is run by the kernel. Without one it takes every
packet, and looks for TCP in VLANs, tunnels, fragments and behind extension headers; "tcp"
would lose all of these. Of each packet it takes what has room for all headers; a segment's
checksum can be checked only if all of it is there, with -s 262144.

-w keeps the packets, as much of each as is captured, in pcapng files that "tcplife read"
turns into the same records. As with tcpdump, -C and -G begin a new file from time to time,
with a number or by strftime(3) conversions in the name, and SIGHUP does so at once; -W keeps
only so many. The last block of a file says what was dropped. The packets have no comments as
"tcplife read -w" writes them: what happened at a packet is known only later.

Once the devices are open, live drops what it does not need any more: root, for --user; all
capabilities; access to files except those it writes. -v says so.

Under overload, failed attempts are counted but not written until the backlog clears; if that
is not enough, the kernel drops packets. The report counts both, and the exit code is 3.

--on chooses records of connections as they end, and of floods and scans as they begin and end.
Fields are those of --where and, for floods and scans, those of their records; event is begin or
end. For each, --exec runs a command with the record as JSON on its standard input: without a
shell, with an empty environment, as the user of --user without capabilities, for 10 s at most.
One runs at a time and 64 events wait; more are dropped and counted. --dump writes the packets of
the connection, or of the last 10 s of a flood or a scan, to a pcapng file in a directory that
--user can write: at most --dump-files files, of which the oldest is removed, of --dump-size
millions of bytes each, of which the latest packets are kept. The capture never waits.

--suggest nft prints rules against SYN floods in place of the report, as "tcplife read" does: when a
flood is told, and at the end. Each script takes the place of the one before, so the whole
output can be loaded.`,

	"read": `Reads capture files and reports every TCP connection in them. "-" is the standard input.

pcap and pcapng are read, also compressed by gzip, zstd, lz4, bzip2 or xz; the contents
decide, not the name. Several files are one capture in the order of time, as tcpdump -C
and -G or dumpcap -b leave them behind.

The report goes to standard output: by default tables; -o json is one document for jq,
-o jsonl a record a line as connections end, -o csv a row a connection; -o zeek is Zeek's
conn.log, and -o zeek-json that in JSON. -o html is one page for a browser, with charts,
swim-lanes, ladders and a table; it needs no other file and no network. The files are read a
second time for its ladders, so a pipe gives a page without.

-o parquet writes the connections as a Parquet file, for DuckDB and its like, to standard
output; --to web.parquet to that file, and listeners, floods, scans, the summary and so on
beside it, as web.listeners.parquet. --partition DIR writes them by the hour in which they
started, as DIR/date=2023-11-14/hour=22/part-00000.parquet, beside what is there already, and
the others to DIR/_listeners and so on. A file has its name only once it is complete.

The tables begin with what is wrong, worst first: what, where, how many, since when, and the
command that shows more. --by server, client or finding groups the connections.

--where chooses connections by the fields and columns that "tcplife fields" lists, with
== != < <= > >=, and, or, not, in, contains, startsWith, matches, and any(list, ...):
  start > "2023-11-14 22:13:20"      times; "22:13:20" compares the time of day, UTC
  duration > 1m30s                   durations, without quotes
  client.ip in "10.0.0.0/8"          networks; client == "10.0.0.7" or "10.0.0.7:443"
  "refused" in findings              the codes of the findings
null equals only null, and does not compare otherwise.
The summary, which ends every report, counts all connections.

--fail-on asks about the fields of the summary in the same language, for scripts: if the
expression holds, standard error says which part of it does, with its values, and the exit
code is 4. What the summary does not list, as by_outcome.refused in a capture without, is 0.

--suggest nft prints rules of nftables against the SYN floods in place of the report, as a script
for nft -f. They match what the SYNs of a flood have in common: TTL, window, options, sequence
number, source networks. A comment says how many SYNs of the flood each rule hits, and how many
completed connections to the same target; a rule that hits more than 1 % of these is not
printed. Where nothing tells the SYNs from those of clients, one line says what helps instead.
tcplife never applies a rule.

-w writes the packets of the reported connections as a capture (pcapng), and comments on them:
the connection, the states that begin there with the rule of RFC 9293, the findings. Wireshark
shows these comments; contrib/wireshark/tcplife.lua makes fields of them. The files are read a
second time for the comments, and for --where. A pipe cannot be read twice: its packets get no
comments, and --where is refused. --no-comments leaves the comments out. Comments of the input
stay. With -w - the capture goes to standard output instead of the report. Of a segment that
came in IP fragments all are written. If the disk is full the file ends behind its last whole
packet, the report is made all the same, and the exit code is 1.

--headers-only leaves out the payload. --anonymize KEYFILE replaces all IP and MAC addresses, in
tunnels and ICMP errors too, so that two of them share as long a prefix as before (Crypto-PAn);
the payload stays, without --headers-only. The key file has 32 random bytes, or 64 hexadecimal
digits. Who has it can undo the replacement. Neither keeps the input's comments. The report for
the written capture is the same but for addresses; with --headers-only nobody can check the
checksums any more.`,
}
