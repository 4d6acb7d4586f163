package record

import "slices"

// Field is one column of a schema. In a system's raw schema the name is the
// discovered path (`email`, `address.line1`); in a canonical schema it is the
// field's name in the definition.
type Field struct {
	Name string
	Type Type
	// Nullable is false where the system refuses NULL.
	Nullable bool
	// ReadOnly marks what nobody may write: generated columns, server ids.
	ReadOnly bool
	// HasDefault marks a column that a creation may leave out.
	HasDefault bool
	// Native is the system's own name of the type, for people and for SQL casts.
	Native string
}

// Schema is an ordered list of fields; rows are positional in that order.
type Schema struct {
	Fields []Field
	index  map[string]int
}

// NewSchema builds a schema; of two fields of one name the first is found.
func NewSchema(fields ...Field) *Schema {
	s := &Schema{Fields: fields, index: make(map[string]int, len(fields))}
	for i, f := range fields {
		if _, dup := s.index[f.Name]; !dup {
			s.index[f.Name] = i
		}
	}
	return s
}

// Index gives a field's place, or -1.
func (s *Schema) Index(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	return -1
}

// Field gives a field by name.
func (s *Schema) Field(name string) (Field, bool) {
	i := s.Index(name)
	if i < 0 {
		return Field{}, false
	}
	return s.Fields[i], true
}

// Names lists the fields' names in order.
func (s *Schema) Names() []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

// Select gives the schema of the named fields in the given order; names that
// are not there are left out.
func (s *Schema) Select(names []string) *Schema {
	fields := make([]Field, 0, len(names))
	for _, name := range names {
		if f, ok := s.Field(name); ok {
			fields = append(fields, f)
		}
	}
	return NewSchema(fields...)
}

// Equal compares names and types in order.
func (s *Schema) Equal(o *Schema) bool {
	return slices.EqualFunc(s.Fields, o.Fields, func(a, b Field) bool {
		return a.Name == b.Name && a.Type == b.Type
	})
}
