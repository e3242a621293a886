package main

// details are the texts of the manual page that the --help of a command leaves out, because that has at most 60 lines.
var details = map[string]string{
	"live": `Captures on a device and reports every TCP connection as it ends, until a signal, --duration,
--count or --until stops it; then the final report follows. SIGUSR1 requests a report while it runs. A
record is written as soon as its connection is closed or refused. --emit final waits until TIME_WAIT
is over.

On a terminal, and without -o, it shows a live view: rates, states, floods and a list of connections
to sort, to filter and to look into; ? lists the keys. The report follows when the view ends.

The kernel runs the filter that -f or the last words give. Without a filter live captures every packet,
and finds TCP in VLANs, tunnels and fragments and behind extension headers; the filter "tcp" would lose
these. By default live captures the first 384 bytes of a packet, enough for all headers; only whole
segments, as with -s 262144, have a checksum that can be checked.

-w writes the captured packets to pcapng files; "tcplife read" makes the same records of them. As with
tcpdump, -C and -G begin a new file at a size or after a time, named by a number or by strftime(3)
conversions; SIGHUP begins one at once; -W keeps only the last files. The last block of a file counts
the dropped packets. Unlike "tcplife read -w", live writes no comments on packets, because what a
packet changed is known only later.

Once the devices are open, live drops the privileges that it no longer needs: it becomes --user if it
was root, drops all capabilities, and gives up access to all files except those it writes. -v reports
what it dropped.

Under overload, failed attempts are counted but not written until the backlog clears; if that
is not enough, the kernel drops packets. The report counts both, and the exit code is 3.

--on chooses connections as they end, and floods and scans as they begin and end. It names the fields
of --where and, for floods and scans, those of their records; the field event is begin or end. For
each event --exec runs a command with the record as JSON on its standard input: without a shell, with
an empty environment, as --user without capabilities, for at most 10 s. One command runs at a time and
64 events wait; further events are dropped and counted. --dump writes the packets of the connection,
or of the last 10 s of a flood or a scan, to a pcapng file in a directory that --user can write. It
keeps the last --dump-files files and, in each, the last --dump-size millions of bytes. The capture
never waits for either.

--suggest nft prints rules against SYN floods instead of the report, as "tcplife read" does: at each new
flood, and at the end. Each script replaces the one before, so the whole output can be loaded.`,

	"read": `Reads capture files and reports every TCP connection in them. "-" is standard input.

It reads pcap and pcapng, plain or compressed by gzip, zstd, lz4, bzip2 or xz; the contents decide, not
the name. Several files, as tcpdump -C and -G or dumpcap -b write them, are one capture in order of
time.

The report goes to standard output: by default tables; -o json writes one document for jq, -o jsonl one
record on each line as connections end, -o csv one row for each connection; -o zeek writes Zeek's
conn.log, -o zeek-json the same in JSON. -o html writes one page for a browser, with charts,
swim-lanes, ladders and a table; it needs no other file and no network. For its ladders the files
are read a second time, so a pipe gives a page without ladders.

-o parquet writes the connections as a Parquet file, for DuckDB and similar programs, to standard
output. --to web.parquet writes them to that file, and listeners, floods, scans, the summary and other
records beside it, such as web.listeners.parquet. --partition DIR writes them by the hour in which they
started, such as DIR/date=2023-11-14/hour=22/part-00000.parquet, beside the files that exist, and the
other records to DIR/_listeners and so on. A file gets its name only when it is complete.

The tables begin with what is wrong, worst first: what, where, how many, since when, and the
command that shows more. --by server, client or finding groups the connections.

--where chooses connections by the fields and columns that "tcplife fields" lists, with
== != < <= > >=, and, or, not, in, contains, startsWith, matches, and any(list, ...):
  start > "2023-11-14 22:13:20"      times; "22:13:20" compares the time of day, UTC
  duration > 1m30s                   durations, without quotes
  client.ip in "10.0.0.0/8"          networks; client == "10.0.0.7" or "10.0.0.7:443"
  "refused" in findings              the codes of the findings
null equals only null; with <, <=, > and >= it is false.
The summary, which ends every report, counts all connections.

--fail-on is for scripts. It takes an expression of the same language over the fields of the summary: if
it holds, standard error says which part holds, with its values, and the exit code is 4. A count that
the summary does not list, such as by_outcome.refused without a refused connection, is 0.

--suggest nft prints nftables rules against the SYN floods instead of the report, as a script for
nft -f. A rule matches what the SYNs of a flood have in common: TTL, window, options, sequence number,
source networks. A comment says how many SYNs of the flood the rule hits, and how many completed
connections to the same target; tcplife prints no rule that hits more than 1% of these. Where the SYNs
do not differ from those of clients, one line says what helps instead. tcplife never applies a rule.

-w writes the packets of the reported connections to a pcapng file, with comments: the connection, the
states that begin at the packet with the rule of RFC 9293, the findings. Wireshark shows these
comments; contrib/wireshark/tcplife.lua makes fields of them. For the comments and for --where the
files are read a second time. A pipe cannot be read twice: its packets get no comments, and -w with
--where is a usage error. --no-comments leaves the comments out. Comments of the input are kept. -w -
writes the packets to standard output instead of the report. If a segment came in IP fragments, all
fragments are written. If the disk is full, the file ends after its last whole packet, the report is
still written, and the exit code is 1.

--headers-only leaves out the payload. --anonymize KEYFILE replaces all IP and MAC addresses, also in
tunnels and ICMP errors; two new addresses share as long a prefix as the old ones (Crypto-PAn). It keeps
the payload, unless --headers-only leaves it out. The key file has 32 random bytes, or 64 hexadecimal
digits; whoever has it can undo the replacement. Both flags drop the comments of the input. The report
for the written capture differs only in addresses; with --headers-only checksums cannot be checked.`,
}
