package mappings

import (
	"fmt"

	"github.com/syncline-dev/syncline/internal/record"
)

// types gives every field its type: the declared one, else what the systems
// agree on.
func (c *compilation) types() {
	fields := make([]record.Field, len(c.fields))
	seen := map[string]bool{}
	for i, f := range c.fields {
		if seen[f.Name.Value] {
			c.fail(f.Name.Pos, f.Name.Value, "is defined twice", "")
		}
		seen[f.Name.Value] = true
		if f.Type.Value != "" {
			t, err := record.ParseType(f.Type.Value)
			if err != nil {
				c.fail(f.Type.Pos, f.Name.Value, err.Error(), "")
			}
			f.typ = t
		} else {
			c.infer(f)
		}
		fields[i] = record.Field{Name: f.Name.Value, Type: f.typ, Nullable: true}
	}
	c.m.Schema = record.NewSchema(fields...)
}

// infer joins what the systems have. A system that has only text, or says no
// type, takes the others'; a system that a table of values translates has no
// say at all.
func (c *compilation) infer(f *compiledField) {
	var strong record.Type
	var said, weakSaid string
	for i, s := range c.m.Systems {
		cell := f.cells[i]
		if cell == nil || hasTable(f.Values, s.Name) {
			continue
		}
		typ := cell.typ
		if typ.Kind == record.Any || cell.path != "" && s.textOnly {
			if typ.Kind == record.KindString {
				weakSaid = s.Name
			}
			continue
		}
		if said == "" {
			strong, said = typ, s.Name
			continue
		}
		both, ok := agree(strong, typ)
		if !ok {
			c.fail(f.Name.Pos, f.Name.Value, fmt.Sprintf("is %s in %s and %s in %s", bare(strong), said, bare(typ), s.Name),
				fmt.Sprintf("say what it is: type: %s", bare(strong)))
			return
		}
		if both.Kind == record.KindDate && strong.Kind != typ.Kind {
			f.truncate = true
		}
		strong = both
	}
	switch {
	case said != "":
		f.typ = strong
	case weakSaid != "" || len(f.Values) > 0:
		f.typ = record.Type{Kind: record.KindString}
	}
}

func hasTable(rows []ValueRow, system string) bool {
	for _, row := range rows {
		if len(row.Cells[system]) > 0 {
			return true
		}
	}
	return false
}

// agree gives the type that two systems' types have in common: bounds that
// differ fall away, numbers become exact decimals, and of a date and a
// timestamp the day counts.
func agree(a, b record.Type) (record.Type, bool) {
	switch {
	case a == b:
		return a, true
	case a.Kind == b.Kind && a.Elem == b.Elem && a.Ref == b.Ref:
		return bare(a), true
	case isNumber(a.Kind) && isNumber(b.Kind):
		return record.Type{Kind: record.KindDecimal}, true
	case a.Kind == record.KindDate && b.Kind == record.KindTimestamp, b.Kind == record.KindDate && a.Kind == record.KindTimestamp:
		return record.Type{Kind: record.KindDate}, true
	default:
		return record.Type{}, false
	}
}

// converter makes a value of one type into one of another, or says in words
// without the value why that cannot be.
type converter func(record.Value) (record.Value, error)

// converters works out, once, what has to be done between columns and fields;
// nil is nothing at all.
func (c *compilation) converters() {
	for _, f := range c.fields {
		for i, s := range c.m.Systems {
			cell := f.cells[i]
			if cell == nil {
				continue
			}
			cell.in = s.reading(f, cell)
			for w := range cell.writes {
				target := &cell.writes[w]
				source := f.typ
				if target.text.Value != "" {
					source = record.Type{} // the expression's, known when it is compiled
				}
				target.out = s.writing(source, target.typ)
			}
			if len(f.Values) > 0 {
				table, problems := newValueTable(f.Field, f.typ, s, cell)
				if c.take(f.Name.Value, problems) {
					cell.table = table
				}
			}
		}
	}
}

