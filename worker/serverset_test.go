package worker_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
)

// The billing system has no default for plan, the shop has one, and the list
// has no such column.
const serverSetDefinition = `
sync: people
systems:
  billing: {connector: sqlite, path: ./billing.db, object: customers}
  shop:    {connector: sqlite, path: ./shop.db, object: people}
  list:    {connector: csv, path: ./list.csv, key: email}
match: email
fields:
  email: {billing: email, shop: email, list: email}
  name:  {billing: name, shop: name, list: name}
  plan:  {billing: plan, shop: plan, resolve: manual}
  nr:    {shop: id, billing: shop_nr}
first_sync: {prefer: {system_wins: billing}, only_here: create}
`

func TestWhatASystemSetsByItselfIsToldToTheOthersInTheSameRun(t *testing.T) {
	s := newPassSite(t, serverSetDefinition)
	billing := s.sqlite("billing.db", `CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, plan TEXT, shop_nr INTEGER)`)
	shop := s.sqlite("shop.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, plan TEXT DEFAULT 'free')`)
	require.NoError(t, os.WriteFile(s.file("list.csv"), []byte("email,name\r\nann@x.org,Ann\r\n"), 0o600))

	first := s.passed()
	require.Equal(t, activities.OutcomeDone, first.Outcome, first.Reason)
	require.Equal(t, []string{"ann@x.org|Ann|free|1"}, rows(t, shop, `SELECT email, name, plan, id FROM people`))
	require.Equal(t, []string{"ann@x.org|Ann|free|1"}, rows(t, billing, `SELECT email, name, plan, shop_nr FROM customers`))

	second := s.passed()
	require.Equal(t, activities.OutcomeDone, second.Outcome, second.Reason)
	require.Zero(t, written(second), "it is agreed upon")

	change(t, shop, `UPDATE people SET plan = 'pro'`)
	change(t, billing, `UPDATE customers SET plan = 'basic'`)
	third := s.passed()
	require.Equal(t, activities.OutcomeWaiting, third.Outcome)
	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Len(t, open, 1, "first_sync has no say in what was agreed upon")
	require.EqualValues(t, "update_origin_differs", open[0].Kind)
}
