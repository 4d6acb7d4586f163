package mappings

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Severity says what a problem means.
type Severity string

// Errors stop a definition, warnings are what a system cannot promise or what
// looks unintended, and NotYet is what is parsed but not built.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNotYet  Severity = "not yet"
)

// Problem is one thing that check has to say about a definition.
type Problem struct {
	Pos      Pos      `json:"pos"`
	Severity Severity `json:"severity"`
	// Sync and Field say what it is about, where known.
	Sync  string `json:"sync,omitempty"`
	Field string `json:"field,omitempty"`
	// Message says what is wrong; Hint what to write instead.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Line is the source line that Pos points into.
	Line string `json:"line,omitempty"`
}

// Problems is everything found, in the order of the files. It is an error when
// any of it is.
type Problems []Problem //nolint:errname // it is a list of findings first, and an error only if any stops

// Failed reports whether any problem stops the definition.
func (ps Problems) Failed() bool {
	for _, p := range ps {
		if p.Severity != SeverityWarning {
			return true
		}
	}
	return false
}

// Err gives the problems as an error if any of them stops the definition.
func (ps Problems) Err() error {
	if ps.Failed() {
		return ps
	}
	return nil
}

// In gives the problems with their files inside dir: a project's files are
// named by their place in its folder, and people want to open them.
func (ps Problems) In(dir string) Problems {
	moved := slices.Clone(ps)
	for i := range moved {
		moved[i].Pos.File = path.Join(dir, moved[i].Pos.File)
	}
	return moved
}

// sort orders by place; what was found first at a place stays first.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// Error shows all problems as text for people.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.String()
	}
	return strings.Join(texts, "\n")
}

// String shows the problem with its line and a caret below the place.
func (p Problem) String() string {
	var b strings.Builder
	if p.Pos.Line == 0 { // about a whole file or folder
		fmt.Fprintf(&b, "%s: %s: ", p.Pos.File, p.Severity)
	} else {
		fmt.Fprintf(&b, "%s:%d:%d: %s: ", p.Pos.File, p.Pos.Line, p.Pos.Col, p.Severity)
	}
	if p.Field != "" {
		fmt.Fprintf(&b, "field %s: ", p.Field)
	}
	b.WriteString(p.Message)
	if p.Line != "" {
		fmt.Fprintf(&b, "\n    %s\n    %s^", p.Line, caretIndent(p.Line, p.Pos.Col))
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "\n    %s", p.Hint)
	}
	return b.String()
}

// caretIndent keeps the line's tabs, so that the caret stands below its place.
func caretIndent(line string, col int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i >= col-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