// reading converts what was read into the field's type.
func (s *SystemMapping) reading(f *compiledField, cell *cell) converter {
	from, to := cell.typ, f.typ
	switch {
	case to.Kind == record.Any || to.Kind == record.KindRef:
		return nil
	case from.Kind == record.KindString && to.Kind == record.KindString && to.Length == 0 && cell.path != "":
		if s.formats.IsNull(s.formats.Null) {
			return s.nullText
		}
		return nil
	case from.Kind == record.KindString || from.Kind == record.Any:
		return func(v record.Value) (record.Value, error) {
			if text, is := v.(string); is && (cell.path != "" || to.Kind != record.KindString) {
				return s.formats.Parse(to, text)
			}
			return record.Convert(to, v)
		}
	case from.Kind == record.KindTimestamp && to.Kind == record.KindDate && f.truncate:
		return func(v record.Value) (record.Value, error) {
			if nothing(v) {
				return v, nil
			}
			return toDate(v)
		}
	case cell.path != "" && within(from, to):
		return nil
	case to == bare(to) && to.Kind != record.KindList && to.Kind != record.KindSet:
		return func(v record.Value) (record.Value, error) {
			if record.KindOf(v) == to.Kind {
				return v, nil // as it nearly always is; converting would allocate it again
			}
			return record.Convert(to, v)
		}
	default:
		return func(v record.Value) (record.Value, error) { return record.Convert(to, v) }
	}
}

func (s *SystemMapping) nullText(v record.Value) (record.Value, error) {
	if text, is := v.(string); is && s.formats.IsNull(text) {
		return nil, nil //nolint:nilnil // NULL is a value
	}
	return v, nil
}

// within reports whether every value of one type is one of the other as it
// stands.
func within(from, to record.Type) bool {
	if from.Kind != to.Kind || from.Elem != to.Elem {
		return false
	}
	switch to.Kind {
	case record.KindString:
		return to.Length == 0 || from.Length > 0 && from.Length <= to.Length
	case record.KindInt:
		return to.Precision == 0 || to.Precision >= 64 || from.Precision > 0 && from.Precision <= to.Precision
	case record.KindDecimal:
		return to.Precision == 0 || from.Precision > 0 && from.Scale <= to.Scale && from.Precision-from.Scale <= to.Precision-to.Scale
	case record.Any, record.KindFloat, record.KindBool, record.KindTimestamp, record.KindDate, record.KindTime, record.KindUUID,
		record.KindBytes, record.KindJSON, record.KindList, record.KindSet, record.KindRef:
	}
	return true
}

// writing converts a field's value into what the column holds. A column of
// text holds other types in the system's own formats; a date column holds the
// day of a timestamp, which is all it can. NULL stays NULL.
func (s *SystemMapping) writing(from, to record.Type) converter {
	switch {
	case to.Kind == record.KindString && from.Kind == record.KindString:
		if within(from, to) {
			return nil
		}
	case to.Kind == record.KindString:
		return func(v record.Value) (record.Value, error) {
			if text, is := v.(string); is {
				return record.Convert(to, text)
			}
			if nothing(v) {
				return v, nil
			}
			text, err := s.formats.Text(typeOr(from, v), v)
			if err != nil {
				return nil, err
			}
			return record.Convert(to, text)
		}
	case to.Kind == record.Any:
		return s.untyped(from)
	case to.Kind == record.KindDate && (from.Kind == record.KindTimestamp || from.Kind == record.Any):
		return func(v record.Value) (record.Value, error) {
			if t, is := v.(record.Timestamp); is {
				return toDate(t)
			}
			return record.Convert(to, v)
		}
	case within(from, to):
		return nil
	}
	return func(v record.Value) (record.Value, error) { return record.Convert(to, v) }
}

// untyped writes into a column that has no type of its own: numbers, texts and
// truth stand as they are, everything else as text.
func (s *SystemMapping) untyped(from record.Type) converter {
	return func(v record.Value) (record.Value, error) {
		switch v.(type) {
		case nil, string, int64, float64, bool, record.Bytes:
			return v, nil
		}
		if nothing(v) {
			return v, nil
		}
		return s.formats.Text(typeOr(from, v), v)
	}
}

// typeOr is a type, or where it is not known what the value itself says.
func typeOr(t record.Type, v record.Value) record.Type {
	if t.Kind != record.Any {
		return t
	}
	t = record.Type{Kind: record.KindOf(v)}
	if list, is := v.(record.List); is && len(list) > 0 {
		t.Elem = record.KindOf(list[0])
	}
	return t
}
