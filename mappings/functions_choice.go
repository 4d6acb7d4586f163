package mappings

import "github.com/syncline-dev/syncline/internal/record"

func choiceHelpers() []helper {
	return []helper{
		{
			name: "first_of", params: []string{"values…"}, gives: "any", nulls: true, make: makeFirst(record.Blank),
			doc:      "The first value that says something: not NULL, not absent, not a blank text.",
			examples: []example{{`first_of(nothing, " ", "Ada")`, "Ada"}},
		},
		{
			name: "coalesce", params: []string{"values…"}, gives: "any", nulls: true, make: makeFirst(nothing),
			doc:      "The first value that is not NULL or absent, as `a ?? b`.",
			examples: []example{{`coalesce(nothing, "", "Ada")`, ""}},
		},
		{
			name: "null_if", params: []string{"value", "other"}, gives: "any", nulls: true, make: makeNullIf,
			doc:      "NULL where the value equals the other one, else the value.",
			examples: []example{{`null_if("n/a", "n/a")`, "NULL"}, {`null_if("Ada", "n/a")`, "Ada"}},
		},
		{
			name: "has", params: []string{"value", "part?"}, gives: "bool", nulls: true, call: has,
			doc: "Whether a list has the element, an object the member, a text the part; with one argument, whether there is a value.",
			examples: []example{
				{`has(["escalated", "vip"], "escalated")`, "true"},
				{`has({plan: "pro"}, "plan")`, "true"},
				{`has("abc", "x")`, "false"},
				{`has(nothing)`, "false"},
			},
		},
	}
}

// makeFirst gives the first argument that skip does not skip. If all are
// skipped the result is NULL.
func makeFirst(skip func(any) bool) func([]typed) (function, record.Type, error) {
	return func(args []typed) (function, record.Type, error) {
		common := typed{isLit: true} // as nil, which is of any type
		for i, a := range args {
			t, ok := commonType(common, a)
			if !ok {
				return nil, record.Type{}, faultf("argument %d is %s, and those before it are %s", i+1, kindWords(a.typ.Kind), kindWords(common.typ.Kind))
			}
			common = typed{typ: t, isLit: common.isNil() && a.isNil()}
		}
		return func(args ...any) (any, error) {
			for _, a := range args {
				if !skip(a) {
					return a, nil
				}
			}
			return nil, nil //nolint:nilnil // NULL is a value
		}, common.typ, nil
	}
}

func makeNullIf(args []typed) (function, record.Type, error) {
	return func(args ...any) (any, error) {
		if same(args[0], args[1]) {
			return nil, nil //nolint:nilnil // NULL is a value
		}
		return args[0], nil
	}, args[0].typ, nil
}

func has(args ...any) (any, error) {
	if len(args) == 1 {
		return !nothing(args[0]), nil
	}
	return nullable(hasIn)(args...)
}
