package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
)

// A sync without links keeps what it could not take, and lets it go when it can.
func TestRowsAreHeldWithoutLinks(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		held := func() []string {
			rows, err := s.Quarantine(t.Context(), "people", 0)
			require.NoError(t, err)
			var lines []string
			for _, r := range rows {
				lines = append(lines, r.System+" "+string(r.Key)+" "+r.Reason)
			}
			return lines
		}
		f := begin(t, s, people(), "run-1")
		bad := []ledger.Held{{Key: "1", Reason: "age: not a number"}, {Key: "2", Reason: "name: too long"}}
		for range 2 { // the reply was lost
			require.NoError(t, s.Hold(t.Context(), f, "crm", bad, nil, noon))
		}
		require.NoError(t, s.Hold(t.Context(), f, "billing", []ledger.Held{{Key: "1", Reason: "refused"}}, nil, noon))
		require.Equal(t, []string{"crm 1 age: not a number", "crm 2 name: too long", "billing 1 refused"}, held())
		count, err := s.QuarantineCount(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, int64(3), count)
		keys, err := s.HeldKeys(t.Context(), "people", "crm")
		require.NoError(t, err)
		require.Equal(t, []record.Key{"1", "2"}, keys)

		old, f := f, begin(t, s, people(), "run-2")
		require.ErrorIs(t, s.Hold(t.Context(), old, "crm", nil, []record.Key{"1"}, noon), ledger.ErrFenced)
		require.ErrorIs(t, s.Hold(t.Context(), old, "crm", nil, nil, noon), ledger.ErrFenced, "also with nothing to do")
		require.NoError(t, s.Hold(t.Context(), f, "crm", nil, []record.Key{"1"}, noon))
		require.Equal(t, []string{"crm 2 name: too long", "billing 1 refused"}, held())
		require.NoError(t, s.Hold(t.Context(), f, "crm", []ledger.Held{{Key: "2", Reason: "name: too long"}}, nil, noon))
		require.ErrorIs(t, s.ReleaseUnheld(t.Context(), old), ledger.ErrFenced)
		require.NoError(t, s.ReleaseUnheld(t.Context(), f))
		require.Equal(t, []string{"crm 2 name: too long"}, held(), "billing was not refused again")
	})
}
