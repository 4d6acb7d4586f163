package mappings

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/syncline-dev/syncline/internal/record"
)

// Pipe turns a source's raw batches straight into a target's columns, for
// syncs without state. A column that needs nothing done is the same Arrow
// column handed on; expressions run only for the columns that need them, column
// by column. A pipe is for one goroutine.
type Pipe struct {
	source, target *SystemMapping
	arrow          *arrow.Schema
	schema         *record.Schema
	columns        []pipeColumn
	raw, fields    *machine
	at             []int // place in the source's schema → column of the batch, or -1
	deletes        bool
	drop           []bool // by row: not handed on
	gone           []bool // by row: deleted, only its key counts
	voids          []byte // by row, a bit per column: absent; nil while none is
	counts         *PipeCounts
	batch          *record.Batch
}

// pipeColumn is one column of the target.
type pipeColumn struct {
	field int
	typ   record.Type
	write *write
	// pass is the raw column that is handed on, or -1; check refuses rows whose
	// value the target's type has no room for, nil if there are none.
	pass  int
	check func(arr arrow.Array, row int) error
	// text maps a column of text to another, without the virtual machine.
	text   func(to []byte, s string) []byte
	textAt int
	// parse is the raw column of cells of text whose values are of the types of
	// the field and of the target's column, or -1.
	parse int
	types [2]record.Type
	key   bool
}

// PipeCounts say what became of a batch's rows that were not handed on.
type PipeCounts struct {
	// Ignored rows are out of `where` or deleted where deletes are ignored.
	Ignored int64
	// Rejected rows could not be mapped; Rejects says why.
	Rejected int64
	Rejects  []Reject
}

// Reject is a row that could not be mapped. Reason names the field and what was
// expected, never the value.
type Reject struct {
	Row    int
	Reason string
}

// NewPipe makes a pipe between two systems of a stateless mapping, from batches
// of one schema to the columns of the target as it is now.
func (m *Mapping) NewPipe(source, target *SystemMapping, raw, columns *record.Schema) (*Pipe, error) {
	reader, err := source.NewReader(raw)
	if err != nil {
		return nil, err
	}
	if _, err := target.NewWriter(columns); err != nil {
		return nil, err
	}
	p := &Pipe{source: source, target: target, raw: reader.raw, fields: reader.fields, at: make([]int, len(source.schema.Fields))}
	for place, f := range source.schema.Fields {
		p.at[place] = raw.Index(f.Name)
	}
	rule := m.Rules.Systems[target.Index]
	p.deletes = rule.Delete && rule.Effect == "hard"
	var fields []record.Field
	for i, cell := range target.cells {
		if cell == nil || source.cells[i] == nil || !target.Writes[i] {
			continue
		}
		for w := range cell.writes {
			column, _ := columns.Field(cell.writes[w].column)
			c := pipeColumn{field: i, typ: column.Type, write: &cell.writes[w], pass: -1, textAt: -1, parse: -1, key: slices.Contains(target.Key, column.Name)}
			p.shortcut(&c, source.cells[i], cell, raw, m.Schema.Fields[i].Type)
			fields = append(fields, column)
			p.columns = append(p.columns, c)
		}
	}
	p.schema = record.NewSchema(fields...)
	p.arrow = record.ArrowSchema(p.schema)
	return p, nil
}

