package mappings

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

// exactly is an independent opinion on numbers.
func exactly(t require.TestingT, v record.Value) *big.Rat {
	r, ok := new(big.Rat).SetString(record.Text(v))
	require.True(t, ok, "%v", v)
	return r
}

func drawNumber(t *rapid.T, name string) record.Value {
	switch rapid.IntRange(0, 3).Draw(t, name+" kind") {
	case 0:
		return rapid.Int64().Draw(t, name)
	case 1:
		return rapid.Int64Range(-1000, 1000).Draw(t, name)
	case 2:
		d, err := record.ParseDecimal(rapid.StringMatching(`-?[0-9]{1,6}\.[0-9]{1,4}`).Draw(t, name))
		require.NoError(t, err)
		return d
	default:
		d, err := record.ParseDecimal(rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{1,40})?`).Draw(t, name))
		require.NoError(t, err)
		return d
	}
}

// Sums, differences and products are exact, quotients are exact where they end
// and otherwise right in the 34th digit; whole numbers stay whole while they fit.
func TestArithmeticIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawNumber(t, "a"), drawNumber(t, "b")
		x, y := exactly(t, a), exactly(t, b)
		for op, want := range map[byte]*big.Rat{'+': new(big.Rat).Add(x, y), '-': new(big.Rat).Sub(x, y), '*': new(big.Rat).Mul(x, y)} {
			got, err := arithmetic(op, a, b)
			require.NoError(t, err)
			require.Zero(t, want.Cmp(exactly(t, got)), "%v %c %v = %v", a, op, b, got)
			checkCanonical(t, got)
		}
		c, err := order(a, b)
		require.NoError(t, err)
		require.Equal(t, x.Cmp(y), c)
		require.Equal(t, x.Cmp(y) == 0, same(a, b))
		if y.Sign() == 0 {
			_, err := arithmetic('/', a, b)
			require.ErrorIs(t, err, errDivideByZero)
			return
		}
		got, err := arithmetic('/', a, b)
		require.NoError(t, err)
		checkCanonical(t, got)
		want := new(big.Rat).Quo(x, y)
		off := new(big.Rat).Sub(want, exactly(t, got))
		bound := new(big.Rat).Mul(want, new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(33), nil)))
		require.LessOrEqual(t, off.Abs(off).Cmp(bound.Abs(bound)), 0, "%v / %v = %v", a, b, got)
		back, err := arithmetic('*', got, b)
		require.NoError(t, err)
		if want.IsInt() {
			require.Zero(t, exactly(t, back).Cmp(x))
		}
	})
}

// checkCanonical: equal numbers are equal texts.
func checkCanonical(t require.TestingT, v record.Value) {
	if d, is := v.(record.Decimal); is {
		again, err := record.ParseDecimal(string(d))
		require.NoError(t, err)
		require.Equal(t, again, d)
	}
}

// A member read out of JSON text is the one that decoding all of it gives.
func TestJSONMembers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := drawJSON(t, 3)
		keys := rapid.SliceOfN(rapid.SampledFrom([]string{"code", "a", "b", "é", `q"`, ""}), 1, 3).Draw(t, "keys")
		tree, err := record.DecodeJSON([]byte(text))
		require.NoError(t, err)
		want, wantErr := opPath(tree, keys)
		got, err := opPath(text, keys)
		require.Equal(t, wantErr == nil, err == nil)
		if err != nil {
			return
		}
		a, err := settleJSON(want)
		require.NoError(t, err)
		b, err := settleJSON(got)
		require.NoError(t, err)
		require.Equal(t, a, b, "%v of %s", keys, text)
	})
}

func settleJSON(v any) (record.Value, error) {
	if record.IsMissing(v) {
		return v, nil
	}
	return record.EncodeJSON(v)
}

// expressions that a generator puts together, over people().
func drawExpression(t *rapid.T, depth int) string {
	leaves := []string{
		"email", "name", "none", "no_number", "cents", "big", "fee", "rate", "active", "unsure", "at", "born", "tags", "address",
		"anything", "gone", "1", "2.5", `"x"`, "nil", "true", "address.city", "address.geo.lat", "tags[0]", `"2026-01-01"`, "[1, nil, \"a\"]",
	}
	if depth == 0 {
		return rapid.SampledFrom(leaves).Draw(t, "leaf")
	}
	sub := func() string { return drawExpression(t, depth-1) }
	switch rapid.IntRange(0, 5).Draw(t, "form") {
	case 0:
		op := rapid.SampledFrom([]string{"+", "-", "*", "/", "%", "==", "!=", "<", ">=", "and", "or", "in", "contains", "startsWith"}).Draw(t, "op")
		return "(" + sub() + " " + op + " " + sub() + ")"
	case 1:
		return "(" + sub() + " ?? " + sub() + ")"
	case 2:
		return "(" + sub() + " ? " + sub() + " : " + sub() + ")"
	case 3:
		f := rapid.SampledFrom([]string{"lower", "string", "len", "has", "digits", "first", "json", "bool", "not ", "-", "date", "words", "trim"}).Draw(t, "f")
		return f + "(" + sub() + ")"
	case 4:
		f := rapid.SampledFrom([]string{"join", "before", "first_of", "concat", "null_if", "max", "has", "split"}).Draw(t, "f2")
		return f + "(" + sub() + ", " + sub() + ")"
	default:
		f := rapid.SampledFrom([]string{"filter", "map", "any", "count", "sortBy"}).Draw(t, "closure")
		return f + "(" + sub() + ", " + rapid.SampledFrom([]string{"# != nil", "# == \"a\"", "true", "len(string(#)) > 1"}).Draw(t, "body") + ")"
	}
}

// TestTwoWaysAgree: whatever the expression, evaluating directly and on the
// virtual machine give the same value or the same fault, twice; the value has
// the type that was told before.
func TestTwoWaysAgree(t *testing.T) {
	t.Parallel()
	schema, _ := people()
	good := 0
	rapid.Check(t, func(t *rapid.T) {
		source := drawExpression(t, rapid.IntRange(1, 3).Draw(t, "depth"))
		if evaluateBothWays(t, source, schema, drawRow(t, schema)) {
			good++
		}
	})
	require.Positive(t, good, "nothing that was drawn could be compiled")
}

// evaluateBothWays reports whether the expression could be compiled.
func evaluateBothWays(t require.TestingT, source string, schema *record.Schema, row []record.Value) bool {
	p, faults := compileSource(source, scope{noun: "column", schema: schema})
	if faults != nil {
		for _, f := range faults {
			require.NotEmpty(t, f.message)
		}
		return false
	}
	machine := func() *machine {
		m := newMachine(schema)
		for i, v := range row {
			m.set(i, v)
		}
		return m
	}
	m := machine()
	want, wantErr := m.eval(p)
	again, againErr := m.eval(p)
	require.Equal(t, wantErr, againErr, source)
	require.True(t, alike(want, again), "%s gave %v and then %v", source, want, again)
	slow := *p
	slow.direct, slow.textFn = nil, textMap{}
	onVM, vmErr := machine().eval(&slow)
	require.Equal(t, wantErr, vmErr, source)
	require.True(t, alike(want, onVM), "%s gave %#v and on the machine %#v", source, want, onVM)
	if wantErr != nil || nothing(want) {
		return true
	}
	kind := record.KindOf(want)
	require.NotEqual(t, record.Any, kind, "%s gave %#v", source, want)
	switch told := p.typ.Kind; {
	case p.run == nil, told == record.Any, told == kind, told == record.KindSet:
	case told == record.KindInt && kind == record.KindDecimal: // it did not fit into 64 bits
	case told == record.KindDecimal && kind == record.KindInt: // one way out of two
	case told == record.KindFloat && isNumber(kind):
	default:
		require.Equal(t, told, kind, "%s gave %#v", source, want)
	}
	return true
}

func alike(a, b record.Value) bool {
	return record.IsMissing(a) == record.IsMissing(b) && record.HashRow(a) == record.HashRow(b)
}

// FuzzExpression: whatever the text, compiling and evaluating end soon and
// without a panic, and both ways of evaluating agree.
func FuzzExpression(f *testing.F) {
	for _, h := range functionTable() {
		for _, e := range h.examples {
			f.Add(e.expr)
		}
	}
	schema, row := people()
	f.Fuzz(func(t *testing.T, source string) {
		start := time.Now()
		evaluateBothWays(t, source, schema, row)
		if took := time.Since(start); took > 20*time.Second {
			t.Fatalf("took %s", took)
		}
		_, _, _ = CheckExpression(Text{Value: source}, schema, record.KindBool)
	})
}

// TestAllocations bounds what a row costs: expressions, keys and matches may
// allocate their results, and nothing else.
//
//nolint:paralleltest // allocations of tests beside it would be counted
func TestAllocations(t *testing.T) {
	m, batch := benchMapping(t)
	reader, err := m.Systems[0].NewReader(batch.Schema)
	require.NoError(t, err)
	row := batch.Row(7, nil)
	var out Canonical
	perRow := func(what string, most float64, f func()) {
		t.Helper()
		require.LessOrEqual(t, testing.AllocsPerRun(200, f), most, what)
	}
	perRow("read: 3 expressions, key and match", 11, func() { reader.Read(row, &out) })
	perRow("hash", 0, func() { reader.CompareHash(row) })
	writer, err := m.Systems[1].NewWriter(m.Systems[1].schema)
	require.NoError(t, err)
	fields := make([]bool, len(out.Values))
	for i := range fields {
		fields[i] = true
	}
	raw := make([]record.Value, len(m.Systems[1].Write))
	perRow("write", 0, func() { _ = writer.Write(out.Values, fields, true, raw) })
	require.Nil(t, m.Rules.Systems[1].Predict)
	pipe, err := m.NewPipe(m.Systems[0], m.Systems[1], batch.Schema, m.Systems[1].schema)
	require.NoError(t, err)
	perRow("a batch through the pipe, 3 expressions a row", 3.1*record.BatchRows, func() {
		mapped, _, err := pipe.Map(batch)
		require.NoError(t, err)
		mapped.Release()
	})
}
