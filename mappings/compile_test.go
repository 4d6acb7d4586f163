package mappings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/syncline-dev/syncline/internal/record"
)

// table describes an object by words such as "id int!", "email string",
// "total decimal(12,2)": ! is a column that nobody may write, the first column
// is the key.
func table(t *testing.T, columns ...string) Object {
	t.Helper()
	fields := make([]record.Field, len(columns))
	for i, c := range columns {
		cut := strings.LastIndexByte(c, ' ')
		name, word := c[:cut], c[cut+1:]
		f := record.Field{Name: name, Nullable: true, Native: "x"}
		word, f.ReadOnly = strings.CutSuffix(word, "!")
		if word != "any" {
			typ, err := record.ParseType(word)
			require.NoError(t, err)
			f.Type = typ
		}
		fields[i] = f
	}
	return Object{
		Schema: record.NewSchema(fields...), Key: []string{fields[0].Name}, Exists: true, Writable: true, Upsert: true,
		Transactions: true, Modes: []string{"snapshot"},
	}
}

func parseOne(t *testing.T, yaml string) *Definition {
	t.Helper()
	defs, problems := Parse("test.yaml", []byte(yaml))
	require.False(t, problems.Failed(), problems.Error())
	require.Len(t, defs, 1)
	return defs[0]
}

func mustCompile(t *testing.T, yaml string, objects map[string]Object) *Mapping {
	t.Helper()
	m, problems := Compile(parseOne(t, yaml), objects)
	require.Empty(t, problems, problems.Error())
	return m
}

// readRow reads one raw row, given by the columns of the object's schema.
func readRow(t *testing.T, m *Mapping, system string, row ...record.Value) Canonical {
	t.Helper()
	s := m.system(system)
	r, err := s.NewReader(s.schema)
	require.NoError(t, err)
	var out Canonical
	r.Read(row, &out)
	return out
}

// writeRow writes all fields and gives the raw values by column.
func writeRow(t *testing.T, m *Mapping, system string, create bool, values ...record.Value) map[string]record.Value {
	t.Helper()
	raw, err := tryWrite(t, m, system, create, values...)
	require.NoError(t, err)
	return raw
}

func tryWrite(t *testing.T, m *Mapping, system string, create bool, values ...record.Value) (map[string]record.Value, error) {
	t.Helper()
	s := m.system(system)
	w, err := s.NewWriter(s.schema)
	require.NoError(t, err)
	fields := make([]bool, len(values))
	for i := range fields {
		fields[i] = true
	}
	out := make([]record.Value, len(s.Write))
	if err := w.Write(values, fields, create, out); err != nil {
		return nil, err
	}
	raw := map[string]record.Value{}
	for i, column := range s.Write {
		if !record.IsMissing(out[i]) {
			raw[column] = out[i]
		}
	}
	return raw, nil
}

const threeWay = `
sync: customers
systems:
  crm:     {use: crm, object: contacts, modified: updated_at, deleted: archived_at}
  billing:
    use: billing
    object: customers
    modified: updated_at
    where: status != "test" and kind == "business"
    accept: stage == "customer"
    on_create: {status: active, kind: business}
    allow: {delete: false}
  support: {use: support, object: requesters}
match: {first_of: [email, vat_id]}
fields:
  email:
    crm: {read: lower(trim(email)), write: email}
    billing: email_address
    support: mail
  name:
    crm:
      read: join([first_name, last_name], " ")
      write:
        first_name: before(name, " ")
        last_name: after(name, " ")
    billing: full_name
    support: name
  mrr:
    type: decimal(12,2)
    crm: mrr
    billing: {read: mrr_cents / 100, write: {mrr_cents: mrr * 100}}
    owner: billing
  stage:   {crm: stage, support: stage, owner: crm}
  consent: {crm: marketing_ok, support: consent}
  phone:
    crm: phone
    billing: phone
    support: {path: phone, when: consent}
  vat_id: {crm: vat_id, billing: vat_no, resolve: manual}
  region:
    crm: {read: 'if country in ["DE", "AT", "CH"] { "DACH" } else { "INT" }'}
    support: region
    owner: crm
conflicts:
  resolve: [newest_wins, {priority: [crm, billing, support]}]
  kinds: {insert_exists: [manual]}
  deadline: 72h
  then: {system_wins: crm}
deletes: {effect: {crm: soft, support: hard}}
`

func threeWayObjects(t *testing.T) map[string]Object {
	t.Helper()
	return map[string]Object{
		"crm": table(t, "id int!", "email string", "first_name string", "last_name string", "mrr decimal(12,2)", "stage string",
			"marketing_ok bool", "phone string", "vat_id string", "country string", "updated_at timestamp", "archived_at timestamp"),
		"billing": table(t, "id int!", "email_address string(60)", "full_name string(40)", "mrr_cents int", "phone string",
			"vat_no string", "status string", "kind string", "updated_at timestamp"),
		"support": table(t, "id uuid!", "mail string", "name string", "stage string", "consent bool", "phone string", "region string"),
	}
}

