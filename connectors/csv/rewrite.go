package csv

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"github.com/syncline-dev/syncline/connectors"
)

// workSuffix marks the files that are in the making.
const workSuffix = ".syncline-new-"

// globQuote makes a pattern that matches just the path.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// backupSuffix names the file as it was before the last change; one generation
// is kept.
const backupSuffix = ".syncline-backup"

// beside gives the name of a hidden file next to ours.
func (o *object) beside(suffix string) string {
	return filepath.Join(filepath.Dir(o.path), "."+o.name()+suffix)
}

// lock keeps all other writers of the file out, in this process and others,
// until unlock. The lock file stays: to remove it would let a third writer in
// beside one that still waits for the removed one.
func (o *object) lock(ctx context.Context) (unlock func(), err error) {
	if o.readOnly {
		return nil, connectors.Errorf(connectors.Permanent, "the system is read_only")
	}
	l := flock.New(o.beside(".syncline-lock"), flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, waitForLock); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	// Under the lock, nobody else has a new file in the making: what is there
	// was left behind by a process that was killed.
	left, _ := filepath.Glob(globQuote(o.beside("")) + workSuffix + "*") // the pattern is well-formed
	for _, path := range left {
		_ = os.Remove(path)
	}
	return func() { _ = l.Close() }, nil
}

// rewrite is one replacement of the file in progress.
type rewrite struct {
	*file
	ctx  context.Context //nolint:containedctx // lives as long as one call
	temp *os.File
	out  *bufio.Writer
	zip  *gzip.Writer
	// changed is set by whatever writes something else than what was there.
	changed bool
	line    []byte
}

// rewriting gives do the open file and a new one to write to, which then takes
// the place of the old one, if do changed anything. Under the lock, just before
// that, it checks the fence, and that the old one is still what was read: other
// programs know nothing of our lock. Whatever fails leaves the old file alone.
func (o *object) rewriting(ctx context.Context, fence connectors.Fence, do func(*rewrite) error) error {
	unlock, err := o.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := newRewrite(ctx, f)
	if err != nil {
		return err
	}
	defer r.discard()
	if err := r.write(f.dialect.head); err != nil {
		return err
	}
	if !f.dialect.headEnded {
		if err := r.write([]byte(f.dialect.newline)); err != nil {
			return err
		}
	}
	if err := do(r); err != nil {
		return err
	}
	if !r.changed {
		return fence.Guard(ctx)
	}
	if err := r.finish(); err != nil {
		return err
	}
	if err := fence.Guard(ctx); err != nil {
		return err
	}
	if err := r.stillThere(); err != nil {
		return err
	}
	return r.replace()
}

func newRewrite(ctx context.Context, f *file) (*rewrite, error) {
	temp, err := os.CreateTemp(filepath.Dir(f.o.path), "."+f.o.name()+workSuffix+"*")
	if err != nil {
		return nil, err
	}
	r := &rewrite{file: f, ctx: ctx, temp: temp}
	var to io.Writer = temp
	if f.o.gzip {
		r.zip = gzip.NewWriter(temp)
		to = r.zip
	}
	r.out = bufio.NewWriterSize(to, bufferSize)
	return r, nil
}

func (r *rewrite) write(p []byte) error {
	_, err := r.out.Write(p)
	return err
}

// keepRow copies the current row as it stands.
func (r *rewrite) keepRow() error {
	if err := r.write(r.parser.row()); err != nil || r.ended() {
		return err
	}
	return r.write([]byte(r.dialect.newline))
}

// finish makes the new file durable, with the old one's permissions.
func (r *rewrite) finish() error {
	if err := r.out.Flush(); err != nil {
		return err
	}
	if r.zip != nil {
		if err := r.zip.Close(); err != nil {
			return err
		}
	}
	keepOwner(r.temp, r.info)
	if err := r.temp.Chmod(r.info.Mode().Perm()); err != nil {
		return err
	}
	if err := r.temp.Sync(); err != nil {
		return err
	}
	return r.temp.Close()
}

// stillThere compares the file at the path with the one that was read.
func (r *rewrite) stillThere() error {
	read, err := r.source.sum()
	if err != nil {
		return err
	}
	now, err := hashFile(r.ctx, r.o.path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && now != read) {
		return &connectors.Error{
			Kind: connectors.Transient, Err: errors.New("another program changed the file while it was being written"),
			Hint: "nothing was written",
		}
	}
	return err
}

// replace puts the new file in the place of the old one, which stays as backup.
// The backup before goes only once there is another: a file that vanishes at
// the last moment is then still there as it was before.
func (r *rewrite) replace() error {
	backup := r.o.beside(workSuffix + "backup")
	if err := os.Link(r.o.path, backup); err != nil {
		// Some file systems have no links.
		if err := copyFile(r.o.path, backup, r.info.Mode().Perm()); err != nil {
			return err
		}
	}
	if err := os.Rename(backup, r.o.path+backupSuffix); err != nil {
		return err
	}
	if err := os.Rename(r.temp.Name(), r.o.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(r.o.path))
}

// discard removes what is left of the new file.
func (r *rewrite) discard() {
	_ = r.temp.Close()
	_ = os.Remove(r.temp.Name()) // it is there no more after a success
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from) //nolint:gosec // the path is the user's word
	if err != nil {
		return err
	}
	defer in.Close()                                                      //nolint:errcheck // only read from
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode) //nolint:gosec // the path is the user's word
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the path is the user's word
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // only synced
	if err := folder.Sync(); err != nil && !strings.Contains(err.Error(), "invalid argument") {
		return err // some network file systems cannot sync a folder
	}
	return nil
}
