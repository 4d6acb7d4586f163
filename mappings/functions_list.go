package mappings

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

func listHelpers() []helper {
	return []helper{
		{
			name: "first", params: []string{"list"}, gives: "any", make: makeElement(0),
			doc: "The first element; NULL if there is none.", examples: []example{{`first(["a", "b"])`, "a"}, {`first([])`, "NULL"}},
		},
		{
			name: "last", params: []string{"list"}, gives: "any", make: makeElement(-1),
			doc: "The last element; NULL if there is none.", examples: []example{{`last(["a", "b"])`, "b"}},
		},
		{
			name: "sort", params: []string{"list"}, gives: "any", make: onList(sorted),
			doc: "The elements in order.", examples: []example{{`sort([3, 1, 2])`, "[1,2,3]"}},
		},
		{
			name: "uniq", params: []string{"list"}, gives: "any", make: onList(unique),
			doc: "The elements without doubles, in their order.", examples: []example{{`uniq(["b", "a", "b"])`, `["b","a"]`}},
		},
		{
			name: "reverse", params: []string{"list"}, gives: "any", make: onList(reversed),
			doc: "The elements from the last to the first.", examples: []example{{`reverse([1, 2])`, "[2,1]"}},
		},
		{
			name: "flatten", params: []string{"list"}, gives: "any", make: onList(flattened),
			doc: "The elements of the lists in the list.", examples: []example{{`flatten([[1], [2, 3]])`, "[1,2,3]"}},
		},
		{
			name: "without", params: []string{"list", "value"}, gives: "any", make: makeWithout,
			doc: "The elements but those that equal the value.", examples: []example{{`without(["a", "b"], "a")`, `["b"]`}},
		},
	}
}

// makeElement reads one element by its place.
func makeElement(place int64) func([]typed) (function, record.Type, error) {
	return func(args []typed) (function, record.Type, error) {
		return func(args ...any) (any, error) { return opAt(args[0], place) }, record.Type{Kind: args[0].typ.Elem}, nil
	}
}

func onList(f func([]any) ([]any, error)) func([]typed) (function, record.Type, error) {
	return func(args []typed) (function, record.Type, error) {
		typ := record.Type{Kind: record.KindList, Elem: args[0].typ.Elem}
		return func(args ...any) (any, error) {
			elems, err := elements(args[0])
			if err != nil {
				return nil, err
			}
			return f(elems)
		}, typ, nil
	}
}

func sorted(elems []any) ([]any, error) {
	out := slices.Clone(elems)
	for i := range out {
		out[i] = leaf(out[i])
	}
	slices.SortStableFunc(out, record.Compare)
	return out, nil
}

func unique(elems []any) ([]any, error) {
	out := make([]any, 0, len(elems))
	seen := map[record.Hash]bool{}
	for _, e := range elems {
		if h := record.HashRow(leaf(e)); !seen[h] {
			seen[h] = true
			out = append(out, e)
		}
	}
	return out, nil
}

func reversed(elems []any) ([]any, error) {
	out := slices.Clone(elems)
	slices.Reverse(out)
	return out, nil
}

func flattened(elems []any) ([]any, error) {
	var out []any
	for _, e := range elems {
		if nothing(e) {
			continue
		}
		inner, err := elements(e)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

func makeWithout(args []typed) (function, record.Type, error) {
	typ := record.Type{Kind: record.KindList, Elem: args[0].typ.Elem}
	return func(args ...any) (any, error) {
		elems, err := elements(args[0])
		if err != nil {
			return nil, err
		}
		out := make([]any, 0, len(elems))
		for _, e := range elems {
			if !same(e, args[1]) {
				out = append(out, e)
			}
		}
		return out, nil
	}, typ, nil
}

// opSortBy orders the elements of a list by keys that were computed for them.
func opSortBy(args ...any) (any, error) {
	elems, err := elements(args[0])
	if err != nil {
		return nil, err
	}
	keys, err := elements(args[1])
	if err != nil {
		return nil, err
	}
	sign := 1
	switch args[2] {
	case "asc":
	case "desc":
		sign = -1
	default:
		return nil, faultf(`the order must be "asc" or "desc"`)
	}
	places := make([]int, len(elems))
	for i := range places {
		places[i] = i
		keys[i] = leaf(keys[i])
	}
	slices.SortStableFunc(places, func(a, b int) int { return sign * record.Compare(keys[a], keys[b]) })
	out := make([]any, len(elems))
	for i, p := range places {
		out[i] = elems[p]
	}
	return out, nil
}
