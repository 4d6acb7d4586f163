package csv

import (
	"errors"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/internal/record"
)

// text gives what a cell holds for a value; null where it is NULL, which an
// empty text becomes too where "" stands for NULL. Values that are not text yet
// are written in the system's formats.
func (o *object) text(v record.Value) (text string, null bool, err error) {
	if v == nil || record.IsMissing(v) {
		return "", true, nil
	}
	s, is := v.(string)
	if !is {
		if s, err = o.formats.Text(record.Type{Kind: record.KindOf(v)}, v); err != nil {
			return "", false, err
		}
	}
	if !utf8.ValidString(s) {
		return "", false, errors.New("not valid UTF-8")
	}
	return s, s == "" && o.nulls.text == "", nil
}

// stored is what a cell of that text is read back as.
func stored(text string, null bool) record.Value {
	if null {
		return nil
	}
	return text
}
