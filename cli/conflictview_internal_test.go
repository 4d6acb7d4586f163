package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// What is asked about a row says why: it is alone, its key was used before, or
// others have its match.
func TestIdentityInWords(t *testing.T) {
	t.Parallel()
	row := func(own reconcile.Candidate, others ...reconcile.Candidate) ledger.ConflictRow {
		return ledger.ConflictRow{Conflict: &reconcile.Conflict{
			Kind: reconcile.IdentityAmbiguous, Candidates: append([]reconcile.Candidate{own}, others...),
		}}
	}
	link := reconcile.Candidate{System: reconcile.None, Link: "L"}
	require.Contains(t, kindInWords(row(reconcile.Candidate{})), "only_here: review")
	require.Contains(t, kindInWords(row(reconcile.Candidate{Deleted: true}, link)), "its key was another record's")
	require.Contains(t, kindInWords(row(reconcile.Candidate{}, link)), "others have the same match")
}
