package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"

	"github.com/tcplife/tcplife"
	"github.com/tcplife/tcplife/analyzer/record"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/flows"
	"github.com/tcplife/tcplife/internal/cryptopan"
	"github.com/tcplife/tcplife/report/comment"
)

// An extract is the capture that -w writes.
type extract struct {
	writer  *capture.Writer
	close   func() error
	ordered ordered
	// ends has the connections that --where chose: from the number of the first packet to the time of the last.
	ends map[uint64]record.Time

	notes     *comment.Notes // to be written as comments; nil for none
	rewriter  *flows.Rewriter
	rewritten capture.Packet
	removed   uint64 // comments of the input that are not written
}

// newExtract creates the capture that the flags describe.
func (f *readFlags) newExtract(stdout io.Writer) (*extract, error) {
	var rewriter *flows.Rewriter
	if f.headersOnly || f.anonymize != "" {
		rewriter = flows.NewRewriter()
		rewriter.HeadersOnly = f.headersOnly
	}
	var notes *comment.Notes
	if f.commented() {
		notes = &comment.Notes{Bare: rewriter != nil}
	}
	if f.anonymize != "" {
		addresses, err := readKey(f.anonymize)
		if err != nil {
			return nil, err
		}
		rewriter.Addresses = addresses
		if notes != nil {
			notes.Community = func(c *record.Connection) flows.CommunityID {
				client, server := addresses.Addr(c.Client.IP), addresses.Addr(c.Server.IP)
				return flows.NewCommunityID(
					netip.AddrPortFrom(client, c.Client.Port),
					netip.AddrPortFrom(server, c.Server.Port),
				)
			}
		}
	}
	x, err := createExtract(f.writeTo, stdout)
	if err != nil {
		return nil, err
	}
	x.rewriter, x.notes = rewriter, notes
	return x, nil
}

// createExtract creates a capture.
func createExtract(path string, stdout io.Writer) (*extract, error) {
	x := &extract{ends: map[uint64]record.Time{}}
	x.ordered = ordered{write: x.write, waiting: map[uint64]*queued{}}
	if path == "-" {
		x.writer = capture.NewWriter(stdout)
		x.close = x.writer.Flush
		return x, nil
	}
	file, err := capture.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write packets: %w", err)
	}
	x.writer, x.close = file.Writer, file.Close
	return x, nil
}

// readKey reads the key of --anonymize.
func readKey(path string) (*cryptopan.Addresses, error) {
	const longest = 1024 // no key file is longer
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key of --anonymize: %w; make one with: head -c %d /dev/urandom > %s", err,
			cryptopan.KeySize, path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of --anonymize: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, longest))
	if err != nil {
		return nil, fmt.Errorf("read the key of --anonymize: %w", err)
	}
	key, err := cryptopan.ParseKey(b)
	if err != nil {
		return nil, fmt.Errorf("read the key of --anonymize %s: %w, not %d bytes", path, err, len(b))
	}
	return cryptopan.New(key), nil
}

// commented reports whether -w writes comments on packets. What a packet changed is known only at the end, so comments
// need files, which can be read again.
func (f *readFlags) commented() bool { return f.writeTo != "" && !f.noComments && !f.waits() }

// readsTwice reports whether the files are read a second time for -w.
func (r *reading) readsTwice() bool {
	return r.flags.writeTo != "" && (r.where != nil || r.flags.commented())
}

// add records a connection that is reported.
func (x *extract) add(c *record.Connection, chosen bool) {
	if chosen {
		x.ends[c.ID] = c.End
	}
	if x.notes != nil {
		x.notes.Add(c)
	}
}

// A choice reports whether a packet belongs to a reported connection.
type choice func(*capture.Packet, []flows.Segment) bool

// all chooses every packet that holds a segment.
func (x *extract) all(_ *capture.Packet, segments []flows.Segment) bool { return len(segments) > 0 }

// chosen chooses the packets of the connections in ends, which are those of the same 4-tuple from the first packet to
// the time of the last.
func (x *extract) chosen() choice {
	until := map[flows.Key]record.Time{}
	return func(packet *capture.Packet, segments []flows.Segment) bool {
		wanted := false
		for i := range segments {
			s := &segments[i]
			end, known := until[s.Key]
			if next, begins := x.ends[packet.Number]; begins && s.Quote == nil && (!known || next > end) {
				until[s.Key] = next
				end, known = next, true
			}
			// An ICMP error about a connection can be later than its own last packet.
			wanted = wanted || known && (s.Time <= int64(end) || s.Quote != nil)
		}
		return wanted
	}
}

// packet handles a packet, chosen or not, and the fragments of its datagram.
func (x *extract) packet(from *tcplife.Reading, p *capture.Packet, chosen bool) error {
	waits, joined := from.Fragments()
	if err := x.ordered.add(p, chosen, waits, joined); err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// write writes a packet, rewritten if the flags ask for it, with the input's comments and tcplife's.
func (x *extract) write(p *capture.Packet) error {
	var comments []string
	for c := range p.Comments() {
		switch {
		case comment.Ours(c): // from an earlier run
		case x.rewriter != nil: // its contents are unknown
			x.removed++
		default:
			comments = append(comments, string(c))
		}
	}
	if x.notes != nil {
		comments = append(comments, x.notes.At(p.Number)...)
	}
	if x.rewriter != nil {
		x.rewritten = *p
		p = &x.rewritten
		x.rewriter.Rewrite(p)
	}
	return x.writer.Write(p, comments...)
}

// Close ends the file. A file without a packet is a capture too.
func (x *extract) Close() error {
	err := x.ordered.end()
	if closeErr := x.close(); err == nil || closeErr != nil {
		err = closeErr // the more useful error
	}
	if err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// sameFile returns the first of paths that is the file at path, also under another name.
func sameFile(path string, paths []string) (string, bool) {
	out, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	for _, p := range paths {
		if in, err := os.Stat(p); err == nil && os.SameFile(in, out) {
			return p, true
		}
	}
	return "", false
}