func TestThreeWay(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, threeWay, threeWayObjects(t))
	at := record.Timestamp(1_700_000_000_000_000)
	c := readRow(t, m, "crm", int64(7), " Bob@X.com ", "Bob", "Lee", record.Decimal("9.5"), "customer", true, "+491", nil, "AT", at, nil)
	require.Equal(t, Canonical{
		Key: "1:7", Match: []string{"9:bob@x.com", ""}, InScope: true, Modified: at, HasModified: true,
		Values: []record.Value{"bob@x.com", "Bob Lee", record.Decimal("9.5"), "customer", true, "+491", nil, "DACH"},
	}, c)

	c = readRow(t, m, "billing", int64(1), "bob@x.com", "Bob Lee", int64(1999), nil, "DE1", nil, "business", nil)
	require.True(t, c.InScope, "!= keeps NULL")
	require.False(t, c.HasModified)
	require.Equal(t, record.Decimal("19.99"), c.Values[2])
	require.Equal(t, []string{"9:bob@x.com", "3:DE1"}, c.Match)
	require.True(t, record.IsMissing(c.Values[3]))

	c = readRow(t, m, "support", record.UUID{1}, "a@b.c", "A", "lead", false, "+1", "INT")
	require.True(t, record.IsMissing(c.Values[5]), "without consent the phone is not read")

	values := []record.Value{"bob@x.com", "Bob van Lee", record.Decimal("12.34"), "customer", nil, "+49", nil, "INT"}
	require.Equal(t, map[string]record.Value{
		"email_address": "bob@x.com", "full_name": "Bob van Lee", "mrr_cents": int64(1234), "phone": "+49", "vat_no": nil,
		"status": "active", "kind": "business",
	}, writeRow(t, m, "billing", true, values...))
	require.Equal(t, map[string]record.Value{
		"email": "bob@x.com", "first_name": "Bob", "last_name": "van Lee", "mrr": record.Decimal("12.34"), "stage": "customer",
		"marketing_ok": nil, "phone": "+49", "vat_id": nil,
	}, writeRow(t, m, "crm", false, values...))
	support := writeRow(t, m, "support", false, values...)
	require.NotContains(t, support, "phone")

	require.Equal(t, []string{"email_address"}, m.system("billing").Unless)
	require.Equal(t, []string{"", "", "mrr", "stage", "marketing_ok", "phone", "vat_id", ""}, m.system("crm").Passthrough)
	require.Equal(t, "archived_at", m.system("crm").SoftColumn)
	require.Equal(t, 1, m.Rules.Fields[2].Owner)
	require.Equal(t, 0, m.Rules.Fields[7].Owner)
	require.Equal(t, "ignore", m.Rules.Systems[1].Effect)
	require.Equal(t, "crm is read and written", m.StatelessWhyNot)
	ok, err := m.Rules.Systems[1].Accept(values)
	require.NoError(t, err)
	require.True(t, ok)
	require.Nil(t, m.Rules.Systems[0].Accept)
	require.Equal(t, []bool{false, false, false, false, false, true, false, false}, m.Rules.Systems[2].When)

	predicted, err := m.Rules.Systems[0].Predict([]record.Value{"BOB@x.com", "Bob", record.Decimal("1"), nil, nil, nil, nil, "INT"})
	require.NoError(t, err)
	require.Equal(t, []record.Value{"bob@x.com", "Bob", record.Decimal("1"), nil, nil, nil, nil, "INT"}, predicted)
	predicted, err = m.Rules.Systems[1].Predict(values)
	require.NoError(t, err)
	require.True(t, record.IsMissing(predicted[3]))
	require.Equal(t, record.Decimal("12.34"), predicted[2])
	_, err = m.Rules.Systems[1].Predict([]record.Value{"b", strings.Repeat("x", 41), nil, nil, nil, nil, nil, nil})
	require.EqualError(t, err, "field name: longer than 40 characters")
}

// A mapping is shared: readers and writers are made per goroutine, and what
// reconcile calls may be called from many at once.
func TestMappingIsShared(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, threeWay, threeWayObjects(t))
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			name := fmt.Sprintf("Person %d", i)
			for range 200 {
				predicted, err := m.Rules.Systems[0].Predict([]record.Value{name + "@X.com", name, nil, nil, nil, nil, nil, nil})
				if err != nil {
					return err
				}
				ok, err := m.Rules.Systems[1].Accept([]record.Value{nil, nil, nil, "customer", nil, nil, nil, nil})
				if err != nil {
					return err
				}
				if !ok || predicted[0] != strings.ToLower(name)+"@x.com" || predicted[1] != name {
					return fmt.Errorf("%s became %v, accepted: %t", name, predicted, ok)
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
}