// shortcut finds out whether a column can be handed on, mapped as text, or
// parsed straight from text.
func (p *Pipe) shortcut(c *pipeColumn, from, to *cell, raw *record.Schema, field record.Type) {
	if from.when != nil || to.when != nil || from.table != nil || to.table != nil || c.write.expr != nil {
		return
	}
	if program := from.read; program != nil && program.textFn.of != nil {
		at := p.at[program.columns[0]]
		if raw.Fields[at].Type.Kind == record.KindString && c.typ.Kind == record.KindString && field.Kind == record.KindString &&
			within(record.Type{Kind: record.KindString}, field) && within(field, c.typ) {
			c.text, c.textAt = program.textFn.appendTo, at
		}
		return
	}
	if from.path == "" {
		return
	}
	at := raw.Index(from.path)
	have := raw.Fields[at].Type
	if have.Kind == record.KindString && from.typ.Kind == record.KindString && bare(field) == bare(c.typ) {
		c.parse, c.types = at, [2]record.Type{field, c.typ}
	}
	if bare(have) != bare(field) || bare(have) != bare(c.typ) || have.Kind == record.Any || have.Kind == record.KindRef {
		return
	}
	if have.Kind == record.KindString && p.source.formats.IsNull(p.source.formats.Null) {
		return
	}
	c.pass = at
	for _, bound := range []record.Type{field, c.typ} {
		if !within(have, bound) {
			c.check = both(c.check, boundCheck(bound))
		}
	}
}

// Map gives the batch that the target is loaded with. The rows that are not in
// it are counted. The caller releases the result and keeps the batch until then.
func (p *Pipe) Map(batch *record.Batch) (*record.Batch, PipeCounts, error) {
	counts := PipeCounts{}
	p.begin(batch, &counts)
	columns := make([]arrow.Array, 0, len(p.columns)+5)
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i := range p.columns {
		arr, err := p.column(i)
		if err != nil {
			return nil, counts, err
		}
		columns = append(columns, arr)
	}
	columns = append(columns, p.marks()...)
	rows := batch.Rows()
	if dropped := int(counts.Ignored + counts.Rejected); dropped > 0 {
		rows -= dropped
		for i, arr := range columns {
			kept, err := keep(arr, p.drop)
			if err != nil {
				return nil, counts, err
			}
			columns[i].Release()
			columns[i] = kept
		}
	}
	return record.WithSchema(p.schema, array.NewRecordBatch(p.arrow, columns, int64(rows))), counts, nil
}

// begin decides which rows take part.
func (p *Pipe) begin(batch *record.Batch, counts *PipeCounts) {
	rows := batch.Rows()
	p.batch, p.counts, p.voids = batch, counts, nil
	p.drop, p.gone = blank(p.drop, rows), blank(p.gone, rows)
	whole := opsArePresent(batch)
	for row := range rows {
		if !whole {
			switch mark := batch.Mark(row); {
			case mark.Op == record.Deleted && p.deletes:
				p.gone[row] = true
				continue
			case mark.Op != record.Present:
				p.ignore(row)
				continue
			case mark.Bad != "":
				p.reject(row, "", faultf("%s", mark.Bad))
				continue
			}
		}
		p.judge(row)
	}
}

// judge evaluates `where` and `deleted` for a row.
func (p *Pipe) judge(row int) {
	if s := p.source; s.where != nil {
		p.set(s.where, row)
		in, err := p.raw.truth(s.where)
		if err != nil {
			p.reject(row, "where", err)
			return
		}
		if !in {
			p.ignore(row)
			return
		}
	}
	if s := p.source; s.deleted != nil {
		p.set(s.deleted, row)
		v, err := p.raw.eval(s.deleted)
		switch {
		case err != nil:
			p.reject(row, "deleted", err)
		case !saysDeleted(v):
		case p.deletes:
			p.gone[row] = true
		default:
			p.ignore(row)
		}
	}
}

func blank(flags []bool, n int) []bool {
	if cap(flags) < n {
		return make([]bool, n)
	}
	flags = flags[:n]
	clear(flags)
	return flags
}

func (p *Pipe) ignore(row int) {
	p.drop[row] = true
	p.counts.Ignored++
}

func (p *Pipe) reject(row int, what string, err error) {
	if p.drop[row] {
		return
	}
	p.drop[row] = true
	p.counts.Rejected++
	reason := err.Error()
	if what != "" {
		reason = what + ": " + reason
	}
	p.counts.Rejects = append(p.counts.Rejects, Reject{Row: row, Reason: reason})
}
