package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/s3" // s3://bucket/key
	"github.com/tcplife/tcplife/capture"
)

// List returns the files that a glob names, in the order of their names, on this machine or in an object store
// (s3://bucket/captures/*.pcap).
func List(ctx context.Context, glob string) ([]string, error) {
	if !strings.Contains(glob, "://") {
		return filepath.Glob(glob)
	}
	store, err := filesystem.New(ctx, glob)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	return store.List(ctx, glob)
}

// reader reads captures, also those of object stores.
type reader struct {
	*capture.Reader
	objects  []*object
	unopened error // the object that could not be opened
}

// unreadError is the reason why a file cannot be read, on any machine. The pipeline reads the others.
type unreadError struct{ error }

func (c *Config) open(ctx context.Context, paths ...string) (*reader, error) {
	r := &reader{}
	remote := func(path string) (fs.File, error) {
		o, err := openObject(ctx, path)
		if err != nil {
			r.unopened = fmt.Errorf("open %s: %w", path, err)
			return nil, err
		}
		r.objects = append(r.objects, o)
		return o, nil
	}
	var err error
	r.Reader, err = capture.Open(paths, capture.Options{MaxUnpacked: c.MaxUnpacked, Remote: remote})
	if failed := r.failed(); failed != nil {
		if err == nil {
			r.Close()
		}
		return nil, failed
	}
	if err != nil {
		return nil, &unreadError{errors.Unwrap(err)}
	}
	return r, nil
}

// failed returns the error that kept an object from being read to its end. Package capture reports it as damage, but
// the object may be sound, so the step must fail.
func (r *reader) failed() error {
	if r.unopened != nil {
		return r.unopened
	}
	for _, o := range r.objects {
		if o.err != nil {
			return fmt.Errorf("read %s: %w", o.path, o.err)
		}
	}
	return nil
}

// An object is a file of an object store, read from its beginning. If the connection breaks, a new one continues from
// there.
type object struct {
	ctx   context.Context
	path  string
	store filesystem.Interface
	size  int64
	body  io.ReadCloser
	at    int64
	tries int // left
	err   error
}

// objectTries is how many times the connection to the store may break while an object is read.
const objectTries = 5

func openObject(ctx context.Context, path string) (*object, error) {
	store, err := filesystem.New(ctx, path)
	if err != nil {
		return nil, err
	}
	o := &object{ctx: ctx, path: path, store: store, tries: objectTries}
	if o.size, err = store.Size(ctx, path); err == nil {
		o.body, err = store.OpenRead(ctx, path)
	}
	if err != nil {
		store.Close()
		return nil, err
	}
	return o, nil
}

func (o *object) Read(p []byte) (int, error) {
	for {
		n, err := o.body.Read(p)
		o.at += int64(n)
		if err == io.EOF && o.at < o.size {
			err = io.ErrUnexpectedEOF
		}
		if n > 0 || err == nil || err == io.EOF {
			if err != io.EOF {
				err = nil // if it is one, it comes again
			}
			return n, err
		}
		if err := o.again(err); err != nil {
			o.err = err
			return 0, err
		}
	}
}

// again opens the object once more at the offset where reading failed.
func (o *object) again(failed error) error {
	o.tries--
	if o.tries < 0 || o.ctx.Err() != nil {
		return failed
	}
	o.body.Close()
	body, err := o.store.OpenRead(o.ctx, o.path)
	if err != nil {
		return err
	}
	o.body = body
	if _, err := io.CopyN(io.Discard, body, o.at); err != nil {
		return o.again(err)
	}
	return nil
}

func (o *object) Close() error {
	o.store.Close()
	return o.body.Close()
}

// Stat returns the object's length. Nothing else is known about it, except that it is a regular file.
func (o *object) Stat() (fs.FileInfo, error) { return objectInfo{o}, nil }

type objectInfo struct{ o *object }

func (i objectInfo) Name() string       { return i.o.path }
func (i objectInfo) Size() int64        { return i.o.size }
func (i objectInfo) Mode() fs.FileMode  { return 0 }
func (i objectInfo) ModTime() time.Time { return time.Time{} }
func (i objectInfo) IsDir() bool        { return false }
func (i objectInfo) Sys() any           { return nil }
