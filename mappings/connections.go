package mappings

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Connection is one entry of connections.yaml. Its options are as written:
// secrets stand in them by reference, and Project.Connect puts them in.
type Connection struct {
	Name      Text
	Connector Text
	Options   map[string]Text
}

// Lookup is where references are looked up. It is given by the caller, so that
// this package reads no environment and no files.
type Lookup struct {
	// Env gives an environment variable, and whether there is one.
	Env func(name string) (string, bool)
	// File gives the content of a file; its error is told without the content.
	File func(path string) ([]byte, error)
}

// ParseConnections reads one connections file.
func ParseConnections(file string, src []byte) (map[string]*Connection, Problems) {
	docs, problems := splitDocuments(file, src)
	connections := map[string]*Connection{}
	for i, doc := range docs {
		p := &decoder{doc: doc, private: true}
		if i > 0 {
			p.fail(Pos{File: file, Line: doc.first, Col: 1}, "a connections file has one document")
		} else if root, ok := p.tree(); ok {
			for _, e := range p.keys(root, "a connections file", []string{"connections"}) {
				for _, c := range p.entries(e.value, "connections") {
					connections[c.key.Value] = p.connection(c)
				}
			}
		}
		p.problems.sort()
		problems = append(problems, p.problems...)
	}
	// Lines of this file may hold secrets that nothing can recognise: they are
	// never shown.
	for i := range problems {
		problems[i].Line = ""
	}
	return connections, problems
}

func (p *decoder) connection(from entry) *Connection {
	c := &Connection{Name: from.key, Options: map[string]Text{}}
	what := "connection " + from.key.Value
	for _, e := range p.entries(from.value, what) {
		if e.key.Value == "connector" {
			c.Connector, _ = p.text(e.value, "connector")
			continue
		}
		if value, ok := p.literal(e.value, what+": "+e.key.Value); ok {
			c.Options[e.key.Value] = value
			p.references(value)
		}
	}
	if from.value.kind == mapValue && c.Connector == (Text{}) {
		problem := p.fail(from.key.Pos, "%s does not say its `connector`", what)
		problem.Hint = "connector: postgres · sqlite · csv"
		for _, e := range from.value.entries {
			if suggest(e.key.Value, []string{"connector"}) != "" || foreignWord(e.key.Value) == "connector" {
				problem.Pos = e.key.Pos
				problem.Message += fmt.Sprintf(", but %q", e.key.Value)
				problem.Hint = "did you mean `connector`?"
				break
			}
		}
	}
	return c
}

// references reports references that are not well-formed.
func (p *decoder) references(value Text) {
	if _, err := splitReferences(value.Value); err != nil {
		p.fail(value.Pos, "%s", err).Hint = "${NAME} · ${file:/run/secrets/x} · $${ for a literal ${"
	}
}

// optionPart is a piece of an option: literal text or a reference.
type optionPart struct {
	text      string // the literal text, the variable's name or the file's path
	reference bool
	file      bool
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// splitReferences cuts a value into literal text and references. Errors never
// show the value.
func splitReferences(value string) ([]optionPart, error) {
	var parts []optionPart
	literal := func(text string) {
		if text == "" {
			return
		}
		if n := len(parts); n > 0 && !parts[n-1].reference {
			parts[n-1].text += text
			return
		}
		parts = append(parts, optionPart{text: text})
	}
	for rest := value; rest != ""; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			literal(rest)
			break
		}
		if strings.HasSuffix(before, "$") {
			literal(before + "{") // $${ is a literal ${
			rest = after
			continue
		}
		literal(before)
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return nil, errors.New("a ${ without its }")
		}
		path, isFile := strings.CutPrefix(name, "file:")
		switch {
		case isFile && path == "":
			return nil, errors.New("${file:} names no file")
		case isFile:
			parts = append(parts, optionPart{text: path, reference: true, file: true})
		case variableName.MatchString(name):
			parts = append(parts, optionPart{text: name, reference: true})
		default:
			return nil, errors.New("what stands in ${…} is neither a variable's name nor file:PATH")
		}
		rest = tail
	}
	return parts, nil
}

// substitute puts values in place of references. Inside of a URL they are
// percent-encoded, so that a password with an @ stays a password; a value that
// is wholly one reference is taken as it is.
func substitute(option Text, lookup Lookup) (string, Problems) {
	parts, err := splitReferences(option.Value)
	if err != nil {
		return "", Problems{{Pos: option.Pos, Severity: SeverityError, Message: err.Error()}}
	}
	var problems Problems
	var b strings.Builder
	for i, part := range parts {
		if !part.reference {
			b.WriteString(part.text)
			continue
		}
		value, problem := resolveReference(part, lookup)
		if problem != nil {
			problem.Pos = option.Pos
			problems = append(problems, *problem)
			continue
		}
		b.WriteString(encodeIn(urlPlace(parts[:i], parts[i+1:]), value))
	}
	if len(problems) > 0 {
		return "", problems
	}
	return b.String(), nil
}

func resolveReference(reference optionPart, lookup Lookup) (string, *Problem) {
	fail := func(message, hint string) (string, *Problem) {
		return "", &Problem{Severity: SeverityError, Message: message, Hint: hint}
	}
	if !reference.file {
		if lookup.Env != nil {
			if value, set := lookup.Env(reference.text); set {
				return value, nil
			}
		}
		return fail(fmt.Sprintf("the variable %s is not set", reference.text),
			fmt.Sprintf("set it in the environment: export %s=…", reference.text))
	}
	if lookup.File == nil {
		return fail("files cannot be read here", "")
	}
	content, err := lookup.File(reference.text)
	if err != nil {
		return fail(fmt.Sprintf("the file %s cannot be read: %s", reference.text, err), "")
	}
	// A secret's file ends with a line break that is no part of it.
	return strings.TrimRight(string(content), "\r\n"), nil
}

// urlPart is where in a URL a value is put.
type urlPart uint8

const (
	noURL    urlPart = iota
	userinfo         // user and password
	host             // host and port
	beyond           // path, query, fragment
)

// urlPlace finds out from the literal text around a reference where it stands.
func urlPlace(before, after []optionPart) urlPart {
	left := literals(before)
	_, authority, isURL := strings.Cut(left, "://")
	switch {
	case !isURL:
		return noURL
	case strings.ContainsAny(authority, "/?#"):
		return beyond
	case strings.Contains(authority, "@"):
		return host
	}
	right := literals(after)
	if end := strings.IndexAny(right, "/?#"); end >= 0 {
		right = right[:end]
	}
	if strings.Contains(right, "@") {
		return userinfo
	}
	return host
}

// literals joins the literal text; a reference counts as a word.
func literals(parts []optionPart) string {
	var b strings.Builder
	for _, part := range parts {
		if part.reference {
			b.WriteString("x")
		} else {
			b.WriteString(part.text)
		}
	}
	return b.String()
}

func encodeIn(where urlPart, value string) string {
	if where == noURL {
		return value
	}
	keep := "-._~"
	if where == host {
		keep += ":[],"
	}
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// allOptions substitutes all options of a connection.
func allOptions(written map[string]Text, lookup Lookup) (map[string]string, Problems) {
	given := make(map[string]string, len(written))
	var problems Problems
	for _, name := range sortedKeys(written) {
		value, more := substitute(written[name], lookup)
		for i := range more {
			more[i].Message = name + ": " + more[i].Message
		}
		problems = append(problems, more...)
		if len(more) == 0 {
			given[name] = value
		}
	}
	return given, problems
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
