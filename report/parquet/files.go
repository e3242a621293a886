package parquet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const extension = ".parquet"

// file is an unfinished file. Until it is complete its name begins with a dot and ends in .tmp, so that nobody reads
// it. A writer that is killed leaves only files with such names behind.
type file struct {
	*os.File
	dir  string
	name string // once it is complete; empty: the name of the next part
	done bool
}

// createPart begins the next part in a directory.
func createPart(dir string) (*file, error) { return create(dir, "") }

// create begins a file in a directory, which is made if it is not there.
func create(dir, name string) (*file, error) {
	if err := os.MkdirAll(dir, 0o777); dir != "" && err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		path := filepath.Join(dir, fmt.Sprintf(".%d-%d%s.tmp", os.Getpid(), n, extension))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			return &file{File: f, dir: dir, name: name}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
}

// complete gives the file its name, once all of it is on the disk. It replaces a file of that name. A part takes the
// first free number instead.
func (f *file) complete() error {
	defer f.discard()
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if f.name != "" {
		return os.Rename(f.Name(), filepath.Join(f.dir, f.name))
	}
	for n := 0; ; n++ {
		path := filepath.Join(f.dir, fmt.Sprintf("part-%05d%s", n, extension))
		err := os.Link(f.Name(), path) // which, unlike a rename, never takes the place of another file
		if err == nil {
			return nil
		}
		if _, missing := os.Lstat(path); errors.Is(missing, fs.ErrNotExist) { // a file system without links
			return os.Rename(f.Name(), path)
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// discard removes the unfinished file.
func (f *file) discard() {
	if f.done {
		return
	}
	f.done = true
	f.Close()
	os.Remove(f.Name())
}
