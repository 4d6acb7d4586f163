package sqlite

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// decoding is what the definition says about cells of one database.
type decoding struct {
	formats record.Formats
	// unit is how many microseconds one unit of an integer timestamp is; 0
	// means that timestamps are text and an integer is a fault.
	unit int64
}

// codec reads and writes the cells of one column. A cell that does not fit the
// declared type is never converted in silence: it makes the row bad.
type codec struct {
	decoding
	kind     record.Kind
	typ      record.Type
	affinity affinity
	style    style
}

// value decodes a cell of the current row; bad says why it cannot be.
func (c *codec) value(s *bare.Stmt, i int) (v record.Value, bad string) {
	class := s.Class(i)
	if class == bare.Null {
		return nil, ""
	}
	switch c.kind {
	case record.KindInt:
		if class == bare.Integer {
			return s.Int(i), ""
		}
	case record.KindString:
		if class == bare.Text {
			return text(s, i)
		}
	case record.KindFloat:
		if class == bare.Float || class == bare.Integer {
			return record.Float(s.Float(i)), ""
		}
	case record.KindDecimal:
		return c.decimal(s, i, class)
	case record.KindBool:
		return c.boolean(s, i, class)
	case record.KindTimestamp, record.KindDate, record.KindTime:
		return c.moment(s, i, class)
	case record.KindBytes:
		if class == bare.Blob {
			return record.Bytes(strings.Clone(s.BlobView(i))), ""
		}
	case record.KindUUID:
		return c.uuid(s, i, class)
	case record.KindJSON:
		if class != bare.Blob {
			return parsed(record.CanonicalJSON([]byte(s.TextView(i))))
		}
	case record.Any:
		return anything(s, i, class)
	case record.KindList, record.KindSet, record.KindRef:
	}
	return nil, c.unfit(class)
}

func (c *codec) unfit(class bare.Class) string {
	names := map[bare.Class]string{bare.Integer: "an integer", bare.Float: "a float", bare.Text: "text", bare.Blob: "a blob"}
	return "expected " + c.typ.String() + ", found " + names[class]
}

func parsed(v record.Value, err error) (record.Value, string) {
	if err != nil {
		return nil, err.Error()
	}
	return v, ""
}

func text(s *bare.Stmt, i int) (record.Value, string) {
	view := s.TextView(i)
	if !utf8.ValidString(view) {
		return nil, "not valid UTF-8"
	}
	return strings.Clone(view), ""
}

func anything(s *bare.Stmt, i int, class bare.Class) (record.Value, string) {
	switch class {
	case bare.Integer:
		return s.Int(i), ""
	case bare.Float:
		return record.Float(s.Float(i)), ""
	case bare.Blob:
		return record.Bytes(strings.Clone(s.BlobView(i))), ""
	case bare.Text, bare.Null:
	}
	return text(s, i)
}

// decimal takes a float for the shortest decimal that it stands for; where that
// has more digits than declared, for the 15 digits that SQLite itself prints:
// 0.1 + 0.2 in a DECIMAL(12,2) is 0.3.
func (c *codec) decimal(s *bare.Stmt, i int, class bare.Class) (record.Value, string) {
	switch class {
	case bare.Integer:
		return parsed(record.Convert(c.typ, record.DecimalOfInt(s.Int(i))))
	case bare.Float:
		f := s.Float(i)
		v, err := record.Convert(c.typ, f)
		if err == nil {
			return v, ""
		}
		short, parseErr := record.ParseDecimal(strconv.FormatFloat(f, 'g', 15, 64))
		if parseErr != nil {
			return nil, err.Error()
		}
		if v, shortErr := record.Convert(c.typ, short); shortErr == nil {
			return v, ""
		}
		return nil, err.Error()
	case bare.Text:
		v, err := c.formats.Parse(c.typ, s.Text(i))
		return parsed(v, err)
	case bare.Blob, bare.Null:
	}
	return nil, c.unfit(class)
}

func (c *codec) boolean(s *bare.Stmt, i int, class bare.Class) (record.Value, string) {
	switch {
	case class == bare.Integer:
		if n := s.Int(i); n == 0 || n == 1 {
			return n == 1, ""
		}
		return nil, "expected 0 or 1"
	case class == bare.Text && c.formats.True != "":
		return parsed(c.formats.Parse(c.typ, s.Text(i)))
	default:
		return nil, c.unfit(class)
	}
}

// moment reads dates and times: text, or integers where the definition says in
// which unit they count.
func (c *codec) moment(s *bare.Stmt, i int, class bare.Class) (record.Value, string) {
	if class == bare.Integer && c.unit > 0 && c.kind != record.KindTime {
		n := s.Int(i)
		at := record.Timestamp(n * c.unit)
		if int64(at)/c.unit != n {
			return nil, "beyond the range of timestamps"
		}
		return parsed(record.Convert(c.typ, at))
	}
	if class != bare.Text {
		return nil, c.unfit(class)
	}
	view := s.TextView(i)
	if c.formats.Date == "" && c.formats.Timestamp == "" {
		if at, ok := record.ISOTimestamp(view); ok && c.kind == record.KindTimestamp {
			return at, ""
		}
		if day, ok := record.ISODate(view); ok && c.kind == record.KindDate {
			return day, ""
		}
	}
	return parsed(c.formats.Parse(c.typ, strings.Clone(view)))
}

func (c *codec) uuid(s *bare.Stmt, i int, class bare.Class) (record.Value, string) {
	switch class {
	case bare.Text:
		return parsed(record.ParseUUID(s.Text(i)))
	case bare.Blob:
		if raw := s.BlobView(i); len(raw) == len(record.UUID{}) {
			return record.UUID([]byte(raw)), ""
		}
		return nil, "expected a UUID of 16 bytes"
	case bare.Integer, bare.Float, bare.Null:
	}
	return nil, c.unfit(class)
}
