package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// What is known of a system stays with it under another name.
func TestRenamedSystemKeepsItsRows(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		f := begin(t, s, people(), "run-1")
		require.NoError(t, s.SetIdentity(t.Context(), f, "crm", "pg/1/people"))
		require.NoError(t, s.SetIdentity(t.Context(), f, "billing", "pg/2/people"))
		commit(t, s, f, people(), ledger.Change{Step: "resolve", Part: "0", Links: linksOf(anna())})
		require.ErrorIs(t, s.RenameSystem(t.Context(), "people", "shop", "store"), ledger.ErrNotFound)
		require.ErrorIs(t, s.RenameSystem(t.Context(), "people", "crm", "billing"), ledger.ErrTaken)

		renamed := people()
		renamed.Systems = []string{"sales", "billing"}
		begin(t, s, renamed, "run-2") // it stopped to ask
		f = begin(t, s, people(), "run-3")
		require.NoError(t, s.RenameSystem(t.Context(), "people", "crm", "sales"))
		require.ErrorIs(t, s.SetIdentity(t.Context(), f, "billing", "x"), ledger.ErrFenced, "the run that went on")
		require.Equal(t, linksOf(anna()), load(t, s, renamed, anna().ID))
		met, err := s.Met(t.Context())
		require.NoError(t, err)
		require.Equal(t, []ledger.Met{{"people", "billing", "pg/2/people"}, {"people", "sales", "pg/1/people"}}, met)
		begin(t, s, renamed, "run-4")
	})
}

// So does what is known of a sync; what was stored under its new name, while
// nothing was met yet, comes behind it.
func TestRenamedSyncKeepsItsHistory(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		save := func(sync, text string) {
			_, err := s.SaveRevision(t.Context(), ledger.Revision{Sync: sync, YAML: text, Hash: text, By: "test", At: noon})
			require.NoError(t, err)
		}
		save("people", "one")
		require.NoError(t, s.SetDeployed(t.Context(), "people", 1, true))
		f := begin(t, s, people(), "people/run/1")
		require.NoError(t, s.SetIdentity(t.Context(), f, "crm", "pg/1/people"))
		commit(t, s, f, people(), ledger.Change{Step: "resolve", Part: "0", Links: linksOf(anna())})
		contacts := people()
		contacts.Sync = "contacts"
		save("contacts", "two")
		begin(t, s, contacts, "contacts/run/1") // it stopped to ask

		require.ErrorIs(t, s.RenameSync(t.Context(), "nobody", "contacts"), ledger.ErrNotFound)
		require.ErrorIs(t, s.RenameSync(t.Context(), "contacts", "people"), ledger.ErrTaken)
		require.ErrorIs(t, s.RenameSync(t.Context(), "people", "people"), ledger.ErrTaken)
		require.NoError(t, s.RenameSync(t.Context(), "people", "contacts"))
		require.ErrorIs(t, s.SetIdentity(t.Context(), f, "crm", "x"), ledger.ErrFenced)
		require.Equal(t, linksOf(anna()), load(t, s, contacts, anna().ID))
		revisions, err := s.Revisions(t.Context(), "contacts")
		require.NoError(t, err)
		require.Len(t, revisions, 2)
		require.Equal(t, []string{"two", "one"}, []string{revisions[0].YAML, revisions[1].YAML})
		require.True(t, revisions[1].Deployed)
		begin(t, s, contacts, "contacts/run/1")
	})
}

// linksOf makes several of one, as commits take and give them.
func linksOf(links ...*reconcile.Link) []*reconcile.Link { return links }
