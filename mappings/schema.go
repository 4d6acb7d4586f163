package mappings

import (
	"encoding/json"
	"slices"
)

// Schema gives the JSON Schema (2020-12) of the definition language, for
// editors: keys with what they mean, and the words that stand behind them.
func Schema() []byte { return schemaText(schemaParts(nil, nil)) }

// SchemaFor gives the JSON Schema of one definition: with the names of its
// systems and, where objects tell them, their columns for completion.
func SchemaFor(def *Definition, objects map[string]Object) []byte {
	return schemaText(schemaParts(def, objects))
}

// shape is a part of a JSON Schema.
type shape map[string]any

func schemaText(s shape) []byte {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // maps of strings always encode
		panic(err)
	}
	return append(text, '\n')
}

func schemaParts(def *Definition, objects map[string]Object) shape {
	b := &schemaBuilder{objects: objects}
	if def != nil {
		for _, s := range def.Systems {
			b.systems = append(b.systems, s.Name.Value)
		}
	}
	root := b.definition()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Syncline definition"
	root["$defs"] = shape{
		"duration": shape{"type": "string", "pattern": `^([0-9]+w)?([0-9]+d)?([0-9.]+(ms|s|m|h))*$`, "examples": []string{"30s", "15m", "72h", "2d"}},
		"literal":  shape{"type": []string{"string", "number", "boolean"}},
		"literals": anyShape(refShape("literal"), listShape(refShape("literal"))),
		"texts":    anyShape(shape{"type": "string"}, listShape(shape{"type": "string"})),
		"policy":   b.policy(),
		"chain":    anyShape(refShape("policy"), shape{"type": "array", "items": refShape("policy"), "minItems": 1}),
		"limit": objectShape(shape{
			"count":   shape{"type": "integer", "minimum": 1},
			"percent": shape{"type": []string{"number", "string"}},
		}),
	}
	return root
}

// schemaBuilder makes a schema for the systems that are known; without any, for
// every name that a system can have.
type schemaBuilder struct {
	systems []string
	objects map[string]Object
}

func refShape(name string) shape     { return shape{"$ref": "#/$defs/" + name} }
func anyShape(shapes ...shape) shape { return shape{"anyOf": shapes} }
func listShape(item shape) shape     { return shape{"type": "array", "items": item} }
func wordShape(words []string) shape { return shape{"enum": words} }
func objectShape(properties shape) shape {
	return shape{"type": "object", "properties": properties, "additionalProperties": false}
}
func described(text string, s shape) shape   { s["description"] = text; return s }
func textShape(description string) shape     { return described(description, shape{"type": "string"}) }
func durationShape(description string) shape { return described(description, refShape("duration")) }
func chainShape(description string) shape    { return described(description, refShape("chain")) }
func booleanShape(description string) shape  { return described(description, shape{"type": "boolean"}) }

// perSystem is a map with one entry for each system.
func (b *schemaBuilder) perSystem(of func(system string) shape) shape {
	if len(b.systems) == 0 {
		return shape{"type": "object", "additionalProperties": of("")}
	}
	properties := shape{}
	for _, name := range b.systems {
		properties[name] = of(name)
	}
	return objectShape(properties)
}

// column is a path of a system: one of those that are known, or an expression.
func (b *schemaBuilder) column(system string) shape {
	s := shape{"type": "string"}
	if o, known := b.objects[system]; known && o.Schema != nil && len(o.Schema.Fields) > 0 {
		return anyShape(wordShape(o.Schema.Names()), s)
	}
	return s
}

func (b *schemaBuilder) system() shape {
	if len(b.systems) == 0 {
		return shape{"type": "string"}
	}
	return wordShape(b.systems)
}

func (b *schemaBuilder) policy() shape {
	return anyShape(
		wordShape(plainPolicies()),
		objectShape(shape{"system_wins": described("this system", b.system())}),
		objectShape(shape{"priority": described("the first of these that has a word", listShape(b.system()))}),
		objectShape(shape{"expression": textShape("over base and the systems' names")}),
	)
}

func (b *schemaBuilder) definition() shape {
	s := objectShape(shape{
		"sync":    textShape("The sync's name."),
		"about":   textShape("What it is for, for people."),
		"systems": described("Who takes part; the order breaks ties.", b.perSystem(b.participant)),
		"match": described("By what records of different systems are one: a field, fields together, key, or first_of.", anyShape(
			refShape("texts"), objectShape(shape{"first_of": listShape(refShape("texts"))}))),
		"same": described("Fields that have the same name everywhere.", anyShape(
			refShape("texts"), objectShape(shape{"except": refShape("texts")}))),
		"fields": described("A row per field, a column per system.", shape{"type": "object", "additionalProperties": b.row()}),
		"conflicts": described("Who wins.", objectShape(shape{
			"resolve":          chainShape("Policies in order, for every field without its own."),
			"kinds":            described("Policies for conflicts of a kind.", b.kinds()),
			"delete_vs_update": described("Default: update_wins.", wordShape(deleteVsUpdate())),
			"deadline":         durationShape("How long a conflict waits for a person."),
			"then":             chainShape("What happens when the deadline has passed."),
			"scope":            described("record: a conflict in one field holds the whole record.", wordShape([]string{"field", "record"})),
		})),
		"deletes": objectShape(shape{"effect": described("What a delete elsewhere does here.", b.wordPerSystem(effects()))}),
		"limits":  described("Stop a run before it writes.", b.limits()),
		"first_sync": described("Where systems meet for the first time; it never deletes.", objectShape(shape{
			"prefer":    chainShape("Who wins where they differ."),
			"only_here": described("What happens to what one system has alone.", b.wordPerSystem(onlyHere())),
		})),
		"schedule": objectShape(shape{
			"every": durationShape("From run to run."), "jitter": durationShape("A random delay up to this."),
			"cron": textShape("Five fields: minute hour day month weekday."), "timezone": textShape("Of cron; such as Europe/Berlin."),
		}),
		"live":  booleanShape("Changes at once (not built yet)."),
		"each":  described("A definition per table (not built yet).", shape{"type": "object"}),
		"drift": described("What a change of columns does (not built yet).", shape{}),
	})
	s["required"] = []string{"sync", "systems", "match"}
	return s
}

