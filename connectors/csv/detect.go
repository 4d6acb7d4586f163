package csv

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

const (
	// wholeBytes is up to what size a file is read as one partition, as it is
	// when it is read. Larger ones are cut, and each part must then still be
	// what Detect saw.
	wholeBytes = 16 << 20
	// defaultPartition is how many rows a part has when nobody says.
	defaultPartition = 100_000
	// listedDoubles is how many double keys a partition names; beyond that,
	// each reader looks for them again.
	listedDoubles = 100
)

// position is the value of a position: what the file was.
type position struct {
	Hash string `json:"hash"`
	// Ended tells that the last row had a line end.
	Ended bool `json:"ended"`
}

// spec says which part of the file a partition is; the zero spec is the whole
// file, whatever it is by then.
type spec struct {
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	// Line is how many lines stand before the part.
	Line int `json:"line,omitempty"`
	// Hash is the hash of the part.
	Hash string `json:"hash,omitempty"`
	// Doubles are the hashes of keys that stand on several rows, if there are
	// only few of them; else Many.
	Doubles []string `json:"doubles,omitempty"`
	Many    bool     `json:"many,omitempty"`
}

func (s spec) whole() bool { return s.To == 0 }

// Detect reads the whole file once: so that a damaged file is noticed before
// anything is concluded, and to see whether it changed at all. If it did not,
// and no full listing is asked for, there is nothing to read.
func (o *object) Detect(ctx context.Context, ask connectors.Ask) (connectors.Window, error) {
	w, err := o.detect(ctx, ask)
	return w, doing("detect csv "+o.name(), err)
}

func (o *object) detect(ctx context.Context, ask connectors.Ask) (connectors.Window, error) {
	if ask.Mode != connectors.ModeSnapshot {
		return connectors.Window{}, connectors.Errorf(connectors.Permanent, "csv has no mode %q; there is snapshot", ask.Mode)
	}
	if ask.Where != "" {
		return connectors.Window{}, connectors.Errorf(connectors.Permanent, "csv has no filters of its own")
	}
	before, err := o.since(ask.Since)
	if err != nil {
		return connectors.Window{}, err
	}
	w := connectors.Window{Mode: ask.Mode, To: ask.Since}
	if before.Hash != "" && !ask.Full {
		hash, err := hashFile(ctx, o.path)
		if err != nil || hash == before.Hash {
			return w, err
		}
	}
	s, err := o.scan(ctx, ask)
	if err != nil {
		return connectors.Window{}, err
	}
	if before.Ended && !s.now.Ended && before.Hash != s.now.Hash {
		return connectors.Window{}, &connectors.Error{
			Kind: connectors.Incomplete, Err: errors.New("the last row has no line end, as it had before"),
			Hint: "the file looks cut off; if it is whole, add a line end",
		}
	}
	value, err := json.Marshal(s.now)
	if err != nil {
		return connectors.Window{}, err
	}
	w.To = record.Position{Source: o.identity(), Mode: string(ask.Mode), Value: string(value)}
	w.Complete, w.Rows = true, s.rows
	for i, part := range s.parts {
		text, err := json.Marshal(part.spec)
		if err != nil {
			return connectors.Window{}, err
		}
		w.Partitions = append(w.Partitions, connectors.Partition{
			ID: strconv.Itoa(i), Mode: ask.Mode, Columns: ask.Columns, Spec: string(text), Rows: part.rows,
		})
	}
	return w, nil
}

func (o *object) since(p record.Position) (position, error) {
	var before position
	if p.Zero() {
		return before, nil
	}
	if p.Source != o.identity() {
		return before, &connectors.Error{
			Kind: connectors.SchemaChanged, Err: fmt.Errorf("the position belongs to another file than %s", o.path),
			Hint: "the whole file has to be compared again",
		}
	}
	if err := json.Unmarshal([]byte(p.Value), &before); err != nil {
		return before, connectors.Errorf(connectors.Permanent, "malformed position: %w", err)
	}
	return before, nil
}

func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the path is the user's word
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	return hashOf(ctx, f)
}

func hashOf(ctx context.Context, r io.Reader) (string, error) {
	h := xxh3.New()
	buf := make([]byte, bufferSize)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := r.Read(buf)
		_, _ = h.Write(buf[:n]) // never fails
		if errors.Is(err, io.EOF) {
			sum := h.Sum128().Bytes()
			return hex.EncodeToString(sum[:]), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// scanned is what one pass over the file found.
type scanned struct {
	now   position
	rows  int64
	parts []part
}

type part struct {
	spec spec
	rows int64
}

// scan checks every row and cuts a large file into parts.
func (o *object) scan(ctx context.Context, ask connectors.Ask) (scanned, error) {
	var s scanned
	f, err := o.open(ctx)
	if err != nil {
		return s, err
	}
	defer f.Close()
	if _, err := f.columns(ask.Columns); err != nil {
		return s, err
	}
	size := ask.PartitionRows
	if size <= 0 {
		size = defaultPartition
	}
	large := !o.gzip && f.info.Size() > wholeBytes
	keys, err := f.keyReader()
	if err != nil {
		return s, err
	}
	current := part{spec: spec{From: int64(len(f.dialect.head)), Line: f.line}}
	s.now.Ended = f.dialect.headEnded
	hash := newPartHash(f, large)
	err = f.rows(func() error {
		if large && current.rows >= size {
			current.spec.To, current.spec.Hash = f.offset(), hash.cut(f.rowStart)
			s.parts = append(s.parts, current)
			current = part{spec: spec{From: f.offset(), Line: f.rowLine - 1}}
		}
		current.rows++
		s.now.Ended = f.ended()
		keys.note()
		return nil
	})
	if err != nil {
		return s, err
	}
	if s.now.Hash, err = f.source.sum(); err != nil {
		return s, err
	}
	s.rows = f.row
	if !large {
		s.parts = []part{{rows: s.rows}}
		return s, f.unchanged()
	}
	current.spec.To, current.spec.Hash = f.info.Size(), hash.cut(f.end)
	s.parts = append(s.parts, current)
	doubles := keys.doubles()
	for i := range s.parts {
		p := &s.parts[i].spec
		if p.Many = len(doubles) > listedDoubles; !p.Many {
			p.Doubles = doubles.texts()
		}
	}
	return s, f.unchanged()
}

// partHash hashes the parts of a file while it is read.
type partHash struct {
	f    *file
	hash *xxh3.Hasher
}

func newPartHash(f *file, wanted bool) *partHash {
	h := &partHash{f: f, hash: xxh3.New()}
	if wanted {
		f.kept = f.start
		f.passed = func(b []byte) { _, _ = h.hash.Write(b) } // never fails
	}
	return h
}

// cut gives the hash of what was read since the last cut up to a place of the
// buffer.
func (h *partHash) cut(to int) string {
	h.f.pass(to)
	sum := h.hash.Sum128().Bytes()
	h.hash.Reset()
	return hex.EncodeToString(sum[:])
}

// hashes is a set of key hashes.
type hashes map[uint64]struct{}

func (h hashes) texts() []string {
	list := make([]string, 0, len(h))
	for hash := range h {
		list = append(list, strconv.FormatUint(hash, 16))
	}
	slices.Sort(list)
	return list
}

func parseHashes(texts []string) (hashes, error) {
	h := make(hashes, len(texts))
	for _, text := range texts {
		hash, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return nil, connectors.Errorf(connectors.Permanent, "malformed partition: %w", err)
		}
		h[hash] = struct{}{}
	}
	return h, nil
}
