package capture

import (
	"encoding/binary"
	"fmt"
	"os"
)

// A FileWriter is a Writer to a file. If the disk is full the file is cut behind its last whole packet and stays
// readable.
type FileWriter struct {
	*Writer
	file *wholeFile
}

// Create begins a capture file, in place of what is there.
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

// A wholeFile is a file to which whole blocks are written. If one cannot be, the file is cut behind those before it.
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

// wholeBlocks is how long the blocks are that are whole, of several that may be cut off.
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
