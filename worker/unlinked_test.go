package worker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const unlinkedDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: email
same: [email, name]
deletes: {effect: EFFECT}
first_sync: {prefer: {system_wins: crm}, only_here: ignore}
`

// What was seen, belongs to nothing and is gone is looked for once and then
// forgotten: read is what the systems gave.
func TestRowWithoutALinkIsForgottenWhenItIsGone(t *testing.T) {
	for _, effect := range []string{"hard", "unlink"} {
		t.Run(effect, func(t *testing.T) {
			s := newPassSite(t, strings.ReplaceAll(unlinkedDefinition, "EFFECT", effect))
			const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`
			crm := s.sqlite("crm.db", table, `INSERT INTO people VALUES (1, 'ann@x.org', 'Ann'), (2, 'bob@x.org', 'Bob'), (3, 'cy@x.org', 'Cy')`)
			billing := s.sqlite("billing.db", table, `INSERT INTO people VALUES (1, 'ann@x.org', 'Ann'), (2, 'cy@x.org', 'Cy')`)
			run := func() activities.Result {
				result := s.passed()
				require.Equal(t, activities.OutcomeDone, result.Outcome, result.Reason)
				return result
			}
			run()
			change(t, crm, `DELETE FROM people WHERE email = 'bob@x.org'`) // only here, and ignored
			change(t, crm, `DELETE FROM people WHERE email = 'cy@x.org'`)  // in billing it is deleted, or its link ends
			run()
			change(t, billing, `DELETE FROM people WHERE email = 'cy@x.org'`)
			run()
			last := run()
			require.EqualValues(t, 2, last.Counts.Read, "%+v", last)
			require.EqualValues(t, 2, last.Systems["crm"].Read+last.Systems["billing"].Read)
			require.Zero(t, last.Counts.Ignored)
		})
	}
}
