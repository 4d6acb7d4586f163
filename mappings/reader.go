package mappings

import (
	"fmt"

	"github.com/syncline-dev/syncline/internal/record"
)

// Reader makes canonical records of one system's raw rows. It is for one
// goroutine and makes no garbage of its own beyond the values.
type Reader struct {
	side *SystemMapping
	// raw evaluates over the raw columns, fields over the canonical fields.
	raw, fields *machine
	// places maps what the raw machine needs: from the row, to the machine.
	places []placing
	keys   []int // in the row, -1 where the row has no such column
	values []int // of bare paths, in the row, by field
	// compare are the places of the Compare columns in the row.
	compare  []int
	modified int
	modType  record.Type
	part     []record.Value // reused
	hasher   record.Hasher
	whens    []int // fields with a `when`
	needed   []int // fields that `when` and match read
}

type placing struct{ from, to int }

// NewReader makes a reader of rows of a schema, which must have the columns
// that the fields read; without key columns keys are empty.
func (s *SystemMapping) NewReader(raw *record.Schema) (*Reader, error) {
	r := &Reader{
		side: s, raw: newMachine(s.schema), fields: newMachine(s.mapping.Schema), modified: -1,
		values: make([]int, len(s.cells)),
	}
	needed := map[int]bool{}
	need := func(p *program) {
		if p != nil {
			for _, place := range p.columns {
				needed[place] = true
			}
		}
	}
	need(s.where)
	need(s.deleted)
	for i, cell := range s.cells {
		r.values[i] = -1
		if cell == nil {
			continue
		}
		need(cell.read)
		if cell.when != nil {
			r.whens = append(r.whens, i)
		}
		if cell.path == "" {
			continue
		}
		if r.values[i] = raw.Index(cell.path); r.values[i] < 0 {
			return nil, fmt.Errorf("%s has no column %q any more", s.Name, cell.path)
		}
	}
	for place := range s.schema.Fields {
		if !needed[place] {
			continue
		}
		from := raw.Index(s.schema.Fields[place].Name)
		if from < 0 {
			return nil, fmt.Errorf("%s has no column %q any more", s.Name, s.schema.Fields[place].Name)
		}
		r.places = append(r.places, placing{from: from, to: place})
	}
	r.needed = s.overFields()
	for _, key := range s.Key {
		r.keys = append(r.keys, raw.Index(key))
	}
	for _, name := range s.Compare {
		r.compare = append(r.compare, raw.Index(name))
	}
	if s.modified >= 0 {
		if r.modified = raw.Index(s.schema.Fields[s.modified].Name); r.modified >= 0 {
			r.modType = raw.Fields[r.modified].Type
		}
	}
	return r, nil
}

// overFields gives the fields that reading a row evaluates expressions over.
func (s *SystemMapping) overFields() []int {
	read := make([]bool, len(s.cells))
	for _, cell := range s.cells {
		if cell != nil && cell.when != nil {
			for _, place := range cell.when.columns {
				read[place] = true
			}
		}
	}
	for _, a := range s.mapping.matches {
		for _, p := range a.parts {
			for _, place := range p.columns {
				read[place] = true
			}
		}
	}
	var places []int
	for place := range read {
		if read[place] {
			places = append(places, place)
		}
	}
	return places
}

// Key names the row; "" where a key column is NULL or not in the row.
func (r *Reader) Key(row []record.Value) record.Key {
	r.part = r.part[:0]
	for _, at := range r.keys {
		if at < 0 {
			return ""
		}
		r.part = append(r.part, row[at])
	}
	key, _ := record.NewKey(r.part...)
	return key
}

// CompareHash is the hash of the columns that the mapping reads.
func (r *Reader) CompareHash(row []record.Value) record.Hash {
	r.part = r.part[:0]
	for _, at := range r.compare {
		if at < 0 {
			r.part = append(r.part, record.Missing)
			continue
		}
		r.part = append(r.part, row[at])
	}
	return r.hasher.Row(r.part)
}

// Read evaluates the mapping for one row into out, whose slices are reused. A
// field that cannot be read makes the row bad, and its key and match are still
// read as far as they do not depend on that field.
func (r *Reader) Read(row []record.Value, out *Canonical) {
	s := r.side
	out.Key = r.Key(row)
	out.Bad, out.BadField = "", ""
	out.InScope, out.Deleted = true, false
	if cap(out.Values) < len(s.cells) {
		out.Values = make([]record.Value, len(s.cells))
	}
	out.Values = out.Values[:len(s.cells)]
	for _, p := range r.places {
		r.raw.set(p.to, row[p.from])
	}
	for i, cell := range s.cells {
		if cell == nil {
			out.Values[i] = record.Missing
			continue
		}
		v, err := r.field(i, cell, row)
		if err != nil {
			out.bad(s.mapping.Schema.Fields[i].Name, err)
			v = record.Missing
		}
		out.Values[i] = v
	}
	r.switchOff(out)
	r.match(row, out)
	r.conditions(row, out)
}

