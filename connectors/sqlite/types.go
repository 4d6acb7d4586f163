package sqlite

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// affinity is what SQLite does to a value that is stored in a column.
type affinity byte

const (
	blobAffinity affinity = iota // values stay as they come
	textAffinity
	numericAffinity // texts that look like numbers become numbers
)

var declared = regexp.MustCompile(`^([^(]*)(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?`)

// typeOf reads a declared column type. SQLite keeps only its text; the words
// are those that people and migration tools write. A word without a meaning of
// its own gives Any, whose cells are taken as they are, whatever its affinity:
// a STRING column, for example, turns '007' into the integer 7.
func typeOf(decl string) record.Type {
	m := declared.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(decl)))
	if m == nil {
		return record.Type{}
	}
	switch word := strings.Join(strings.Fields(m[1]), " "); word {
	case "INTEGER", "INT", "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT", "INT2", "INT4", "INT8",
		"UNSIGNED BIG INT", "BIG INT", "BIGINT UNSIGNED", "INT UNSIGNED", "INTEGER UNSIGNED", "UNSIGNED INTEGER",
		"SMALLINT UNSIGNED", "TINYINT UNSIGNED", "SERIAL", "BIGSERIAL", "LONG":
		return record.Type{Kind: record.KindInt}
	case "REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION":
		return record.Type{Kind: record.KindFloat}
	case "NUMERIC", "DECIMAL", "NUMBER", "MONEY":
		return decimalType(m[2], m[3])
	case "BOOLEAN", "BOOL":
		return record.Type{Kind: record.KindBool}
	case "DATE":
		return record.Type{Kind: record.KindDate}
	case "TIME":
		return record.Type{Kind: record.KindTime}
	case "DATETIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE":
		return record.Type{Kind: record.KindTimestamp}
	case "JSON":
		return record.Type{Kind: record.KindJSON}
	case "UUID", "GUID", "UNIQUEIDENTIFIER":
		return record.Type{Kind: record.KindUUID}
	default:
		return typeByAffinity(word)
	}
}

// typeByAffinity decides for the words that SQLite's own rules are certain of.
// The length of VARCHAR(n) is not taken over: SQLite does not enforce it.
func typeByAffinity(word string) record.Type {
	switch {
	case strings.Contains(word, "CHAR"), strings.Contains(word, "CLOB"), strings.Contains(word, "TEXT"):
		return record.Type{Kind: record.KindString}
	case strings.Contains(word, "BLOB"), word == "BYTEA", word == "BINARY", word == "VARBINARY":
		return record.Type{Kind: record.KindBytes}
	default:
		return record.Type{}
	}
}

func decimalType(precision, scale string) record.Type {
	t := record.Type{Kind: record.KindDecimal}
	p, err := strconv.Atoi(precision)
	if err != nil || p == 0 {
		return t
	}
	s := 0
	if scale != "" {
		if s, err = strconv.Atoi(scale); err != nil || s > p {
			return t
		}
	}
	t.Precision, t.Scale = p, s
	return t
}

// affinityOf follows SQLite's rules for a declared type, in their order.
func affinityOf(decl string) affinity {
	word := strings.ToUpper(decl)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(word, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return numericAffinity
	case has("CHAR", "CLOB", "TEXT"):
		return textAffinity
	case has("BLOB") || strings.TrimSpace(word) == "" || word == "ANY":
		return blobAffinity
	default:
		return numericAffinity
	}
}
