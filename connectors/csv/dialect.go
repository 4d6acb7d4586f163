package csv

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// dialect is how one file is written: what rows that we write look like, and
// what its columns are.
type dialect struct {
	bom     bool
	comma   byte
	newline string
	// quoteAll: the file quotes every cell, so we do.
	quoteAll bool
	// names are the columns. An empty name becomes `column 3`, double ones
	// `name (1)` and `name (2)`, so that every cell can be spoken of.
	names []string
	// head is the header as it stands in the file, with BOM and line end.
	head []byte
	// headEnded is false when the file ends within the header's line.
	headEnded bool
}

const bomText = "\xef\xbb\xbf"

// commas are the separators that are looked for, the most usual first.
const commas = ",;\t|"

// parseComma reads the delimiter option.
func parseComma(s string) (byte, error) {
	switch strings.ToLower(s) {
	case "tab", `\t`:
		return '\t', nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	case "space":
		return ' ', nil
	}
	if len(s) != 1 || s[0] >= utf8.RuneSelf || strings.ContainsAny(s, "\"\r\n") {
		return 0, fmt.Errorf("%q is no single character such as , or ; or tab", s)
	}
	return s[0], nil
}

// readDialect looks at the header, which p has at its start. comma is 0 to find
// it out.
func readDialect(p *parser, comma byte) (*dialect, error) {
	for p.end-p.start < len(bomText) && !p.eof {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	d := &dialect{comma: comma, newline: "\n"}
	if bytes.HasPrefix(p.buf[p.start:p.end], []byte(bomText)) {
		d.bom = true
		p.start += len(bomText)
	}
	if bytes.HasPrefix(p.buf[p.start:p.end], []byte{0xff, 0xfe}) || bytes.HasPrefix(p.buf[p.start:p.end], []byte{0xfe, 0xff}) {
		return nil, notUTF8("UTF-16")
	}
	if comma == 0 {
		// With a separator that no text has, the header is one cell or, with
		// quotes, too few; so it is found in the raw line.
		var err error
		if d.comma, err = sniff(p); err != nil {
			return nil, err
		}
	}
	p.comma = d.comma
	more, err := p.next()
	if err != nil {
		return nil, err
	}
	if !more {
		return nil, &connectors.Error{
			Kind: connectors.Incomplete, Err: errors.New("the file is empty, it has not even a header"),
			Hint: "if it shall be made anew, remove it first",
		}
	}
	if !utf8.Valid(p.row()) {
		return nil, notUTF8("another encoding")
	}
	if bytes.HasSuffix(p.row(), []byte("\r\n")) {
		d.newline = "\r\n"
	}
	d.quoteAll = true
	for _, c := range p.cells {
		d.quoteAll = d.quoteAll && c.quoted
		d.names = append(d.names, string(p.text(c)))
	}
	d.name()
	d.headEnded = p.ended()
	if d.bom {
		d.head = append(d.head, bomText...)
	}
	d.head = append(d.head, p.row()...)
	p.single = len(d.names) == 1
	return d, nil
}

func notUTF8(what string) error {
	return &connectors.Error{
		Kind: connectors.Permanent, Err: fmt.Errorf("the header is not valid UTF-8 but %s", what),
		Hint: "convert the file to UTF-8",
	}
}

// sniff takes the separator that the first line has most of, outside of quotes.
func sniff(p *parser) (byte, error) {
	for {
		counts, ended := count(p.buf[p.start:p.end])
		if !ended && !p.eof {
			if err := p.fill(); err != nil {
				return 0, err
			}
			continue
		}
		best := 0
		for i, n := range counts {
			if n > counts[best] {
				best = i
			}
		}
		return commas[best], nil
	}
}

// count counts the separators of the first line, and tells whether it ends.
func count(text []byte) (counts [len(commas)]int, ended bool) {
	quoted := false
	for _, b := range text {
		switch i := strings.IndexByte(commas, b); {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n':
			return counts, true
		case i >= 0:
			counts[i]++
		}
	}
	return counts, false
}

// name makes the names of the columns different from each other. Of double ones
// none keeps its name: whichever it were, it might be the wrong one.
func (d *dialect) name() {
	times := make(map[string]int, len(d.names))
	for _, name := range d.names {
		times[name]++
	}
	seen := make(map[string]bool, len(d.names))
	numbers := map[string]int{}
	for i, name := range d.names {
		own := name
		if name == "" {
			own = "column " + strconv.Itoa(i+1)
		}
		fresh := own
		for times[fresh] > 1 || seen[fresh] || (fresh != name && times[fresh] > 0) {
			numbers[own]++
			fresh = own + " (" + strconv.Itoa(numbers[own]) + ")"
		}
		seen[fresh] = true
		d.names[i] = fresh
	}
}

// rowColumn is the name of the key of a file without key columns: the hash of
// the row. It is made up by us, and cannot be written.
const rowColumn = "_row"

// schema says that every cell is text: the definition's types and formats make
// more of it.
func (d *dialect) schema(key []string) *record.Schema {
	fields := make([]record.Field, 0, len(d.names)+1)
	for _, name := range d.names {
		fields = append(fields, record.Field{Name: name, Type: record.Type{Kind: record.KindString}, Nullable: true, Native: "text"})
	}
	if len(key) == 0 {
		fields = append(fields, record.Field{Name: rowColumn, Type: record.Type{Kind: record.KindString}, ReadOnly: true, Native: "hash of the row"})
	}
	return record.NewSchema(fields...)
}

// nulls knows which cells are NULL.
type nulls struct {
	text string
}

// is reports whether a cell is NULL: an empty one, quoted or not; or where
// another text stands for NULL, that text without quotes.
func (n nulls) is(text []byte, quoted bool) bool {
	return len(text) == len(n.text) && string(text) == n.text && (!quoted || n.text == "")
}

// appendCell writes one cell. null is NULL; keep quotes where the cell had
// them.
func (d *dialect) appendCell(dst []byte, text string, null, keep bool, n nulls) []byte {
	if null {
		if n.text == "" && (len(d.names) == 1 || d.quoteAll) {
			return append(dst, `""`...) // a blank line would be no row
		}
		if n.text == "" {
			return dst
		}
		return append(dst, n.text...)
	}
	if !d.quoteAll && !keep && !d.needsQuotes(text, n) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			dst = append(dst, text...)
			return append(dst, '"')
		}
		dst = append(dst, text[:i+1]...)
		dst = append(dst, '"')
		text = text[i+1:]
	}
}

func (d *dialect) needsQuotes(text string, n nulls) bool {
	if text == n.text || text == "" {
		return text == n.text || len(d.names) == 1
	}
	for i := range len(text) {
		switch text[i] {
		case '"', '\r', '\n', d.comma:
			return true
		}
	}
	return text[0] == ' ' || text[len(text)-1] == ' ' || strings.HasPrefix(text, bomText)
}