func (c *Canonical) bad(field string, err error) {
	if c.Bad != "" {
		return
	}
	c.BadField = field
	c.Bad = fmt.Sprintf("field %s: %v", field, err)
	if field == "" {
		c.Bad = err.Error()
	}
}

// field reads one cell.
func (r *Reader) field(i int, cell *cell, row []record.Value) (record.Value, error) {
	var v record.Value = record.Missing
	var err error
	switch {
	case r.values[i] >= 0:
		v = row[r.values[i]]
	case cell.read != nil:
		v, err = r.raw.eval(cell.read)
	}
	if err != nil {
		return nil, err
	}
	if cell.table != nil {
		return cell.table.fromSystem(v)
	}
	if cell.in == nil || v == nil {
		return v, nil
	}
	return cell.in(v)
}

// switchOff leaves out the fields whose `when` is not true.
func (r *Reader) switchOff(out *Canonical) {
	for _, i := range r.needed {
		r.fields.set(i, out.Values[i])
	}
	for _, i := range r.whens {
		on, err := r.fields.truth(r.side.cells[i].when)
		if err != nil {
			out.bad(r.side.mapping.Schema.Fields[i].Name, fmt.Errorf("when: %w", err))
		}
		if !on {
			out.Values[i] = record.Missing
		}
	}
	for _, i := range r.whens {
		r.fields.set(i, out.Values[i])
	}
}

// match gives the texts by which the row is recognised.
func (r *Reader) match(row []record.Value, out *Canonical) {
	out.Match = out.Match[:0]
	for _, a := range r.side.mapping.matches {
		r.part = r.part[:0]
		if a.key {
			for _, at := range r.keys {
				if at >= 0 {
					r.part = append(r.part, row[at])
				}
			}
		}
		for _, p := range a.parts {
			v, err := r.fields.eval(p)
			if err != nil {
				out.bad("", fmt.Errorf("match %s: %w", p.text.Value, err))
				v = nil
			}
			r.part = append(r.part, v)
		}
		text, ok := record.FoldMatch(r.part...)
		if !ok {
			text = ""
		}
		out.Match = append(out.Match, text)
	}
}

// conditions evaluates `where`, `deleted` and `modified`.
func (r *Reader) conditions(row []record.Value, out *Canonical) {
	s := r.side
	if s.where != nil {
		in, err := r.raw.truth(s.where)
		if err != nil {
			out.bad("", fmt.Errorf("where: %w", err))
			in = true // a row that cannot be judged has not left
		}
		out.InScope = in
	}
	if s.deleted != nil {
		v, err := r.raw.eval(s.deleted)
		if err != nil {
			out.bad("", fmt.Errorf("deleted: %w", err))
		}
		out.Deleted = err == nil && saysDeleted(v)
	}
	out.Modified, out.HasModified = 0, false
	if r.modified >= 0 {
		out.Modified, out.HasModified = s.instantOf(row[r.modified])
	}
}

// saysDeleted: a time, a text or a number there means deleted; false, 0, NULL
// and blank do not.
func saysDeleted(v record.Value) bool {
	switch x := v.(type) {
	case bool:
		return x
	case int64:
		return x != 0
	case record.Timestamp:
		return x != record.TimestampInfinity
	default:
		return !record.Blank(v)
	}
}

// Bounds by which a number that stands for a time is taken for seconds,
// milliseconds or microseconds since 1970: each reaches to the year 5138.
const (
	mostSeconds = 100_000_000_000
	mostMillis  = 100_000_000_000_000
)

// instantOf reads the time of a change. A row whose time cannot be read has
// none, which is no fault of the record.
func (s *SystemMapping) instantOf(v record.Value) (record.Timestamp, bool) {
	switch x := v.(type) {
	case nil:
		return 0, false
	case record.Timestamp:
		return x, x != record.TimestampInfinity && x != record.TimestampNegInfinity
	case int64:
		switch n := abs64(x); {
		case n < mostSeconds:
			return record.Timestamp(x * 1_000_000), true
		case n < mostMillis:
			return record.Timestamp(x * 1_000), true
		default:
			return record.Timestamp(x), true
		}
	case string:
		t, err := s.formats.Parse(record.Type{Kind: record.KindTimestamp}, x)
		ts, is := t.(record.Timestamp)
		return ts, err == nil && is
	default:
		t, err := record.Convert(record.Type{Kind: record.KindTimestamp}, v)
		ts, is := t.(record.Timestamp)
		return ts, err == nil && is
	}
}
