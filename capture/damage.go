package capture

import (
	"fmt"
	"io"
	"strconv"
)

// Damage is where a file stops being readable, or a file that cannot be read at all. The packets before it were
// returned.
type Damage struct {
	File     string // the path as it was given to Open
	Offset   int64  // byte offset of the damage; in a compressed file, in its decompressed bytes
	Expected string // what was expected there, and what was found
	Unread   bool   // nothing of the file was read: Expected says why
}

// Error describes the damage in one line.
func (d Damage) Error() string {
	if d.Unread {
		return fmt.Sprintf("%s: not read: %s", d.File, d.Expected)
	}
	return fmt.Sprintf("%s: damaged at byte %d: expected %s", d.File, d.Offset, d.Expected)
}

func damaged(offset int64, format string, args ...any) error {
	return &Damage{Offset: offset, Expected: fmt.Sprintf(format, args...)}
}

// cut returns the error of a file that ends too early: what was expected at offset, and how much of it is there.
func (b *buffer) cut(offset int64, want string) error {
	there := b.base + int64(b.end) - offset
	if b.err == io.EOF {
		return damaged(offset, "%s, the file ends after %s of it", want, counted(there))
	}
	return damaged(offset, "%s, reading it failed after %s: %v", want, counted(there), b.err)
}

// counted writes a number of bytes: 1 byte, 2 bytes.
func counted(bytes int64) string {
	if bytes == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(bytes, 10) + " bytes"
}

// ended returns the error of a file that ends between two packets: io.EOF unless reading failed.
func (b *buffer) ended() error {
	if b.err == io.EOF {
		return io.EOF
	}
	return damaged(b.offset(), "more packets or the end of the file: %v", b.err)
}
