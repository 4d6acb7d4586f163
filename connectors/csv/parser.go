package csv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/syncline-dev/syncline/connectors"
)

// bufferSize is how much of a file is read at once; a longer row grows it.
const bufferSize = 1 << 20

// maxRow bounds the memory that an unterminated quote can take.
const maxRow = 512 << 20

// cell is one cell of the current row, as a part of the parser's buffer.
type cell struct {
	start, end int
	quoted     bool
	escaped    bool // holds doubled quotes
}

// parser takes RFC 4180 text apart, row by row, without copying. It is strict
// about what a half-written file looks like (a quote that never ends, text
// behind a closing quote) and takes a quote inside an unquoted cell as it is.
// Blank lines do not count, unless the file has a single column.
type parser struct {
	ctx   context.Context //nolint:containedctx // lives as long as one read, like a reader
	src   io.Reader
	comma byte
	// single: the file has one column, so a blank line is a row.
	single bool

	buf        []byte
	start, end int // unread bytes
	eof        bool
	base       int64 // offset of buf[0] in the file
	line       int   // lines before the current row

	// The current row: its bytes in buf, line end included, and its cells.
	rowStart, rowEnd int
	rowLine          int
	cells            []cell
	lines            bool // a quoted cell may hold line ends
	scratch          []byte

	// passed, if set, gets the bytes that will not be looked at again, as they
	// leave the buffer: all from kept on.
	passed func([]byte)
	kept   int
}

func newParser(ctx context.Context, src io.Reader, comma byte) *parser {
	return &parser{ctx: ctx, src: src, comma: comma, buf: make([]byte, bufferSize)}
}

// next finds the next row; false is the end of the file.
func (p *parser) next() (bool, error) {
	for {
		done, err := p.parse()
		if err != nil {
			return false, err
		}
		if done {
			p.start = p.rowEnd
			p.rowLine = p.line + 1
			if p.lines {
				p.line += bytes.Count(p.row(), []byte{'\n'})
			} else if p.ended() {
				p.line++
			}
			if p.blank() && !p.single {
				continue
			}
			return true, nil
		}
		if p.eof {
			return false, nil
		}
		if err := p.fill(); err != nil {
			return false, err
		}
	}
}

// row gives the bytes of the current row with its line end; they are valid
// until the next call of next.
func (p *parser) row() []byte { return p.buf[p.rowStart:p.rowEnd] }

// offset is where the current row begins in the file.
func (p *parser) offset() int64 { return p.base + int64(p.rowStart) }

// ended reports whether the current row has a line end.
func (p *parser) ended() bool { return p.rowEnd > p.rowStart && p.buf[p.rowEnd-1] == '\n' }

func (p *parser) blank() bool {
	return len(p.cells) == 1 && !p.cells[0].quoted && p.cells[0].start == p.cells[0].end
}

// text gives a cell's content; it is valid until the next call of text or next.
func (p *parser) text(c cell) []byte {
	raw := p.buf[c.start:c.end]
	if !c.escaped {
		return raw
	}
	p.scratch = p.scratch[:0]
	for {
		i := bytes.IndexByte(raw, '"')
		if i < 0 {
			return append(p.scratch, raw...)
		}
		p.scratch = append(p.scratch, raw[:i+1]...)
		raw = raw[i+2:]
	}
}

// fill moves the unread bytes to the front and reads on.
func (p *parser) fill() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if p.start > 0 {
		p.pass(p.start)
		p.kept = 0
		p.base += int64(p.start)
		copy(p.buf, p.buf[p.start:p.end])
		p.end -= p.start
		p.start = 0
	}
	if p.end == len(p.buf) {
		if len(p.buf) >= maxRow {
			return p.broken("a row of more than %d bytes; a quote that never ends?", maxRow)
		}
		p.buf = append(p.buf, make([]byte, len(p.buf))...)
	}
	n, err := p.src.Read(p.buf[p.end:])
	p.end += n
	switch {
	case errors.Is(err, io.EOF):
		p.eof = true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return p.broken("the file ends early")
	case err != nil:
		return fmt.Errorf("read the file: %w", err)
	}
	return nil
}

