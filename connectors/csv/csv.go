// Package csv connects CSV files: read strictly, so that a half-written file is
// never taken for deleted rows, and written by atomic replacement that leaves
// alone what it does not change.
package csv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Connector speaks to CSV files in UTF-8, with a header, gzipped when the name
// ends in .gz. Its options are
//
//	path          the file, absolute
//	delimiter     , ; tab |, or another character; found out from the header
//	read_only     true: the file is never written
//
// and of the formats null: the text that stands for NULL, "" by default. The
// other formats are for whoever makes typed values of the cells, which are all
// text here.
//
// Key names the columns that identify a row. A file without a key can only be
// read: its rows are named by the hash of their content (the column `_row`), so
// that an edited row is another row, and equal rows cannot be told apart.
//
// Beside a file that was written stand its lock, hidden, and, as
// `<name>.syncline-backup`, the file as it was before.
type Connector struct{}

// Name is "csv".
func (Connector) Name() string { return "csv" }

// Open succeeds on a file that is not there, because Create can make it; but
// not if its folder is missing too, which is nearly always a wrong path.
func (Connector) Open(ctx context.Context, config connectors.Config) (connectors.Object, error) {
	o, err := newObject(config)
	if err != nil {
		return nil, &connectors.Error{Kind: connectors.Permanent, Doing: "open csv " + config.System, Err: err}
	}
	what := "open csv " + o.name()
	info, err := os.Stat(filepath.Dir(o.path))
	if err != nil {
		return nil, doing(what, err)
	}
	if !info.IsDir() {
		return nil, connectors.Wrap(connectors.NotFound, what, fmt.Errorf("%s is no folder", filepath.Dir(o.path)))
	}
	if _, err := o.Describe(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

// object is one file. It holds nothing open between calls.
type object struct {
	config   connectors.Config
	path     string
	gzip     bool
	comma    byte // 0: as the header says
	readOnly bool
	nulls    nulls
	formats  record.Formats
}

func newObject(config connectors.Config) (*object, error) {
	o := &object{config: config}
	var err error
	if o.formats, err = record.NewFormats(config.Formats); err != nil {
		return nil, err
	}
	o.nulls.text = o.formats.Null
	for _, name := range slices.Sorted(maps.Keys(config.Options)) {
		value := config.Options[name]
		switch name {
		case "path":
			o.path, err = resolve(value)
		case "delimiter":
			o.comma, err = parseComma(value)
		case "read_only":
			o.readOnly, err = strconv.ParseBool(value)
		default:
			return nil, connectors.UnknownOption(name, "path", "delimiter", "read_only")
		}
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", name, err)
		}
	}
	if o.path == "" {
		return nil, errors.New("no path: say which file")
	}
	if config.Object != "" {
		return nil, errors.New("a csv system has no object:, its path is the file")
	}
	o.gzip = strings.HasSuffix(strings.ToLower(o.path), ".gz")
	return o, nil
}

// resolve follows links, so that one file has one identity and a link is not
// replaced by a file.
func resolve(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target, nil
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path)), nil
	}
	return path, nil
}

func (o *object) name() string { return filepath.Base(o.path) }

func (o *object) identity() string { return "csv:" + o.path }

// Close has nothing to let go of.
func (o *object) Close() {}

// doing says what was being done; errors of the file system get their kinds.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	var known *connectors.Error
	switch {
	case errors.As(err, &known):
		return connectors.Wrap(known.Kind, what, err)
	case errors.Is(err, fs.ErrNotExist):
		return &connectors.Error{Kind: connectors.NotFound, Doing: what, Hint: "check path:", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return &connectors.Error{Kind: connectors.Unauthorized, Doing: what, Err: err}
	case connectors.IsFull(err):
		return &connectors.Error{Kind: connectors.NoSpace, Doing: what, Hint: "the file is as it was; " + connectors.FreeSpace, Err: err}
	default:
		return &connectors.Error{Kind: connectors.Transient, Doing: what, Err: err}
	}
}

