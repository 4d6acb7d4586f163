package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

func TestDecisionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   activities.Decision
		want string // "" is a decision that may be one
	}{
		"stored":             {activities.Decision{Decision: 7}, ""},
		"no number":          {activities.Decision{Decision: -7}, "must be a number"},
		"nothing":            {activities.Decision{Digest: "d", Verb: "skip"}, "which conflict?"},
		"unseen":             {activities.Decision{Conflict: 1, Verb: "skip"}, "digest is missing"},
		"no verb":            {activities.Decision{Conflict: 1, Digest: "d", Until: "2d"}, `verb "" is none of take`},
		"a typed value":      {activities.Decision{Conflict: 1, Digest: "d", Verb: "value"}, "is none of take"},
		"whose":              {activities.Decision{Conflict: 1, Digest: "d", Verb: "take"}, "take needs a system"},
		"which link":         {activities.Decision{Conflict: 1, Digest: "d", Verb: "link"}, "link needs the link's id"},
		"taken":              {activities.Decision{Conflict: 1, Digest: "d", Verb: "take", System: "crm"}, ""},
		"skipped":            {activities.Decision{Conflict: 1, Digest: "d", Verb: "skip"}, ""},
		"for days":           {activities.Decision{Conflict: 1, Digest: "d", Verb: "skip", Until: "2d"}, ""},
		"for weeks":          {activities.Decision{Conflict: 1, Digest: "d", Verb: "wait", Until: "1w"}, ""},
		"for hours":          {activities.Decision{Conflict: 1, Digest: "d", Verb: "skip", Until: "1h30m"}, ""},
		"for a while":        {activities.Decision{Conflict: 1, Digest: "d", Verb: "skip", Until: "tomorrow"}, "such as 48h, 2d or 1w"},
		"backwards":          {activities.Decision{Conflict: 1, Digest: "d", Verb: "skip", Until: "-2h"}, "such as 48h, 2d or 1w"},
		"for good and until": {activities.Decision{Conflict: 1, Digest: "d", Verb: "keep", Until: "2d"}, "until belongs to skip or wait"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := activities.ValidateDecision(c.in)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
