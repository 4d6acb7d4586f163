package mappings

import (
	"errors"
	"math"
	"strings"

	"github.com/cockroachdb/apd/v3"
	"golang.org/x/text/currency"

	"github.com/syncline-dev/syncline/internal/record"
)

func numberHelpers() []helper {
	return []helper{
		{
			name: "minor", params: []string{"amount", "currency"}, gives: "decimal", make: makeMinor,
			doc: "An amount in a currency's smallest unit (cents) as an amount in the currency itself, by ISO 4217: " +
				"the yen has no smaller unit, the Bahraini dinar a thousand.",
			examples: []example{{`minor(1999, "usd")`, "19.99"}, {`minor(500, "JPY")`, "500"}, {`minor(1234, "BHD")`, "1.234"}},
		},
		{
			name: "round", params: []string{"number", "digits?"}, gives: "number", make: makeRound,
			doc:      "The number rounded to so many digits after the point (0 without), half away from zero.",
			examples: []example{{`round(2.345, 2)`, "2.35"}, {`round(-2.5)`, "-3"}, {`round(10 / 3, 4)`, "3.3333"}},
		},
		{
			name: "floor", params: []string{"number"}, gives: "number", make: makeToward(apd.RoundFloor),
			doc: "The next whole number below.", examples: []example{{`floor(-2.5)`, "-3"}},
		},
		{
			name: "ceil", params: []string{"number"}, gives: "number", make: makeToward(apd.RoundCeiling),
			doc: "The next whole number above.", examples: []example{{`ceil(2.1)`, "3"}},
		},
		{
			name: "abs", params: []string{"number"}, gives: "number", make: makeAbs,
			doc: "The number without its sign.", examples: []example{{`abs(-7.5)`, "7.5"}},
		},
		{
			name: "min", params: []string{"values…"}, gives: "any", make: makeExtreme(-1),
			doc:      "The least of the values, or of the elements of one list.",
			examples: []example{{`min(3, 1.5, 2)`, "1.5"}, {`min([3, 1, 2])`, "1"}},
		},
		{
			name: "max", params: []string{"values…"}, gives: "any", make: makeExtreme(1),
			doc:      "The greatest of the values, or of the elements of one list.",
			examples: []example{{`max(3, 1.5, 2)`, "3"}, {`max(["a", "c", "b"])`, "c"}},
		},
	}
}

// minorUnits has the exponents of ISO 4217 that are not 2.
var minorUnits = map[string]int32{ //nolint:gochecknoglobals // a constant table
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3, "CLF": 4, "UYW": 4,
}

func exponent(code string) (int32, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if n, special := minorUnits[code]; special {
		return n, nil
	}
	if _, err := currency.ParseISO(code); err != nil {
		return 0, faultf("not a currency of ISO 4217")
	}
	return 2, nil
}

func makeMinor(args []typed) (function, record.Type, error) {
	typ := record.Type{Kind: record.KindDecimal}
	if code, is := args[1].lit.(string); is {
		if _, err := exponent(code); err != nil {
			return nil, typ, errors.New("there is no such currency; currencies are like USD or EUR")
		}
	}
	return func(args ...any) (any, error) {
		code, err := text(args[1])
		if err != nil {
			return nil, err
		}
		n, err := exponent(code)
		if err != nil {
			return nil, err
		}
		v, err := arithmetic('/', args[0], tens[n])
		return v, err
	}, typ, nil
}

// makeRound keeps whole numbers whole: rounding to no digits gives an int for
// an int, a decimal otherwise.
func makeRound(args []typed) (function, record.Type, error) {
	return func(args ...any) (any, error) {
		places := 0
		if len(args) == 2 {
			n, err := whole(args[1])
			if err != nil {
				return nil, err
			}
			places = n
		}
		return roundTo(args[0], places, apd.RoundHalfUp)
	}, bare(args[0].typ), nil
}

func makeToward(rounding apd.Rounder) func([]typed) (function, record.Type, error) {
	return func(args []typed) (function, record.Type, error) {
		return func(args ...any) (any, error) { return roundTo(args[0], 0, rounding) }, bare(args[0].typ), nil
	}
}

func roundTo(v any, places int, rounding apd.Rounder) (any, error) {
	if places > maxDigits || places < -maxDigits {
		return nil, errTooLarge
	}
	switch x := v.(type) {
	case int64:
		if places >= 0 {
			return x, nil
		}
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return x, nil
		}
		d, err := record.Convert(record.Type{Kind: record.KindDecimal}, x)
		if err != nil {
			return nil, errNoNumber
		}
		r, err := roundTo(d, places, rounding)
		if err != nil {
			return nil, err
		}
		return toFloat(r)
	case record.Decimal:
		if _, fraction := x.Digits(); !x.Finite() || places >= 0 && fraction <= places {
			return x, nil
		}
	default:
		return nil, errNoNumber
	}
	d := bigOf(v)
	ctx := apd.Context{
		MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: rounding,
		Precision: uint32(d.NumDigits()) + maxDigits, //nolint:gosec // digits are counted from 1
	}
	z := new(apd.Decimal)
	if _, err := ctx.Quantize(z, d, int32(-places)); err != nil { //nolint:gosec // bounded by maxDigits
		return nil, errTooLarge
	}
	out, err := exact(z)
	if d, is := out.(record.Decimal); is {
		if _, wasInt := v.(int64); wasInt {
			if i, fits := d.Int(); fits {
				return i, nil
			}
		}
	}
	return out, err
}

func makeAbs(args []typed) (function, record.Type, error) {
	return func(args ...any) (any, error) {
		if !isNumber(record.KindOf(args[0])) {
			return nil, errNoNumber
		}
		if record.Compare(args[0], int64(0)) < 0 {
			return negate(args[0])
		}
		return args[0], nil
	}, bare(args[0].typ), nil
}

// makeExtreme picks by order; sign says which end.
func makeExtreme(sign int) func([]typed) (function, record.Type, error) {
	return func(args []typed) (function, record.Type, error) {
		if len(args) == 0 {
			return nil, record.Type{}, errors.New("needs a value")
		}
		typ := bare(args[0].typ)
		if len(args) == 1 {
			typ = record.Type{Kind: args[0].typ.Elem}
		}
		for _, a := range args[1:] {
			t, ok := commonType(typed{typ: typ}, typed{typ: bare(a.typ)})
			if !ok {
				return nil, typ, errors.New("the values have no order together")
			}
			typ = t
		}
		return func(args ...any) (any, error) {
			values := args
			if len(args) == 1 {
				elems, err := elements(args[0])
				if err != nil {
					return nil, err
				}
				values = elems
			}
			var best any
			for _, v := range values {
				if nothing(v) {
					return nil, nil //nolint:nilnil // NULL is a value
				}
				if best == nil {
					best = v
					continue
				}
				c, err := order(v, best)
				if err != nil {
					return nil, err
				}
				if c*sign > 0 {
					best = v
				}
			}
			return best, nil
		}, typ, nil
	}
}

func opSum(args ...any) (any, error) {
	elems, err := elements(args[0])
	if err != nil {
		return nil, err
	}
	var sum any = int64(0)
	for _, e := range elems {
		if nothing(e) {
			return nil, nil //nolint:nilnil // NULL is a value
		}
		if sum, err = arithmetic('+', sum, e); err != nil {
			return nil, err
		}
	}
	return sum, nil
}