// Describe reads the header. Of a file that is not there, the schema is empty.
func (o *object) Describe(ctx context.Context) (connectors.Description, error) {
	d := connectors.Description{
		Schema: record.NewSchema(), Key: o.config.Key, Identity: o.identity(), Rows: -1,
		Can: connectors.Capabilities{
			Modes: []connectors.Mode{connectors.ModeSnapshot}, Transactions: true, KeysReusable: true,
			ReadOnlyBecause: o.readOnlyBecause(), BatchRows: 1_000_000,
		},
	}
	d.Can.Writable = d.Can.ReadOnlyBecause == ""
	d.Can.Upsert = d.Can.Writable
	what := "describe csv " + o.name()
	f, err := o.open(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		d.Rows = 0
		return d, ctx.Err()
	}
	if err != nil {
		return d, doing(what, err)
	}
	defer f.Close()
	d.Rows = f.estimate()
	d.Schema = f.dialect.schema(o.config.Key)
	if len(d.Key) == 0 {
		d.Key = []string{rowColumn}
	}
	if _, err := f.columns(d.Key); err != nil {
		return d, doing(what, err)
	}
	return d, nil
}

// readOnlyBecause says why the file cannot be written; "" if it can.
func (o *object) readOnlyBecause() string {
	switch {
	case o.readOnly:
		return "the definition says read_only"
	case len(o.config.Key) == 0:
		return "its rows have no key (name the columns with key:)"
	default:
		return denied(o.path)
	}
}

// file is the file opened for one read from its beginning.
type file struct {
	*parser
	o       *object
	handle  *os.File
	info    fs.FileInfo
	dialect *dialect
	source  *source
	row     int64 // rows read so far
}

// open opens the file and reads its header.
func (o *object) open(ctx context.Context) (*file, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	handle, err := os.Open(o.path)
	if err != nil {
		return nil, err
	}
	f := &file{o: o, handle: handle}
	if f.info, err = handle.Stat(); err == nil && !f.info.Mode().IsRegular() {
		err = connectors.Errorf(connectors.Permanent, "%s is no regular file", o.path)
	}
	if err == nil {
		f.source, err = newSource(handle, o.gzip)
	}
	if err == nil {
		f.parser = newParser(ctx, f.source, ',')
		f.dialect, err = readDialect(f.parser, o.comma)
	}
	if err != nil {
		_ = handle.Close() // only read from
		return nil, err
	}
	return f, nil
}

// Close closes the file, which was only read from.
func (f *file) Close() { _ = f.handle.Close() }

// rows calls row for each row of the file. A row with another number of cells
// than the header is a sign of a damaged file.
func (f *file) rows(row func() error) error {
	for {
		more, err := f.next()
		if err != nil || !more {
			return err
		}
		if len(f.cells) != len(f.dialect.names) {
			return f.short()
		}
		f.row++
		if err := row(); err != nil {
			return err
		}
	}
}

func (f *file) short() error {
	f.line = f.rowLine - 1
	return f.broken("%d cells where the header has %d", len(f.cells), len(f.dialect.names))
}

// unchanged makes sure that the file is still the one that was opened, and of
// the same size and time.
func (f *file) unchanged() error {
	now, err := f.handle.Stat()
	if err != nil {
		return err
	}
	if now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) {
		return changedMeanwhile(f.o.path)
	}
	return nil
}

func changedMeanwhile(path string) error {
	return &connectors.Error{
		Kind: connectors.Incomplete, Err: fmt.Errorf("%s changed while it was read", path),
		Hint: "it is read again with the next run",
	}
}

// estimate guesses the rows from the first ones.
func (f *file) estimate() int64 {
	const sample = 100
	bytes := int64(0)
	rows := int64(0)
	for rows < sample {
		more, err := f.next()
		if err != nil {
			return -1 // a damaged row is for Detect to tell
		}
		if !more {
			return rows
		}
		bytes += int64(len(f.parser.row()))
		rows++
	}
	if f.o.gzip {
		return -1
	}
	return (f.info.Size() - int64(len(f.dialect.head))) * rows / bytes
}

// columns gives the places of named columns in the file; one that is not there
// is an error of kind SchemaChanged. The row column has the place behind all.
func (f *file) columns(names []string) ([]int, error) {
	schema := f.dialect.schema(f.o.config.Key)
	if names == nil {
		names = schema.Names()
	}
	at := make([]int, len(names))
	for i, name := range names {
		if at[i] = schema.Index(name); at[i] < 0 {
			return nil, &connectors.Error{
				Kind: connectors.SchemaChanged, Err: fmt.Errorf("the header of %s has no column %q", f.o.name(), name),
				Hint: "it has " + strings.Join(f.dialect.names, ", "),
			}
		}
	}
	return at, nil
}

// waitForLock is how often a lock that another process holds is tried again.
const waitForLock = 20 * time.Millisecond
