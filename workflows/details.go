package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
)

// show puts the sync's situation where the Web UI shows it: what is going on,
// and the open conflicts with the exact signal to send. It never has a value or
// a match of a record.
func (m *mind) show(ctx workflow.Context, now string) {
	var b strings.Builder
	switch {
	case m.state.Paused != "":
		fmt.Fprintf(&b, "**Paused:** %s. Send the signal `resume` to go on.\n\n", m.state.Paused)
	case m.known.Paused != "":
		fmt.Fprintf(&b, "**Paused:** %s. `syncline resume %s` goes on.\n\n", m.known.Paused, m.state.Sync)
	case now != "":
		fmt.Fprintf(&b, "**Now:** %s\n\n", now)
	case m.known.Open > 0:
		fmt.Fprintf(&b, "**%d open conflicts** wait for a decision.\n\n", m.known.Open)
	default:
		b.WriteString("Nothing is open.\n\n")
	}
	if m.failed != "" {
		fmt.Fprintf(&b, "**Last:** %s\n\n", m.failed)
	}
	writeConflicts(&b, m.state.Sync, m.known)
	workflow.SetCurrentDetails(ctx, clip(b.String(), maxDetails))
}

func writeConflicts(b *strings.Builder, sync string, review activities.Review) {
	if len(review.Conflicts) == 0 {
		return
	}
	b.WriteString("| id | kind | field | systems | since | decides itself | hash |\n|---|---|---|---|---|---|---|\n")
	for _, c := range review.Conflicts {
		deadline := "never"
		if c.Deadline != 0 {
			deadline = c.Deadline.String()
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | `%s` |\n",
			c.ID, c.Kind, c.Field, strings.Join(c.Systems, ", "), c.Since, deadline, c.Digest)
	}
	if more := review.Open - int64(len(review.Conflicts)); more > 0 {
		fmt.Fprintf(b, "\nand %d more: `syncline conflicts list %s`\n", more, sync)
	}
	first := review.Conflicts[0]
	fmt.Fprintf(b, "\nSee the values with `syncline conflicts show %d`. Decide with `syncline conflicts decide %d --take SYSTEM`, "+
		"or send the signal `decide`:\n\n```json\n{\"conflict\": %d, \"digest\": \"%s\", \"verb\": \"take\", \"system\": \"%s\", "+
		"\"who\": \"your name\", \"why\": \"your reason\"}\n```\n",
		first.ID, first.ID, first.ID, first.Digest, first.Systems[0])
}
