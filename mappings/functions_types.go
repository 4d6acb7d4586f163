package mappings

import (
	"github.com/syncline-dev/syncline/internal/record"
)

func typeHelpers() []helper {
	convert := func(name string, kind record.Kind, doc string, examples ...example) helper {
		return helper{name: name, params: []string{"value"}, gives: name, doc: doc, call: toType(kind), examples: examples}
	}
	return []helper{
		convert("string", record.KindString, "The value as text, in its canonical form.",
			example{`string(7)`, "7"}, example{`string(1.50)`, "1.5"}),
		convert("int", record.KindInt, "The value as a whole number; what is none is a fault of the record.",
			example{`int("42")`, "42"}, example{`int(7.0)`, "7"}),
		convert("decimal", record.KindDecimal, "The value as an exact number.",
			example{`decimal("12.340")`, "12.34"}),
		convert("float", record.KindFloat, "The value as a floating-point number.",
			example{`float("0.5")`, "0.5"}),
		convert("bool", record.KindBool, "The value as true or false: 1, yes, on, t and y are true.",
			example{`bool("yes")`, "true"}, example{`bool(0)`, "false"}),
		convert("uuid", record.KindUUID, "The text as a UUID.",
			example{`uuid("{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}")`, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}),
		convert("json", record.KindJSON, "The text as JSON, or any other value in JSON.",
			example{`json("{\"b\": 1, \"a\": 2}").a`, "2"}, example{`json([1, 2])`, "[1,2]"}),
	}
}

// toType converts exactly, or the record is at fault.
func toType(kind record.Kind) function {
	t := record.Type{Kind: kind}
	return func(args ...any) (any, error) {
		v, err := settle(args[0])
		if err != nil {
			return nil, err
		}
		if record.KindOf(v) == kind {
			return args[0], nil
		}
		if v, err = record.Convert(t, v); err != nil {
			return nil, faultf("%s", err)
		}
		return v, nil
	}
}

// bare is a type without bounds.
func bare(t record.Type) record.Type { return record.Type{Kind: t.Kind, Elem: t.Elem} }
