package mappings

import (
	"strings"
	"sync"

	"github.com/syncline-dev/syncline/internal/record"
)

// helper is a function of the language. Its documentation and its examples are
// part of it: a test runs them, and docs/functions.md is made of them.
type helper struct {
	name string
	// params are the parameters as people read them: `text`, `n?` may be left
	// out, `values…` takes any number. A name says what is taken, see takes.
	params []string
	// gives is the word for the result: a type, or any.
	gives    string
	doc      string
	group    string
	examples []example
	// nulls: the function itself says what NULL and absent mean; otherwise
	// they are its result.
	nulls bool
	call  function
	// text is all of the function, where it maps a text to a text.
	text textMap
	// make gives the call and the type for literal arguments, where they
	// decide; nil leaves both to call and gives.
	make func(args []typed) (function, record.Type, error)
}

// example is an expression over a row of examples, and its result as text.
type example struct{ expr, result string }

// Signature shows how the function is called.
func (h *helper) Signature() string {
	return h.name + "(" + strings.Join(h.params, ", ") + ")"
}

// functionTable has the helpers by name.
//
//nolint:gochecknoglobals // made once, never changed
var functionTable = sync.OnceValue(func() map[string]*helper {
	table := map[string]*helper{}
	for _, group := range helperGroups() {
		for i := range group.helpers {
			h := &group.helpers[i]
			h.group = group.title
			if h.text.of != nil && h.call == nil {
				h.call = onText(h.text.of)
			}
			if h.call != nil && !h.nulls {
				h.call = nullable(h.call)
			}
			table[h.name] = h
		}
	}
	return table
})

type helperGroup struct {
	title   string
	helpers []helper
}

func helperGroups() []helperGroup {
	return []helperGroup{
		{"Text", textHelpers()},
		{"Choosing", choiceHelpers()},
		{"Numbers", numberHelpers()},
		{"Times", timeHelpers()},
		{"Lists and JSON", listHelpers()},
		{"Types", typeHelpers()},
	}
}

// textMap maps a text to a text: of alone, and appendTo behind other bytes, for
// columns of texts that are built without a value for each row.
type textMap struct {
	of       func(string) string
	appendTo func(to []byte, s string) []byte
}

// mapText is a map that has nothing better for appending.
func mapText(of func(string) string) textMap {
	return textMap{of: of, appendTo: func(to []byte, s string) []byte { return append(to, of(s)...) }}
}

func (h *helper) result() record.Type {
	if h.gives == "any" || h.gives == "number" {
		return record.Type{}
	}
	t, err := record.ParseType(h.gives)
	if err != nil {
		return record.Type{}
	}
	return t
}
