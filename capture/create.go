package capture

import (
	"encoding/binary"
	"fmt"
	"os"
)

// A FileWriter is a Writer to a file. If the disk is full, it cuts the file after its last whole packet, so that the
// file stays readable.
type FileWriter struct {
	*Writer
	file *wholeFile
}

// Create creates a capture file, and replaces an existing one.
func Create(path string) (*FileWriter, error) {
	file, err := createWhole(path)
	if err != nil {
		return nil, err
	}
	return &FileWriter{NewWriter(file), file}, nil
}

// Close ends the file. It fails if not all of it could be written.
func (w *FileWriter) Close() error {
	err := w.Flush()
	if closeErr := w.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil && w.file.cut {
		err = fmt.Errorf("%w: the file ends behind its last whole packet", err)
	}
	return err
}

// A wholeFile is a file of whole blocks. If a block cannot be written, the file is cut after the block before.
type wholeFile struct {
	*os.File
	size int64 // of the blocks that are in it
	cut  bool
}

func createWhole(path string) (*wholeFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &wholeFile{File: file}, nil
}

// Write writes blocks.
func (f *wholeFile) Write(blocks []byte) (int, error) {
	n, err := f.File.Write(blocks)
	f.size += wholeBlocks(blocks[:n])
	if err != nil {
		f.cut = f.Truncate(f.size) == nil // not of a device, or a pipe
	}
	return n, err
}

// wholeBlocks is the length of the whole blocks among several, the last of which may be cut.
func wholeBlocks(blocks []byte) (length int64) {
	for len(blocks) >= 8 {
		n := binary.LittleEndian.Uint32(blocks[4:])
		if uint64(n) > uint64(len(blocks)) {
			break
		}
		blocks = blocks[n:]
		length += int64(n)
	}
	return length
}
