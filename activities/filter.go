package activities

import (
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/mappings"
)

// pushDown gives the part of a system's `where` that its database can evaluate,
// in the database's own form; "" for none. It lets through all that `where` lets
// through, and `where` is evaluated afterwards all the same.
//
// It is for stateless syncs only. One that keeps links must see the rows outside
// of `where` too: they keep a second row from being made beside them, and one
// that has left is told from one that was deleted.
func pushDown(system *mappings.SystemMapping, object connectors.Object) string {
	translator, can := connectors.As[connectors.Translator](object)
	if !can {
		return ""
	}
	filters, whole := system.Filters()
	var terms []connectors.Comparison
	for _, f := range filters {
		if _, ok := translator.Translate(comparison(f)); !ok {
			whole = false
			break // what follows may depend on it: see Filters
		}
		terms = append(terms, comparison(f))
	}
	if len(terms) == 0 {
		return ""
	}
	if !whole {
		for i := range terms {
			terms[i] = comparison(filters[i].OrNull())
		}
	}
	where, ok := translator.Translate(connectors.Comparison{Op: "and", Terms: terms})
	if !ok || strings.TrimSpace(where) == "" {
		return ""
	}
	return where
}

func comparison(f mappings.Filter) connectors.Comparison {
	c := connectors.Comparison{Op: f.Op, Column: f.Column, Values: f.Values}
	for _, term := range f.Terms {
		c.Terms = append(c.Terms, comparison(term))
	}
	return c
}
