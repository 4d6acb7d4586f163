package mappings

import (
	"fmt"
	"slices"
)

// whyNotStateless says why this sync needs links and bases in the ledger, or
// "" where positions and counts are enough.
func (c *compilation) whyNotStateless() string {
	var source *SystemMapping
	for _, s := range c.m.Systems {
		switch {
		case s.Reads && s.system.Role != "source":
			return s.Name + " is read and written"
		case s.Reads && source != nil:
			return fmt.Sprintf("%s and %s are both sources", source.Name, s.Name)
		case s.Reads:
			source = s
		}
	}
	if source == nil || len(c.m.Systems) < 2 {
		return "there is no source with a target"
	}
	for _, f := range c.fields {
		switch {
		case f.Owner.Value != "":
			return f.Name.Value + " has an owner"
		case f.WriteOnce:
			return f.Name.Value + " is written once"
		}
	}
	if c.def.Limits.Update.Set || c.def.Limits.Blank.Set {
		return "a limit of updates needs to know them before anything is written"
	}
	places, why := c.matchIsKey(source)
	if why != "" {
		return why
	}
	for _, s := range c.m.Systems {
		if s == source {
			continue
		}
		if why := c.targetNeedsState(source, s, places); why != "" {
			return why
		}
	}
	return ""
}

// matchIsKey gives the fields of the match if they are exactly the source's key.
func (c *compilation) matchIsKey(source *SystemMapping) (places []int, why string) {
	if len(c.m.matches) != 1 || c.m.matches[0].key {
		return nil, "there are several ways to match"
	}
	var columns []string
	for _, p := range c.m.matches[0].parts {
		if p.run != nil || source.cells[p.column] == nil || source.cells[p.column].path == "" {
			return nil, fmt.Sprintf("the match is not the key of %s as it stands", source.Name)
		}
		if cell := source.cells[p.column]; cell.table != nil || cell.when != nil {
			return nil, fmt.Sprintf("the match is not the key of %s as it stands", source.Name)
		}
		places = append(places, p.column)
		columns = append(columns, source.cells[p.column].path)
	}
	if !sameNamesIn(columns, source.Key) {
		return nil, fmt.Sprintf("the match is not the key of %s", source.Name)
	}
	return places, ""
}

// targetNeedsState says why one target cannot be loaded by upserts alone.
func (c *compilation) targetNeedsState(source, target *SystemMapping, match []int) string {
	name := target.Name
	var key []string
	for _, place := range match {
		cell := target.cells[place]
		if cell == nil || !target.Writes[place] || len(cell.writes) != 1 || cell.writes[0].expr != nil {
			return fmt.Sprintf("%s has the match not as columns of its own", name)
		}
		key = append(key, cell.writes[0].column)
	}
	allow, rule := target.system.Allow, c.m.Rules.Systems[target.Index]
	switch {
	case !target.object.Upsert:
		return name + " cannot upsert"
	case !sameNamesIn(key, target.Key):
		return fmt.Sprintf("the match is not the key of %s", name)
	case allow.NoCreate || allow.NoUpdate:
		return name + " does not take all writes"
	case rule.Accept != nil:
		return name + " accepts some records only"
	case target.where != nil:
		return name + " has a `where` of its own"
	case len(target.onCreate) > 0:
		return name + " has values that are written at creation only"
	case c.m.Rules.Systems[source.Index].OnlyHere != "create":
		return "records that only the source has are not created"
	case source.system.Leaving == "delete":
		return "a record that leaves is deleted"
	}
	for i, cell := range target.cells {
		if cell != nil && cell.when != nil {
			return c.fields[i].Name.Value + " has a `when`"
		}
	}
	if rule.Effect == "ignore" || !rule.Delete {
		return ""
	}
	mode := source.system.Changes.Value
	if rule.Effect == "hard" && mode != "" && slices.Contains(source.object.SeesDeletes, mode) && (mode == "log" || mode == "trigger") {
		return ""
	}
	return fmt.Sprintf("deletes of %s are carried out in %s", source.Name, name)
}

// sameNamesIn compares two sets of names.
func sameNamesIn(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	return !slices.ContainsFunc(a, func(name string) bool { return !slices.Contains(b, name) })
}
