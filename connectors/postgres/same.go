package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"github.com/zeebo/xxh3"
)

// Rows that the table holds already need no write, and finding them costs least
// by reading the table's rows of the chunk's range: what would be sent and what
// the table sends are the same bytes, or the row is merged like any other.

// sameSome is the least share of a chunk's rows that makes this worth its
// while: an n-th.
const sameSome = 2

// skipSame takes the rows out of the chunk that are in the table, byte for byte.
func (l *load) skipSame(ctx context.Context) error {
	if l.differ || !l.hasRange() || !l.copyable() {
		return nil
	}
	bounds := l.keyRange()
	if bounds == "" {
		return nil
	}
	s, err := l.sums()
	if err != nil || s == nil {
		return err
	}
	// A range with many more rows than the chunk is not the chunk's.
	s.most = len(l.present) + len(l.present)/2 + probes
	sql := "select " + rowList(l.columns, func(c *column) string { return c.readSQL("t") }) + " from " + l.SQL() + " t where true" + bounds +
		" limit " + strconv.Itoa(s.most)
	if _, err := l.conn.CopyTo(ctx, s, "copy ("+sql+") to stdout (format binary)"); err != nil {
		return errors.Join(s.err, err)
	}
	if s.rows == s.most || sameSome*s.found < len(l.present) {
		l.differ = true
	}
	if s.found == 0 {
		return nil
	}
	kept := l.present[:0]
	for i, at := range l.present {
		if s.same[i] {
			l.count.Unchanged++
			continue
		}
		kept = append(kept, at)
	}
	l.present = kept
	return nil
}

// sums are the rows of a chunk, by their keys, as the bytes that they are sent
// as. As a writer, it takes the table's rows and marks those that are the same.
type sums struct {
	key int // the key's column

	rowAt
	same  []bool
	found int
	rows  int
	most  int

	rest   []byte
	headed bool
	err    error
}

type rowAt map[int64]sentRow

type sentRow struct {
	hash  xxh3.Uint128
	place int32
}

// sums encodes the chunk; nil if a key is in it twice.
func (l *load) sums() (*sums, error) {
	s := &sums{
		key:   position(l.columns, l.key[0]),
		rowAt: make(rowAt, len(l.present)), same: make([]bool, len(l.present)),
	}
	r := newChunkReader(l, false)
	for i, at := range l.present {
		if at.batch != r.batch {
			r.open(at.batch)
		}
		r.buf = r.buf[:0]
		if err := r.row(int(at.row)); err != nil {
			continue // it is refused where it is written
		}
		key, size, err := s.read(r.buf)
		if err != nil || size != len(r.buf) {
			return nil, err
		}
		if _, twice := s.rowAt[key]; twice {
			return nil, nil //nolint:nilnil // nothing to compare with
		}
		s.rowAt[key] = sentRow{hash: xxh3.Hash128(r.buf), place: int32(i)}
	}
	return s, nil
}

// read gives a row's key and its size; 0 says that data has not all of it.
func (s *sums) read(data []byte) (key int64, size int, err error) {
	if len(data) < 2 {
		return 0, 0, nil
	}
	count := int(binary.BigEndian.Uint16(data))
	at := 2
	for i := range count {
		if len(data) < at+4 {
			return 0, 0, nil
		}
		n := max(int(int32(binary.BigEndian.Uint32(data[at:]))), 0)
		at += 4
		if len(data) < at+n {
			return 0, 0, nil
		}
		if i == s.key {
			switch n {
			case 2:
				key = int64(int16(binary.BigEndian.Uint16(data[at:])))
			case 4:
				key = int64(int32(binary.BigEndian.Uint32(data[at:])))
			case 8:
				key = int64(binary.BigEndian.Uint64(data[at:]))
			default:
				return 0, 0, errors.New("the key is no integer")
			}
		}
		at += n
	}
	return key, at, nil
}

// Write takes what the table sends.
func (s *sums) Write(p []byte) (int, error) {
	if s.err = s.write(p); s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

func (s *sums) write(p []byte) error {
	data := p
	if len(s.rest) > 0 {
		s.rest = append(s.rest, p...)
		data = s.rest
	}
	if !s.headed {
		if len(data) < copyHeaderSize {
			s.rest = append(s.rest[:0], data...)
			return nil
		}
		if !bytes.HasPrefix(data, copyHeader) {
			return errors.New("the server does not speak binary COPY as we know it")
		}
		s.headed = true
		data = data[copyHeaderSize:]
	}
	for len(data) >= 2 && binary.BigEndian.Uint16(data) != math.MaxUint16 {
		key, size, err := s.read(data)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		s.rows++
		if sent, ours := s.rowAt[key]; ours && sent.hash == xxh3.Hash128(data[:size]) {
			s.same[sent.place] = true
			s.found++
		}
		data = data[size:]
	}
	s.rest = append(s.rest[:0], data...)
	return nil
}