func (b *schemaBuilder) wordPerSystem(words []string) shape {
	return anyShape(wordShape(words), b.perSystem(func(string) shape { return wordShape(words) }))
}

func (b *schemaBuilder) kinds() shape {
	kinds := shape{}
	for _, kind := range ConflictKinds() {
		kinds[kind] = refShape("chain")
	}
	return objectShape(kinds)
}

func (b *schemaBuilder) limits() shape {
	limits := shape{}
	for _, limit := range limitKeys() {
		limits[limit] = refShape("limit")
	}
	return objectShape(limits)
}

func (b *schemaBuilder) participant(name string) shape {
	properties := shape{
		"use":       textShape("A connection of connections.yaml."),
		"connector": textShape("The connector, with its options beside it, instead of `use`."),
		"object":    textShape("The table, object or file."),
		"key":       described("The system's own identifier; default: its primary key.", anyShape(b.column(name), listShape(b.column(name)))),
		"modified":  described("When a record last changed there.", b.column(name)),
		"deleted":   described("What marks a deleted record: a column, or an expression.", b.column(name)),
		"changes":   described("How changes are detected.", anyShape(wordShape(changeModes()), objectShape(shape{"with": textShape("A field that refers to another sync (not built yet).")}))),
		"sweep":     durationShape("From key sweep to key sweep, in a large table."),
		"where":     textShape("Over its own record: which records take part."),
		"accept":    textShape("Over the fields: which records it should have."),
		"leaving":   described("What happens elsewhere when a record stops matching `where`.", wordShape([]string{"unlink", "delete"})),
		"on_create": described("Literals, written when we create there.", shape{"type": "object", "additionalProperties": refShape("literal")}),
		"allow":     objectShape(shape{"create": booleanShape("Default: true."), "update": booleanShape("Default: true."), "delete": booleanShape("Default: true.")}),
		"role":      described("Default: both.", wordShape(roles())),
		"formats":   described("How texts stand for values there.", shape{"type": "object", "additionalProperties": shape{"type": "string"}}),
		"open":      textShape("The link that a person clicks, with {column} in it."),
		"rows":      textShape("A record per element of this array (not built yet)."),
	}
	s := objectShape(properties)
	delete(s, "additionalProperties")
	// A connector's options stand beside it; without `connector` only the keys
	// above are known.
	s["if"] = shape{"not": shape{"required": []string{"connector"}}}
	s["then"] = shape{"propertyNames": wordShape(systemKeys())}
	return s
}

func (b *schemaBuilder) row() shape {
	properties := shape{
		"type": described("Where the systems do not agree on one.", anyShape(
			wordShape(slices.DeleteFunc(typeWords(), func(w string) bool { return w == "list" || w == "set" || w == "ref" })),
			shape{"type": "string", "pattern": `^(decimal\(\d+(, *\d+)?\)|string\(\d+\)|(list|set)<[a-z]+>|ref\(.+\))$`})),
		"owner":        described("The only system whose edits count.", b.system()),
		"on_violation": described("What an edit elsewhere becomes; default: revert.", wordShape([]string{"revert", "ignore"})),
		"write_once":   booleanShape("The first value stays."),
		"resolve":      chainShape("Who wins in this field."),
		"values": described("Canonical values in rank order, and what stands for them in each system.", shape{
			"type": "object", "additionalProperties": b.perSystem(func(string) shape { return refShape("literals") }),
		}),
		"unknown": described("A value that is not in the table: quarantine (default), keep, or a canonical value.", refShape("literal")),
		"missing": described("A reference to what is not there yet.", wordShape([]string{"wait", "blank"})),
		"scope":   wordShape([]string{"field", "record"}),
	}
	if len(b.systems) == 0 {
		s := objectShape(properties)
		s["additionalProperties"] = b.cell("")
		return s
	}
	for _, name := range b.systems {
		properties[name] = b.cell(name)
	}
	return objectShape(properties)
}

func (b *schemaBuilder) cell(system string) shape {
	column := b.column(system)
	writes := shape{"type": "object", "additionalProperties": shape{"type": "string"}}
	if o, known := b.objects[system]; known && o.Exists && o.Schema != nil {
		writes["propertyNames"] = wordShape(o.Schema.Names())
	}
	return anyShape(column, objectShape(shape{
		"path":  described("The column, read and written.", column),
		"read":  textShape("An expression over the system's own record."),
		"write": described("A column, or columns with expressions over the fields.", anyShape(column, writes)),
		"when":  textShape("Only while this holds."),
	}))
}