// pass hands on the bytes before a place of the buffer, once.
func (p *parser) pass(to int) {
	if p.passed != nil && to > p.kept {
		p.passed(p.buf[p.kept:to])
		p.kept = to
	}
}

func (p *parser) broken(format string, args ...any) error {
	return &connectors.Error{
		Kind: connectors.Incomplete,
		Err:  fmt.Errorf("line %d: %s", p.line+1, fmt.Sprintf(format, args...)),
		Hint: "the file looks half-written or damaged; nothing was concluded from it",
	}
}

// parse takes one row from the unread bytes. false means that it is not all
// there yet, or that nothing is left.
func (p *parser) parse() (bool, error) {
	p.cells = p.cells[:0]
	p.lines = false
	p.rowStart = p.start
	buf, i, end := p.buf, p.start, p.end
	if i == end {
		return false, nil
	}
	for {
		if i < end && buf[i] == '"' {
			next, closed, err := p.quoted(i)
			if err != nil || !closed {
				return false, err
			}
			i = next
		} else {
			i = p.unquoted(i)
		}
		switch {
		case i == end && !p.eof:
			return false, nil
		case i == end:
			p.rowEnd = i
			return true, nil
		case buf[i] == '\n':
			p.rowEnd = i + 1
			return true, nil
		}
		i++ // the comma
	}
}

// unquoted takes the cell that begins at i, and gives where it ends. The
// carriage return of a line end is no part of it.
func (p *parser) unquoted(i int) int {
	buf, end, comma := p.buf, p.end, p.comma
	from := i
	// Eight bytes at a time: a byte that is zero after the exclusive or leaves
	// its highest bit set, and the lowest such bit is always a true one.
	const low, high = 0x0101010101010101, 0x8080808080808080
	commas := low * uint64(comma)
	for i+8 <= end {
		word := binary.LittleEndian.Uint64(buf[i:])
		a, b := word^commas, word^(low*'\n')
		if hit := ((a-low)&^a | (b-low)&^b) & high; hit != 0 {
			i += bits.TrailingZeros64(hit) / 8
			break
		}
		i += 8
	}
	for i < end && buf[i] != comma && buf[i] != '\n' {
		i++
	}
	to := i
	if to > from && buf[to-1] == '\r' && (i == end || buf[i] == '\n') {
		to--
	}
	p.cells = append(p.cells, cell{start: from, end: to})
	return i
}

// quoted takes the cell whose quote opens at i, and gives where it ends: at a
// comma, a line feed or the end of the file.
func (p *parser) quoted(i int) (next int, closed bool, err error) {
	p.lines = true
	c := cell{start: i + 1, quoted: true}
	for j := i + 1; ; {
		k := bytes.IndexByte(p.buf[j:p.end], '"')
		if k < 0 {
			if p.eof {
				return 0, false, p.broken("a quote that never ends")
			}
			return 0, false, nil
		}
		j += k + 1
		if j == p.end && !p.eof {
			return 0, false, nil // the next byte decides
		}
		if j < p.end && p.buf[j] == '"' {
			c.escaped = true
			j++
			continue
		}
		c.end = j - 1
		p.cells = append(p.cells, c)
		return p.afterQuote(j)
	}
}

func (p *parser) afterQuote(j int) (next int, closed bool, err error) {
	if j < p.end && p.buf[j] == '\r' {
		if j+1 == p.end && !p.eof {
			return 0, false, nil
		}
		if j+1 == p.end || p.buf[j+1] == '\n' {
			return j + 1, true, nil
		}
	}
	if j < p.end && p.buf[j] != p.comma && p.buf[j] != '\n' {
		return 0, false, p.broken("text behind a closing quote")
	}
	return j, true, nil
}
