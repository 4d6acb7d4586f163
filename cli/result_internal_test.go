package cli

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/workflows"
)

// An engine that is stopped under a waiting command is said in words, with what
// becomes of the run.
func TestEngineThatDoesNotAnswerAnyMore(t *testing.T) {
	t.Parallel()
	for _, err := range []error{fmt.Errorf("poll: %w", context.DeadlineExceeded), serviceerror.NewUnavailable("connection refused")} {
		_, err := (&app{}).ended(workflows.Started{WorkflowID: "people/run/3"}, activities.Result{}, err)
		var exit *exitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, exitUnreachable, exit.code)
		require.ErrorContains(t, err, "the engine does not answer any more")
		require.Contains(t, exit.next, "runs follow people/run/3")
	}
}
