package parquet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const extension = ".parquet"

// file is a file that is being written. Until it is complete, its name begins with a dot and ends in .tmp, so that no
// reader finds it. A killed writer leaves only files with such names.
type file struct {
	*os.File
	dir  string
	name string // once it is complete; empty: the name of the next part
	done bool
}

// createPart begins the next part in a directory.
func createPart(dir string) (*file, error) { return create(dir, "") }

// create begins a file in a directory, which it makes if necessary.
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

// complete syncs the file to the disk and gives it its name, replacing an existing file. A part takes the first free
// number instead.
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
		err := os.Link(f.Name(), path) // unlike a rename, this never replaces another file
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
