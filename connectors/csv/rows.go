package csv

import (
	"errors"

	"github.com/syncline-dev/syncline/internal/record"
)

var (
	errNoKey     = errors.New("a file without key columns can only be read")
	errKeyChange = errors.New("is part of the key, which cannot be changed")
)

// newRow appends a row in the file's own style.
func (r *rewrite) newRow(values []record.Value) error {
	r.changed = true
	r.line = r.line[:0]
	for i, v := range values {
		if i > 0 {
			r.line = append(r.line, r.dialect.comma)
		}
		text, is := v.(string)
		r.line = r.dialect.appendCell(r.line, text, !is, false, r.o.nulls)
	}
	return r.endLine()
}

// edited writes the current row with some cells replaced.
func (r *rewrite) edited(e edit) error {
	r.changed = true
	r.line = r.line[:0]
	for i, c := range r.cells {
		if i > 0 {
			r.line = append(r.line, r.dialect.comma)
		}
		if fresh, is := e.cells[i]; is {
			r.line = r.dialect.appendCell(r.line, fresh.text, fresh.null, c.quoted, r.o.nulls)
			continue
		}
		from, to := c.start, c.end
		if c.quoted {
			from, to = from-1, to+1
		}
		r.line = append(r.line, r.buf[from:to]...)
	}
	return r.endLine()
}

func (r *rewrite) endLine() error {
	r.line = append(r.line, r.dialect.newline...)
	return r.write(r.line)
}
