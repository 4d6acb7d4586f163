package sqlite

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// style is how a column's cells are written where several forms mean the same.
// It is learnt from the first cells of the table, so that what we write sorts
// and compares with what the application writes.
type style struct {
	timeT  bool // 2026-02-28T15:04:05 instead of a space
	timeZ  bool // a Z behind
	binary bool // a UUID as 16 bytes
	upper  bool // a UUID in capitals
	plain  bool // a UUID without dashes
}

// styleRows is how far learnStyles looks for a cell that is not NULL.
const styleRows = "500"

func (t *table) learnStyles(conn *bare.Conn) error {
	for i := range t.columns {
		c := &t.columns[i]
		if c.codec.kind != record.KindTimestamp && c.codec.kind != record.KindUUID {
			continue
		}
		name := quote(c.Name)
		query := `SELECT ` + name + ` FROM (SELECT ` + name + ` FROM ` + t.sql() + ` LIMIT ` + styleRows +
			`) WHERE ` + name + ` IS NOT NULL LIMIT 1`
		err := conn.Each(query, func(s *bare.Stmt) error {
			view := s.Text(0)
			c.codec.style = style{
				timeT:  strings.Contains(view, "T"),
				timeZ:  strings.HasSuffix(view, "Z"),
				binary: s.Class(0) == bare.Blob,
				upper:  view == strings.ToUpper(view) && view != strings.ToLower(view),
				plain:  len(view) == 32,
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// raw gives what is bound for a value; an error says why the column cannot hold
// it, without the value.
func (c *codec) raw(v record.Value) (any, error) {
	if v == nil || record.IsMissing(v) {
		return nil, nil
	}
	if c.kind == record.KindString {
		if s, is := v.(string); is {
			if !utf8.ValidString(s) {
				return nil, errors.New("not valid UTF-8")
			}
			return s, nil
		}
	}
	if s, is := v.(string); is && c.kind != record.Any {
		parsed, err := c.formats.Parse(c.typ, s)
		if err != nil {
			return nil, err
		}
		v = parsed
	}
	v, err := record.Convert(c.typ, v)
	if err != nil || v == nil {
		return nil, err
	}
	return c.rawConverted(v)
}

// rawConverted gives what is bound for a value of the column's own type.
func (c *codec) rawConverted(v record.Value) (any, error) {
	switch x := v.(type) {
	case int64:
		return x, nil
	case bool:
		if c.formats.True != "" {
			return c.formats.Text(c.typ, x)
		}
		return x, nil
	case float64:
		if math.IsNaN(x) {
			return nil, errors.New("SQLite has no NaN")
		}
		return x, nil
	case record.Decimal:
		return c.rawDecimal(x)
	case string:
		if c.affinity == numericAffinity && looksNumeric(x) {
			return nil, errors.New("this column would turn the text into a number")
		}
		return x, nil
	case record.Timestamp, record.Date, record.TimeOfDay:
		return c.rawMoment(x)
	case record.UUID:
		return c.rawUUID(x), nil
	case record.Bytes:
		return []byte(x), nil
	case record.JSON:
		return c.rawJSON(x)
	default: // a list in a column without a type
		return record.Text(v), nil
	}
}

// rawJSON minds that a column declared JSON turns a bare number into one of
// SQLite's own.
func (c *codec) rawJSON(j record.JSON) (any, error) {
	if c.affinity == numericAffinity && looksNumeric(string(j)) {
		d, err := record.ParseDecimal(string(j))
		if err != nil {
			return nil, err
		}
		return c.rawDecimal(d)
	}
	return string(j), nil
}

// rawDecimal refuses what SQLite's 64-bit integers and floats would round.
func (c *codec) rawDecimal(d record.Decimal) (any, error) {
	if i, ok := d.Int(); ok {
		return i, nil
	}
	f, err := strconv.ParseFloat(string(d), 64)
	if err != nil || !d.Finite() || record.Text(f) != string(d) {
		return nil, errors.New("has more digits than SQLite keeps in a number; declare the column TEXT")
	}
	return f, nil
}

func (c *codec) rawMoment(v record.Value) (any, error) {
	if c.unit > 0 && c.kind != record.KindTime {
		return c.rawUnits(v)
	}
	at, is := v.(record.Timestamp)
	if !is || c.formats.Timestamp != "" {
		return c.formats.Text(c.typ, v)
	}
	s := record.Text(at)
	if at == record.TimestampInfinity || at == record.TimestampNegInfinity {
		return s, nil
	}
	if !c.style.timeT {
		s = strings.Replace(s, "T", " ", 1)
	}
	if !c.style.timeZ {
		s = strings.TrimSuffix(s, "Z")
	}
	return s, nil
}

func (c *codec) rawUnits(v record.Value) (any, error) {
	stamp, err := record.Convert(record.Type{Kind: record.KindTimestamp}, v)
	if err != nil {
		return nil, err
	}
	at := stamp.(record.Timestamp)
	if at == record.TimestampInfinity || at == record.TimestampNegInfinity || int64(at)%c.unit != 0 {
		return nil, fmt.Errorf("cannot be counted in units of %d microseconds", c.unit)
	}
	return int64(at) / c.unit, nil
}

func (c *codec) rawUUID(u record.UUID) any {
	if c.style.binary {
		return u[:]
	}
	s := u.String()
	if short := strings.ReplaceAll(s, "-", ""); c.style.plain && (c.affinity != numericAffinity || !looksNumeric(short)) {
		s = short
	}
	if c.style.upper {
		s = strings.ToUpper(s)
	}
	return s
}

func looksNumeric(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}
