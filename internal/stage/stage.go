package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
)

// ErrMissing says that an object is gone, or is not whole; make it again.
var ErrMissing = errors.New("stage object is missing")

// bufferSize is how much is read or written at once.
const bufferSize = 256 << 10

// Stage is one place where batches wait. It is safe for concurrent use.
type Stage struct {
	bucket *blob.Bucket
	shared bool
	dir    string // of a file stage, to remove empty folders; else ""
}

// Open opens a stage: `file:///absolute/path` (made if it is not there),
// `mem://` (of this Stage alone), or, when package stage/cloud is linked in,
// `s3://bucket`, `gs://bucket` and `azblob://container`, each with the query
// parameters that gocloud.dev documents; `?prefix=folder/` puts it in a folder.
func Open(ctx context.Context, address string) (*Stage, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return nil, errors.New("open stage: its address is not a URL such as file:///var/lib/syncline/stage")
	}
	switch u.Scheme {
	case memblob.Scheme:
		return &Stage{bucket: memblob.OpenBucket(&memblob.Options{NoMD5: true})}, nil
	case fileblob.Scheme:
		return openDir(u)
	}
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open stage %s://%s: %w", u.Scheme, u.Host, err)
	}
	return &Stage{bucket: bucket, shared: true}, nil
}

// openDir opens a stage of files. Unfinished objects lie beside the finished
// ones, so that the closing rename never crosses file systems.
func openDir(u *url.URL) (*Stage, error) {
	if u.Host != "" || !filepath.IsAbs(filepath.FromSlash(u.Path)) {
		return nil, errors.New("open stage: a file stage needs an absolute path: file:///var/lib/syncline/stage")
	}
	dir := filepath.Clean(filepath.FromSlash(u.Path))
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open stage %s: %w", dir, err)
	}
	return &Stage{bucket: bucket, dir: dir}, nil
}

// Shared reports whether workers on other machines see the same objects.
func (s *Stage) Shared() bool { return s.shared }

// Close lets go of the store's connections. Objects stay.
func (s *Stage) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("close stage: %w", err)
	}
	return nil
}

// Remove deletes the object of that name and all objects in the folder of that
// name: `crm/run/1` does not touch `crm/run/10`. What is not there is no error.
func (s *Stage) Remove(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if s.dir != "" {
		if err := os.RemoveAll(filepath.Join(s.dir, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("remove from stage: %w", err)
		}
		s.removeEmptyParents(name)
		return nil
	}
	if err := s.bucket.Delete(ctx, name); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("remove %s from stage: %w", name, err)
	}
	return s.each(ctx, name+"/", func(o *blob.ListObject) error { return s.delete(ctx, o.Key) })
}

// Sweep removes orphans: objects last written longer than olderThan ago that
// keep does not want (nil keeps nothing), remains of killed writers included.
// It returns how many it removed.
func (s *Stage) Sweep(ctx context.Context, olderThan time.Duration, keep func(name string) bool) (int, error) {
	before := time.Now().Add(-olderThan)
	removed := 0
	err := s.each(ctx, "", func(o *blob.ListObject) error {
		if o.ModTime.After(before) || (keep != nil && keep(o.Key)) {
			return nil
		}
		removed++
		return s.delete(ctx, o.Key)
	})
	return removed, err
}

func (s *Stage) each(ctx context.Context, prefix string, visit func(*blob.ListObject) error) error {
	list := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list stage: %w", err)
		}
		if err := visit(object); err != nil {
			return err
		}
	}
}

func (s *Stage) delete(ctx context.Context, name string) error {
	if err := s.bucket.Delete(ctx, name); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("remove %s from stage: %w", name, err)
	}
	if s.dir != "" {
		s.removeEmptyParents(name)
	}
	return nil
}

// removeEmptyParents tidies a file stage. It stops at the first folder that
// still holds something; a writer that wants a folder back makes it again.
func (s *Stage) removeEmptyParents(name string) {
	for dir := filepath.Dir(filepath.FromSlash(name)); dir != "."; dir = filepath.Dir(dir) {
		if os.Remove(filepath.Join(s.dir, dir)) != nil {
			return
		}
	}
}

// checkName refuses names that would leave the stage or that stores spell
// differently. The name is shown: it is the caller's, never a record's.
func checkName(name string) error {
	if name == "." || !fs.ValidPath(name) || strings.Contains(name, "..") || strings.ContainsFunc(name, isOdd) {
		return fmt.Errorf("%q is no name for a stage object", name)
	}
	return nil
}

func isOdd(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }
