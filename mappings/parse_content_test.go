package mappings

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// values of texts, without their places.
func textsOf(texts []Text) []string {
	values := make([]string, len(texts))
	for i, t := range texts {
		values[i] = t.Value
	}
	return values
}

const everything = `sync: all.of-it
about: Said in one line.
systems:
  crm:
    use: crm
    object: public.contacts
    key: [tenant, id]
    modified: updated_at
    deleted: deleted_at
    changes: cursor
    sweep: 2d
    where: status != "test"
    accept: stage == "customer"
    leaving: delete
    on_create: {code: 007, price: 1.10, flag: NO, empty: "", when: 2026-01-01}
    allow: {delete: false, create: true}
    role: source
    formats: {"null": "", decimal: ","}
    open: "https://crm/{id}"
  bill: {connector: csv, path: ./b.csv, delimiter: ";"}
match: {first_of: [crm_id, [email, phone], digits(phone)]}
same: {except: [secret]}
fields:
  email:
    crm: {read: lower(email), write: email}
    bill: E-Mail
  name:
    type: string
    crm:
      read: join([first, last], " ")
      write:
        last: after(name, " ")
        first: before(name, " ")
    bill: {path: Name, when: consent}
    owner: crm
    on_violation: ignore
    write_once: true
    scope: record
  stage:
    bill: St
    values:
      lead: {crm: [1, 01]}
      "yes": {bill: no}
      lost:
    unknown: keep
    resolve: [max, {priority: [crm, bill]}, {expression: 'crm ?? "x"'}]
    missing: blank
conflicts:
  resolve: newest_wins
  kinds: {insert_exists: manual}
  delete_vs_update: delete_wins
  deadline: 1h30m
  then: {system_wins: crm}
  scope: record
deletes: {effect: {crm: hard}}
limits: {delete: {count: 1_000, percent: 2.5%}, blank: {percent: 3}}
first_sync: {prefer: [newest_wins, manual], only_here: review}
schedule: {every: 1w1d, jitter: 30s}
`

// TestParseReadsEverything: each word of the language arrives in its place, and
// literals are what they are in the file.
func TestParseReadsEverything(t *testing.T) {
	t.Parallel()
	definitions, problems := Parse("x.yaml", []byte(everything))
	require.Empty(t, problems)
	require.Len(t, definitions, 1)
	d := definitions[0]
	require.Equal(t, Text{"all.of-it", Pos{"x.yaml", 1, 7}}, d.Sync)
	require.Equal(t, "Said in one line.", d.About)
	require.Equal(t, everything, d.Source)

	crm, bill := d.Systems[0], d.Systems[1]
	require.Equal(t, []string{"crm", "bill"}, systemNames(d.Systems))
	require.Equal(t, []string{"tenant", "id"}, textsOf(crm.Key))
	require.Equal(t, []string{"crm", "public.contacts", "updated_at", "deleted_at", "cursor"},
		textsOf([]Text{crm.Use, crm.Object, crm.Modified, crm.Deleted, crm.Changes}))
	require.Equal(t, []any{48 * time.Hour, "delete", "source", "https://crm/{id}", "review"},
		[]any{crm.Sweep, crm.Leaving, crm.Role, crm.Open, crm.FirstOnly})
	require.Equal(t, `status != "test"`, crm.Where.Value)
	require.Equal(t, `stage == "customer"`, crm.Accept.Value)
	require.Equal(t, Allow{NoDelete: true}, crm.Allow)
	require.Equal(t, map[string]string{"null": "", "decimal": ","}, crm.Formats)
	var literals []string
	for _, l := range crm.OnCreate {
		literals = append(literals, l.Column.Value+"="+l.Value.Value)
	}
	require.Equal(t, []string{"code=007", "price=1.10", "flag=NO", "empty=", "when=2026-01-01"}, literals)
	require.Equal(t, "csv", bill.Connector.Value)
	require.Equal(t, "both", bill.Role)
	require.Equal(t, map[string]Text{
		"path": {"./b.csv", Pos{"x.yaml", 20, 32}}, "delimiter": {";", Pos{"x.yaml", 20, 53}},
	}, bill.Options)

	require.False(t, d.Match.Key)
	require.Len(t, d.Match.Alternatives, 3)
	require.Equal(t, []string{"email", "phone"}, textsOf(d.Match.Alternatives[1]))
	require.True(t, d.Same.All)
	require.Equal(t, []string{"secret"}, textsOf(d.Same.Except))
}

func TestParseReadsFieldsAndRules(t *testing.T) {
	t.Parallel()
	definitions, problems := Parse("x.yaml", []byte(everything))
	require.Empty(t, problems)
	d := definitions[0]
	email, name, stage := d.Fields[0], d.Fields[1], d.Fields[2]
	require.Equal(t, "lower(email)", email.Cells[0].Read.Value)
	require.Equal(t, "email", email.Cells[0].Write[0].Column.Value)
	require.Empty(t, email.Cells[0].Write[0].Expr.Value)
	require.Equal(t, "E-Mail", email.Cells[1].Path.Value)
	require.Equal(t, "last", name.Cells[0].Write[0].Column.Value, "the order of write is kept")
	require.Equal(t, `before(name, " ")`, name.Cells[0].Write[1].Expr.Value)
	require.Equal(t, "consent", name.Cells[1].When.Value)
	require.Equal(t, []any{"crm", "ignore", true, "record"}, []any{name.Owner.Value, name.OnViolation, name.WriteOnce, name.Scope})

	require.Len(t, stage.Values, 3)
	require.Equal(t, []string{"1", "01"}, textsOf(stage.Values[0].Cells["crm"]))
	require.Equal(t, "yes", stage.Values[1].Canonical.Value)
	require.Equal(t, []string{"no"}, textsOf(stage.Values[1].Cells["bill"]))
	require.Equal(t, []any{"keep", "blank"}, []any{stage.Unknown.Value, stage.Missing})
	require.Len(t, stage.Resolve, 3)
	require.Equal(t, "max", stage.Resolve[0].Name.Value)
	require.Equal(t, []string{"crm", "bill"}, textsOf(stage.Resolve[1].Args))
	require.Equal(t, `crm ?? "x"`, stage.Resolve[2].Args[0].Value)

	c := d.Conflicts
	require.Equal(t, "newest_wins", c.Resolve[0].Name.Value)
	require.Equal(t, "manual", c.Kinds["insert_exists"][0].Name.Value)
	require.Equal(t, []any{"delete_wins", 90 * time.Minute, "record"}, []any{c.DeleteVsUpdate, c.Deadline, c.Scope})
	require.Equal(t, []string{"crm"}, textsOf(c.Then[0].Args))
	require.Equal(t, map[string]string{"crm": "hard"}, d.Deletes.Effect)
	require.Equal(t, Limit{Count: 1000, Percent: 2.5, Set: true}, d.Limits.Delete)
	require.Equal(t, Limit{Percent: 3, Set: true}, d.Limits.Blank)
	require.False(t, d.Limits.Update.Set)
	require.Len(t, d.FirstSync.Prefer, 2)
	require.Equal(t, map[string]string{"": "review"}, d.FirstSync.OnlyHere)
	require.Equal(t, []time.Duration{8 * 24 * time.Hour, 30 * time.Second}, []time.Duration{d.Schedule.Every, d.Schedule.Jitter})
}

// TestSourceIsTheDefinition: a definition's own text parses to the same
// definition, wherever it stood in its file.
func TestSourceIsTheDefinition(t *testing.T) {
	t.Parallel()
	src := "# a comment\r\n---\n" + everything + "---\nsync: b\nsystems: {a: {use: x}, b: {use: y}}\nmatch: key\nsame: all"
	definitions, problems := Parse("x.yaml", []byte(src))
	require.Empty(t, problems)
	require.Len(t, definitions, 2)
	for _, d := range definitions {
		again, problems := Parse("x.yaml", []byte(d.Source))
		require.Empty(t, problems)
		require.Len(t, again, 1)
		require.Equal(t, d.Sync.Value, again[0].Sync.Value)
		require.Len(t, again[0].Fields, len(d.Fields))
	}
	require.Equal(t, 3, definitions[0].Sync.Pos.Line)
}

// TestLiteralsAreRawTokens: whatever stands in quotes arrives as it is.
func TestLiteralsAreRawTokens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~äöü€]{0,20}`).Draw(t, "text")
		src := "sync: x\nsystems:\n  a: {use: a, on_create: {c: " + quoteYAML(text) + "}}\n  b: {use: b}\nmatch: key\nsame: all\n"
		definitions, problems := Parse("x.yaml", []byte(src))
		require.Empty(t, problems)
		require.Equal(t, text, definitions[0].Systems[0].OnCreate[0].Value.Value)
	})
}

// TestParseBounds: what is too large is refused before anything recurses into
// it or takes time by its square.
func TestParseBounds(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		strings.Repeat("a: b\n", maxLines+1), "a: " + strings.Repeat("x", maxFile), strings.Repeat("[", 100_000),
		strings.Repeat("- ", 100_000), strings.Repeat("{a: ", 100_000), "a: " + strings.Repeat("!t ", 100_000),
	} {
		_, problems := Parse("x.yaml", []byte(src))
		require.True(t, problems.Failed())
		require.Less(t, len(problems), 10)
		require.Less(t, len(problems.Error()), 10*maxShown)
	}
	var b strings.Builder
	b.WriteString("sync: wide\nsystems: {a: {use: a}, b: {use: b}}\nmatch: f1\nfields:\n")
	for i := range 2_000 {
		fmt.Fprintf(&b, "  f%d: {a: column_%d, b: Spalte %d}\n", i, i, i)
	}
	definitions, problems := Parse("x.yaml", []byte(b.String()))
	require.Empty(t, problems)
	require.Len(t, definitions[0].Fields, 2_000)
}

// TestFaultsNameTheirSync: also where the YAML cannot be read.
func TestFaultsNameTheirSync(t *testing.T) {
	t.Parallel()
	_, problems := Parse("x.yaml", []byte("sync: one   # first\nsystems: {\n---\nsync: two\nsystems: 5\n"))
	require.Equal(t, "one", problems[0].Sync)
	require.Equal(t, "two", problems[len(problems)-1].Sync)
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "15m": 15 * time.Minute, "72h": 72 * time.Hour, "2d": 48 * time.Hour,
		"1h30m": 90 * time.Minute, "1w": 168 * time.Hour, "1d12h": 36 * time.Hour, "250ms": 250 * time.Millisecond,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "0s", "-5m", "5", "five", "1d-1h", "99999999d", "1.5d", "d", "1h1d"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"modifed": "modified", "Modified": "modified", "wehre": "where", "onCreate": "on_create", "on-create": "on_create",
		"colour": "", "x": "", "fileds": "fields",
	} {
		require.Equal(t, want, suggest(word, []string{"modified", "where", "on_create", "fields", "key"}), word)
	}
}
