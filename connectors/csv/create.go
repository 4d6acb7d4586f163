package csv

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Create makes the file with a header and no rows. A file that is there is left
// alone; an empty one is an error, because it may have been cut off.
func (o *object) Create(ctx context.Context, schema *record.Schema, _ []string) error {
	return doing("make csv "+o.name(), o.create(ctx, schema))
}

func (o *object) create(ctx context.Context, schema *record.Schema) error {
	if len(schema.Fields) == 0 {
		return connectors.Errorf(connectors.Permanent, "a file needs at least one column")
	}
	unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := o.open(ctx)
	if err == nil {
		f.Close()
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d := dialect{comma: o.comma, newline: "\n", names: schema.Names()}
	if d.comma == 0 {
		d.comma = ','
	}
	var header []byte
	for i, name := range d.names {
		if i > 0 {
			header = append(header, d.comma)
		}
		header = d.appendCell(header, name, false, false, o.nulls)
	}
	header = append(header, '\n')
	if o.gzip {
		var zipped bytes.Buffer
		zw := gzip.NewWriter(&zipped)
		if _, err := zw.Write(header); err != nil {
			return err
		}
		if err := zw.Close(); err != nil {
			return err
		}
		header = zipped.Bytes()
	}
	temp, err := os.CreateTemp(filepath.Dir(o.path), "."+o.name()+workSuffix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // it is there no more after a success
	_, err = temp.Write(header)
	if err := errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	// A link fails where a rename would replace a file that came meanwhile.
	if err := os.Link(temp.Name(), o.path); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(temp.Name(), o.path); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Dir(o.path))
}
