package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

var copyHeader = []byte("PGCOPY\n\xff\r\n\x00") //nolint:gochecknoglobals // a constant

// copyHeaderSize is that of the signature, the flags and the length of the
// extension.
const copyHeaderSize = 19

// copyReader takes the stream of a binary COPY and emits batches.
type copyReader struct {
	rows *rowReader
	emit func(*record.Batch) error
	// err is why Write gave up.
	err    error
	rest   []byte
	headed bool
	ended  bool
}

func newCopyReader(rows *rowReader, emit func(*record.Batch) error) *copyReader {
	return &copyReader{rows: rows, emit: emit}
}

// Write decodes what arrived; the server sends a row at a time, but nothing
// says that it must.
func (r *copyReader) Write(p []byte) (int, error) {
	if r.err = r.write(p); r.err != nil {
		return 0, r.err
	}
	return len(p), nil
}

func (r *copyReader) write(p []byte) error {
	data := p
	if len(r.rest) > 0 {
		r.rest = append(r.rest, p...)
		data = r.rest
	}
	if !r.headed {
		if len(data) < copyHeaderSize {
			r.rest = append(r.rest[:0], data...)
			return nil
		}
		if !bytes.HasPrefix(data, copyHeader) || binary.BigEndian.Uint32(data[15:]) != 0 {
			return errors.New("the server does not speak binary COPY as we know it")
		}
		r.headed = true
		data = data[copyHeaderSize:]
	}
	data, err := r.decode(data)
	r.rest = append(r.rest[:0], data...)
	return err
}

// decode takes the complete rows off the data and gives what is left.
func (r *copyReader) decode(data []byte) ([]byte, error) {
	for len(data) >= 2 {
		if binary.BigEndian.Uint16(data) == 0xffff {
			r.ended = true
			return nil, nil
		}
		size, err := r.rows.copyRow(data)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			break
		}
		data = data[size:]
		if r.rows.full() {
			if err := r.emit(r.rows.flush()); err != nil {
				return nil, err
			}
		}
	}
	return data, nil
}

// end emits the last rows; a stream without its trailer was cut short.
func (r *copyReader) end() error {
	if !r.ended {
		return connectors.Errorf(connectors.Incomplete, "the stream ended before its last row")
	}
	if r.rows.rows == 0 {
		return nil
	}
	return r.emit(r.rows.flush())
}
