package ledger_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// inParts is a change in parts of one link each; after says what comes then.
func inParts(after error, links ...*reconcile.Link) ledger.Parts {
	return ledger.Parts{
		Step: "resolve", Part: "1",
		Next: func(n int) (*ledger.Change, error) {
			if n < len(links) {
				return &ledger.Change{Links: links[n : n+1], At: noon}, nil
			}
			return nil, after
		},
		Result: func() ([]byte, error) { return []byte("all"), nil },
	}
}

func TestAChangeInPartsIsOneCommit(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		links := []*reconcile.Link{anna(), person("link-bob", "bob@example.org", "Bob", 5)}
		spoilt := errors.New("the third part cannot be made")
		_, _, err := s.CommitParts(t.Context(), f, scope, inParts(spoilt, links...))
		require.ErrorIs(t, err, spoilt)
		require.Empty(t, load(t, s, scope, "link-anna", "link-bob"))

		result, again, err := s.CommitParts(t.Context(), f, scope, inParts(nil, links...))
		require.NoError(t, err)
		require.False(t, again)
		require.Equal(t, "all", string(result))
		require.Len(t, load(t, s, scope, "link-anna", "link-bob"), 2)
		counts, err := s.Count(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"crm": 2, "billing": 2}, counts)

		links[0].Base[1] = "Other"
		result, again, err = s.CommitParts(t.Context(), f, scope, inParts(nil, links[0]))
		require.NoError(t, err)
		require.True(t, again)
		require.Equal(t, "all", string(result))
		require.Equal(t, "Anna", load(t, s, scope, "link-anna")[0].Base[1])

		newer := begin(t, s, scope, "run-2")
		_, _, err = s.CommitParts(t.Context(), f, scope, inParts(nil, links[0]))
		require.ErrorIs(t, err, ledger.ErrFenced)
		_, _, err = s.CommitParts(t.Context(), newer, scope, inParts(nil, links[0]))
		require.NoError(t, err)
		require.Equal(t, "Other", load(t, s, scope, "link-anna")[0].Base[1])
	})
}

// A row that two parts give to two links would be the end of knowing whose it is.
func TestNoRowIsInTwoParts(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		other := person("link-bob", "bob@example.org", "Bob", 5)
		other.Members[0].Key = anna().Members[0].Key
		_, _, err := s.CommitParts(t.Context(), f, scope, inParts(nil, anna(), other))
		require.Error(t, err)
		require.Empty(t, load(t, s, scope, "link-anna", "link-bob"))
	})
}
