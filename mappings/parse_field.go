package mappings

import (
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

func (p *decoder) fields(n *node, systems []string) []*Field {
	var fields []*Field
	for _, e := range p.entries(n, "fields") {
		p.field = e.key.Value
		if strings.TrimSpace(e.key.Value) == "" {
			p.fail(e.key.Pos, "a field needs a name")
		}
		fields = append(fields, p.row(e, systems))
		p.field = ""
	}
	return fields
}

func (p *decoder) row(from entry, systems []string) *Field {
	f := &Field{Name: from.key}
	if from.value.kind == scalarValue {
		p.fail(from.value.text.Pos, "a field is a row of systems, not a text").Hint = "{crm: email, billing: email_address}; what has the same name everywhere stands in `same: [email]`"
		return f
	}
	known := append(slices.Clone(systems), fieldKeys()...)
	for _, e := range p.entries(from.value, "the row") {
		switch {
		case slices.Contains(fieldKeys(), e.key.Value):
			p.fieldKey(f, e, systems)
		case slices.Contains(systems, e.key.Value):
			f.Cells = append(f.Cells, p.cell(e))
		case len(systems) > 0:
			problem := p.fail(e.key.Pos, "%q is neither a system nor a key of a field", e.key.Value)
			problem.Hint = keyHint(e.key.Value, known)
		}
	}
	if from.value.kind == mapValue && len(f.Cells) == 0 && len(systems) > 0 {
		p.fail(from.key.Pos, "no system has this field").Hint = "{" + systems[0] + ": COLUMN, …}"
	}
	return f
}

func (p *decoder) fieldKey(f *Field, e entry, systems []string) {
	switch e.key.Value {
	case "type":
		p.fieldType(f, e.value)
	case "owner":
		if owner, ok := p.text(e.value, "owner"); ok && p.isSystem(owner, systems) {
			f.Owner = owner
		}
	case "on_violation":
		f.OnViolation = p.word(e.value, "on_violation", "revert", "ignore")
	case "write_once":
		f.WriteOnce = p.boolean(e.value, "write_once")
	case "resolve":
		f.Resolve = p.chain(e.value, "resolve", systems)
	case "values":
		p.values(f, e.value, systems)
	case "unknown":
		f.Unknown, _ = p.text(e.value, "unknown")
	case "missing":
		f.Missing = p.word(e.value, "missing", "wait", "blank")
	case "scope":
		f.Scope = p.word(e.value, "scope", "field", "record")
	}
}

func (p *decoder) fieldType(f *Field, n *node) {
	t, ok := p.text(n, "type")
	if !ok {
		return
	}
	f.Type = t
	parsed, err := record.ParseType(t.Value)
	if err != nil {
		problem := p.fail(t.Pos, "%s", err)
		word, _, _ := strings.Cut(strings.FieldsFunc(t.Value+" ", func(r rune) bool { return r == '(' || r == '<' })[0], " ")
		if near := suggest(word, typeWords()); near != "" {
			problem.Hint = "did you mean `" + near + "`?"
		} else if ours := foreignType(word); ours != "" {
			problem.Hint = "did you mean `" + ours + "`?"
		}
		return
	}
	if parsed.Kind == record.KindRef {
		p.putOff("ref", t.Pos)
	}
}

func foreignType(word string) string {
	return map[string]string{
		"text": "string", "varchar": "string", "char": "string", "integer": "int", "bigint": "int", "smallint": "int",
		"numeric": "decimal", "number": "decimal", "money": "decimal", "double": "float", "real": "float", "boolean": "bool",
		"datetime": "timestamp", "timestamptz": "timestamp", "blob": "bytes", "bytea": "bytes", "jsonb": "json",
		"array": "list", "enum": "string",
	}[strings.ToLower(word)]
}

func (p *decoder) cell(from entry) *Cell {
	c := &Cell{System: from.key, Pos: from.value.text.Pos}
	if from.value.kind != mapValue {
		c.Path, _ = p.text(from.value, "the cell of "+from.key.Value)
		return c
	}
	var write *node
	for _, e := range p.keys(from.value, "the cell of "+from.key.Value, cellKeys()) {
		switch e.key.Value {
		case "path":
			c.Path, _ = p.text(e.value, "path")
		case "read":
			c.Read, _ = p.text(e.value, "read")
		case "when":
			c.When, _ = p.text(e.value, "when")
		case "write":
			write = e.value
		}
	}
	if write != nil {
		c.Write = p.write(write)
	}
	hasPath, hasRead := c.Path != Text{}, c.Read != Text{}
	switch {
	case hasPath && (hasRead || write != nil):
		p.fail(c.Path.Pos, "`path` stands beside `read` or `write`").Hint = "`path` is both: say path, or read and write"
	case !hasPath && !hasRead && write != nil:
		p.fail(c.Pos, "`write` without `read`: nobody could tell whether the system agrees").Hint = "{read: COLUMN, write: …}"
	case !hasPath && !hasRead:
		p.fail(c.Pos, "this cell says neither `path` nor `read`").Hint = "{path: COLUMN, when: CONDITION} · {read: EXPRESSION, write: COLUMN}"
	}
	return c
}

func (p *decoder) write(n *node) []WriteCell {
	if n.kind != mapValue {
		if column, ok := p.text(n, "write"); ok {
			return []WriteCell{{Column: column}}
		}
		return nil
	}
	var cells []WriteCell
	for _, e := range p.entries(n, "write") {
		expr, _ := p.text(e.value, "what is written to "+e.key.Value)
		cells = append(cells, WriteCell{Column: e.key, Expr: expr})
	}
	if len(cells) == 0 {
		p.fail(n.text.Pos, "write is an empty map")
	}
	return cells
}

func (p *decoder) values(f *Field, n *node, systems []string) {
	for _, e := range p.entries(n, "values") {
		row := ValueRow{Canonical: e.key, Cells: map[string][]Text{}}
		if e.value.kind != noValue {
			for _, cell := range p.entries(e.value, "the value "+e.key.Value) {
				if p.isSystem(cell.key, systems) {
					row.Cells[cell.key.Value] = p.tokens(cell.value, "the value "+e.key.Value)
				}
			}
		}
		f.Values = append(f.Values, row)
	}
	if n.kind == mapValue && len(f.Values) == 0 {
		p.fail(n.text.Pos, "values is an empty map").Hint = "values: {CANONICAL: {SYSTEM: VALUE}}"
	}
}

// tokens reads one literal or a list of them.
func (p *decoder) tokens(n *node, what string) []Text {
	if n.kind != listValue {
		if t, ok := p.literal(n, what); ok {
			return []Text{t}
		}
		return nil
	}
	tokens := make([]Text, 0, len(n.items))
	for _, item := range n.items {
		if t, ok := p.literal(item, what); ok {
			tokens = append(tokens, t)
		}
	}
	if len(n.items) == 0 {
		p.fail(n.text.Pos, "%s has an empty list", what)
	}
	return tokens
}
