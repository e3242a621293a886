package parquet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"github.com/tcplife/tcplife/analyzer/record"
)

// The limits of a partition.
const (
	maxPartRows  = 4 << 20 // of a part, because the footer of a file grows with its row groups
	maxOpenParts = 4       // parts that are written at once: of the hours with the latest additions
)

// parts writes connections to files by the hour.
type parts struct {
	dir  string
	open []*part // in the order of their latest additions
}

type part struct {
	*table
	file *file
	hour int64 // since 1970; noHour: the connections have no time
	rows int
}

const noHour = int64(record.NoTime)

func newParts(dir string) (*parts, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return &parts{dir: dir}, nil
}

// hourOf returns the hour of a moment.
func hourOf(t record.Time) int64 {
	if t == record.NoTime {
		return noHour
	}
	hour := int64(t) / int64(time.Hour)
	if int64(t)%int64(time.Hour) < 0 { // before 1970
		hour--
	}
	return hour
}

// hourDir returns the directory of an hour in the style of Hive, whose readers make the columns date and hour of it.
func hourDir(hour int64) string {
	date, of := "__HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__" // null
	if hour != noHour {
		t := time.Unix(hour*3600, 0).UTC()
		date, of = t.Format(time.DateOnly), t.Format("15")
	}
	return filepath.Join("date="+date, "hour="+of)
}

// add adds a connection to the part of its hour.
func (p *parts) add(c *record.Connection) error {
	at, err := p.of(hourOf(c.Start))
	if err != nil {
		return err
	}
	if err := at.add(unsafe.Pointer(c)); err != nil {
		return at.failed(err)
	}
	if at.rows++; at.rows == maxPartRows {
		p.open = p.open[:len(p.open)-1]
		return at.close()
	}
	return nil
}

// of returns the part of an hour, and moves it to the end. If too many are open, it closes the first.
func (p *parts) of(hour int64) (*part, error) {
	last := len(p.open) - 1
	if last >= 0 && p.open[last].hour == hour {
		return p.open[last], nil
	}
	if i := slices.IndexFunc(p.open, func(o *part) bool { return o.hour == hour }); i >= 0 {
		o := p.open[i]
		p.open = append(slices.Delete(p.open, i, i+1), o)
		return o, nil
	}
	if len(p.open) == maxOpenParts {
		first := p.open[0]
		p.open = slices.Delete(p.open, 0, 1)
		if err := first.close(); err != nil {
			return nil, err
		}
	}
	f, err := createPart(filepath.Join(p.dir, hourDir(hour)))
	if err != nil {
		return nil, err
	}
	o := &part{table: newTable(f, connections()), file: f, hour: hour}
	p.open = append(p.open, o)
	return o, nil
}

// close completes all parts.
func (p *parts) close() error {
	var errs []error
	for _, o := range p.open {
		errs = append(errs, o.close())
	}
	p.open = p.open[:0]
	return errors.Join(errs...)
}

func (p *parts) discard() {
	for _, o := range p.open {
		o.file.discard()
	}
	p.open = p.open[:0]
}

func (o *part) close() error {
	err := o.table.close()
	if err == nil {
		err = o.file.complete()
	}
	if err != nil {
		return o.failed(err)
	}
	return nil
}

// failed discards a part that could not be written.
func (o *part) failed(err error) error {
	o.file.discard()
	return fmt.Errorf("part of %s: %w", hourDir(o.hour), err)
}
