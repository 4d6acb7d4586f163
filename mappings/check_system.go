package mappings

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// systems checks everything that concerns one system alone.
func (c *checker) systems() {
	read := false
	for _, p := range c.parties {
		read = read || p.reads
		c.secrets(p)
		c.columns(p)
		c.changes(p)
		c.conditions(p)
		c.onCreate(p)
		c.deleteEffect(p)
		c.role(p)
	}
	if !read && len(c.parties) > 0 {
		c.fail(c.def.Pos, "no system is read: all are targets").Hint = "role: source · role: both"
	}
}

func (c *checker) role(p *party) {
	switch {
	case p.Role == "source" && len(p.OnCreate) > 0:
		c.warn(p.OnCreate[0].Column.Pos, "nothing is ever created in %s: it is a source", p.Name.Value)
	case p.Role == "source" && p.Accept.Value != "":
		c.warn(p.Accept.Pos, "nothing is ever created in %s: it is a source", p.Name.Value)
	case p.Role == "target" && p.Where.Value != "" && p.Leaving == "delete":
		c.warn(p.Where.Pos, "%s is a target: nothing is read there that could leave", p.Name.Value)
	}
	c.writable(p)
	if p.object != nil && !p.object.Exists && p.Role != "target" {
		c.fail(p.Pos, "%s does not exist, and only a target is made", p.title()).Hint = "role: target"
	}
	if p.Leaving == "delete" && p.Where.Value == "" {
		c.warn(p.Pos, "`leaving: delete` without `where`: nothing ever leaves")
	}
}

// writable checks that what is to be written, or made, can be.
func (c *checker) writable(p *party) {
	if p.object == nil || p.object.Writable || !p.receives {
		return
	}
	switch why := p.object.ReadOnlyBecause; {
	case p.object.Exists && why != "":
		c.fail(p.Pos, "%s cannot be written: %s", p.title(), why).Hint = "role: source"
	case p.object.Exists:
		c.fail(p.Pos, "%s cannot be written", p.title()).Hint = "role: source"
	case why != "" && p.Role == "target":
		c.fail(p.Pos, "%s does not exist and cannot be made: %s", p.title(), why)
	}
}

var secretOption = regexp.MustCompile(`(?i)password|passwd|secret|token|api_?key|credential`)

// secrets refuses what is written out: a definition is stored in the ledger.
func (c *checker) secrets(p *party) {
	for _, name := range slices.Sorted(maps.Keys(p.Options)) {
		value := p.Options[name]
		switch {
		case secretOption.MatchString(name) && value.Value != "" && !strings.Contains(value.Value, "${"):
			c.fail(value.Pos, "a secret is written out in %s", name)
		case urlPassword.MatchString(value.Value) && maskSecrets(value.Value) != value.Value:
			c.fail(value.Pos, "a password is written out in %s", name)
		default:
			continue
		}
		c.problems[len(c.problems)-1].Hint = "write ${NAME} for a variable or ${file:/run/secrets/x} for a file: definitions are stored, secrets never"
	}
}

// columns checks the names that stand for columns of the system.
func (c *checker) columns(p *party) {
	for _, key := range p.Key {
		c.isColumn(p, key)
	}
	if p.object != nil && p.object.Exists && len(p.Key) == 0 && len(p.object.Key) == 0 {
		c.fail(p.Pos, "%s has no primary key", p.title()).Hint = "key: COLUMN · key: [COLUMN, COLUMN]"
	}
	if p.Modified.Value != "" && c.isColumn(p, p.Modified) && p.schema != nil {
		column, _ := p.schema.Field(p.Modified.Value)
		switch column.Type.Kind {
		case record.KindTimestamp, record.KindDate, record.KindInt, record.KindString, record.Any:
		default:
			c.fail(p.Modified.Pos, "%s is %s: it cannot say when a record changed", p.Modified.Value, column.Type).Hint = "`modified` is a column of times, such as updated_at"
		}
	}
	for _, name := range columnsIn(p.Open) {
		c.isColumn(p, Text{Value: name, Pos: p.Pos})
	}
}

// isColumn reports a name that is no column.
func (c *checker) isColumn(p *party, name Text) bool {
	if p.schema == nil || p.schema.Index(name.Value) >= 0 {
		return true
	}
	c.unknownColumn(p, name)
	return false
}

func (c *checker) unknownColumn(p *party, name Text) {
	c.fail(name.Pos, "%s has no column %q", p.title(), name.Value).Hint = didYouMean(name.Value, p.schema.Names())
}

func (c *checker) changes(p *party) {
	mode := p.Changes.Value
	if mode == "cursor" && p.Modified.Value == "" {
		c.fail(p.Changes.Pos, "`changes: cursor` in %s needs `modified`", p.Name.Value).Hint = "modified: COLUMN, the time of a record's last change"
	}
	if mode == "" || mode == "auto" || p.object == nil || len(p.object.Modes) == 0 || slices.Contains(p.object.Modes, mode) {
		return
	}
	if mode == "trigger" { // what can have them does not say so before it has
		c.warn(p.Changes.Pos, "%s has no triggers yet", p.title()).Hint = "`syncline deploy` installs them"
		return
	}
	if mode == "cursor" && p.Modified.Value == "" {
		return // told above
	}
	c.fail(p.Changes.Pos, "%s cannot tell changes by %s", p.title(), mode).Hint = "it can: auto, " + strings.Join(p.object.Modes, ", ")
}

func (c *checker) onCreate(p *party) {
	for _, literal := range p.OnCreate {
		if p.schema == nil || !c.isColumn(p, literal.Column) {
			continue
		}
		column, _ := p.schema.Field(literal.Column.Value)
		if column.ReadOnly {
			c.fail(literal.Column.Pos, "%s cannot be written in %s", column.Name, p.title()).Hint = "leave it out: the system sets it by itself"
			continue
		}
		c.literal(p, literal.Value, column)
	}
}

// literal checks that a raw token is a value of a column's type.
func (c *checker) literal(p *party, token Text, column record.Field) {
	formats, err := record.NewFormats(p.Formats)
	if err != nil {
		return // told by Parse
	}
	value, err := formats.Parse(column.Type, token.Value)
	if err == nil {
		_, err = record.Convert(column.Type, value)
	}
	if err != nil {
		c.fail(token.Pos, "%q is no value of %s in %s, which is %s: %s", token.Value, column.Name, p.title(), column.Type, err)
	}
}

// deleteEffect checks that what a delete does in a system can be done there.
func (c *checker) deleteEffect(p *party) {
	effect := c.def.Deletes.Effect[p.Name.Value]
	if effect == "" {
		effect = c.def.Deletes.Effect[""]
	}
	if !p.receives || p.Allow.NoDelete || effect != "soft" {
		return
	}
	switch {
	case p.Deleted.Value == "":
		c.fail(c.def.Deletes.Pos, "a soft delete in %s needs `deleted` there", p.Name.Value).Hint = "deleted: COLUMN, the column that says that a record is deleted"
	case p.schema != nil && p.schema.Index(p.Deleted.Value) < 0 && !identifier.MatchString(p.Deleted.Value):
		c.fail(p.Deleted.Pos, "a soft delete in %s needs a column in `deleted`, and this is an expression", p.Name.Value)
	}
}

// identifier is a text that is a name and nothing else.
var identifier = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)
