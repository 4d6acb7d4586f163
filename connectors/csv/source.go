package csv

import (
	"bufio"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/connectors"
)

// source reads a file, decompressed where needed, and hashes its own bytes.
type source struct {
	io.Reader
	raw  io.Reader
	hash *xxh3.Hasher
}

func newSource(f *os.File, zipped bool) (*source, error) {
	s := &source{hash: xxh3.New()}
	s.raw = io.TeeReader(f, s.hash)
	s.Reader = s.raw
	if !zipped {
		return s, nil
	}
	zr, err := gzip.NewReader(bufio.NewReaderSize(s.raw, bufferSize))
	if err != nil {
		return nil, gzipError(err)
	}
	s.Reader = decompressed{zr}
	return s, nil
}

// sum gives the hash of the whole file: what the decompressor left unread
// belongs to it.
func (s *source) sum() (string, error) {
	if _, err := io.Copy(io.Discard, s.raw); err != nil {
		return "", err
	}
	h := s.hash.Sum128().Bytes()
	return hex.EncodeToString(h[:]), nil
}

// decompressed makes a truncated or damaged archive an incomplete file.
type decompressed struct{ r io.Reader }

// Read reads on.
func (d decompressed) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = gzipError(err)
	}
	return n, err
}

func gzipError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return &connectors.Error{
			Kind: connectors.Incomplete, Err: errors.New("the gzip file is truncated or damaged"),
			Hint: "nothing was concluded from it",
		}
	}
	return err
}
