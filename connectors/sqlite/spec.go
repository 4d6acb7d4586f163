package sqlite

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/connectors"
)

// spec is what a partition holds beside its columns: which rows of the table.
type spec struct {
	// After and UpTo bound the columns that rows are ordered by; After is not
	// part of the partition, UpTo is. None means no bound.
	After []cell `json:"after,omitempty"`
	UpTo  []cell `json:"upto,omitempty"`
	// From is the least value of the modified column, and Below the first value
	// beyond the partition.
	From  *cell `json:"from,omitempty"`
	Below *cell `json:"below,omitempty"`
	// Unmodified adds the rows whose modified column is NULL: nobody knows when
	// they changed.
	Unmodified bool `json:"unmodified,omitempty"`
	// FromSeq and ToSeq bound the change log: after FromSeq, up to ToSeq.
	FromSeq int64 `json:"from_seq,omitempty"`
	ToSeq   int64 `json:"to_seq,omitempty"`
	// Log is the id of the change log.
	Log string `json:"log,omitempty"`
	// Where is the filter, as Translate made it.
	Where string `json:"where,omitempty"`
}

func (s spec) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a struct of texts and numbers
	}
	return string(text)
}

func parseSpec(text string) (spec, error) {
	var s spec
	if text == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, connectors.Errorf(connectors.Permanent, "malformed partition: %w", err)
	}
	return s, nil
}

// cell is a stored value as it is, with its storage class: nil, int64, float64,
// string or []byte.
type cell struct{ v any }

func cells(values []any) []cell {
	out := make([]cell, len(values))
	for i, v := range values {
		out[i] = cell{v}
	}
	return out
}

func bounds(list []cell) []any {
	out := make([]any, len(list))
	for i, c := range list {
		out[i] = c.v
	}
	return out
}

// MarshalText writes a letter for the class, then the value.
func (c cell) MarshalText() ([]byte, error) {
	switch x := c.v.(type) {
	case nil:
		return []byte("n"), nil
	case int64:
		return strconv.AppendInt([]byte("i"), x, 10), nil
	case float64:
		return strconv.AppendFloat([]byte("f"), x, 'g', -1, 64), nil
	case string:
		if utf8.ValidString(x) {
			return []byte("s" + x), nil
		}
		return []byte("h" + hex.EncodeToString([]byte(x))), nil
	case []byte:
		return []byte("x" + hex.EncodeToString(x)), nil
	default:
		return nil, fmt.Errorf("no cell holds a %T", x)
	}
}

// UnmarshalText reads what MarshalText wrote.
func (c *cell) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("empty cell")
	}
	rest := string(text[1:])
	var err error
	switch text[0] {
	case 'n':
		c.v = nil
	case 'i':
		c.v, err = strconv.ParseInt(rest, 10, 64)
	case 'f':
		c.v, err = strconv.ParseFloat(rest, 64)
	case 's':
		c.v = rest
	case 'h', 'x':
		var raw []byte
		if raw, err = hex.DecodeString(rest); err == nil {
			c.v = raw
			if text[0] == 'h' {
				c.v = string(raw)
			}
		}
	default:
		err = fmt.Errorf("no class %q", text[0])
	}
	return err
}
