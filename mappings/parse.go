package mappings

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFile bounds a definition file in bytes; a definition of two thousand
// columns stays far below it.
const maxFile = 1 << 20

// maxLines bounds one definition: the YAML library takes time by the square of
// a map's keys.
const maxLines = 20_000

// Parse reads the definitions of one file, several separated by `---`. It
// reports all faults of all documents at once and never panics, whatever the
// bytes. Definitions with faults are given as far as they could be read, for
// more checks; none may be run when the problems have failed.
func Parse(file string, src []byte) ([]*Definition, Problems) {
	docs, problems := splitDocuments(file, src)
	var definitions []*Definition
	for _, doc := range docs {
		d, more := doc.parse()
		problems = append(problems, more...)
		if d != nil {
			definitions = append(definitions, d)
		}
	}
	if len(docs) == 0 && !problems.Failed() {
		problems = append(problems, Problem{
			Pos: Pos{File: file, Line: 1, Col: 1}, Severity: SeverityWarning,
			Message: "this file holds no definition",
			Hint:    "a definition begins with `sync: NAME`",
		})
	}
	return definitions, append(problems, repeatedSyncs(definitions)...)
}

// repeatedSyncs finds definitions of one name.
func repeatedSyncs(definitions []*Definition) Problems {
	var problems Problems
	first := map[string]Pos{}
	for _, d := range definitions {
		name := d.Sync.Value
		if name == "" {
			continue
		}
		before, twice := first[name]
		if !twice {
			first[name] = d.Sync.Pos
			continue
		}
		problems = append(problems, Problem{
			Pos: d.Sync.Pos, Severity: SeverityError, Sync: name,
			Message: fmt.Sprintf("sync %q is defined twice", name),
			Hint:    fmt.Sprintf("the other one is at %s:%d:%d", before.File, before.Line, before.Col),
			Line:    sourceLine(d, d.Sync.Pos),
		})
	}
	return problems
}

// sourceLine gives the line of a definition's source that pos points into,
// with secrets masked.
func sourceLine(d *Definition, pos Pos) string {
	at := pos.Line - d.first
	lines := strings.Split(d.Source, "\n")
	if pos.File != d.Pos.File || at < 0 || at >= len(lines) {
		return ""
	}
	return maskSecrets(strings.TrimRight(lines[at], "\r"))
}

// document is one YAML document of a file: its lines as they are written, and
// the place of its first line in the file, counted from 1.
type document struct {
	file  string
	first int
	lines []string
}

// splitDocuments cuts a file at its `---` lines by itself: YAML libraries read
// the first document only, or let others vanish, and stop at the first fault
// of the whole file.
func splitDocuments(file string, src []byte) ([]*document, Problems) {
	fail := func(line, col int, message, hint string) ([]*document, Problems) {
		return nil, Problems{{
			Pos: Pos{File: file, Line: line, Col: col}, Severity: SeverityError, Message: message, Hint: hint,
		}}
	}
	if len(src) > maxFile {
		return fail(1, 1, fmt.Sprintf("this file has %d bytes; a definition file may have %d", len(src), maxFile), "")
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	if line, col, what := strangeCharacter(text); what != "" {
		return fail(line, col, what, "definitions are plain UTF-8 text")
	}
	var docs []*document
	var problems Problems
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	start := 0
	cut := func(end int) {
		doc := &document{file: file, first: start + 1, lines: lines[start:end]}
		switch {
		case !doc.hasContent():
		case len(doc.lines) > maxLines:
			problems = append(problems, Problem{
				Pos: Pos{File: file, Line: doc.first, Col: 1}, Severity: SeverityError,
				Message: fmt.Sprintf("this definition has %d lines; it may have %d", len(doc.lines), maxLines),
			})
		default:
			docs = append(docs, doc)
		}
	}
	for i, line := range lines {
		rest, is := strings.CutPrefix(line, "---")
		if !is {
			rest, is = strings.CutPrefix(line, "...")
		}
		if !is || (rest != "" && rest[0] != ' ' && rest[0] != '\t') {
			continue
		}
		if after := strings.TrimSpace(rest); after != "" && after[0] != '#' {
			problems = append(problems, Problem{
				Pos: Pos{File: file, Line: i + 1, Col: 5}, Severity: SeverityError,
				Message: "nothing may follow --- on its line", Hint: "begin the definition on the next line",
				Line: maskSecrets(line),
			})
		}
		cut(i)
		start = i + 1
	}
	cut(len(lines))
	return docs, problems
}

// strangeCharacter finds what no definition holds: bytes that are not UTF-8,
// and control characters.
func strangeCharacter(text string) (line, col int, what string) {
	line, col = 1, 1
	for i, r := range text {
		switch {
		case r == '\n':
			line, col = line+1, 0
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			return line, col, "this is not UTF-8"
		case r == '\r' && !strings.HasPrefix(text[i:], "\r\n"):
			return line, col, "a carriage return alone ends no line"
		case unicode.IsControl(r) && r != '\t' && r != '\r':
			return line, col, fmt.Sprintf("a control character (%U)", r)
		}
		col++
	}
	return 0, 0, ""
}

// hasContent is false for what holds only comments, directives and white space.
func (doc *document) hasContent() bool {
	for _, line := range doc.lines {
		trimmed := strings.TrimSpace(line)
		if trimmed != "" && trimmed[0] != '#' && line[0] != '%' {
			return true
		}
	}
	return false
}

// parse reads one document: first the traps, in the raw lines; then YAML, over
// lines in which what fell into a trap is quoted, so that the rest is read and
// told in the same go.
func (doc *document) parse() (*Definition, Problems) {
	p := &decoder{doc: doc}
	root, ok := p.tree()
	var d *Definition
	if ok {
		d = p.definition(root)
	}
	name := doc.rawName()
	if d != nil && d.Sync.Value != "" {
		name = d.Sync.Value
	}
	for i := range p.problems {
		p.problems[i].Sync = name
	}
	p.problems.sort()
	return d, p.problems
}

// rawName finds the sync's name in a document that cannot be read, so that its
// faults stop no other sync.
func (doc *document) rawName() string {
	for _, line := range doc.lines {
		if rest, is := strings.CutPrefix(line, "sync:"); is {
			name, _, _ := strings.Cut(rest, " #")
			return strings.Trim(name, " \t\"'")
		}
	}
	return ""
}

// decoder reads one document into a definition or into connections, and gathers
// what there is to say about it.
type decoder struct {
	doc      *document
	repairs  []repair
	problems Problems
	field    string // of the row that is being read
	private  bool   // nothing of the file may be shown
	unclosed Pos    // a bracket or quote without its end, if there is one
	later    []Text
}

// fail notes a fault; the result takes a hint.
func (p *decoder) fail(pos Pos, format string, args ...any) *Problem {
	return p.note(SeverityError, pos, fmt.Sprintf(format, args...))
}

func (p *decoder) note(severity Severity, pos Pos, message string) *Problem {
	problem := Problem{Pos: pos, Severity: severity, Field: p.field, Message: message}
	if at := pos.Line - p.doc.first; at >= 0 && at < len(p.doc.lines) {
		problem.Line = maskSecrets(p.doc.lines[at])
	}
	p.problems = append(p.problems, problem)
	return &p.problems[len(p.problems)-1]
}

// putOff notes something that is parsed and not built yet.
func (p *decoder) putOff(word string, pos Pos) {
	p.later = append(p.later, Text{Value: word, Pos: pos})
}
